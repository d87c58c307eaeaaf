//! Questions with a plan, and what is typed: drawn.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::tests::{answer, text};
use crate::console::{
    data::Data,
    fixture,
    message::{Cmd, Msg},
    model::Model,
    samples,
    update::{pressing::type_keys, update},
};

fn press(model: &mut Model, code: KeyCode) -> Vec<Cmd> {
    update(model, model.now_ms, Msg::Key(KeyEvent::from(code)))
}

fn letters(number: u64) -> Model {
    let mut model = fixture::working();
    type_keys(&mut model, "5\n");
    fixture::fill_page(&mut model, Data::Letters(samples::letters(number)));
    model
}

#[test]
fn a_plan_is_seen_before_it_is_confirmed() {
    for (name, key, number) in [("replay", 'R', 12), ("canary", 'O', 3), ("drop", 'X', 180)] {
        let mut model = letters(number);
        let cmds = type_keys(&mut model, &format!("a{key}"));
        answer(&mut model, cmds);
        insta::assert_snapshot!(format!("plan_{name}"), text(&model, (80, 24)));
    }
    let mut model = fixture::working();
    let cmds = type_keys(&mut model, "8jjD");
    answer(&mut model, cmds);
    insta::assert_snapshot!("plan_drain", text(&model, (80, 24)));
    press(&mut model, KeyCode::Right);
    type_keys(&mut model, "\n");
    model.now_ms += 17_400;
    let drawn = text(&model, (80, 24));
    assert!(
        drawn.contains("working for 17 s …   esc closes this, it goes on"),
        "{drawn}"
    );
}

#[test]
fn the_place_where_one_types_is_in_view() {
    let mut model = letters(1);
    model.unmasked = true;
    let mut long = samples::letters(1);
    let names = "Ann ".repeat(100);
    long[0].letter.data =
        format!(r#"{{"v":1,"user":0,"email":"ann@example.com","first_name":"{names}"}}"#);
    fixture::fill_page(&mut model, Data::Letters(long));
    type_keys(&mut model, "E");
    for size in [(80, 24), (40, 10)] {
        let mut model = model.clone();
        let line = |model: &Model| {
            let drawn = text(model, size);
            let mut lines = drawn.lines().filter(|line| line.contains("data "));
            lines.next_back().map(str::to_owned).unwrap_or(drawn)
        };
        let end = line(&model);
        assert!(end.contains('…') && end.contains(r#"Ann "}▏"#), "{end}");
        press(&mut model, KeyCode::Home);
        let home = line(&model);
        assert!(
            home.contains(r#"▏{"v":1,"user":0"#) && home.contains('…'),
            "{home}"
        );
        for _ in 0..36 {
            press(&mut model, KeyCode::Right);
        }
        let middle = line(&model);
        assert!(middle.contains(r#"@example▏.com"#), "{middle}");
        type_keys(&mut model, "漢字");
        assert!(
            line(&model).contains("@example漢字▏.com"),
            "{}",
            line(&model)
        );
    }
}

#[test]
fn what_is_wrong_with_it_stands_beside_it() {
    let mut model = letters(1);
    model.unmasked = true;
    type_keys(&mut model, "E");
    press(&mut model, KeyCode::Backspace);
    type_keys(&mut model, "\n");
    insta::assert_snapshot!("edit_no_json", text(&model, (80, 24)));
}

#[test]
fn a_small_terminal_says_what_is_typed() {
    for (page, key, label) in [
        ("3", "/", "/"),
        ("2", "T", "send to "),
        ("1", "@", "server "),
        ("8", "@", "server "),
    ] {
        let mut model = fixture::working();
        type_keys(&mut model, page);
        type_keys(&mut model, key);
        update(&mut model, 30_000, Msg::Paste("abc".to_owned()));
        let drawn = text(&model, (40, 8));
        let last = drawn.lines().last().expect("a line");
        assert!(last.starts_with(&format!("{label}abc▏")), "{key}: {drawn}");
    }
}
