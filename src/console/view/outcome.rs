//! The outcome of a claim: sums, then each id.

use std::collections::BTreeMap;

use ratatui::text::{Line, Span};

use super::{
    claim::{Lines, entries},
    popup::button,
    text::{cut, left, right, wrap_words},
};
use crate::console::{dialog::ClaimDialog, theme::Theme};
use crate::ops::{
    ClaimOutcome, ClaimReport,
    wording::{count, outcome},
};

/// The lines above those of the ids, and those that stay.
pub(super) fn lines(
    dialog: &ClaimDialog,
    reports: &[Result<ClaimReport, String>],
    left_over: Option<usize>,
    cells: usize,
    theme: &Theme,
) -> (Lines, Lines) {
    let claimed: usize = reports.iter().flatten().map(ClaimReport::claimed).sum();
    let mut lines = vec![Line::raw("")];
    let style = if claimed > 0 { theme.good } else { theme.warn };
    lines.push(Line::styled(
        format!(
            "{} of {} claimed",
            count(claimed as u64),
            entries(dialog.asked() as u64)
        ),
        style.patch(theme.title),
    ));
    if let Some(left_over) = left_over.filter(|_| claimed > 0) {
        let text = if left_over == 0 {
            "their new owners have handled all of them".to_owned()
        } else {
            format!(
                "their new owners have handled {} of {}",
                claimed.saturating_sub(left_over),
                claimed
            )
        };
        lines.push(Line::styled(text, theme.dim));
    }
    let mut sums: BTreeMap<&'static str, usize> = BTreeMap::new();
    for result in reports.iter().flatten().flat_map(|r| &r.results) {
        *sums.entry(word(&result.outcome)).or_default() += 1;
    }
    lines.push(Line::raw(""));
    for (word, n) in &sums {
        lines.push(Line::styled(
            format!("{} {word}", right(&count(*n as u64), 8)),
            theme.text,
        ));
    }
    lines.push(Line::raw(""));
    for report in reports {
        match report {
            Err(error) => {
                for row in wrap_words(error, cells) {
                    lines.push(Line::styled(row, theme.bad));
                }
            }
            Ok(report) => {
                if !report.audited {
                    lines.push(Line::styled("not written to the audit", theme.warn));
                }
            }
        }
    }
    let mut buttons = vec![Span::raw(" ")];
    buttons.extend(button("Close", true, theme.accent, theme));
    (lines, vec![Line::from(buttons)])
}

/// How many ids have an outcome.
pub(super) fn ids(reports: &[Result<ClaimReport, String>]) -> usize {
    reports.iter().flatten().map(|r| r.results.len()).sum()
}

/// A line an id, what went wrong first: `room` of them from `first` on.
pub(super) fn id_lines(
    reports: &[Result<ClaimReport, String>],
    first: usize,
    room: usize,
    cells: usize,
    theme: &Theme,
) -> Lines {
    let of = |claimed: bool| {
        let all = reports.iter().flatten();
        all.flat_map(|report| report.results.iter().map(move |result| (report, result)))
            .filter(move |(_, r)| (r.outcome == ClaimOutcome::Claimed) == claimed)
    };
    of(false)
        .chain(of(true))
        .skip(first)
        .take(room)
        .map(|(report, result)| {
            let style = match result.outcome {
                ClaimOutcome::Claimed => theme.good,
                ClaimOutcome::Unknown | ClaimOutcome::NotTried { .. } => theme.bad,
                _ => theme.warn,
            };
            let what = match &result.outcome {
                ClaimOutcome::Claimed => format!("claimed by {}", report.to),
                other => outcome(other),
            };
            Line::from(vec![
                Span::styled(left(&result.entry.id, 20), theme.text),
                Span::styled(format!(" {}", cut(&what, cells.saturating_sub(21))), style),
            ])
        })
        .collect()
}

fn word(outcome: &ClaimOutcome) -> &'static str {
    match outcome {
        ClaimOutcome::Claimed => "claimed",
        ClaimOutcome::NotIdle { .. } => "not idle long enough",
        ClaimOutcome::Vanished => "vanished: trimmed from the stream",
        ClaimOutcome::Taken { .. } => "taken by another",
        ClaimOutcome::Acknowledged => "handled meanwhile",
        ClaimOutcome::Unknown => "unknown: the reply was lost",
        ClaimOutcome::NotTried { .. } => "not tried",
    }
}
