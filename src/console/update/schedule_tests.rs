//! The form's times, its preview, and what is done to a schedule.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{super::fixture, *};
use crate::console::{
    dialog::{Confirm, ConfirmStage, Dialog},
    form::{CampaignForm, Field, Start},
    message::{Change, Failure, Order, ScheduleVerb},
    samples,
};
use crate::ops::When;

fn press(model: &mut Model, keys: &[KeyCode]) -> Vec<Cmd> {
    let mut cmds = Vec::new();
    for code in keys {
        let key = KeyEvent::new(*code, KeyModifiers::NONE);
        cmds.extend(update(model, model.now_ms, Msg::Key(key)));
    }
    cmds
}

fn text(model: &mut Model, text: &str) -> Vec<Cmd> {
    let keys: Vec<_> = text.chars().map(KeyCode::Char).collect();
    press(model, &keys)
}

fn form(model: &Model) -> &CampaignForm {
    match &model.dialog {
        Some(Dialog::Create(form)) => form,
        other => panic!("no form, but {other:?}"),
    }
}

/// Tab, until that field has the focus.
fn to(model: &mut Model, field: Field) {
    for _ in 0..20 {
        if form(model).focus == field {
            return;
        }
        press(model, &[KeyCode::Tab]);
    }
    panic!("there is no {field:?}");
}

fn audience(model: &mut Model, n: u64) {
    let dialog = form(model).number;
    update(model, model.now_ms, Msg::Audience(dialog, Ok(n)));
}

fn confirm(model: &Model) -> &Confirm {
    match &model.dialog {
        Some(Dialog::Confirm(confirm)) => confirm,
        other => panic!("no question, but {other:?}"),
    }
}

fn ordered(cmds: &[Cmd]) -> &Order {
    match cmds {
        [Cmd::Create { order, .. }] => order,
        other => panic!("nothing is created, but {other:?}"),
    }
}

#[test]
fn a_campaign_starts_at_a_time_in_a_zone() {
    let mut model = fixture::working();
    text(&mut model, "cWinter");
    audience(&mut model, 3);
    to(&mut model, Field::Start);
    let cmds = press(&mut model, &[KeyCode::Right, KeyCode::Tab]);
    assert!(cmds.is_empty(), "nothing is typed yet: {cmds:?}");
    to(&mut model, Field::Create);
    press(&mut model, &[KeyCode::Enter]);
    let error = form(&model).error.clone().expect("no time was given");
    assert!(error.starts_with("say when"), "{error}");
    to(&mut model, Field::At);
    let cmds = text(&mut model, "2027-01-05T09:00");
    let when = When::At("2027-01-05T09:00".to_owned(), "UTC".to_owned());
    assert!(
        matches!(cmds.last(), Some(Cmd::LookAhead { when: w, .. }) if *w == when),
        "{cmds:?}"
    );
    to(&mut model, Field::Create);
    let cmds = press(&mut model, &[KeyCode::Enter]);
    let Order::Campaign(new) = ordered(&cmds) else {
        panic!("{cmds:?}");
    };
    let start = (new.at.as_deref(), new.tz.as_deref());
    assert_eq!(start, (Some("2027-01-05T09:00"), Some("UTC")));
}

#[test]
fn a_late_answer_about_other_times_is_dropped_and_a_wrong_time_stops_it() {
    let mut model = fixture::working();
    text(&mut model, "6n");
    assert_eq!(form(&model).start, Start::Again);
    text(&mut model, "Weekly");
    audience(&mut model, 3);
    to(&mut model, Field::Cron);
    let cmds = text(&mut model, "0 9 * * mo");
    let Some(Cmd::LookAhead { dialog, when }) = cmds.last().cloned() else {
        panic!("{cmds:?}");
    };
    text(&mut model, "n");
    let error = Failure {
        away: false,
        text: "mo is no day".to_owned(),
    };
    update(
        &mut model,
        30_000,
        Msg::Ahead(dialog, when, Err(error.clone())),
    );
    let (now, answer) = form(&model).when.clone().expect("it is asked about");
    assert_eq!(answer, None, "the answer is about what was typed before");
    update(
        &mut model,
        30_000,
        Msg::Ahead(dialog, now.clone(), Err(error)),
    );
    to(&mut model, Field::Create);
    assert!(press(&mut model, &[KeyCode::Enter]).is_empty());
    assert_eq!(form(&model).error.as_deref(), Some("mo is no day"));
    update(
        &mut model,
        30_000,
        Msg::Ahead(dialog, now, Ok(samples::ahead())),
    );
    let cmds = press(&mut model, &[KeyCode::Enter]);
    let Order::Schedule(None, asked) = ordered(&cmds) else {
        panic!("{cmds:?}");
    };
    let told = (asked.cron.as_deref(), asked.misfire.as_deref());
    assert_eq!(told, (Some("0 9 * * mon"), Some("once")));

    // The reply was lost; sent again it is the same schedule.
    let key = asked.idempotency_key.clone();
    assert!(key.is_some());
    let lost = Err(fixture::failure("no answer in 15 s"));
    update(&mut model, 30_200, Msg::Created(dialog, lost));
    let cmds = press(&mut model, &[KeyCode::Enter]);
    let Order::Schedule(None, asked) = ordered(&cmds) else {
        panic!("{cmds:?}");
    };
    assert_eq!(asked.idempotency_key, key);
}

#[test]
fn an_edited_schedule_keeps_the_words_that_were_not_touched() {
    let mut model = fixture::working();
    text(&mut model, "6e");
    assert_eq!(form(&model).cron.text(), "0 9 * * mon-fri");
    to(&mut model, Field::Create);
    let cmds = press(&mut model, &[KeyCode::Enter]);
    let Order::Schedule(Some(1), asked) = ordered(&cmds) else {
        panic!("{cmds:?}");
    };
    assert_eq!(asked.words, crate::ops::AskedWords::default());
    assert_eq!(asked.tz.as_deref(), Some("Europe/Berlin"));
}

#[test]
fn a_preview_goes_from_user_to_user_and_esc_leads_back_to_the_form() {
    let mut model = fixture::working();
    text(&mut model, "cWinter");
    to(&mut model, Field::Variables);
    text(&mut model, "code");
    to(&mut model, Field::Preview);
    assert!(press(&mut model, &[KeyCode::Enter]).is_empty());
    let error = form(&model).error.clone().expect("no value was given");
    assert!(error.contains("NAME=VALUE"), "{error}");
    to(&mut model, Field::Variables);
    text(&mut model, "=X; n=2");
    to(&mut model, Field::Preview);
    let cmds = press(&mut model, &[KeyCode::Enter, KeyCode::Right]);
    let [
        Cmd::Preview { user: 1, words, .. },
        Cmd::Preview { user: 2, .. },
    ] = cmds.as_slice()
    else {
        panic!("{cmds:?}");
    };
    let variables = serde_json::json!({"code": "X", "n": 2});
    assert_eq!(words.variables.clone().map(Into::into), Some(variables));
    update(
        &mut model,
        30_000,
        Msg::Previewed(1, 1, Ok(samples::preview())),
    );
    let pane = form(&model).preview.clone().expect("it is looked at");
    assert_eq!(pane.mail, None, "the mail of the user before came late");
    press(&mut model, &[KeyCode::Esc]);
    assert_eq!(form(&model).preview, None);
    press(&mut model, &[KeyCode::Esc]);
    assert_eq!(model.dialog, None);
}

#[test]
fn each_verb_asks_first_and_only_where_it_can_be_done() {
    let cases = [
        ("P", Some(ScheduleVerb::Pause)),
        ("U", None),
        ("R", Some(ScheduleVerb::Run)),
        ("X", Some(ScheduleVerb::Remove)),
    ];
    for (key, verb) in cases {
        let mut model = fixture::working();
        assert!(
            text(&mut model, &format!("6{key}"))
                .iter()
                .all(|c| !matches!(c, Cmd::Change { .. }))
        );
        match verb {
            Some(verb) => assert_eq!(confirm(&model).change, Change::Schedule(verb, 1)),
            None => {
                let notice = model.notice.clone().expect("a refusal");
                assert_eq!(notice.text, "schedule 1 is active");
            }
        }
    }
}

#[test]
fn to_run_it_now_the_number_of_people_is_typed() {
    let asked = |audience| {
        let mut model = fixture::working();
        text(&mut model, "6R");
        let Some(Dialog::Confirm(question)) = &model.dialog else {
            panic!("{:?}", model.dialog)
        };
        let number = question.number;
        // Nothing can be confirmed before they are counted.
        let keys = [KeyCode::Tab, KeyCode::Tab, KeyCode::Right];
        assert_eq!(press(&mut model, &keys), []);
        update(&mut model, 30_000, Msg::Audience(number, audience));
        model
    };
    let mut model = asked(Ok(1_200));
    press(&mut model, &[KeyCode::BackTab]);
    text(&mut model, "1200");
    let cmds = press(&mut model, &[KeyCode::Tab, KeyCode::Tab, KeyCode::Enter]);
    assert!(
        matches!(cmds.as_slice(), [Cmd::Change { .. }]),
        "{cmds:?}: {:?}",
        model.dialog
    );
    let mut few = asked(Ok(30));
    let cmds = press(&mut few, &[KeyCode::Right, KeyCode::Enter]);
    assert!(matches!(cmds.as_slice(), [Cmd::Change { .. }]), "{cmds:?}");
    for audience in [Ok(0), Err(fixture::failure("the database is away"))] {
        let model = asked(audience);
        let Some(Dialog::Confirm(question)) = &model.dialog else {
            panic!("{:?}", model.dialog)
        };
        assert_eq!(question.stage, ConfirmStage::Refused);
    }
}

#[test]
fn a_test_mail_is_asked_for_by_its_address() {
    let mut model = fixture::working();
    text(&mut model, "2Tann@example.com");
    press(&mut model, &[KeyCode::Enter]);
    let change = Change::TestSend {
        campaign: 8,
        to: "ann@example.com".to_owned(),
    };
    assert_eq!(confirm(&model).change, change);
}
