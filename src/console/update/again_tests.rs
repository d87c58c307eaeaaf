//! What goes again: campaigns, failed recipients, dead letters, and the way of one message.

use super::{
    super::{fixture, samples},
    pressing::press,
    *,
};
use crate::console::{
    data::{Data, Query},
    dialog::{Confirm, ConfirmStage, Dialog},
    message::Change,
    model::{Place, Screen},
};

pub(super) fn question(model: &Model) -> &Confirm {
    match &model.dialog {
        Some(Dialog::Confirm(confirm)) => confirm,
        other => panic!("no question, but {other:?}"),
    }
}

pub(super) fn letters(model: &mut Model) {
    press(model, "5 enter");
    fixture::fill_page(model, Data::Letters(samples::letters(12)));
}

/// The change that a question sends when it is confirmed.
pub(super) fn confirmed(model: &mut Model) -> Change {
    let cmds = press(model, "right enter");
    let mut changes = cmds.into_iter().filter_map(|cmd| match cmd {
        Cmd::Change { change, .. } => Some(change),
        _ => None,
    });
    changes.next().expect("a change")
}

#[test]
fn a_campaign_is_steered_only_where_its_status_allows_it() {
    for (keys, expected) in [
        ("P", Some(Change::PauseCampaigns(vec![8]))),
        ("X", Some(Change::CancelCampaign(8))),
        ("U", None),
        ("R", None),
        ("j U", Some(Change::ResumeCampaign(7))),
        ("j P", None),
        ("j j X", None),
    ] {
        let mut model = fixture::working();
        press(&mut model, &format!("2 {keys}"));
        let asked = model.dialog.is_some();
        assert_eq!(asked, expected.is_some(), "{keys}");
        if let Some(expected) = expected {
            assert_eq!(confirmed(&mut model), expected, "{keys}");
        } else {
            assert!(model.notice.is_some(), "{keys}: it says why");
        }
    }
}

#[test]
fn what_failed_goes_again_whole_or_for_the_marked() {
    let mut model = fixture::working();
    press(&mut model, "2 enter");
    fixture::fill_page(&mut model, samples::campaign());
    let cmds = press(&mut model, "R");
    // The count that was looked at is a little old: who it is, is asked anew.
    let [
        Cmd::PlanRetry {
            campaign: 8, users, ..
        },
    ] = &cmds[..]
    else {
        panic!("{cmds:?}")
    };
    assert!(users.is_empty() && question(&model).stage == ConfirmStage::Planning);
    assert!(press(&mut model, "right enter").is_empty(), "no plan yet");
    // The reasons are the last three rows.
    press(&mut model, "G k enter");
    let Place::Failed(failed) = &model.page().place else {
        panic!("{:?}", model.page().place);
    };
    assert_eq!((failed.campaign, failed.group.code), (8, Some(452)));
    fixture::fill_page(&mut model, samples::failed());
    let cmds = press(&mut model, "space space R");
    let [
        Cmd::PlanRetry {
            dialog,
            campaign: 8,
            users,
        },
    ] = &cmds[..]
    else {
        panic!("{cmds:?}")
    };
    assert_eq!(*users, [41, 42]);
    let plan = samples::retry_plan(vec![41, 42]);
    update(
        &mut model,
        30_000,
        Msg::RetryPlanned(*dialog, Ok(plan.clone())),
    );
    assert_eq!(question(&model).count, 2);
    // Others fail meanwhile; the question stays about those two.
    fixture::fill_page(&mut model, samples::failed());
    let change = Change::RetryFailed(plan.into());
    assert_eq!(confirmed(&mut model), change);
}

#[test]
fn the_count_of_the_plan_is_typed_and_a_plan_of_nobody_is_no_question() {
    let mut model = fixture::working();
    press(&mut model, "2 enter");
    fixture::fill_page(&mut model, samples::campaign());
    press(&mut model, "R");
    let number = question(&model).number;
    let late = samples::retry_plan(vec![1]);
    update(&mut model, 30_000, Msg::RetryPlanned(number + 1, Ok(late)));
    assert_eq!(question(&model).stage, ConfirmStage::Planning, "another's");
    let plan = samples::retry_plan((1..=219).collect());
    update(&mut model, 30_000, Msg::RetryPlanned(number, Ok(plan)));
    let asked = question(&model);
    assert_eq!((asked.count, asked.word.as_deref()), (219, Some("219")));
    press(&mut model, "esc R");
    let number = question(&model).number;
    let nobody = samples::retry_plan(Vec::new());
    update(&mut model, 30_000, Msg::RetryPlanned(number, Ok(nobody)));
    assert_eq!(question(&model).stage, ConfirmStage::Refused);
}

#[test]
fn nothing_is_sent_again_while_read_only() {
    let mut model = fixture::working();
    letters(&mut model);
    model.setting.read_only = true;
    model.unmasked = true;
    for key in ["R", "O", "E", "X"] {
        press(&mut model, key);
        assert!(model.dialog.is_none() && model.prompt.is_none(), "{key}");
    }
}

#[test]
fn t_traces_a_recipient_from_wherever_one_is_named() {
    let traced = |model: &mut Model| {
        let cmds = press(model, "t");
        cmds.into_iter().find_map(|cmd| match cmd {
            Cmd::Ask {
                query: Query::Trace { campaign, user },
                ..
            } => Some((campaign, user)),
            _ => None,
        })
    };
    let mut model = fixture::working();
    letters(&mut model);
    press(&mut model, "j j");
    assert_eq!(traced(&mut model), Some((8, 2)));
    let mut model = fixture::working();
    press(&mut model, "4 j");
    assert_eq!(traced(&mut model), Some((8, 1)));
    let mut model = fixture::working();
    press(&mut model, "9");
    assert_eq!(traced(&mut model), None);
    assert_eq!(model.screen, Screen::Audit);
}
