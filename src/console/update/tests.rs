use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{super::fixture, *};
use crate::console::{
    dialog::{ClaimDialog, ClaimField, ClaimStage, CreateField, CreateForm, Dialog},
    message::Failure,
    model::{Link, Screen, View},
};
use crate::ops::{ClaimOutcome, ClaimReport, Claimed, Status};

/// Presses keys written as in the help: `c`, `space`, `tab`, `enter`, `esc`, `down`, `ctrl-c`.
fn press(model: &mut Model, keys: &str) -> Vec<Cmd> {
    let mut cmds = Vec::new();
    for key in keys.split(' ') {
        let (modifiers, key) = match key.strip_prefix("ctrl-") {
            Some(key) => (KeyModifiers::CONTROL, key),
            None => (KeyModifiers::NONE, key),
        };
        let code = match key {
            "space" => KeyCode::Char(' '),
            "tab" => KeyCode::Tab,
            "backtab" => KeyCode::BackTab,
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "end" => KeyCode::End,
            "pgdn" => KeyCode::PageDown,
            key => KeyCode::Char(key.chars().next().expect("a key")),
        };
        let now_ms = model.now_ms;
        cmds.extend(update(
            model,
            now_ms,
            Msg::Key(KeyEvent::new(code, modifiers)),
        ));
    }
    cmds
}

fn type_text(model: &mut Model, text: &str) {
    for c in text.chars() {
        let now_ms = model.now_ms;
        update(model, now_ms, Msg::Key(KeyEvent::from(KeyCode::Char(c))));
    }
}

fn form(model: &Model) -> &CreateForm {
    match &model.dialog {
        Some(Dialog::Create(form)) => form,
        other => panic!("no form, but {other:?}"),
    }
}

fn claim_dialog(model: &Model) -> &ClaimDialog {
    match &model.dialog {
        Some(Dialog::Claim(dialog)) => dialog,
        other => panic!("no claim, but {other:?}"),
    }
}

fn failure(text: &str) -> Failure {
    Failure {
        away: true,
        text: text.to_owned(),
    }
}

/// Answers every plan that the commands ask for.
fn plan_all(model: &mut Model, cmds: Vec<Cmd>) {
    for cmd in cmds {
        if let Cmd::PlanClaim {
            dialog,
            part,
            request,
        } = cmd
        {
            let plan = Ok(fixture::plan(&request));
            let now_ms = model.now_ms;
            update(model, now_ms, Msg::Planned { dialog, part, plan });
        }
    }
}

#[test]
fn keys_lead_from_screen_to_screen() {
    for (keys, screen) in [
        ("4", Screen::Pending),
        ("8", Screen::Workers),
        ("4 1", Screen::Pipeline),
        ("tab", Screen::Pending),
        ("tab tab", Screen::Workers),
        ("tab tab tab", Screen::Pipeline),
    ] {
        let mut model = fixture::working();
        press(&mut model, keys);
        assert_eq!(model.screen, screen, "{keys}");
    }
}

#[test]
fn the_selection_moves_within_the_list() {
    for (keys, row) in [
        ("j", 1),
        ("j j k", 1),
        ("k", 0),
        ("G", 11),
        ("G j", 11),
        ("G g", 0),
        ("pgdn", 10),
        ("down", 1),
    ] {
        let mut model = fixture::working();
        press(&mut model, &format!("4 {keys}"));
        assert_eq!(model.selected_entry(), Some(row), "{keys}");
    }
}

#[test]
fn the_selection_stays_on_its_entry_when_the_list_moves() {
    let mut model = fixture::working();
    press(&mut model, "4 j j j");
    let mut stuck = fixture::stuck(12);
    stuck.entries.remove(0);
    let generation = fixture::begin(&mut model.stuck);
    update(
        &mut model,
        31_000,
        Msg::Stuck(generation, Ok(stuck.clone())),
    );
    assert_eq!(
        model.selected_entry(),
        Some(2),
        "the same entry, one row higher"
    );
    stuck.entries.remove(2);
    let generation = fixture::begin(&mut model.stuck);
    update(&mut model, 32_000, Msg::Stuck(generation, Ok(stuck)));
    assert_eq!(
        model.selected_entry(),
        Some(2),
        "its entry is gone, the place stays"
    );
}

#[test]
fn marks_go_with_their_entries() {
    let mut model = fixture::working();
    press(&mut model, "4 space space");
    assert_eq!((model.marks.len(), model.selected_entry()), (2, Some(2)));
    press(&mut model, "g space");
    assert_eq!(model.marks.len(), 1);
    press(&mut model, "a");
    assert_eq!(model.marks.len(), 12);
    let generation = fixture::begin(&mut model.stuck);
    update(
        &mut model,
        31_000,
        Msg::Stuck(generation, Ok(fixture::stuck(5))),
    );
    assert_eq!(model.marks.len(), 5);
    press(&mut model, "a");
    assert!(model.marks.is_empty());
}

#[test]
fn only_one_request_of_a_kind_is_under_way_and_late_replies_are_dropped() {
    let mut model = fixture::loading();
    let first = update(&mut model, 0, Msg::Tick);
    assert_eq!(
        first,
        [
            Cmd::Fetch {
                view: View::Status,
                generation: 1
            },
            Cmd::Fetch {
                view: View::Campaigns,
                generation: 1
            }
        ]
    );
    assert!(update(&mut model, 5_000, Msg::Tick).is_empty());
    assert!(
        press(&mut model, "r r r").is_empty(),
        "wanted once more, when it is answered"
    );
    let next = update(
        &mut model,
        5_100,
        Msg::Status(1, Ok(Box::new(fixture::status(5)))),
    );
    assert_eq!(
        next,
        [Cmd::Fetch {
            view: View::Status,
            generation: 2
        }]
    );
    let before = model.status.data.clone();
    update(&mut model, 5_200, Msg::Status(1, Ok(Box::default())));
    assert_eq!(
        model.status.data, before,
        "generation 1 has been answered already"
    );
}

#[test]
fn it_looks_every_second_and_four_times_as_often_while_a_campaign_runs() {
    let mut model = fixture::empty();
    assert_eq!(next_wake_ms(&model), 1_000);
    model = fixture::working();
    model.now_ms = 30_000;
    assert_eq!(model.campaigns.due_at_ms, 30_250);
    assert_eq!(next_wake_ms(&model), 30_000, "the status is due");
    let cmds = update(&mut model, 30_000, Msg::Tick);
    let Cmd::Fetch { generation, .. } = cmds[0] else {
        panic!("{cmds:?}")
    };
    update(
        &mut model,
        30_010,
        Msg::Status(generation, Ok(Box::new(fixture::status(31)))),
    );
    assert_eq!(model.status.due_at_ms, 30_260);
}

#[test]
fn what_is_the_same_is_not_drawn_again() {
    let mut model = fixture::working();
    model.changed = false;
    let generation = fixture::begin(&mut model.status);
    update(
        &mut model,
        31_000,
        Msg::Status(generation, Ok(Box::new(fixture::status(29)))),
    );
    assert!(!model.changed);
    update(&mut model, 31_100, Msg::Tick);
    assert!(!model.changed);
    let generation = fixture::begin(&mut model.status);
    update(
        &mut model,
        32_000,
        Msg::Status(generation, Ok(Box::new(fixture::status(30)))),
    );
    assert!(model.changed);
}

#[test]
fn away_is_a_state_that_keeps_the_data_and_comes_back() {
    let mut model = fixture::working();
    let mut delays = Vec::new();
    for _ in 0..6 {
        let generation = fixture::begin(&mut model.status);
        let now_ms = model.now_ms;
        update(
            &mut model,
            now_ms,
            Msg::Status(generation, Err(failure("connection refused"))),
        );
        let Link::Away {
            retry_at_ms,
            delay_ms,
            ..
        } = model.link
        else {
            panic!("not away")
        };
        delays.push(delay_ms);
        assert_eq!(retry_at_ms, model.now_ms + delay_ms);
        assert!(model.status.data.is_some() && next_wake_ms(&model) <= retry_at_ms);
        update(&mut model, retry_at_ms - 1, Msg::Tick);
        assert!(!model.status.in_flight);
    }
    assert_eq!(delays, [500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    let cmds = update(&mut model, 99_000, Msg::Tick);
    assert_eq!(cmds.len(), 1, "one question is enough: {cmds:?}");
    let generation = model.status.generation;
    update(
        &mut model,
        99_010,
        Msg::Status(generation, Ok(Box::new(fixture::status(40)))),
    );
    assert_eq!(model.link, Link::Up);
    assert_eq!(
        model.notice.as_ref().map(|n| n.text.as_str()),
        Some("Redis is back")
    );
    update(&mut model, 199_000, Msg::Tick);
    assert_eq!(model.notice, None);
}

#[test]
fn mutations_are_refused_while_away_and_in_read_only_mode() {
    let mut read_only = fixture::working();
    read_only.setting.read_only = true;
    for (mut model, word) in [
        (fixture::stale(), "away"),
        (read_only, "read-only"),
        (fixture::loading(), "not connected"),
    ] {
        for keys in ["c", "4 C"] {
            let cmds = press(&mut model, keys);
            assert_eq!(model.dialog, None);
            let made = cmds.iter().any(|c| !matches!(c, Cmd::Fetch { .. }));
            assert!(!made, "{cmds:?}");
        }
        if word != "not connected" {
            let notice = model.notice.clone().expect("a refusal");
            assert!(notice.text.contains(word), "{}", notice.text);
        }
    }
}

#[test]
fn a_campaign_is_created_only_with_the_audience_typed() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "c");
    assert_eq!(cmds, [Cmd::CountAudience { dialog: 1 }]);
    type_text(&mut model, "quick q?");
    assert_eq!(
        form(&model).name.0,
        "quick q?",
        "keys are text in a text field"
    );
    press(&mut model, "enter");
    type_text(&mut model, "Hello");
    press(&mut model, "tab right");
    assert!(form(&model).hold);
    update(&mut model, 30_100, Msg::Audience(1, Ok(100_000)));

    press(&mut model, "tab tab tab enter");
    assert_eq!(form(&model).focus, CreateField::Create);
    assert_eq!(
        form(&model).error.as_deref(),
        Some("type 100000 to confirm")
    );
    press(&mut model, "backtab backtab");
    type_text(&mut model, "100,000");
    let cmds = press(&mut model, "tab tab enter");
    let [Cmd::Create { dialog: 1, new }] = cmds.as_slice() else {
        panic!("{cmds:?}")
    };
    assert_eq!(
        (
            new.name.as_str(),
            new.words.subject.as_deref(),
            new.in_doubt.as_str()
        ),
        ("quick q?", Some("Hello"), "hold")
    );
    let key = new.idempotency_key.clone();
    assert!(press(&mut model, "enter").is_empty(), "once is enough");

    // The reply was lost; sending again is the same campaign.
    update(
        &mut model,
        30_200,
        Msg::Created(1, Err(failure("no answer in 15 s"))),
    );
    let cmds = press(&mut model, "enter");
    let [Cmd::Create { new, .. }] = cmds.as_slice() else {
        panic!("{cmds:?}")
    };
    assert_eq!(new.idempotency_key, key);
    let view = crate::ops::CampaignView {
        id: 9,
        name: "quick q?".to_owned(),
        ..Default::default()
    };
    update(&mut model, 30_300, Msg::Created(1, Ok(Box::new(view))));
    assert_eq!(model.dialog, None);
    assert!(
        model
            .notice
            .as_ref()
            .is_some_and(|n| n.text.starts_with("campaign 9"))
    );
    press(&mut model, "c");
    assert_ne!(Some(&form(&model).idempotency_key), key.as_ref());
}

#[test]
fn a_small_audience_needs_no_typing_and_an_empty_one_gets_nothing() {
    for (audience, created) in [(3, true), (0, false)] {
        let mut model = fixture::working();
        press(&mut model, "c x");
        update(&mut model, 30_100, Msg::Audience(1, Ok(audience)));
        let cmds = press(&mut model, "tab tab tab tab enter");
        assert_eq!(cmds.len() == 1, created, "{audience}");
    }
}

#[test]
fn cancel_has_the_focus_and_does_nothing() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 space C");
    plan_all(&mut model, cmds);
    assert_eq!(claim_dialog(&model).focus, ClaimField::Cancel);
    let cmds = press(&mut model, "enter");
    assert!(cmds.is_empty() && model.dialog.is_none());
}

#[test]
fn a_claim_takes_what_was_frozen_group_by_group() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 a C");
    let plans = cmds
        .iter()
        .filter(|c| matches!(c, Cmd::PlanClaim { .. }))
        .count();
    assert_eq!(plans, 2, "two groups");
    // The list changes behind the question; the question doesn't.
    let generation = fixture::begin(&mut model.stuck);
    update(
        &mut model,
        31_000,
        Msg::Stuck(generation, Ok(fixture::stuck(30))),
    );
    plan_all(&mut model, cmds);
    assert_eq!(claim_dialog(&model).planned(), 12);

    // Another target and a longer min-idle for the first group.
    press(&mut model, "tab tab right");
    let dialog = claim_dialog(&model);
    assert_eq!(dialog.focus, ClaimField::Target(0));
    press(&mut model, "tab tab right");
    assert_eq!(claim_dialog(&model).min_idle_ms, 300_000);
    let cmds = press(&mut model, "tab tab enter");
    let [Cmd::Claim { plans, .. }] = cmds.as_slice() else {
        panic!("{cmds:?}")
    };
    assert_eq!(plans[0].to, "mailbox-7f3a-4104-1731");
    assert_eq!(plans[1].to, fixture::LIVE);
    assert!(plans.iter().all(|p| p.min_idle_ms == 300_000));
    assert_eq!(claim_dialog(&model).stage, ClaimStage::Working);
}

#[test]
fn min_idle_never_becomes_zero() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 C");
    plan_all(&mut model, cmds);
    press(&mut model, "backtab");
    assert_eq!(claim_dialog(&model).focus, ClaimField::MinIdle);
    for _ in 0..20 {
        press(&mut model, "left");
    }
    assert_eq!(claim_dialog(&model).min_idle_ms, 1_000);
}

#[test]
fn above_a_hundred_the_count_must_be_typed() {
    let mut model = fixture::working();
    press(&mut model, "4");
    let generation = fixture::begin(&mut model.stuck);
    update(
        &mut model,
        31_000,
        Msg::Stuck(generation, Ok(fixture::stuck(150))),
    );
    let cmds = press(&mut model, "a C");
    plan_all(&mut model, cmds);
    assert!(press(&mut model, "tab enter").is_empty());
    assert_eq!(
        claim_dialog(&model).error.as_deref(),
        Some("type 150 to confirm")
    );
    press(&mut model, "backtab backtab");
    assert_eq!(claim_dialog(&model).focus, ClaimField::Typed);
    type_text(&mut model, "150");
    assert_eq!(press(&mut model, "tab tab enter").len(), 1);
}

#[test]
fn the_outcome_is_shown_and_the_new_owner_is_watched() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 space C");
    plan_all(&mut model, cmds);
    press(&mut model, "tab enter");
    let entry = claim_dialog(&model).parts[0].ids[0].clone();
    let report = ClaimReport {
        group: "email-service".to_owned(),
        to: fixture::LIVE.to_owned(),
        results: vec![Claimed {
            entry,
            outcome: ClaimOutcome::Claimed,
        }],
        audited: true,
    };
    let cmds = update(&mut model, 31_000, Msg::Claimed(1, vec![Ok(report)]));
    assert!(
        matches!(cmds[0], Cmd::LookAfterClaim { dialog: 1, .. }),
        "{cmds:?}"
    );
    update(&mut model, 31_010, Msg::ClaimLeft(1, Ok(1)));
    assert!(next_wake_ms(&model) <= 31_510);
    let cmds = update(&mut model, 31_600, Msg::Tick);
    assert!(
        cmds.iter().any(|c| matches!(c, Cmd::LookAfterClaim { .. })),
        "{cmds:?}"
    );
    update(&mut model, 31_610, Msg::ClaimLeft(1, Ok(0)));
    let cmds = update(&mut model, 33_000, Msg::Tick);
    assert!(
        !cmds.iter().any(|c| matches!(c, Cmd::LookAfterClaim { .. })),
        "{cmds:?}"
    );
    assert!(model.marks.is_empty());
}

#[test]
fn a_plan_without_a_live_target_cannot_be_pressed() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 C");
    for cmd in cmds {
        if let Cmd::PlanClaim {
            dialog,
            part,
            request,
        } = cmd
        {
            let mut plan = fixture::plan(&request);
            plan.targets.clear();
            plan.to.clear();
            update(
                &mut model,
                30_000,
                Msg::Planned {
                    dialog,
                    part,
                    plan: Ok(plan),
                },
            );
        }
    }
    assert!(press(&mut model, "tab enter").is_empty());
    assert!(
        claim_dialog(&model)
            .error
            .as_ref()
            .is_some_and(|e| e.contains("is alive"))
    );
}

#[test]
fn quit_is_q_and_ctrl_c_but_q_is_text_in_a_form() {
    let mut model = fixture::working();
    assert_eq!(press(&mut model, "q"), [Cmd::Quit]);
    press(&mut model, "c");
    assert!(press(&mut model, "q").is_empty());
    assert_eq!(press(&mut model, "ctrl-c"), [Cmd::Quit]);
    assert_eq!(press(&mut model, "ctrl-z"), [Cmd::Suspend]);
    press(&mut model, "esc ?");
    assert!(matches!(model.dialog, Some(Dialog::Help { .. })));
    press(&mut model, "q");
    assert_eq!(model.dialog, None, "closes the help only");
}

#[test]
fn a_reply_for_a_closed_dialog_is_harmless() {
    let mut model = fixture::working();
    press(&mut model, "c esc c");
    update(&mut model, 30_100, Msg::Audience(1, Ok(7)));
    assert_eq!(
        form(&model).audience,
        None,
        "the second form has asked for itself"
    );
    update(&mut model, 30_200, Msg::ClaimLeft(9, Ok(3)));
    update(
        &mut model,
        30_200,
        Msg::Status(77, Ok(Box::<Status>::default())),
    );
    assert!(model.status.data.is_some());
}
