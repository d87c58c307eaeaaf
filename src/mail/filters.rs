//! What a template can do to a field, beside minijinja's own (upper, title, default, round, join, …).

use jiff::{Timestamp, civil::Date, civil::DateTime};
use minijinja::{Environment, Error, ErrorKind, Value};

pub(super) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("date", date);
    environment.add_filter("number", number);
    environment.add_filter("truncate", truncate);
    environment.add_filter("nl2br", nl2br);
}

fn refused(text: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, text)
}

/// `{{ vars.day|date("%d.%m.%Y") }}`: a date (`2027-01-05`), a date and time, or milliseconds since 1970
/// (UTC), by strftime's letters.
fn date(value: Value, format: Option<String>) -> Result<String, Error> {
    let format = format.as_deref().unwrap_or("%Y-%m-%d");
    let at = match i64::try_from(value.clone()) {
        Ok(ms) => Timestamp::from_millisecond(ms)
            .map(|at| jiff::tz::TimeZone::UTC.to_datetime(at))
            .ok(),
        Err(_) => value.as_str().and_then(|text| {
            let date = || text.parse::<Date>().map(|day| day.at(0, 0, 0, 0));
            text.parse::<DateTime>().or_else(|_| date()).ok()
        }),
    };
    let at = at.ok_or_else(|| refused(format!("{value} is no date like 2027-01-05")))?;
    jiff::fmt::strtime::format(format, at)
        .map_err(|_| refused(format!("{format:?} can't be used for a date")))
}

/// `{{ vars.total|number }}`: 1234567.5 is 1,234,567.5; `number(2)` has two decimals, and `number(2, ".", ",")`
/// other separators.
fn number(
    value: f64,
    decimals: Option<usize>,
    thousands: Option<String>,
    point: Option<String>,
) -> Result<String, Error> {
    if !value.is_finite() {
        return Err(refused(format!("{value} is no number")));
    }
    let text = match decimals {
        Some(decimals) => format!("{value:.*}", decimals.min(20)),
        None => value.to_string(),
    };
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |d| ("-", d));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut out = sign.to_owned();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            out.push_str(thousands.as_deref().unwrap_or(","));
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(point.as_deref().unwrap_or("."));
        out.push_str(fraction);
    }
    Ok(out)
}

/// `{{ vars.title|truncate(40) }}`: at most so many characters, the last one `…` if any are cut.
fn truncate(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Line breaks as `<br>`; all else is escaped. For HTML only.
fn nl2br(text: String) -> Value {
    let escaped = minijinja::HtmlEscape(&text).to_string();
    Value::from_safe_string(escaped.replace("\r\n", "\n").replace('\n', "<br>\n"))
}
