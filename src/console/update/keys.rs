//! Keys: first to the text field that has the focus, then through the table of actions.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::super::{
    action::{Act, Action, Scope, is_valid, meant_by},
    dialog::{ClaimField, ClaimStage, ConfirmField, ConfirmStage, Dialog},
    form::Start,
    input::{Edit, Input},
    message::Cmd,
    model::{Asked, Model, Tone},
};
use super::{
    campaigns, claim, confirm, create, feeds, groups, letters, lists, notify, palette, schedules,
    settle, workers,
};
use crate::ops::wording::count;

/// The longest outcome has a line for each of 100,000 ids.
const MOST_LINES: usize = 110_000;
/// Lines of PgUp and PgDn in a text.
const PAGE: isize = 10;

pub(super) fn key(model: &mut Model, event: &KeyEvent) -> Vec<Cmd> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if let Some(cmds) = prompted(model, event) {
        model.changed = true;
        return cmds;
    }
    if typed(model, event) {
        return Vec::new();
    }
    let Some(action) = meant_by(model, event) else {
        return Vec::new();
    };
    if action.mutates
        && let Some(refusal) = model.refusal()
    {
        notify(model, Tone::Bad, refusal);
        return Vec::new();
    }
    if !is_valid(model, action) {
        return Vec::new();
    }
    perform(model, action)
}

/// Does what an action of the table means; it is valid.
pub(super) fn perform(model: &mut Model, action: &Action) -> Vec<Cmd> {
    model.changed = true;
    let lists = [
        Scope::Lists,
        Scope::Pending,
        Scope::Failures,
        Scope::Letters,
    ];
    match action.act {
        Act::Claim => return claim::open(model),
        Act::ClaimAll => return claim::open_all(model),
        _ => {}
    }
    if lists.contains(&action.scope) && !action.dangerous {
        return list_act(model, action.act);
    }
    act(model, action.act)
}

fn list_act(model: &mut Model, act: Act) -> Vec<Cmd> {
    match act {
        Act::Open => lists::open(model),
        Act::Copy => lists::copy(model),
        Act::Trace => lists::trace(model),
        Act::Filter => {
            lists::ask(model, Asked::Filter);
            Vec::new()
        }
        act => lists::act(model, act),
    }
}

/// The line above the keys takes every key while something is typed there.
fn prompted(model: &mut Model, event: &KeyEvent) -> Option<Vec<Cmd>> {
    let prompt = model.prompt.as_mut()?;
    match event.code {
        KeyCode::Enter => return Some(lists::answer(model, true)),
        KeyCode::Esc => return Some(lists::answer(model, false)),
        KeyCode::Up | KeyCode::Down if prompt.asked == Asked::Filter => {
            let act = if event.code == KeyCode::Up {
                Act::Up
            } else {
                Act::Down
            };
            return Some(lists::act(model, act));
        }
        KeyCode::Char('c' | 'z') if event.modifiers == KeyModifiers::CONTROL => return None,
        _ => {}
    }
    let edit = prompt.input.edit(event);
    edited(model, edit);
    Some(Vec::new())
}

/// What follows when the text with the focus was changed, or is full.
fn edited(model: &mut Model, edit: Edit) {
    model.changed = true;
    match edit {
        Edit::Other | Edit::Moved => {}
        Edit::Full => {
            let most = focused_input(model).map_or(0, |input| input.most());
            let text = format!("there is no room: {} bytes at most", count(most as u64));
            notify(model, Tone::Bad, text);
        }
        Edit::Done => {
            filter_as_typed(model);
            if let Some(Dialog::Palette(palette)) = &mut model.dialog {
                // What matches best is chosen anew.
                palette.at = 0;
            }
        }
    }
}

fn filter_as_typed(model: &mut Model) {
    let prompt = model.prompt.as_ref();
    let text = prompt.filter(|p| p.asked == Asked::Filter);
    if let Some(text) = text.map(|p| p.input.text().to_owned()) {
        lists::set_filter(model, &text);
    }
}

pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Cmd> {
    if let Some(edit) = focused_input(model).map(|input| input.paste(text)) {
        edited(model, edit);
    }
    Vec::new()
}

/// True when the key was one for the text field with the focus.
fn typed(model: &mut Model, event: &KeyEvent) -> bool {
    // A count is typed there: letters keep their meaning.
    if let (Some(Dialog::Claim(_)), KeyCode::Char('a'..='z' | 'A'..='Z')) =
        (&model.dialog, event.code)
        && event.modifiers != KeyModifiers::CONTROL
    {
        return false;
    }
    let edit = focused_input(model).map_or(Edit::Other, |input| input.edit(event));
    if edit != Edit::Other {
        edited(model, edit);
    }
    edit != Edit::Other
}

fn focused_input(model: &mut Model) -> Option<&mut Input> {
    if let Some(prompt) = &mut model.prompt {
        return Some(&mut prompt.input);
    }
    match model.dialog.as_mut()? {
        Dialog::Create(form) => form.input(),
        Dialog::Claim(dialog) if dialog.focus == ClaimField::Typed => Some(&mut dialog.typed),
        Dialog::Palette(palette) => Some(&mut palette.input),
        Dialog::Confirm(confirm) if confirm.focus == ConfirmField::Typed => {
            Some(&mut confirm.typed)
        }
        Dialog::Claim(_) | Dialog::Confirm(_) | Dialog::Help { .. } => None,
    }
}

fn act(model: &mut Model, act: Act) -> Vec<Cmd> {
    match act {
        Act::Quit => return vec![Cmd::Quit],
        Act::Suspend => return vec![Cmd::Suspend],
        Act::Help => model.dialog = Some(Dialog::Help { scroll: 0 }),
        Act::Palette => palette::open(model),
        Act::Close => create::close(model),
        Act::Create => return create::open(model, Start::Now),
        Act::NewSchedule => return create::open(model, Start::Again),
        Act::EditSchedule => return schedules::edit(model),
        Act::RunSchedule | Act::PauseSchedule | Act::ResumeSchedule | Act::RemoveSchedule => {
            return schedules::ask(model, act);
        }
        Act::Report | Act::Deliveries => return campaigns::look(model, act),
        Act::TestSend => lists::ask(model, Asked::Address),
        Act::PauseAll => return confirm::pause_all(model),
        Act::Pause | Act::Resume | Act::Cancel | Act::RetryFailed => {
            return campaigns::ask(model, act);
        }
        Act::Replay | Act::Canary | Act::Drop => return letters::ask(model, act),
        Act::Edit => letters::edit(model),
        Act::CreateGroup => lists::ask(model, Asked::NewGroup),
        Act::SetId => lists::ask(model, Asked::SetId),
        Act::Drain => return workers::drain(model),
        Act::DeleteConsumer => return groups::delete_consumer(model),
        Act::DeadLetter | Act::Acknowledge => return settle::open(model, act),
        Act::Switch => lists::ask_server(model),
        Act::ReadOnly => return confirm::read_only(model),
        Act::Back => return lists::back(model),
        Act::Open => return lists::open(model),
        Act::Browse => return lists::browse(model),
        Act::Turn | Act::NextPage | Act::PreviousPage => {
            return lists::page_of_entries(model, act);
        }
        Act::From => lists::ask(model, Asked::From),
        Act::Go(screen) => return lists::go(model, screen),
        Act::NextScreen => return lists::neighbour(model, 1),
        Act::PreviousScreen => return lists::neighbour(model, -1),
        Act::Refresh => return feeds::refresh(model),
        Act::FaultsOnly => lists::faults_only(model),
        Act::Freeze => return feeds::freeze(model),
        Act::Earlier => feeds::earlier(model),
        Act::Later => feeds::later(model),
        Act::Slower => feeds::pace(model, true),
        Act::Faster => feeds::pace(model, false),
        Act::Unmask => unmask(model),
        _ => return dialog_act(model, act),
    }
    Vec::new()
}

fn unmask(model: &mut Model) {
    model.unmasked = !model.unmasked;
    let text = if model.unmasked {
        "addresses are shown in full"
    } else {
        "addresses are masked"
    };
    notify(model, Tone::Good, text);
}

/// What a key means inside a question.
fn dialog_act(model: &mut Model, act: Act) -> Vec<Cmd> {
    let by = match act {
        Act::Up => Some(-1),
        Act::Down => Some(1),
        Act::PageUp => Some(-PAGE),
        Act::PageDown => Some(PAGE),
        // Where there is nothing else to go to, the arrows move what is read.
        Act::NextField if is_read(model) => Some(1),
        Act::PreviousField if is_read(model) => Some(-1),
        _ => None,
    };
    match (&model.dialog, by) {
        (Some(Dialog::Palette(_)), _) => palette::act(model, act),
        (Some(Dialog::Create(_)), _) => create::act(model, act),
        (_, Some(by)) => {
            scroll(model, by);
            Vec::new()
        }
        (Some(Dialog::Claim(_)), None) => claim::act(model, act),
        (Some(Dialog::Confirm(_)), None) => confirm::act(model, act),
        _ => Vec::new(),
    }
}

/// The question shows its outcome.
fn is_read(model: &Model) -> bool {
    match &model.dialog {
        Some(Dialog::Claim(dialog)) => matches!(dialog.stage, ClaimStage::Done { .. }),
        Some(Dialog::Confirm(question)) => matches!(question.stage, ConfirmStage::Done(_)),
        _ => false,
    }
}

/// Scrolls the text of a question.
pub(super) fn scroll(model: &mut Model, by: isize) {
    let scroll = match &mut model.dialog {
        Some(Dialog::Help { scroll }) => scroll,
        Some(Dialog::Claim(dialog)) => &mut dialog.scroll,
        Some(Dialog::Confirm(confirm)) => &mut confirm.scroll,
        _ => return,
    };
    *scroll = scroll.saturating_add_signed(by).min(MOST_LINES);
}
