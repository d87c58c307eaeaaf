//! What stands still behind a question, what the palette finds elsewhere, and the ways to a trace.

use super::{
    super::fixture,
    pressing::{press, type_keys},
    *,
};
use crate::console::{
    data::Data,
    dialog::Dialog,
    model::{Place, Screen},
    screens::trace::Way,
};

/// The answer to what the page shown has under way.
fn answer(model: &mut Model, data: Data) -> Vec<Cmd> {
    let page = model.page();
    assert!(page.feed.in_flight, "it was asked");
    let msg = Msg::Page {
        page: page.number,
        generation: page.feed.generation,
        result: Ok(data),
    };
    update(model, model.now_ms, msg)
}

fn ids(model: &Model) -> Vec<String> {
    let rows = model.page().table.in_order();
    rows.map(|row| row.id.clone()).collect()
}

#[test]
fn a_list_stands_still_behind_a_question_though_its_answer_was_under_way() {
    let mut model = fixture::working();
    press(&mut model, "4");
    let before = ids(&model);
    press(&mut model, "C");
    answer(&mut model, Data::Stuck(fixture::stuck(30)));
    assert!(matches!(model.dialog, Some(Dialog::Claim(_))));
    assert_eq!(ids(&model), before);
    // And goes on at once after it.
    press(&mut model, "esc");
    let wake_ms = next_wake_ms(&model);
    assert!(wake_ms <= model.now_ms, "{wake_ms} {}", model.now_ms);
    let cmds = update(&mut model, wake_ms, Msg::Tick);
    assert!(
        cmds.iter().any(|c| matches!(c, Cmd::Ask { .. })),
        "{cmds:?}"
    );
}

#[test]
fn a_list_made_of_the_status_stands_still_too() {
    let mut model = fixture::working();
    press(&mut model, "8");
    let before = ids(&model);
    assert!(before.len() > 1);
    press(&mut model, "D");
    assert!(model.dialog.is_some(), "a question");
    let generation = fixture::begin(&mut model.status);
    let mut status = fixture::status(30);
    status.overview.workers.reverse();
    let msg = Msg::Status(generation, Ok(Box::new(status)));
    update(&mut model, 31_000, msg);
    assert_eq!(ids(&model), before);
}

#[test]
fn what_a_question_says_is_read_line_by_line_and_page_by_page() {
    let mut model = fixture::working();
    press(&mut model, "4 C");
    for (keys, scroll) in [("j j", 2), ("k", 1), ("pgdn", 11), ("pgup", 1)] {
        press(&mut model, keys);
        let Some(Dialog::Claim(dialog)) = &model.dialog else {
            panic!("{:?}", model.dialog)
        };
        assert_eq!(dialog.scroll, scroll, "{keys}");
    }
    // The outcome has nothing to go to: the arrows move it too.
    update(&mut model, 31_000, Msg::Claimed(1, Vec::new()));
    for (keys, scroll) in [("down down", 2), ("up", 1), ("j", 2), ("pgdn", 12)] {
        press(&mut model, keys);
        let Some(Dialog::Claim(dialog)) = &model.dialog else {
            panic!("{:?}", model.dialog)
        };
        assert_eq!(dialog.scroll, scroll, "{keys}");
    }

    let mut model = fixture::working();
    press(&mut model, "c shift-tab shift-tab enter");
    for (keys, scroll) in [("down j", 2), ("up", 1), ("pgdn", 11), ("pgup k", 0)] {
        press(&mut model, keys);
        let Some(Dialog::Create(form)) = &model.dialog else {
            panic!("{:?}", model.dialog)
        };
        assert_eq!(form.preview.as_ref().map(|p| p.scroll), Some(scroll));
    }
}

#[test]
fn a_claim_that_could_not_be_planned_while_redis_was_away_is_planned_again() {
    let mut model = fixture::working();
    press(&mut model, "4 space space");
    let cmds = press(&mut model, "C");
    let [
        Cmd::PlanClaim {
            dialog,
            part,
            request,
        },
    ] = &cmds[..]
    else {
        panic!("{cmds:?}")
    };
    let failure = || fixture::failure("Redis is away");
    let (dialog, part) = (*dialog, *part);
    let plan = Err(failure());
    update(&mut model, 31_000, Msg::Planned { dialog, part, plan });
    let generation = fixture::begin(&mut model.status);
    update(&mut model, 31_000, Msg::Status(generation, Err(failure())));
    let generation = fixture::begin(&mut model.status);
    let msg = Msg::Status(generation, Ok(Box::new(fixture::status(31))));
    let cmds = update(&mut model, 32_000, msg);
    let again = cmds.iter().find_map(|cmd| match cmd {
        Cmd::PlanClaim { request, .. } => Some(request),
        _ => None,
    });
    assert_eq!(again, Some(request), "the same entries");
}

#[test]
fn one_mail_of_a_preview_goes_to_an_address_that_is_typed() {
    let mut model = fixture::working();
    press(&mut model, "c");
    type_keys(&mut model, "Try");
    press(&mut model, "T shift-tab shift-tab shift-tab enter T");
    assert_eq!(
        model.prompt, None,
        "T is text in a field, and nothing where nothing is previewed"
    );
    let mut model = fixture::working();
    press(&mut model, "c shift-tab shift-tab enter right T");
    type_keys(&mut model, "me@example.com");
    let cmds = press(&mut model, "enter");
    let [
        Cmd::TestWords {
            dialog,
            schedule: None,
            user: 2,
            to,
            ..
        },
    ] = &cmds[..]
    else {
        panic!("{cmds:?}")
    };
    assert_eq!(to, "me@example.com");
    let said = |model: &Model| match &model.dialog {
        Some(Dialog::Create(form)) => form.preview.as_ref().and_then(|p| p.said.clone()),
        other => panic!("{other:?}"),
    };
    update(&mut model, 31_000, Msg::TestSent(dialog + 1, Ok(6)));
    assert_eq!(
        said(&model),
        Some(("sending …".to_owned(), true)),
        "another's"
    );
    update(&mut model, 31_000, Msg::TestSent(*dialog, Ok(7)));
    assert_eq!(
        said(&model),
        Some(("test mail 7 is queued".to_owned(), true))
    );
    // Read-only refuses it.
    press(&mut model, "esc esc");
    model.setting.read_only = true;
    press(&mut model, "c");
    assert!(model.dialog.is_none());
}

#[test]
fn the_palette_knows_what_is_to_be_had_elsewhere_and_does_not_do_it_here() {
    let mut model = fixture::working();
    press(&mut model, ":");
    type_keys(&mut model, "drain");
    press(&mut model, "enter");
    let notice = model.notice.as_ref().expect("a notice");
    assert_eq!(notice.text, "drain: it belongs to Workers");
    assert!(model.dialog.is_none());
    // Campaigns have an action of the same name as schedules' lists; it isn't done to them.
    press(&mut model, "4 :");
    type_keys(&mut model, "cancel-campaign");
    press(&mut model, "enter");
    let notice = model.notice.as_ref().expect("a notice");
    assert_eq!(notice.text, "cancel-campaign: it belongs to Campaigns");
    assert!(model.dialog.is_none());
}

#[test]
fn a_trace_is_had_from_the_fields_of_an_entry_and_from_a_mail() {
    let mut model = fixture::working();
    press(&mut model, "4 enter enter");
    let way = |campaign, user| Place::Trace(Way { campaign, user });
    assert_eq!(model.page().place, way(8, 0));

    press(&mut model, "7 enter");
    fixture::fill_page(&mut model, Data::Mail(Box::new(fixture::mail())));
    press(&mut model, "t");
    assert_eq!(model.screen, Screen::Inbox);
    assert_eq!(model.page().place, way(8, 7));
}

#[test]
fn what_is_copied_is_said_as_masked_as_it_is_shown() {
    let mut model = fixture::working();
    press(&mut model, "7 enter");
    fixture::fill_page(&mut model, Data::Mail(Box::new(fixture::mail())));
    press(&mut model, "j");
    let cmds = press(&mut model, "y");
    let copied = "ann.lee.0@example.com";
    assert_eq!(cmds, [Cmd::Copy(copied.to_owned())]);
    let notice = model.notice.as_ref().expect("a notice");
    assert!(!notice.text.contains("ann.lee"), "{}", notice.text);
    press(&mut model, "m y");
    let notice = model.notice.as_ref().expect("a notice");
    assert_eq!(notice.text, format!("copied {copied}"));
}

#[test]
fn what_could_not_be_said_while_redis_was_away_is_asked_again() {
    let mut model = fixture::working();
    press(&mut model, "c");
    let Some(Dialog::Create(form)) = &model.dialog else {
        panic!("the form")
    };
    let dialog = form.number;
    let failure = || fixture::failure("Redis is away");
    update(&mut model, 31_000, Msg::Audience(dialog, Err(failure())));
    let generation = fixture::begin(&mut model.status);
    update(&mut model, 31_000, Msg::Status(generation, Err(failure())));
    assert!(model.is_away());
    let generation = fixture::begin(&mut model.status);
    let msg = Msg::Status(generation, Ok(Box::new(fixture::status(31))));
    let cmds = update(&mut model, 32_000, msg);
    assert!(cmds.contains(&Cmd::CountAudience { dialog }), "{cmds:?}");
    let Some(Dialog::Create(form)) = &model.dialog else {
        panic!("the form")
    };
    assert_eq!(form.audience, None);
}
