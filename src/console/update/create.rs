//! The form of a campaign: its fields, what is said about its times, the preview, its answer.

use super::super::{
    action::Act,
    dialog::Dialog,
    form::{CampaignForm, Field, PreviewPane, Start},
    message::{Cmd, Failure, Made},
    model::{Model, Tone},
};
use super::{feeds, notify, schedules};
use crate::ops::{Ahead, Preview, ScheduleView, When, wording::count};

/// Lines of PgUp and PgDn in a preview.
const PAGE: u16 = 10;

pub(super) fn open(model: &mut Model, start: Start) -> Vec<Cmd> {
    model.dialogs += 1;
    let mut form = CampaignForm::new(model.dialogs, &model.setting.session);
    form.start = start;
    show(model, form)
}

pub(super) fn edit(model: &mut Model, schedule: &ScheduleView) -> Vec<Cmd> {
    model.dialogs += 1;
    let form = CampaignForm::edit(model.dialogs, &model.setting.session, schedule);
    let mut cmds = show(model, form);
    cmds.extend(follow(model));
    cmds
}

fn show(model: &mut Model, form: CampaignForm) -> Vec<Cmd> {
    let dialog = form.number;
    model.dialog = Some(Dialog::Create(Box::new(form)));
    vec![Cmd::CountAudience { dialog }, Cmd::ListTemplates { dialog }]
}

/// Redis is back: what could not be said before is asked again.
pub(super) fn ask_again(model: &mut Model) -> Vec<Cmd> {
    let Some(form) = form(model) else {
        return Vec::new();
    };
    let dialog = form.number;
    let mut cmds = Vec::new();
    if matches!(form.audience, Some(Err(_))) {
        form.audience = None;
        cmds.push(Cmd::CountAudience { dialog });
    }
    if matches!(form.when, Some((_, Some(Err(_))))) {
        form.when = None;
        cmds.extend(follow(model));
    }
    cmds
}

fn form(model: &mut Model) -> Option<&mut CampaignForm> {
    match &mut model.dialog {
        Some(Dialog::Create(form)) => Some(form),
        _ => None,
    }
}

fn form_of(model: &mut Model, dialog: u64) -> Option<&mut CampaignForm> {
    form(model).filter(|form| form.number == dialog)
}

pub(super) fn act(model: &mut Model, act: Act) -> Vec<Cmd> {
    let refusal = model.refusal();
    let Some(form) = form(model).filter(|form| !form.sending) else {
        return Vec::new();
    };
    if form.preview.is_some() {
        return act_on_preview(form, act);
    }
    match act {
        Act::NextField => form.focus = neighbour(form, 1),
        Act::PreviousField => form.focus = neighbour(form, -1),
        Act::Less | Act::More => {
            let by = if act == Act::More { 1 } else { -1 };
            let on_button = [Field::Cancel, Field::Preview, Field::Create].contains(&form.focus);
            if !form.choose(by) && on_button {
                form.focus = neighbour(form, by);
            }
        }
        Act::Press => match form.focus {
            Field::Cancel => model.dialog = None,
            Field::Preview => return look(form, 1),
            Field::Create => return send(form, refusal),
            _ => form.focus = neighbour(form, 1),
        },
        _ => {}
    }
    Vec::new()
}

/// Esc leaves the preview first, then the form.
pub(super) fn close(model: &mut Model) {
    match form(model) {
        Some(form) if form.preview.is_some() => form.preview = None,
        _ => model.dialog = None,
    }
}

fn neighbour(form: &CampaignForm, by: isize) -> Field {
    let fields = form.fields();
    let here = fields.iter().position(|f| *f == form.focus).unwrap_or(0);
    let there = (here as isize + by).rem_euclid(fields.len() as isize);
    fields[there as usize]
}

/// The mail as the user of that id would get it; 1 stands for the first one.
fn look(form: &mut CampaignForm, user: i64) -> Vec<Cmd> {
    match form.words() {
        Ok(words) => {
            form.error = None;
            form.preview = Some(PreviewPane {
                user,
                mail: None,
                scroll: 0,
                said: None,
            });
            vec![Cmd::Preview {
                dialog: form.number,
                schedule: form.edited.as_ref().map(|was| was.id),
                words,
                user,
            }]
        }
        Err(error) => {
            form.error = Some(error);
            Vec::new()
        }
    }
}

fn act_on_preview(form: &mut CampaignForm, act: Act) -> Vec<Cmd> {
    let Some(pane) = &mut form.preview else {
        return Vec::new();
    };
    let user = pane.user;
    match act {
        Act::More => return look(form, user + 1),
        Act::Less => return look(form, (user - 1).max(1)),
        Act::NextField | Act::Down => pane.scroll = pane.scroll.saturating_add(1),
        Act::PreviousField | Act::Up => pane.scroll = pane.scroll.saturating_sub(1),
        Act::PageDown => pane.scroll = pane.scroll.saturating_add(PAGE),
        Act::PageUp => pane.scroll = pane.scroll.saturating_sub(PAGE),
        Act::Press => form.preview = None,
        _ => {}
    }
    Vec::new()
}

fn send(form: &mut CampaignForm, refusal: Option<&str>) -> Vec<Cmd> {
    let obstacle = refusal.map(str::to_owned).or_else(|| form.obstacle());
    let order = obstacle.map_or_else(|| form.order(), Err);
    match order {
        Ok(order) => {
            form.sending = true;
            form.error = None;
            vec![Cmd::Create {
                dialog: form.number,
                order,
            }]
        }
        Err(error) => {
            form.error = Some(error);
            Vec::new()
        }
    }
}

/// One mail of what the preview shows.
pub(super) fn test_send(model: &mut Model, to: &str) -> Vec<Cmd> {
    let Some(form) = form(model) else {
        return Vec::new();
    };
    let (Ok(words), Some(pane), false) = (form.words(), &mut form.preview, to.is_empty()) else {
        return Vec::new();
    };
    pane.said = Some(("sending …".to_owned(), true));
    vec![Cmd::TestWords {
        dialog: form.number,
        schedule: form.edited.as_ref().map(|was| was.id),
        words,
        user: pane.user,
        to: to.to_owned(),
    }]
}

pub(super) fn test_sent(model: &mut Model, dialog: u64, sent: Result<i64, Failure>) -> Vec<Cmd> {
    let (text, good) = match sent {
        Ok(id) => (format!("test mail {id} is queued"), true),
        Err(failure) => (format!("not sent: {}", failure.text), false),
    };
    match form_of(model, dialog).and_then(|form| form.preview.as_mut()) {
        Some(pane) => {
            pane.said = Some((text, good));
            model.changed = true;
        }
        None => notify(model, if good { Tone::Good } else { Tone::Bad }, text),
    }
    Vec::new()
}

/// Asks what the times mean when they were changed.
pub(super) fn follow(model: &mut Model) -> Vec<Cmd> {
    let Some(form) = form(model) else {
        return Vec::new();
    };
    let wanted = form.wanted();
    if form.when.as_ref().map(|(when, _)| when) == wanted.as_ref() {
        return Vec::new();
    }
    form.when = wanted.clone().map(|when| (when, None));
    let dialog = form.number;
    let ask = wanted.map(|when| Cmd::LookAhead { dialog, when });
    ask.into_iter().collect()
}

pub(super) fn ahead(
    model: &mut Model,
    dialog: u64,
    asked: &When,
    result: Result<Ahead, Failure>,
) -> Vec<Cmd> {
    if let Some(form) = form_of(model, dialog)
        && let Some((when, answer)) = &mut form.when
        && when == asked
    {
        *answer = Some(result.map_err(|f| f.text));
        model.changed = true;
    }
    Vec::new()
}

pub(super) fn previewed(
    model: &mut Model,
    dialog: u64,
    user: i64,
    result: Result<Preview, Failure>,
) -> Vec<Cmd> {
    if let Some(form) = form_of(model, dialog)
        && let Some(pane) = &mut form.preview
        && pane.user == user
    {
        pane.mail = Some(result.map_err(|f| f.text));
        model.changed = true;
    }
    Vec::new()
}

pub(super) fn templates(model: &mut Model, dialog: u64, names: Vec<String>) -> Vec<Cmd> {
    if let Some(form) = form_of(model, dialog) {
        form.templates = names;
        model.changed = true;
    }
    Vec::new()
}

/// Counted for a form, or for a schedule that is to run now.
pub(super) fn audience(model: &mut Model, dialog: u64, result: Result<u64, Failure>) -> Vec<Cmd> {
    match form_of(model, dialog) {
        Some(form) => {
            form.audience = Some(result.map_err(|f| f.text));
            model.changed = true;
        }
        None => schedules::counted(model, dialog, result),
    }
    Vec::new()
}

pub(super) fn created(model: &mut Model, dialog: u64, result: Result<Made, Failure>) -> Vec<Cmd> {
    let mut reach = String::new();
    let form = form_of(model, dialog);
    let mine = form.is_some();
    if let Some(form) = form {
        form.sending = false;
        if let Some(Ok(n)) = form.audience {
            reach = format!(" to {} people", count(n));
        }
    }
    model.changed = true;
    match result {
        Ok(made) => {
            if mine {
                model.dialog = None;
            }
            notify(model, Tone::Good, told(&made, &reach));
            feeds::refresh(model)
        }
        Err(failure) => {
            match form_of(model, dialog) {
                Some(form) => form.error = Some(failure.text),
                None => notify(model, Tone::Bad, format!("not created: {}", failure.text)),
            }
            Vec::new()
        }
    }
}

fn told(made: &Made, reach: &str) -> String {
    match made {
        Made::Campaign(view) => match &view.start_at {
            Some(at) => format!("campaign {} {:?} starts {at}", view.id, view.name),
            None => format!("campaign {} {:?} is on its way{reach}", view.id, view.name),
        },
        Made::Schedule(view) => {
            let next = view.next.first().map_or("never", String::as_str);
            format!("schedule {} {:?}: next {next}", view.id, view.name)
        }
    }
}
