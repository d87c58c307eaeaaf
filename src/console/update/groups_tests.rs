//! Groups made and moved, consumers removed, workers drained: from the key to the change that is sent.

use super::{
    super::fixture,
    pressing::{press, type_keys},
    *,
};
use crate::{
    console::{
        data::Data,
        dialog::{Confirm, ConfirmField, ConfirmStage, Dialog},
        message::{Change, Failure},
        model::Asked,
    },
    ops::{GroupPlan, GroupVerb},
};

/// The groups of the last stage.
fn groups() -> Model {
    let mut model = fixture::working();
    press(&mut model, "3 j j enter");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    model
}

fn consumers() -> Model {
    let mut model = groups();
    press(&mut model, "enter");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    model
}

fn question(model: &Model) -> &Confirm {
    match &model.dialog {
        Some(Dialog::Confirm(confirm)) => confirm,
        other => panic!("no question, but {other:?}"),
    }
}

/// What is asked of `ops` for the plan.
fn planned(cmds: &[Cmd]) -> (u64, String, String, GroupVerb) {
    let found = cmds.iter().find_map(|cmd| match cmd {
        Cmd::PlanGroup {
            dialog,
            stream,
            group,
            verb,
        } => Some((*dialog, stream.clone(), group.clone(), verb.clone())),
        _ => None,
    });
    found.expect("a plan is asked for")
}

fn plan(stream: &str, group: &str, verb: GroupVerb) -> GroupPlan {
    GroupPlan {
        stream: stream.to_owned(),
        group: group.to_owned(),
        sources: Vec::new(),
        before: vec!["{comms:0}:email-notification: last delivered 7-0, 3 pending".to_owned()],
        warnings: vec!["entries after that id are delivered again".to_owned()],
        commands: vec!["XGROUP SETID {comms:0}:email-notification email-service 0".to_owned()],
        verb,
    }
}

#[test]
fn a_group_is_made_by_name_and_id_after_its_plan_was_seen() {
    let mut model = groups();
    press(&mut model, "N");
    assert_eq!(
        model.prompt.as_ref().map(|p| p.asked),
        Some(Asked::NewGroup)
    );
    type_keys(&mut model, "audit $");
    let cmds = press(&mut model, "enter");
    let (dialog, stream, group, verb) = planned(&cmds);
    let from = "$".to_owned();
    assert_eq!(
        (stream.as_str(), group.as_str(), &verb),
        ("email-notification", "audit", &GroupVerb::Create { from })
    );
    assert_eq!(question(&model).stage, ConfirmStage::Planning);
    assert!(
        press(&mut model, "right enter").is_empty(),
        "nothing can be confirmed before the plan is there"
    );
    let mut model = groups();
    let (late, plan) = (dialog, plan(&stream, &group, verb));
    update(&mut model, 30_000, Msg::GroupPlanned(late, Ok(plan)));
    assert!(model.dialog.is_none(), "a plan that nobody waits for");
}

#[test]
fn what_a_group_has_read_is_set_with_cancel_in_focus_and_the_command_shown() {
    let mut model = groups();
    press(&mut model, "I");
    type_keys(&mut model, "0");
    let cmds = press(&mut model, "enter");
    let (dialog, stream, group, verb) = planned(&cmds);
    assert_eq!(group, "email-service");
    let plan = plan(&stream, &group, verb);
    let now_ms = model.now_ms;
    update(
        &mut model,
        now_ms,
        Msg::GroupPlanned(dialog, Ok(plan.clone())),
    );
    assert_eq!(question(&model).stage, ConfirmStage::Asking);
    let shown = question(&model).lines.iter().map(|(text, _)| text.as_str());
    assert!(
        shown
            .collect::<Vec<_>>()
            .join("\n")
            .contains("XGROUP SETID")
    );
    // Cancel has the focus.
    let cmds = press(&mut model.clone(), "enter");
    assert!(!cmds.iter().any(|cmd| matches!(cmd, Cmd::Change { .. })));
    let cmds = press(&mut model, "right enter");
    let change = Change::Group(Box::new(plan));
    assert_eq!(cmds, [Cmd::Change { dialog, change }]);
}

#[test]
fn a_consumer_that_holds_entries_is_not_removed_and_the_reason_is_shown() {
    let mut model = consumers();
    let cmds = press(&mut model, "j X");
    let (dialog, _, group, verb) = planned(&cmds);
    let consumer = fixture::GONE.to_owned();
    assert_eq!(
        (group.as_str(), verb),
        ("email-service", GroupVerb::DeleteConsumer { consumer })
    );
    let failure = Failure {
        away: false,
        text: "it holds 212 entries, which would be thrown away".to_owned(),
    };
    let now_ms = model.now_ms;
    update(&mut model, now_ms, Msg::GroupPlanned(dialog, Err(failure)));
    assert_eq!(question(&model).stage, ConfirmStage::Refused);
    assert!(question(&model).lines[1].0.contains("212 entries"));
    assert!(press(&mut model, "right enter").is_empty());
    assert!(model.dialog.is_none(), "closed");
}

#[test]
fn groups_are_not_changed_in_read_only_mode_nor_from_the_wrong_level() {
    let mut model = groups();
    model.setting.read_only = true;
    press(&mut model, "N");
    assert!(model.prompt.is_none() && model.notice.is_some());
    let mut model = consumers();
    press(&mut model, "N");
    assert!(model.prompt.is_none());
    let mut model = groups();
    assert!(press(&mut model, "X").is_empty());
    press(&mut model, "N");
    type_keys(&mut model, "one two three");
    assert!(
        press(&mut model, "enter")
            .iter()
            .all(|cmd| !matches!(cmd, Cmd::PlanGroup { .. }))
    );
    assert!(model.notice.is_some());
}

#[test]
fn a_worker_is_drained_as_planned_after_a_question_that_says_who_is_left() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "8 G D");
    let looks = cmds.into_iter().find_map(|cmd| match cmd {
        Cmd::PlanDrain { dialog, worker } => Some((dialog, worker)),
        _ => None,
    });
    let (dialog, worker) = looks.expect("a look at the worker");
    assert_eq!(question(&model).fields(), [ConfirmField::Cancel]);
    let plan = fixture::drain_plan(&model, &worker);
    let mut refused = model.clone();
    update(
        &mut model,
        30_000,
        Msg::DrainPlanned(dialog, Ok(plan.clone())),
    );
    let lines = question(&model).lines.iter().map(|l| l.0.as_str());
    let lines: Vec<&str> = lines.collect();
    for line in [&plan.warnings[0], &plan.command] {
        assert!(lines.contains(&line.as_str()), "{lines:?}");
    }
    assert!(
        press(&mut model.clone(), "enter").is_empty(),
        "Cancel has the focus"
    );
    let change = Change::Drain(Box::new(plan));
    assert_eq!(
        press(&mut model, "right enter"),
        [Cmd::Change { dialog, change }]
    );
    let failure = Failure {
        away: false,
        text: "it is gone already".to_owned(),
    };
    update(
        &mut refused,
        30_000,
        Msg::DrainPlanned(dialog, Err(failure)),
    );
    assert_eq!(question(&refused).stage, ConfirmStage::Refused);
    // One that is gone can't be drained.
    let mut model = fixture::working();
    press(&mut model, "8 j D");
    assert!(model.dialog.is_none());
}
