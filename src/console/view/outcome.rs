//! The outcome of a claim: sums, then each id.

use ratatui::text::{Line, Span};

use super::{
    claim::Lines,
    popup::button,
    text::{cut, left, right, wrap_words},
};
use crate::console::{claimed::Outcome, dialog::ClaimDialog, theme::Theme};
use crate::ops::{
    ClaimOutcome, ClaimReport, Claimed,
    wording::{count, entries, outcome as words},
};

/// The lines above those of the ids, and those that stay.
pub(super) fn lines(
    dialog: &ClaimDialog,
    outcome: &Outcome,
    left_over: Option<usize>,
    cells: usize,
    theme: &Theme,
) -> (Lines, Lines) {
    let claimed = count(outcome.claimed as u64);
    let mut lines = vec![Line::raw("")];
    let style = if outcome.claimed > 0 {
        theme.good
    } else {
        theme.warn
    };
    let asked = entries(dialog.asked() as u64);
    lines.push(Line::styled(
        format!("{claimed} of {asked} claimed"),
        style.patch(theme.title),
    ));
    if let Some(left_over) = left_over.filter(|_| outcome.claimed > 0) {
        let text = if left_over == 0 {
            "their new owners have handled all of them".to_owned()
        } else {
            let handled = outcome.claimed.saturating_sub(left_over);
            let handled = count(handled as u64);
            format!("their new owners have handled {handled} of {claimed}")
        };
        lines.push(Line::styled(text, theme.dim));
    }
    lines.push(Line::raw(""));
    for (word, n) in &outcome.sums {
        lines.push(Line::styled(
            format!("{} {word}", right(&count(*n as u64), 8)),
            theme.text,
        ));
    }
    lines.push(Line::raw(""));
    for report in outcome.reports.iter() {
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

/// What became of one id.
pub(super) fn id_line(
    report: &ClaimReport,
    result: &Claimed,
    cells: usize,
    theme: &Theme,
) -> Line<'static> {
    let style = match result.outcome {
        ClaimOutcome::Claimed => theme.good,
        ClaimOutcome::Unknown | ClaimOutcome::NotTried { .. } => theme.bad,
        _ => theme.warn,
    };
    let what = match &result.outcome {
        ClaimOutcome::Claimed => format!("claimed by {}", report.to),
        other => words(other),
    };
    Line::from(vec![
        Span::styled(left(&result.entry.id, 20), theme.text),
        Span::styled(format!(" {}", cut(&what, cells.saturating_sub(21))), style),
    ])
}
