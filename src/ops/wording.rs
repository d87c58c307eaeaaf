//! Numbers, durations and sizes as people read them; the same on every face.

use super::{ClaimOutcome, DeadOutcome, SettleOutcome};

/// Between groups of three digits: a thin space (U+2009).
pub const SEPARATOR: char = '\u{2009}';

/// `18 240`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(SEPARATOR);
        }
        out.push(digit);
    }
    out
}

/// `1 entry`, `18 240 entries`
pub fn entries(n: u64) -> String {
    let unit = if n == 1 { "entry" } else { "entries" };
    format!("{} {unit}", count(n))
}

/// `once`, `9 times`
pub fn times(n: u64) -> String {
    match n {
        1 => "once".to_owned(),
        n => format!("{} times", count(n)),
    }
}

/// As [`count`], with a sign for what must never be negative but is.
pub fn signed(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", count(n.unsigned_abs()))
}

/// `850 ms`, `12 s`, `14m 3s`, `3h 5m`, `2d 4h`
pub fn duration(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{s} s"),
        60..3_600 => format!("{}m {}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h {}m", s / 3_600, s / 60 % 60),
        _ => format!("{}d {}h", s / 86_400, s / 3_600 % 24),
    }
}

/// `500ms`, `60s`, `5m`, `2h` in ms; a bare number is seconds.
///
/// # Errors
/// Says what was expected.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no duration; expected something like 60s, 5m or 500ms");
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

/// `18 240 /s`, with a decimal below 10.
pub fn rate(per_s: f64) -> String {
    if per_s > 0.0 && per_s < 9.95 {
        return format!("{per_s:.1} /s");
    }
    format!("{} /s", count(per_s.max(0.0).round() as u64))
}

/// `42.1 MB`
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1_000.0 {
            return if unit == "B" {
                format!("{n} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

/// `61 %`; 100 % only when all is done.
pub fn percent(share: f64) -> String {
    let whole = (share * 100.0).round() as u64;
    if share < 1.0 && whole >= 100 {
        return "99 %".to_owned();
    }
    format!("{whole} %")
}

/// RFC 3339, UTC.
pub fn at(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.to_string())
}

/// Local time of day of a moment in ms since 1970, `14:03:07`.
pub fn clock(at_ms: u64) -> String {
    let at =
        jiff::Timestamp::from_millisecond(i64::try_from(at_ms).unwrap_or(0)).unwrap_or_default();
    jiff::tz::TimeZone::system()
        .to_datetime(at)
        .strftime("%H:%M:%S")
        .to_string()
}

/// An outcome in words.
pub fn outcome(outcome: &ClaimOutcome) -> String {
    match outcome {
        ClaimOutcome::Claimed => "claimed".to_owned(),
        ClaimOutcome::NotIdle { idle_ms } => {
            format!("not idle long enough: {}", duration(*idle_ms))
        }
        ClaimOutcome::Vanished => "vanished: it was trimmed".to_owned(),
        ClaimOutcome::Taken { by } => format!("taken by {by}"),
        ClaimOutcome::Acknowledged => "handled meanwhile".to_owned(),
        ClaimOutcome::Unknown => "unknown: the reply was lost".to_owned(),
        ClaimOutcome::NotTried { reason } => format!("not tried: {reason}"),
    }
}

/// What became of a dead letter, in words.
pub fn dead_outcome(outcome: &DeadOutcome) -> String {
    match outcome {
        DeadOutcome::Queued { round } => format!("queued again, round {round}"),
        DeadOutcome::Appended => "appended again".to_owned(),
        DeadOutcome::Dropped => "dropped".to_owned(),
        DeadOutcome::Gone => "somebody else has dealt with it".to_owned(),
        DeadOutcome::Not { why } => format!("not sent: {why}"),
        DeadOutcome::Stays { why } => format!("stays: {why}"),
        DeadOutcome::Unknown { reason } => format!("unknown, the reply was lost: {reason}"),
        DeadOutcome::NotTried { reason } => format!("not tried: {reason}"),
    }
}

/// What became of an entry that an operator ended, in words.
pub fn settle_outcome(outcome: &SettleOutcome) -> String {
    match outcome {
        SettleOutcome::DeadLettered => "among the dead letters".to_owned(),
        SettleOutcome::Acknowledged => "acknowledged".to_owned(),
        SettleOutcome::Ended { status } => format!("had ended as {status}; acknowledged"),
        SettleOutcome::NotIdle { idle_ms } => {
            format!("not idle long enough: {}", duration(*idle_ms))
        }
        SettleOutcome::Taken { by } if by.is_empty() => "taken by a worker".to_owned(),
        SettleOutcome::Taken { by } => format!("taken by {by}"),
        SettleOutcome::InHand { by } if by.is_empty() => "its mail is in hand; it stays".to_owned(),
        SettleOutcome::InHand { by } => format!("{by} has its mail in hand; it stays"),
        SettleOutcome::Handled => "handled meanwhile".to_owned(),
        SettleOutcome::Vanished => "vanished: it was trimmed; acknowledged".to_owned(),
        SettleOutcome::Unknown => "unknown: the reply was lost".to_owned(),
        SettleOutcome::NotTried { reason } => format!("not tried: {reason}"),
    }
}

/// Text of unknown origin, safe for a terminal: control characters, and those that change the
/// direction or join with their neighbours, become `·`.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_hostile(c) { '·' } else { c })
        .collect()
}

/// True when there is nothing in it to clean.
pub fn is_clean(text: &str) -> bool {
    !text.chars().any(is_hostile)
}

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_durations_have_two_units() {
        let plain = |s: String| s.replace(SEPARATOR, ",");
        assert_eq!(plain(count(0)), "0");
        assert_eq!(plain(count(999)), "999");
        assert_eq!(plain(count(1_000)), "1,000");
        assert_eq!(plain(count(12_345_678)), "12,345,678");
        assert_eq!(plain(signed(-1_234)), "-1,234");
        let durations = [850, 12_400, 843_000, 11_100_000, 187_200_000].map(duration);
        assert_eq!(durations, ["850 ms", "12 s", "14m 3s", "3h 5m", "2d 4h"]);
        assert_eq!(plain(rate(18_240.4)), "18,240 /s");
        assert_eq!(
            (rate(1.25).as_str(), rate(0.0).as_str()),
            ("1.2 /s", "0 /s")
        );
        assert_eq!(
            (bytes(512).as_str(), bytes(42_100_000).as_str()),
            ("512 B", "42.1 MB")
        );
        assert_eq!(
            (percent(0.9999).as_str(), percent(1.0).as_str()),
            ("99 %", "100 %")
        );
    }

    #[test]
    fn nothing_that_steers_a_terminal_comes_through() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}d\u{200b}"), "a·[2Jb·c·d·");
        assert_eq!(clean("Grüße 漢字 👍"), "Grüße 漢字 👍");
    }
}
