//! Key → state tables: what each key of the lists and screens does, pressed by the name that people write.

use super::{super::fixture, pressing::press, *};
use crate::console::{
    data::Data,
    model::{Screen, View},
    table::Sort,
};

/// The pipeline at work after those keys.
fn after(keys: &str) -> Model {
    let mut model = fixture::working();
    press(&mut model, keys);
    model
}

fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |n| n.text.as_str())
}

#[test]
fn m_shows_addresses_and_masks_them_again() {
    for (keys, unmasked, said) in [
        ("7", false, ""),
        ("7 m", true, "addresses are shown in full"),
        ("7 m m", false, "addresses are masked"),
        ("m 2 7", true, "addresses are shown in full"),
    ] {
        let model = after(keys);
        assert_eq!((model.unmasked, notice(&model)), (unmasked, said), "{keys}");
    }
}

#[test]
fn plus_and_minus_choose_how_often_is_looked_and_stop_at_the_ends() {
    for (keys, refresh_ms, said) in [
        ("", None, ""),
        ("+", Some(500), "looks every 500 ms"),
        ("-", Some(2_000), "looks every 2 s"),
        ("+ + +", Some(250), "looks every 250 ms"),
        ("- +", Some(1_000), "looks every 1 s"),
        ("- - - - - - - - -", Some(60_000), "looks every 1m 0s"),
    ] {
        let model = after(keys);
        let found = (model.setting.refresh_ms, notice(&model));
        assert_eq!(found, (refresh_ms, said), "{keys}");
    }
    // The next look is as far away as was chosen.
    let mut model = after("-");
    let generation = fixture::begin(&mut model.status);
    let status = Box::new(fixture::status(31));
    update(&mut model, 40_000, Msg::Status(generation, Ok(status)));
    assert_eq!(model.status.due_at_ms, 42_000);
}

#[test]
fn y_copies_what_the_row_is_known_by() {
    for (keys, copied) in [
        ("2 y", "8"),
        ("2 j y", "7"),
        ("3 G y", "email-notification"),
        ("4 y", "1699999157000-0"),
        ("6 G y", "3"),
        ("8 j j y", fixture::LIVE),
        (
            "9 j y",
            "XCLAIM {comms:0}:email-notification email-service mailbox-7f3a-4103-1731 60000 1-1",
        ),
        ("0 y", "secret/campaign-service/dev"),
    ] {
        let mut model = fixture::working();
        let cmds = press(&mut model, keys);
        let copies = cmds.iter().filter(|c| matches!(c, Cmd::Copy(_)));
        let copies: Vec<&Cmd> = copies.collect();
        assert_eq!(copies, [&Cmd::Copy(copied.to_owned())], "{keys}");
        assert_eq!(notice(&model), format!("copied {copied}"), "{keys}");
    }
    // Where there is nothing to copy, nothing is said.
    let mut model = fixture::empty();
    let cmds = press(&mut model, "4 y");
    assert!(!cmds.iter().any(|c| matches!(c, Cmd::Copy(_))), "{cmds:?}");
    assert_eq!(notice(&model), "");
    let cmds = press(&mut fixture::working(), "1 y");
    assert!(!cmds.iter().any(|c| matches!(c, Cmd::Copy(_))), "{cmds:?}");
    // What was done to SQL is no command of Redis, and that is said.
    let mut model = fixture::working();
    let cmds = press(&mut model, "9 y");
    assert!(!cmds.iter().any(|c| matches!(c, Cmd::Copy(_))), "{cmds:?}");
    assert_ne!(notice(&model), "");
}

#[test]
fn l_right_and_enter_go_down_a_level_and_h_left_and_esc_up() {
    for (keys, depth) in [
        ("3", 1),
        ("3 l", 2),
        ("3 right", 2),
        ("3 enter", 2),
        ("3 l h", 1),
        ("3 right left", 1),
        ("3 enter esc", 1),
        ("3 l h h h", 1),
        ("3 left", 1),
        // Each screen keeps its own level.
        ("3 l 4 3", 2),
        ("1 l", 1),
    ] {
        assert_eq!(after(keys).depth(), depth, "{keys}");
    }
    assert_eq!(after("3 l 4 h").screen, Screen::Pending, "not to another");
}

#[test]
fn the_selection_moves_by_rows_by_screens_and_to_the_ends() {
    // 120×40 has room for 25 of the 150 entries.
    for (keys, at, top) in [
        ("", 0, 0),
        ("up", 0, 0),
        ("k", 0, 0),
        ("down j", 2, 0),
        ("down j up k", 0, 0),
        ("pgdn", 25, 1),
        ("pgdn pgdn", 50, 26),
        ("pgdn pgdn pgup", 25, 25),
        ("pgup", 0, 0),
        ("end", 149, 125),
        ("G", 149, 125),
        ("G pgdn j down", 149, 125),
        ("end home", 0, 0),
        ("G g", 0, 0),
        ("G k", 148, 125),
        ("end pgup", 124, 124),
    ] {
        let mut model = fixture::working();
        update(&mut model, 30_000, Msg::Resize(120, 40));
        press(&mut model, "4");
        fixture::fill(
            &mut model,
            Screen::Pending,
            Data::Stuck(fixture::stuck(150)),
        );
        press(&mut model, keys);
        let table = &model.page().table;
        assert_eq!((table.at(), table.top()), (Some(at), top), "{keys}");
        let selected = table.selected().expect("a row");
        assert_eq!(selected.text(0), format!("1699999157000-{at}"), "{keys}");
    }
}

#[test]
fn s_sorts_by_the_next_column_and_capital_s_turns_the_order_around() {
    let sort = |column, descending| Some(Sort { column, descending });
    for (keys, wanted, first) in [
        ("", None, "1699999157000-0"),
        ("s", sort(0, false), "1699999157000-0"),
        ("s S", sort(0, true), "1699999157000-9"),
        // Held by: the one who is gone comes first.
        ("s s s", sort(2, false), "1699999157000-0"),
        // Numbers begin with the greatest.
        ("s s s s", sort(3, true), "1699999157000-0"),
        ("s s s s S", sort(3, false), "1699999157000-11"),
        ("s s s s s", sort(4, true), "1699999157000-2"),
        ("s s s s s s s s", None, "1699999157000-0"),
    ] {
        let model = after(&format!("4 {keys}"));
        let table = &model.page().table;
        let top = table.in_order().next().expect("rows");
        assert_eq!(
            (table.sort, top.text(0).as_str()),
            (wanted, first),
            "{keys}"
        );
    }
}

#[test]
fn brackets_look_back_and_towards_the_present() {
    let last = after("").past;
    assert_eq!(last.age_ms(), None);
    let ages: Vec<_> = ["[", "[ [", "[ [ ]", "[ ]", "[ [ ] ]", "]"]
        .map(|keys| after(keys).past.age_ms())
        .to_vec();
    let (Some(one), Some(two)) = (ages[0], ages[1]) else {
        panic!("{ages:?}")
    };
    assert!(0 < one && one < two, "{ages:?}");
    assert_eq!(ages[2..], [Some(one), None, None, None]);

    // What is shown is of that moment, and esc comes back at once.
    let mut model = after("[ [");
    let now_ms = |model: &Model| model.shown_status().map(|s| s.overview.server.now_ms);
    let then_ms = now_ms(&model).expect("a look");
    press(&mut model, "esc");
    assert_eq!(model.past.age_ms(), None);
    assert_eq!(now_ms(&model), Some(then_ms + two));

    // The end of what is kept is said.
    let mut model = after("");
    press(&mut model, &"[ ".repeat(100));
    assert_eq!(notice(&model), "there is nothing earlier");
    assert!(model.past.age_ms().expect("the first look") <= 30_000);
}

#[test]
fn p_stands_still_and_p_again_looks_at_once() {
    let mut model = after("p");
    assert_eq!(model.frozen_at_ms, Some(30_000));
    assert_eq!(
        update(&mut model, 40_000, Msg::Tick),
        [],
        "nothing is asked"
    );
    let cmds = press(&mut model, "p");
    assert_eq!(model.frozen_at_ms, None);
    let asked = |view| {
        cmds.iter()
            .any(|c| matches!(c, Cmd::Fetch { view: v, .. } if *v == view))
    };
    assert!(asked(View::Status) && asked(View::Campaigns), "{cmds:?}");
}

#[test]
fn the_exclamation_mark_shows_only_faults_on_every_list() {
    for (keys, all, faults) in [("8", 6, 1), ("4", 12, 10), ("2", 3, 1), ("0", 3, 1)] {
        let len = |model: &Model| model.page().table.len();
        assert_eq!(len(&after(keys)), all, "{keys}");
        let only = after(&format!("{keys} !"));
        assert!(only.faults_only);
        assert_eq!(len(&only), faults, "{keys}");
        assert_eq!(len(&after(&format!("{keys} ! !"))), all, "{keys}");
        // It holds for the screen that one goes to as well.
        assert_eq!(len(&after(&format!("1 ! {keys}"))), faults, "{keys}");
    }
}
