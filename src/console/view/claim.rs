//! The question of a claim: what would be done to which entries.

use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::{
    outcome,
    popup::{self, GOES_ON, button, choice, field},
    text::{Canvas, cut, left, right, wrap_words},
    typing::typed_field,
};
use crate::console::{
    dialog::{ClaimDialog, ClaimField, ClaimPart, ClaimStage},
    planned::Row,
    theme::Theme,
};
use crate::ops::{
    ClaimPlan,
    wording::{count, duration, entries, rate},
};

/// Commands of a group that are shown.
const COMMANDS: usize = 2;

pub(super) fn draw(theme: &Theme, dialog: &ClaimDialog, canvas: &mut Canvas<'_>, area: Rect) {
    let wide = area.width.saturating_sub(8).clamp(56, 100);
    let cells = usize::from(wide.min(area.width)).saturating_sub(4);
    let (mut lines, actions) = match &dialog.stage {
        ClaimStage::Done { outcome, left, .. } => {
            outcome::lines(dialog, outcome, *left, cells, theme)
        }
        _ => asking(dialog, cells, theme),
    };
    let above = lines.len();
    let all = above
        + match &dialog.stage {
            ClaimStage::Done { outcome, .. } => outcome.ids(),
            _ => dialog.rows(),
        };
    let high = u16::try_from(all + actions.len() + 3).unwrap_or(u16::MAX);
    let title = match dialog.parts.iter().all(|p| p.asked().is_some()) {
        true => format!("Claim {}", entries(dialog.asked() as u64)),
        false => "Claim all that is stuck".to_owned(),
    };
    let most = area.height.saturating_sub(2);
    let inside = popup::open(canvas, area, (wide, high.min(most)), &title, theme);
    let room = usize::from(inside.height).saturating_sub(actions.len() + 1);
    let mut first = dialog.scroll.min(all.saturating_sub(room));
    // What has the focus is in view, until one scrolls.
    let focused = lines
        .iter()
        .position(|l| l.spans.first().is_some_and(|s| s.content == "▸ "));
    if let Some(line) = focused.filter(|l| dialog.scroll == 0 && *l >= room) {
        first = line.saturating_sub(room / 2);
    }
    // Of a hundred thousand ids only those in view are made lines of.
    let from = first.saturating_sub(above);
    match &dialog.stage {
        ClaimStage::Done { outcome, .. } => {
            let ids = outcome.from(from).take(room);
            lines.extend(ids.map(|(report, id)| outcome::id_line(report, id, cells, theme)));
        }
        _ => {
            let rows = dialog.rows_from(from).take(room);
            lines.extend(rows.map(|row| row_line(&row, cells, theme)));
        }
    }
    let hidden = first.min(above);
    for (row, line) in lines.iter().skip(hidden).take(room).enumerate() {
        canvas.line(inside, row as u16, line);
    }
    let below = all.saturating_sub(first + room);
    let between = match &dialog.copied {
        Some(copied) => Line::styled(format!("  {}", cut(copied, cells)), theme.good),
        None if below > 0 => {
            let more = format!("  … {} more, pgdn", count(below as u64));
            Line::styled(more, theme.faint)
        }
        None => Line::raw(""),
    };
    canvas.line(inside, room as u16, &between);
    let top = inside.height.saturating_sub(actions.len() as u16);
    for (row, line) in actions.iter().enumerate() {
        canvas.line(inside, top + row as u16, line);
    }
}

/// Seconds as long as they are easy to read: it is what the command line takes.
fn min_idle(ms: u64) -> String {
    if ms.is_multiple_of(1_000) && ms <= 300_000 {
        format!("{} s", ms / 1_000)
    } else {
        duration(ms)
    }
}

pub(super) type Lines = Vec<Line<'static>>;

fn asking(dialog: &ClaimDialog, cells: usize, theme: &Theme) -> (Lines, Lines) {
    let mut lines = Vec::new();
    for (index, part) in dialog.parts.iter().enumerate() {
        lines.push(Line::raw(""));
        lines.push(Line::from(vec![
            Span::styled(cut(&part.stream, 30), theme.title),
            Span::styled(
                match part.asked() {
                    Some(n) => format!("  {}  {}", part.group, entries(n as u64)),
                    None => format!("  {}  all that is stuck", part.group),
                },
                theme.dim,
            ),
        ]));
        let focused = dialog.focus == ClaimField::Target(index);
        let alone = dialog.parts.len() == 1;
        part_lines(part, (focused, alone), cells, theme, &mut lines);
    }
    if dialog.rows() > 0 {
        let text = "  y copies the commands, with all ids";
        lines.push(Line::styled(text, theme.faint));
        lines.push(Line::raw(""));
        lines.push(columns(cells, theme));
    }
    let is_idle = dialog.focus == ClaimField::MinIdle;
    let idle = choice(&min_idle(dialog.min_idle_ms), is_idle, theme);
    let mut actions = vec![field("min idle", vec![idle], is_idle, theme)];
    if let Some(n) = dialog.must_type() {
        let focused = dialog.focus == ClaimField::Typed;
        let label = format!("type {n}");
        let room = cells.saturating_sub(14);
        actions.push(typed_field(&label, &dialog.typed, "", focused, room, theme));
    }
    actions.push(Line::raw(""));
    let mut buttons = vec![Span::raw(" ")];
    if dialog.stage == ClaimStage::Working {
        buttons.push(Span::styled(format!(" claiming …   {GOES_ON}"), theme.dim));
    } else {
        buttons.extend(button(
            "Cancel",
            dialog.focus == ClaimField::Cancel,
            theme.text,
            theme,
        ));
        buttons.push(Span::raw("  "));
        let label = format!("Claim {}", count(dialog.planned()));
        let style = if dialog.obstacle().is_none() {
            theme.warn
        } else {
            theme.faint
        };
        buttons.extend(button(
            &label,
            dialog.focus == ClaimField::Claim,
            style,
            theme,
        ));
    }
    actions.push(Line::from(buttons));
    if let Some(error) = dialog.error.clone().or_else(|| hopeless(dialog)) {
        actions.push(Line::styled(
            format!("  {}", cut(&error, cells.saturating_sub(2))),
            theme.bad,
        ));
    }
    (lines, actions)
}

/// An obstacle that no key in this dialog removes.
fn hopeless(dialog: &ClaimDialog) -> Option<String> {
    let known = dialog.parts.iter().all(|p| p.plan.is_some());
    (known && dialog.must_type().is_none())
        .then(|| dialog.obstacle())
        .flatten()
}

fn part_lines(
    part: &ClaimPart,
    (focused, alone): (bool, bool),
    cells: usize,
    theme: &Theme,
    lines: &mut Lines,
) {
    let plan = match &part.plan {
        None => return lines.push(Line::styled("  looking at them …", theme.dim)),
        Some(Err(error)) => {
            return lines.push(Line::styled(
                format!("  {}", cut(error, cells.saturating_sub(2))),
                theme.bad,
            ));
        }
        Some(Ok(plan)) => plan,
    };
    let target = match plan.targets.iter().find(|t| t.name == plan.to) {
        None => Span::styled("nobody is alive who could take them", theme.bad),
        Some(t) => choice(&t.name, focused, theme),
    };
    let mut line = field("to", vec![target], focused, theme);
    if let Some(t) = plan.targets.iter().find(|t| t.name == plan.to) {
        let about = format!(
            "   {}, {} in hand, {}",
            t.state,
            count(t.in_hand),
            rate(t.rate)
        );
        let about = cut(&about, cells.saturating_sub(line.width()));
        line.push_span(Span::styled(about, theme.dim));
    }
    lines.push(line);
    fresh(plan, part.sums.fresh, lines, theme);
    for command in part.sums.commands.iter().take(COMMANDS) {
        let rows = match alone {
            true => wrap_words(command, cells.saturating_sub(4)),
            false => vec![cut(command, cells.saturating_sub(4))],
        };
        for (n, row) in rows.iter().enumerate() {
            let indent = if n == 0 { "  " } else { "    " };
            lines.push(Line::styled(format!("{indent}{row}"), theme.accent));
        }
    }
    let more = part.sums.commands.len().saturating_sub(COMMANDS);
    if more > 0 {
        let text = format!("  and {more} more, one for each key");
        lines.push(Line::styled(text, theme.dim));
    }
}

/// Cells for the owner's name.
fn owner_cells(cells: usize) -> usize {
    cells.saturating_sub(20 + 10 + 12 + 5)
}

fn columns(cells: usize, theme: &Theme) -> Line<'static> {
    let head = format!(
        "  {} {} {} {}",
        left("id", 20),
        left("owner", owner_cells(cells)),
        right("idle", 10),
        right("deliveries", 12)
    );
    Line::styled(head, theme.dim)
}

fn row_line(row: &Row<'_>, cells: usize, theme: &Theme) -> Line<'static> {
    let (plan, item) = match row {
        Row::Group(plan) => {
            let text = format!("  {}  {}", plan.stream, plan.group);
            return Line::styled(cut(&text, cells), theme.dim);
        }
        Row::Entry(plan, item) => (plan, item),
    };
    let idle_style = if item.idle_ms < plan.min_idle_ms {
        theme.warn
    } else {
        theme.text
    };
    let owner = left(&item.owner, owner_cells(cells));
    let idle = right(&duration(item.idle_ms), 10);
    let deliveries = format!("{} → {}", item.deliveries, item.deliveries + 1);
    Line::from(vec![
        Span::raw("  "),
        Span::styled(left(&item.entry.id, 20), theme.text),
        Span::styled(format!(" {owner}"), theme.text),
        Span::styled(format!(" {idle}"), idle_style),
        Span::styled(format!(" {}", right(&deliveries, 12)), theme.text),
    ])
}

fn fresh(plan: &ClaimPlan, busy: usize, lines: &mut Lines, theme: &Theme) {
    if busy > 0 {
        let text = format!(
            "  {} not idle for {} yet: will stay",
            entries(busy as u64),
            min_idle(plan.min_idle_ms)
        );
        lines.push(Line::styled(text, theme.warn));
    }
    if plan.more {
        let text = "  the first of more: claim again for the rest".to_owned();
        lines.push(Line::styled(text, theme.warn));
    }
    if !plan.absent.is_empty() {
        let text = format!("  {} handled meanwhile", entries(plan.absent.len() as u64));
        lines.push(Line::styled(text, theme.dim));
    }
}
