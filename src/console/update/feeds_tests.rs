//! Fetching: what is asked when, which answers count, and what happens while Redis is away.

use super::{
    super::fixture,
    create_tests::form,
    pressing::{press, type_keys},
    *,
};
use crate::console::{
    data::{Data, Query},
    model::{Link, View},
};
use crate::ops::Status;

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
            Msg::Status(generation, Err(fixture::failure("connection refused"))),
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
            let made = cmds
                .iter()
                .any(|c| !matches!(c, Cmd::Fetch { .. } | Cmd::Ask { .. }));
            assert!(!made, "{cmds:?}");
        }
        if word != "not connected" {
            let notice = model.notice.clone().expect("a refusal");
            assert!(notice.text.contains(word), "{}", notice.text);
        }
    }
}

#[test]
fn an_answer_to_an_older_question_is_dropped_and_the_newest_is_asked() {
    let mut model = fixture::working();
    press(&mut model, "7");
    let generation = model.page().feed.generation;
    assert!(model.page().feed.in_flight);
    press(&mut model, "/");
    type_keys(&mut model, "winter");
    let page = model.page().number;
    let result = Ok(Data::Inbox(fixture::mails(2)));
    let cmds = update(
        &mut model,
        30_100,
        Msg::Page {
            page,
            generation,
            result,
        },
    );
    let [
        Cmd::Ask {
            query,
            generation: next,
            ..
        },
    ] = cmds.as_slice()
    else {
        panic!("{cmds:?}")
    };
    assert_eq!(
        *query,
        Query::Inbox {
            search: "winter".to_owned()
        }
    );
    assert!(*next > generation);
    assert_eq!(
        model.page().table.rows().len(),
        9,
        "the old rows stay until then"
    );
}

#[test]
fn frozen_nothing_is_fetched_and_everything_goes_on_afterwards() {
    let mut model = fixture::working();
    press(&mut model, "4 p");
    assert!(update(&mut model, 90_000, Msg::Tick).is_empty());
    assert_eq!(next_wake_ms(&model), 91_000, "only its age changes");
    let cmds = press(&mut model, "p");
    assert!(!cmds.is_empty() && model.frozen_at_ms.is_none());
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
