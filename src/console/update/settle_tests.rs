//! Pending entries put among the dead letters or acknowledged: from the key to the change that is sent.

use super::{super::fixture, pressing::type_keys, *};
use crate::{
    console::{
        data::Data,
        dialog::{Confirm, ConfirmStage, Dialog},
        message::{Change, Failure},
        model::Screen,
    },
    ops::{PlannedEnd, SettlePlan, SettleRequest, SettleVerb, Which},
};

/// What is asked of `ops`.
fn asked(cmds: Vec<Cmd>) -> (u64, Vec<SettleRequest>) {
    let found = cmds.into_iter().find_map(|cmd| match cmd {
        Cmd::PlanSettle { dialog, requests } => Some((dialog, requests)),
        _ => None,
    });
    found.expect("a plan is asked for")
}

fn question(model: &Model) -> &Confirm {
    match &model.dialog {
        Some(Dialog::Confirm(confirm)) => confirm,
        other => panic!("no question, but {other:?}"),
    }
}

fn text(model: &Model) -> String {
    let lines = question(model).lines.iter().map(|(text, _)| text.as_str());
    lines.collect::<Vec<_>>().join("\n")
}

/// The plan of a request, all of it idle for `idle_ms`.
fn plan(request: &SettleRequest, idle_ms: u64) -> SettlePlan {
    let Which::Entries(entries) = &request.which else {
        panic!("{request:?}")
    };
    let item = |entry: &crate::ops::PlannedId| PlannedEnd {
        entry: entry.clone(),
        owner: fixture::GONE.to_owned(),
        idle_ms,
        deliveries: 9,
        what: "campaign 7, user 17".to_owned(),
    };
    SettlePlan {
        verb: request.verb,
        stream: request.stream.clone(),
        group: request.group.clone(),
        min_idle_ms: 60_000,
        items: entries.iter().map(item).collect(),
        absent: Vec::new(),
        more: false,
        after: "They count as failed.",
        commands: Vec::new(),
    }
}

fn answered(model: &mut Model, dialog: u64, plans: Vec<SettlePlan>) {
    let now_ms = model.now_ms;
    update(model, now_ms, Msg::SettlePlanned(dialog, Ok(plans)));
}

#[test]
fn the_plan_is_read_first_and_cancel_has_the_focus() {
    for (key, verb) in [
        ("X", SettleVerb::DeadLetter),
        ("K", SettleVerb::Acknowledge),
    ] {
        let mut model = fixture::working();
        let (dialog, requests) = asked(type_keys(&mut model, &format!("4{key}")));
        assert_eq!((requests.len(), requests[0].verb), (1, verb));
        assert_eq!(requests[0].min_idle_ms, Some(60_000), "the visibility time");
        assert_eq!(question(&model).stage, ConfirmStage::Planning);
        assert!(type_keys(&mut model.clone(), "\t\n").is_empty());
        let plan = plan(&requests[0], 61_000);
        answered(&mut model, dialog, vec![plan.clone()]);
        let shown = text(&model);
        for part in [
            fixture::GONE,
            "9 times",
            "campaign 7, user 17",
            "They count as failed.",
        ] {
            assert!(shown.contains(part), "{shown}");
        }
        let cmds = type_keys(&mut model.clone(), "\n");
        assert!(!cmds.iter().any(|cmd| matches!(cmd, Cmd::Change { .. })));
        let change = Change::Settle(vec![plan]);
        assert_eq!(
            type_keys(&mut model, "\t\n"),
            [Cmd::Change { dialog, change }]
        );
    }
}

#[test]
fn the_marked_ids_are_frozen_one_request_a_group_and_above_100_the_count_is_typed() {
    let mut model = fixture::working();
    fixture::fill(
        &mut model,
        Screen::Pending,
        Data::Stuck(fixture::stuck(150)),
    );
    let (dialog, requests) = asked(type_keys(&mut model, "4aX"));
    let ids = |request: &SettleRequest| match &request.which {
        Which::Entries(entries) => entries.len(),
        _ => 0,
    };
    assert_eq!(requests.iter().map(ids).sum::<usize>(), 150);
    let groups: Vec<&str> = requests.iter().map(|r| r.group.as_str()).collect();
    assert_eq!(groups, ["email-service", "notification-service"]);
    let plans: Vec<SettlePlan> = requests.iter().map(|r| plan(r, 61_000)).collect();
    answered(&mut model, dialog, plans.clone());
    // What comes later changes nothing of what was asked.
    fixture::fill(&mut model, Screen::Pending, Data::Stuck(fixture::stuck(3)));
    assert_eq!(question(&model).count, 150);
    assert!(
        type_keys(&mut model.clone(), "\t\n").is_empty(),
        "150 must be typed"
    );
    // From Cancel: the button, then the count.
    let cmds = type_keys(&mut model, "\t\t150\t\t\n");
    assert_eq!(
        cmds,
        [Cmd::Change {
            dialog,
            change: Change::Settle(plans)
        }]
    );
}

#[test]
fn what_is_not_idle_is_said_to_stay_and_what_is_gone_leaves_nothing_to_ask() {
    let mut model = fixture::working();
    let (dialog, requests) = asked(type_keys(&mut model, "4X"));
    answered(&mut model, dialog, vec![plan(&requests[0], 5_000)]);
    assert!(
        text(&model).contains("stays, not idle for 1m 0s"),
        "{}",
        text(&model)
    );

    let mut model = fixture::working();
    let (dialog, requests) = asked(type_keys(&mut model, "4X"));
    let mut none = plan(&requests[0], 0);
    none.absent = none.items.drain(..).map(|item| item.entry.id).collect();
    answered(&mut model, dialog, vec![none]);
    assert_eq!(question(&model).stage, ConfirmStage::Refused);
    assert!(text(&model).contains("is not pending any more"));
}

#[test]
fn a_refusal_is_shown_and_late_plans_and_read_only_open_nothing() {
    let mut model = fixture::working();
    let (dialog, requests) = asked(type_keys(&mut model, "4X"));
    let failure = Failure {
        away: false,
        text: "billing of orders is no group of the pipeline".to_owned(),
    };
    update(&mut model, 30_000, Msg::SettlePlanned(dialog, Err(failure)));
    assert_eq!(question(&model).stage, ConfirmStage::Refused);
    assert!(text(&model).contains("no group of the pipeline"));

    let mut model = fixture::working();
    answered(&mut model, dialog, vec![plan(&requests[0], 61_000)]);
    assert!(model.dialog.is_none(), "a plan that nobody waits for");
    model.setting.read_only = true;
    assert!(
        type_keys(&mut model, "4XK")
            .iter()
            .all(|cmd| !matches!(cmd, Cmd::PlanSettle { .. }))
    );
    assert!(model.dialog.is_none() && model.notice.is_some());
}

#[test]
fn what_one_consumer_holds_is_ended_from_its_list() {
    let mut model = fixture::working();
    type_keys(&mut model, "3jj\n");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    type_keys(&mut model, "\n");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    type_keys(&mut model, "j\n");
    fixture::fill_page(&mut model, Data::Held(fixture::held()));
    let (_, requests) = asked(type_keys(&mut model, " X"));
    assert_eq!(requests[0].verb, SettleVerb::DeadLetter);
    assert!(matches!(&requests[0].which, Which::Entries(entries) if entries.len() == 1));
}
