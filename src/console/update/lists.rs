//! Lists: rows are made when data comes, and the keys move, mark, sort, filter and open.

use super::super::{
    action::Act,
    filter::Filter,
    geometry,
    input::Input,
    message::Cmd,
    model::{Asked, Model, Place, Prompt, Screen, Tone},
    screens::{
        entries::{Entries, Range},
        trace::Way,
    },
    view::text::shown,
};
use super::{campaigns, create, feeds, groups, letters, notify, pages};

/// Makes the rows of a page anew.
pub(super) fn fill(model: &mut Model, number: u64) {
    let faults_only = model.faults_only;
    let Some(page) = model.page_numbered(number) else {
        return;
    };
    let place = page.place.clone();
    let data = page.feed.data.take();
    let Some(listing) = place.listing() else {
        return;
    };
    let rows = listing.rows(model, data.as_ref());
    let hidden = model.setting.hidden.get(listing.name()).cloned();
    if let Some(page) = model.page_numbered(number) {
        page.feed.data = data;
        page.table.faults_only = faults_only;
        page.table.hidden = hidden.unwrap_or_default();
        page.table.fill(rows, listing.columns());
    }
    keep_in_view(model);
}

/// The list shown, where it is made of the status. Behind a question it stands still.
pub(super) fn fill_from_status(model: &mut Model) {
    let page = model.page();
    let listing = page.place.listing();
    let stands = model.dialog.is_some();
    if !stands && listing.is_some_and(|l| l.query(model, page).is_none()) {
        fill(model, page.number);
    }
}

/// The list shown scrolls so that its selection can be seen.
pub(super) fn keep_in_view(model: &mut Model) {
    let height = geometry::list_height(model, model.page());
    model.page_mut().table.keep_in_view(height);
}

fn columns(model: &Model) -> &'static [super::super::column::Column] {
    let listing = model.page().place.listing();
    listing.map_or(&[], |l| l.columns())
}

pub(super) fn go(model: &mut Model, screen: Screen) -> Vec<Cmd> {
    model.screen = screen;
    model.prompt = None;
    let page = model.page_mut();
    if !page.feed.in_flight {
        page.feed.due_at_ms = 0;
    }
    let number = page.number;
    fill(model, number);
    feeds::tick(model)
}

pub(super) fn neighbour(model: &mut Model, by: isize) -> Vec<Cmd> {
    let all = Screen::ALL;
    let here = all.iter().position(|s| *s == model.screen).unwrap_or(0);
    let there = (here as isize + by).rem_euclid(all.len() as isize);
    go(model, all[there as usize])
}

/// One step back: the past, then the filter, then the marks, then the level.
pub(super) fn back(model: &mut Model) -> Vec<Cmd> {
    if model.past.leave() {
        fill_from_status(model);
        return Vec::new();
    }
    if !model.page().table.filter.is_empty() {
        set_filter(model, "");
        return feeds::tick(model);
    }
    let table = &mut model.page_mut().table;
    if !table.marks.is_empty() {
        table.marks.clear();
        return Vec::new();
    }
    if model.pop() {
        let number = model.page().number;
        fill(model, number);
        return feeds::tick(model);
    }
    Vec::new()
}

pub(super) fn open(model: &mut Model) -> Vec<Cmd> {
    let page = model.page();
    let listing = page.place.listing();
    let place = listing.and_then(|l| l.open(model, page, page.table.selected()?));
    place.map_or_else(Vec::new, |place| enter(model, place))
}

pub(super) fn enter(model: &mut Model, place: Place) -> Vec<Cmd> {
    model.push(place);
    let number = model.page().number;
    if pages::wanted(model).is_none() {
        fill(model, number);
    }
    feeds::tick(model)
}

/// Every way to move, mark and arrange.
pub(super) fn act(model: &mut Model, act: Act) -> Vec<Cmd> {
    let height = geometry::list_height(model, model.page()).max(1) as isize;
    let columns = columns(model);
    let table = &mut model.page_mut().table;
    match act {
        Act::Up => table.step(-1),
        Act::Down => table.step(1),
        Act::PageUp => table.step(-height),
        Act::PageDown => table.step(height),
        Act::First => table.step(isize::MIN),
        Act::Last => {
            table.step(isize::MAX);
            let follows = model.page().place.listing().is_some_and(|l| l.follows());
            model.page_mut().table.follows = follows;
        }
        Act::Mark => table.mark(),
        Act::MarkAll => table.mark_all(),
        Act::MarkRange => table.mark_range(),
        Act::Sort => table.sort_next(columns, false),
        Act::SortReverse => table.sort_next(columns, true),
        _ => {}
    }
    keep_in_view(model);
    Vec::new()
}

pub(super) fn wheel(model: &mut Model, by: isize) {
    model.page_mut().table.step(by);
    keep_in_view(model);
}

pub(super) fn set_filter(model: &mut Model, text: &str) {
    let columns = columns(model);
    let headings: Vec<&str> = columns.iter().map(|c| c.heading).collect();
    let table = &mut model.page_mut().table;
    table.filter = Filter::new(text, &headings);
    table.arrange(columns);
    keep_in_view(model);
}

pub(super) fn faults_only(model: &mut Model) {
    model.faults_only = !model.faults_only;
    let number = model.page().number;
    fill(model, number);
}

pub(super) fn copy(model: &mut Model) -> Vec<Cmd> {
    let page = model.page();
    let listing = page.place.listing();
    let (Some(listing), Some(row)) = (listing, page.table.selected()) else {
        return Vec::new();
    };
    let (text, remark) = (listing.copied(page, row), listing.copy_remark(page, row));
    if text.is_empty() {
        if let Some(remark) = remark {
            notify(model, Tone::Bad, remark);
        }
        return Vec::new();
    }
    let what = match text.lines().count() {
        0 | 1 => shown(&text, model.unmasked),
        lines => format!("{lines} lines"),
    };
    let remark = remark.unwrap_or_default();
    notify(
        model,
        Tone::Good,
        format!("copied {what} {remark}").trim_end(),
    );
    vec![Cmd::Copy(text)]
}

pub(super) fn ask(model: &mut Model, asked: Asked) {
    let text = match asked {
        Asked::Filter => model.page().table.filter.text(),
        _ => "",
    };
    let input = Input::new(text);
    model.notice = None;
    let about = model.page().table.selected();
    model.prompt = Some(Prompt {
        asked,
        about: about.map_or_else(String::new, |row| row.id.clone()),
        input,
    });
}

pub(super) fn ask_server(model: &mut Model) {
    if model.setting.servers.is_empty() {
        let text = "comms.toml names no server in [console.profiles]";
        return notify(model, Tone::Bad, text);
    }
    ask(model, Asked::Server);
}

/// The server of which the name begins like that.
fn switch(model: &mut Model, typed: &str) -> Vec<Cmd> {
    let mut like = model
        .setting
        .servers
        .iter()
        .filter(|s| s.starts_with(typed));
    let exact = model.setting.servers.iter().find(|s| *s == typed);
    let found = match (exact, like.next(), like.next()) {
        (Some(name), ..) | (None, Some(name), None) => Some(name.clone()),
        _ => None,
    };
    if let Some(name) = found {
        return vec![Cmd::Switch(name)];
    }
    let known = model.setting.servers.join(", ");
    notify(
        model,
        Tone::Bad,
        format!("no server {typed:?}; there are {known}"),
    );
    Vec::new()
}

/// What was typed is taken, or not.
pub(super) fn answer(model: &mut Model, taken: bool) -> Vec<Cmd> {
    let Some(prompt) = model.prompt.take() else {
        return Vec::new();
    };
    model.changed = true;
    match prompt.asked {
        Asked::Filter if !taken => set_filter(model, ""),
        Asked::Filter => {}
        Asked::From if taken => return look_at(model, prompt.input.text().trim()),
        Asked::Edit if taken => return letters::edited(model, prompt),
        Asked::Server if taken => return switch(model, prompt.input.text().trim()),
        Asked::Address if taken && model.dialog.is_some() => {
            return create::test_send(model, prompt.input.text().trim());
        }
        Asked::Address if taken => {
            let to = prompt.input.text().trim();
            return campaigns::test_send(model, &prompt.about, to);
        }
        Asked::NewGroup if taken => return groups::create(model, prompt.input.text()),
        Asked::SetId if taken => return groups::set_id(model, &prompt.about, prompt.input.text()),
        Asked::Server
        | Asked::From
        | Asked::Edit
        | Asked::Address
        | Asked::NewGroup
        | Asked::SetId => {}
    }
    feeds::tick(model)
}

/// Follows the message of the selected row's recipient.
pub(super) fn trace(model: &mut Model) -> Vec<Cmd> {
    let page = model.page();
    let listing = page.place.listing();
    let found = listing.and_then(|l| l.recipient(page, page.table.selected()?));
    found.map_or_else(Vec::new, |(campaign, user)| {
        enter(model, Place::Trace(Way { campaign, user }))
    })
}

pub(super) fn browse(model: &mut Model) -> Vec<Cmd> {
    let stream = match &model.page().place {
        Place::Streams(_) => model.page().table.selected().map(|row| row.id.clone()),
        Place::Groups(groups) => Some(groups.stream.clone()),
        Place::Consumers(consumers) => Some(consumers.stream.clone()),
        _ => None,
    };
    stream.map_or_else(Vec::new, |stream| {
        enter(model, Place::Entries(Entries::of(&stream)))
    })
}

/// Turns pages of a stream, or its order.
pub(super) fn page_of_entries(model: &mut Model, act: Act) -> Vec<Cmd> {
    let last = model.page().table.rows().last().map(|row| row.id.clone());
    let Place::Entries(entries) = &mut model.page_mut().place else {
        return Vec::new();
    };
    match act {
        Act::Turn => {
            entries.newest = !entries.newest;
            entries.pages.clear();
        }
        Act::NextPage => {
            let Some(last) = last else { return Vec::new() };
            entries.pages.push(format!("({last}"));
        }
        _ => {
            entries.pages.pop();
        }
    }
    model.page_mut().table.select(0);
    feeds::tick(model)
}

/// Looks at a part of the stream, from its beginning; nothing typed is all of it.
fn look_at(model: &mut Model, text: &str) -> Vec<Cmd> {
    let now_ms = model.shown_status().map(|s| s.overview.server.now_ms);
    let range = match Range::parse(text, now_ms) {
        Ok(range) => range,
        Err(why) => {
            notify(model, Tone::Bad, why);
            return Vec::new();
        }
    };
    if let Place::Entries(entries) = &mut model.page_mut().place {
        entries.newest = text.is_empty();
        entries.range = range;
        entries.pages.clear();
    }
    model.page_mut().table.select(0);
    feeds::tick(model)
}
