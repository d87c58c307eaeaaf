//! Claiming what is stuck beyond what is listed.

use super::{super::fixture, pressing::type_keys, *};
use crate::{
    console::{
        data::Data,
        dialog::{ClaimDialog, ClaimField, Dialog},
        message::{Failure, Wanted},
        model::{Screen, Tone},
    },
    ops::{ClaimOutcome, ClaimReport, ClaimRequest, Claimed, PlannedId, Which},
};

/// The groups that are asked about, with what is wanted of them.
fn asked(cmds: Vec<Cmd>) -> Vec<(u64, usize, ClaimRequest, Wanted)> {
    let found = cmds.into_iter().filter_map(|cmd| match cmd {
        Cmd::PlanClaimAll {
            dialog,
            part,
            request,
            wanted,
        } => Some((dialog, part, request, wanted)),
        _ => None,
    });
    found.collect()
}

fn dialog(model: &Model) -> &ClaimDialog {
    match &model.dialog {
        Some(Dialog::Claim(dialog)) => dialog,
        other => panic!("no claim, but {other:?}"),
    }
}

#[test]
fn all_of_the_listed_groups_are_asked_about_whatever_is_marked() {
    let mut model = fixture::working();
    let asked = asked(type_keys(&mut model, "4 A"));
    let groups: Vec<&str> = asked.iter().map(|a| a.2.group.as_str()).collect();
    assert_eq!(groups, ["email-service", "notification-service"]);
    assert!(asked.iter().all(|a| a.3.consumer.is_none()));
    assert_eq!(dialog(&model).asked(), 0, "nothing is known yet");
    assert_eq!(dialog(&model).focus, ClaimField::Cancel);
    assert_eq!(
        dialog(&model).obstacle().as_deref(),
        Some("the plan is still being made")
    );
}

#[test]
fn the_filter_of_the_list_goes_with_the_question() {
    let mut model = fixture::working();
    let asked = asked(type_keys(&mut model, "4/held:4103\nA"));
    assert_eq!(asked.len(), 1, "only one group is listed");
    let wanted = &asked[0].3;
    assert_eq!(
        (wanted.filter.text(), wanted.faults_only),
        ("held:4103", false)
    );
}

#[test]
fn the_ids_are_frozen_by_the_plan_and_their_count_must_be_typed() {
    let mut model = fixture::working();
    let (number, part, request, _) = asked(type_keys(&mut model, "4/held:3990\nA")).remove(0);
    let entries = fixture::stuck(400)
        .entries
        .into_iter()
        .map(|s| crate::ops::PlannedId {
            source: s.entry.source,
            id: s.entry.id,
        });
    let request = ClaimRequest {
        which: Which::Entries(entries.collect()),
        ..request
    };
    let plan = Ok(fixture::plan(&request));
    update(
        &mut model,
        30_000,
        Msg::Planned {
            dialog: number,
            part,
            plan,
        },
    );
    assert_eq!(dialog(&model).asked(), 400);
    // What comes later changes nothing of what was asked.
    fixture::fill(&mut model, Screen::Pending, Data::Stuck(fixture::stuck(3)));
    assert_eq!(dialog(&model).must_type(), Some(400));
    assert!(type_keys(&mut model, "\t\n").is_empty());
    assert_eq!(dialog(&model).error.as_deref(), Some("type 400 to confirm"));
    while dialog(&model).focus != ClaimField::Typed {
        type_keys(&mut model, "\t");
    }
    type_keys(&mut model, "400\t\t");
    let cmds = type_keys(&mut model, "\n");
    let [Cmd::Claim { plans, .. }] = &cmds[..] else {
        panic!("{cmds:?}")
    };
    assert_eq!(plans[0].items.len(), 400);
}

#[test]
fn what_one_consumer_holds_is_asked_about_alone() {
    let mut model = fixture::working();
    type_keys(&mut model, "3jj\n");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    type_keys(&mut model, "\n");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    type_keys(&mut model, "j\n");
    fixture::fill_page(&mut model, Data::Held(fixture::held()));
    let asked = asked(type_keys(&mut model, "A"));
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|a| a.3.consumer.as_deref() == Some(fixture::GONE))
    );
}

#[test]
fn a_claim_whose_question_was_closed_tells_its_sum() {
    let stuck = fixture::stuck(2).entries.into_iter();
    let outcomes = [ClaimOutcome::Claimed, ClaimOutcome::Unknown];
    let claimed = stuck.zip(outcomes).map(|(stuck, outcome)| Claimed {
        entry: PlannedId {
            source: stuck.entry.source,
            id: stuck.entry.id,
        },
        outcome,
    });
    let report = ClaimReport {
        group: "email-service".to_owned(),
        to: fixture::LIVE.to_owned(),
        results: claimed.collect(),
        audited: true,
    };
    let mut whole = report.clone();
    whole.results.truncate(1);
    let failure = Failure {
        away: true,
        text: "Redis is away".to_owned(),
    };
    for (reports, tone, text) in [
        (vec![Ok(whole)], Tone::Good, "1 of 1 entry claimed"),
        (vec![Ok(report)], Tone::Bad, "1 of 2 entries claimed"),
        (
            vec![Err(failure)],
            Tone::Bad,
            "0 of 0 entries claimed; Redis is away",
        ),
    ] {
        let mut model = fixture::working();
        update(&mut model, 30_000, Msg::Claimed(7, reports));
        let notice = model.notice.as_ref().expect("a notice");
        assert_eq!((notice.tone, notice.text.as_str()), (tone, text));
    }
}
