//! Claiming by keys: what is frozen, what is asked, what is watched.

use super::{
    super::fixture,
    pressing::{press, type_keys},
    *,
};
use crate::console::{
    data::Data,
    dialog::{ClaimDialog, ClaimField, ClaimStage, Dialog},
    model::Screen,
};
use crate::ops::{ClaimOutcome, ClaimReport, Claimed};

pub(super) fn claim_dialog(model: &Model) -> &ClaimDialog {
    match &model.dialog {
        Some(Dialog::Claim(dialog)) => dialog,
        other => panic!("no claim, but {other:?}"),
    }
}

/// Answers every plan that the commands ask for.
pub(super) fn plan_all(model: &mut Model, cmds: Vec<Cmd>) {
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
fn a_claim_takes_what_was_frozen_group_by_group() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 a C");
    let plans = cmds
        .iter()
        .filter(|c| matches!(c, Cmd::PlanClaim { .. }))
        .count();
    assert_eq!(plans, 2, "two groups");
    // The list changes behind the question; the question doesn't.
    fixture::fill(&mut model, Screen::Pending, Data::Stuck(fixture::stuck(30)));
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
    press(&mut model, "shift-tab");
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
    fixture::fill(
        &mut model,
        Screen::Pending,
        Data::Stuck(fixture::stuck(150)),
    );
    let cmds = press(&mut model, "a C");
    plan_all(&mut model, cmds);
    assert!(press(&mut model, "tab enter").is_empty());
    assert_eq!(
        claim_dialog(&model).error.as_deref(),
        Some("type 150 to confirm")
    );
    press(&mut model, "shift-tab shift-tab");
    assert_eq!(claim_dialog(&model).focus, ClaimField::Typed);
    type_keys(&mut model, "150");
    assert_eq!(press(&mut model, "tab tab enter").len(), 1);
}

#[test]
fn the_outcome_is_shown_and_the_new_owner_is_watched() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 space C");
    plan_all(&mut model, cmds);
    press(&mut model, "tab enter");
    let entry = claim_dialog(&model).parts[0].ids.as_ref().expect("marked")[0].clone();
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
    assert!(model.page().table.marks.is_empty());
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
fn what_a_consumer_holds_is_claimed_like_what_is_stuck() {
    let mut model = fixture::working();
    press(&mut model, "3 down down enter");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    press(&mut model, "enter");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    press(&mut model, "j enter");
    fixture::fill_page(&mut model, Data::Held(fixture::held()));
    let cmds = press(&mut model, "space j v C");
    let asked = cmds.iter().filter_map(|c| match c {
        Cmd::PlanClaim { request, .. } => Some(request.which.clone()),
        _ => None,
    });
    let many: usize = asked
        .map(|which| match which {
            crate::ops::Which::Entries(ids) => ids.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(many, 3);
}
