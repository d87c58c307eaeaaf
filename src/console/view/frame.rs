//! What stands around every screen: server and data age above, news and keys below.

use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::{
    text::{Canvas, cut, width},
    typing,
};
use crate::console::{
    action::{self, Act, Action},
    model::{Link, Model, Screen, Tone},
};
use crate::ops::wording::{bytes, clock, count, duration};

pub(super) fn header(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = &model.setting.theme;
    let state = state(model);
    let mut left = vec![Span::styled(" comms ", theme.badge), Span::raw("  ")];
    let mut facts = Vec::new();
    if let Some(status) = model.shown_status() {
        let server = &status.overview.server;
        facts.push(format!("redis {}", server.version));
        facts.push(model.setting.address.clone());
        facts.push(bytes(server.memory_bytes));
    } else {
        facts.push(model.setting.address.clone());
    }
    facts.push(model.setting.profile.clone());
    let room = usize::from(area.width).saturating_sub(9 + state.width() + 3);
    left.push(Span::styled(cut(&facts.join("  "), room), theme.dim));
    canvas.line(area, 0, &Line::from(left));
    let edge = Rect {
        width: area.width - 1,
        ..area
    };
    canvas.line_right(edge, 0, &state);
    tabs(model, canvas, area);
}

/// How fresh what you see is.
fn state(model: &Model) -> Line<'static> {
    let theme = &model.setting.theme;
    let mut spans = Vec::new();
    if model.setting.read_only {
        spans.push(Span::styled("read-only  ", theme.warn));
    }
    if model.unmasked {
        spans.push(Span::styled("addresses shown  ", theme.warn));
    }
    if let Some(age_ms) = model.past.age_ms() {
        let at = model.shown_status().map_or(0, |s| s.overview.server.now_ms);
        let text = format!("◀ {} ago, {}", duration(age_ms), clock(at));
        spans.push(Span::styled(text, theme.accent));
        return Line::from(spans);
    }
    if let Some(at_ms) = model.frozen_at_ms {
        let age_ms = model.now_ms.saturating_sub(at_ms);
        let text = format!("‖ frozen for {}", duration(age_ms - age_ms % 1_000));
        spans.push(Span::styled(text, theme.accent));
        return Line::from(spans);
    }
    match &model.link {
        Link::Connecting => spans.push(Span::styled("◌ connecting", theme.dim)),
        Link::Up => spans.push(Span::styled("● live", theme.good)),
        Link::Away { retry_at_ms, .. } => {
            let age = match &model.status.data {
                Some(_) => {
                    let old_ms = model.now_ms.saturating_sub(model.status.at_ms);
                    format!(", data {} old", duration(old_ms - old_ms % 1_000))
                }
                None => String::new(),
            };
            let wait_ms = retry_at_ms.saturating_sub(model.now_ms);
            let next = match wait_ms.div_ceil(1_000) {
                0 => "trying".to_owned(),
                s => format!("next try in {s} s"),
            };
            spans.push(Span::styled(
                format!("○ Redis is away{age}, {next}"),
                theme.bad,
            ));
        }
    }
    Line::from(spans)
}

/// How much of each tab there is room for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Wide,
    /// One space after each.
    Narrow,
    /// Short titles, and no number of what is fine.
    Short,
    /// The same with no space between them.
    Tight,
    /// Only digits, but for the screen shown.
    Digits,
}

fn room(model: &Model) -> Room {
    let wide = |room: Room| {
        let spans = Screen::ALL.into_iter().flat_map(|s| tab(model, s, room));
        spans.map(|span| span.width()).sum::<usize>() + 1
    };
    [Room::Wide, Room::Narrow, Room::Short, Room::Tight]
        .into_iter()
        .find(|room| wide(*room) <= usize::from(model.size.0))
        .unwrap_or(Room::Digits)
}

/// Its pointer, digit, title, number, and spaces.
fn tab(model: &Model, screen: Screen, room: Room) -> Vec<Span<'static>> {
    let theme = &model.setting.theme;
    let here = screen == model.screen;
    let pointer = if here { super::widgets::POINTER } else { " " };
    let style = if here { theme.title } else { theme.dim };
    let mut spans = vec![
        Span::styled(pointer, theme.accent),
        Span::styled(screen.digit().to_string(), theme.accent),
    ];
    let title = match room {
        Room::Short | Room::Tight => screen.short_title(),
        Room::Digits if !here => "",
        _ => screen.title(),
    };
    if !title.is_empty() {
        spans.push(Span::styled(format!(" {title}"), style));
    }
    let (number, style) = match screen {
        Screen::Pending => (stuck_number(model), theme.warn),
        Screen::Workers if !matches!(room, Room::Short | Room::Tight) => {
            let live = model.workers().iter().filter(|w| w.live).count();
            let known = model.status.data.is_some();
            (known.then(|| live.to_string()), theme.dim)
        }
        Screen::Dead => (dead_number(model), theme.bad),
        _ => (None, theme.dim),
    };
    if let Some(number) = number {
        spans.push(Span::styled(format!(" {number}"), style));
    }
    spans.push(Span::raw(match room {
        Room::Wide => "  ",
        Room::Tight => "",
        Room::Narrow | Room::Short | Room::Digits => " ",
    }));
    spans
}

/// Where each tab lies, in cells from the left: for the mouse.
pub(in crate::console) fn tab_spans(model: &Model) -> Vec<(Screen, std::ops::Range<usize>)> {
    let (mut at, room) = (1, room(model));
    let place = |screen: Screen| {
        let wide: usize = tab(model, screen, room).iter().map(Span::width).sum();
        let from = at;
        at += wide;
        (screen, from..at)
    };
    Screen::ALL.into_iter().map(place).collect()
}

fn tabs(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let (mut spans, room) = (vec![Span::raw(" ")], room(model));
    spans.extend(Screen::ALL.into_iter().flat_map(|s| tab(model, s, room)));
    canvas.line(area, 1, &Line::from(spans));
}

fn dead_number(model: &Model) -> Option<String> {
    let stages = &model.shown_status()?.overview.stages;
    let dead: u64 = stages.iter().map(|stage| stage.dead).sum();
    (dead > 0).then(|| count(dead))
}

/// Entries held by nobody alive, known without looking at each.
fn stuck_number(model: &Model) -> Option<String> {
    let overview = &model.shown_status()?.overview;
    let mut held = 0;
    for stage in &overview.stages {
        let consumers = stage.own_group().into_iter().flat_map(|g| &g.consumers);
        let gone = consumers.filter(|c| !overview.is_live(&c.name));
        held += gone.map(|c| c.pending).sum::<u64>();
    }
    let listed = model.first_page(Screen::Pending).table.rows().len();
    let held = held.max(listed as u64);
    (held > 0).then(|| count(held))
}

/// Before the first answer.
pub(super) fn nothing_yet(model: &Model, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = &model.setting.theme;
    let lines = match &model.link {
        Link::Away { reason, .. } => {
            let reason = reason.strip_prefix("Redis is away: ").unwrap_or(reason);
            vec![
                Line::styled(
                    format!("Redis at {} is away", model.setting.address),
                    theme.bad,
                ),
                Line::styled(cut(reason, usize::from(body.width)), theme.dim),
                Line::raw(""),
                Line::styled("is it running? ./start.sh", theme.text),
            ]
        }
        _ => vec![Line::styled("looking …", theme.dim)],
    };
    let top = body.height.saturating_sub(lines.len() as u16) / 2;
    for (row, line) in lines.iter().enumerate() {
        let wide = line.width() as u16;
        let column = body.width.saturating_sub(wide) / 2;
        canvas.line_at(body, column, top + row as u16, line);
    }
}

pub(super) fn footer(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = &model.setting.theme;
    let inner = Rect {
        x: area.x + 1,
        width: area.width - 2,
        ..area
    };
    if let Some(prompt) = &model.prompt {
        let line = typing::prompt(model, prompt, usize::from(inner.width));
        canvas.line(inner, area.height - 2, &line);
    } else if let Some(notice) = &model.notice {
        let style = match notice.tone {
            Tone::Good => theme.good,
            Tone::Bad => theme.bad,
        };
        let text = cut(&notice.text, usize::from(inner.width));
        canvas.line(inner, area.height - 2, &Line::styled(text, style));
    }
    let keys = keys(model, usize::from(inner.width));
    canvas.line(inner, area.height - 1, &keys);
}

/// Cells between two keys.
const GAP: usize = 3;

/// The keys valid now, as many as fit.
pub(super) fn keys(model: &Model, cells: usize) -> Line<'static> {
    let theme = &model.setting.theme;
    let valid = action::footer(model).filter_map(|action| {
        let key = model.setting.keys.of(action).first()?.name();
        Some((action, key))
    });
    let valid: Vec<_> = valid.collect();
    let wide = |(action, key): &(&Action, String)| GAP + width(key) + 1 + width(action.label);
    let all: usize = valid.iter().map(&wide).sum();
    let (mut spans, mut used) = (Vec::new(), 0);
    // The way to all the others is kept where there is no room for all.
    let help = valid.iter().find(|(action, _)| action.act == Act::Help);
    let help = help.filter(|_| all > cells + GAP);
    let kept = help.map_or(0, &wide);
    let others = valid
        .iter()
        .filter(|(action, _)| help.is_none() || action.act != Act::Help);
    let fit = others.take_while(|it| {
        used += wide(it);
        used + kept <= cells + GAP
    });
    for (action, key) in fit.chain(help) {
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        spans.push(Span::styled(key.clone(), theme.accent));
        spans.push(Span::styled(format!(" {}", action.label), theme.dim));
    }
    Line::from(spans)
}
