//! Keys: first to the text field that has the focus, then through the table of actions.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::super::{
    action::{Act, Action, Scope, is_valid, meant_by},
    dialog::{ClaimField, ConfirmField, Dialog, Input},
    form::Start,
    message::Cmd,
    model::{Asked, Model, Tone},
};
use super::{campaigns, claim, confirm, create, feeds, groups, lists, notify, palette, schedules};

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
        model.changed = true;
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
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
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
        KeyCode::Char('c' | 'z') if control => return None,
        KeyCode::Char('u') if control => prompt.input.0.clear(),
        KeyCode::Char(c) if !control => prompt.input.push(c),
        KeyCode::Backspace => {
            prompt.input.0.pop();
        }
        _ => {}
    }
    filter_as_typed(model);
    Some(Vec::new())
}

fn filter_as_typed(model: &mut Model) {
    let prompt = model.prompt.as_ref();
    let text = prompt.filter(|p| p.asked == Asked::Filter);
    if let Some(text) = text.map(|p| p.input.0.clone()) {
        lists::set_filter(model, &text);
    }
}

pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Cmd> {
    let input = match &mut model.prompt {
        Some(prompt) => Some(&mut prompt.input),
        None => focused_input(model),
    };
    if let Some(input) = input {
        for c in text.chars() {
            input.push(c);
        }
        filter_as_typed(model);
        model.changed = true;
    }
    Vec::new()
}

/// True when the key was text for the field with the focus.
fn typed(model: &mut Model, event: &KeyEvent) -> bool {
    // A count is typed there: letters keep their meaning.
    if let (Some(Dialog::Claim(_)), KeyCode::Char('a'..='z' | 'A'..='Z')) =
        (&model.dialog, event.code)
        && event.modifiers != KeyModifiers::CONTROL
    {
        return false;
    }
    let control = event
        .modifiers
        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    let Some(input) = focused_input(model) else {
        return false;
    };
    match event.code {
        KeyCode::Char('u') if event.modifiers == KeyModifiers::CONTROL => input.0.clear(),
        KeyCode::Char(c) if !control => input.push(c),
        KeyCode::Backspace => {
            input.0.pop();
        }
        _ => return false,
    }
    if let Some(Dialog::Palette(palette)) = &mut model.dialog {
        // What matches best is chosen anew.
        palette.at = 0;
    }
    true
}

fn focused_input(model: &mut Model) -> Option<&mut Input> {
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
        Act::Replay | Act::Canary | Act::Drop => return confirm::letters(model, act),
        Act::Edit => lists::ask(model, Asked::Edit),
        Act::CreateGroup => lists::ask(model, Asked::NewGroup),
        Act::SetId => lists::ask(model, Asked::SetId),
        Act::Drain => return confirm::drain(model),
        Act::DeleteConsumer => return groups::delete_consumer(model),
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
        _ => None,
    };
    match (&model.dialog, by) {
        (Some(Dialog::Palette(_)), _) => palette::act(model, act),
        (_, Some(by)) => {
            scroll(model, by);
            Vec::new()
        }
        (Some(Dialog::Create(_)), None) => create::act(model, act),
        (Some(Dialog::Claim(_)), None) => claim::act(model, act),
        (Some(Dialog::Confirm(_)), None) => confirm::act(model, act),
        _ => Vec::new(),
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
