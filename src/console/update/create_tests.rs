//! The form of a campaign, pressed by keys.

use super::{
    super::fixture,
    claim_tests::{claim_dialog, plan_all},
    pressing::{press, type_keys},
    *,
};
use crate::console::{
    dialog::{ClaimField, Dialog},
    form::{CampaignForm, Field},
    message::{Made, Order},
};

pub(super) fn form(model: &Model) -> &CampaignForm {
    match &model.dialog {
        Some(Dialog::Create(form)) => form,
        other => panic!("no form, but {other:?}"),
    }
}

fn ordered(cmds: &[Cmd]) -> &crate::ops::NewCampaign {
    match cmds {
        [
            Cmd::Create {
                dialog: 1,
                order: Order::Campaign(new),
            },
        ] => new,
        other => panic!("no campaign, but {other:?}"),
    }
}

#[test]
fn a_campaign_is_created_only_with_the_audience_typed() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "c");
    let dialog = 1;
    assert_eq!(
        cmds,
        [Cmd::CountAudience { dialog }, Cmd::ListTemplates { dialog }]
    );
    type_keys(&mut model, "quick q?");
    assert_eq!(
        form(&model).name.text(),
        "quick q?",
        "keys are text in a text field"
    );
    press(&mut model, "enter");
    type_keys(&mut model, "Hello");
    press(&mut model, "tab tab tab right");
    assert!(form(&model).hold);
    update(&mut model, 30_100, Msg::Audience(1, Ok(100_000)));

    press(&mut model, "tab tab tab tab tab enter");
    assert_eq!(form(&model).focus, Field::Create);
    assert_eq!(
        form(&model).error.as_deref(),
        Some("type 100000 to confirm")
    );
    press(&mut model, "shift-tab shift-tab shift-tab");
    type_keys(&mut model, "100,000");
    let cmds = press(&mut model, "tab tab tab enter");
    let new = ordered(&cmds);
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
        Msg::Created(1, Err(fixture::failure("no answer in 15 s"))),
    );
    let cmds = press(&mut model, "enter");
    assert_eq!(ordered(&cmds).idempotency_key, key);
    let view = crate::ops::CampaignView {
        id: 9,
        name: "quick q?".to_owned(),
        ..Default::default()
    };
    update(
        &mut model,
        30_300,
        Msg::Created(1, Ok(Made::Campaign(Box::new(view)))),
    );
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
        let cmds = press(&mut model, "shift-tab enter");
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
