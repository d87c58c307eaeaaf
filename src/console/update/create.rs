//! Creating a campaign: the form, its question, its answer.

use super::super::{
    action::Act,
    dialog::{CreateField, CreateForm, Dialog, Input},
    message::{Cmd, Failure},
    model::{Model, Tone},
};
use super::{feeds, notify};
use crate::ops::{AskedWords, CampaignView, NewCampaign, wording::count};

pub(super) fn open(model: &mut Model) -> Vec<Cmd> {
    model.dialogs += 1;
    let number = model.dialogs;
    model.dialog = Some(Dialog::Create(CreateForm {
        number,
        name: Input::default(),
        subject: Input::default(),
        hold: false,
        typed: Input::default(),
        audience: None,
        focus: CreateField::Name,
        sending: false,
        error: None,
        // One form is one campaign, however often it is sent.
        idempotency_key: format!("console-{}-{number}", model.setting.session),
    }));
    vec![Cmd::CountAudience { dialog: number }]
}

pub(super) fn act(model: &mut Model, act: Act) -> Vec<Cmd> {
    let refusal = model.refusal();
    let Some(Dialog::Create(form)) = &mut model.dialog else {
        return Vec::new();
    };
    if form.sending {
        return Vec::new();
    }
    match act {
        Act::NextField => form.focus = neighbour(form, 1),
        Act::PreviousField => form.focus = neighbour(form, -1),
        Act::Less | Act::More => match form.focus {
            CreateField::Policy => form.hold = !form.hold,
            CreateField::Cancel | CreateField::Create => {
                form.focus = neighbour(form, if act == Act::More { 1 } else { -1 });
            }
            _ => {}
        },
        Act::Press => match form.focus {
            CreateField::Cancel => model.dialog = None,
            CreateField::Create => return send(model, refusal),
            _ => form.focus = neighbour(form, 1),
        },
        _ => {}
    }
    Vec::new()
}

fn neighbour(form: &CreateForm, by: isize) -> CreateField {
    let fields = form.fields();
    let here = fields.iter().position(|f| *f == form.focus).unwrap_or(0);
    let there = (here as isize + by).rem_euclid(fields.len() as isize);
    fields[there as usize]
}

fn send(model: &mut Model, refusal: Option<&str>) -> Vec<Cmd> {
    let Some(Dialog::Create(form)) = &mut model.dialog else {
        return Vec::new();
    };
    if let Some(obstacle) = refusal.map(str::to_owned).or_else(|| form.obstacle()) {
        form.error = Some(obstacle);
        return Vec::new();
    }
    form.sending = true;
    form.error = None;
    let subject = form.subject.0.trim();
    let new = NewCampaign {
        name: form.name.0.trim().to_owned(),
        words: AskedWords {
            subject: (!subject.is_empty()).then(|| subject.to_owned()),
            ..AskedWords::default()
        },
        in_doubt: if form.hold { "hold" } else { "resend" }.to_owned(),
        idempotency_key: Some(form.idempotency_key.clone()),
        ..NewCampaign::default()
    };
    vec![Cmd::Create {
        dialog: form.number,
        new,
    }]
}

pub(super) fn audience(model: &mut Model, dialog: u64, result: Result<u64, Failure>) -> Vec<Cmd> {
    if let Some(Dialog::Create(form)) = &mut model.dialog
        && form.number == dialog
    {
        form.audience = Some(result.map_err(|f| f.text));
        model.changed = true;
    }
    Vec::new()
}

pub(super) fn created(
    model: &mut Model,
    dialog: u64,
    result: Result<Box<CampaignView>, Failure>,
) -> Vec<Cmd> {
    let mut reach = String::new();
    let mut mine = false;
    if let Some(Dialog::Create(form)) = &mut model.dialog
        && form.number == dialog
    {
        mine = true;
        form.sending = false;
        if let Some(Ok(n)) = form.audience {
            reach = format!(" to {} people", count(n));
        }
    }
    model.changed = true;
    match result {
        Ok(view) => {
            if mine {
                model.dialog = None;
            }
            let text = format!("campaign {} {:?} is on its way{reach}", view.id, view.name);
            notify(model, Tone::Good, text);
            feeds::refresh(model)
        }
        Err(failure) => {
            match &mut model.dialog {
                Some(Dialog::Create(form)) if mine => form.error = Some(failure.text),
                _ => notify(model, Tone::Bad, format!("not created: {}", failure.text)),
            }
            Vec::new()
        }
    }
}
