//! Text that tries to steer the terminal or to break the columns, on every screen and in every question.

use proptest::prelude::*;
use ratatui::{buffer::Buffer, text::Span};

use super::{
    answers::{Outside, PASTE},
    list::Look,
    tests::{drawn, on_terminal},
    text::{left, right, shown, width},
};
use crate::console::{
    column::widths,
    dialog::Dialog,
    geometry,
    model::{Model, Screen},
};
use crate::ops::wording::clean;

/// Every list and every question, by the keys that lead there.
const WAYS: &[&str] = &[
    "1",
    "2",
    "2\n",
    "2\n!",
    "2\nG\n",
    "2\nG\n\n",
    "2i",
    "2d",
    "3",
    "3\n",
    "3\n\n",
    "3\n\n\n",
    "3\n\n\n\n",
    "3e",
    "3e\n",
    "4",
    "4a",
    "4\n",
    "5",
    "5\n",
    "5\n\n",
    "6",
    "6\n",
    "7",
    "7\n",
    "8",
    "8l",
    "9",
    "9\n",
    "0",
    "m2d",
    // Questions, in each of their stages.
    "?",
    ":",
    ":¶",
    "c",
    "c¶\t¶\t→\t¶",
    "c¶\t¶\t\t\t\t→\t¶",
    "c¶\t¶\t\t\t\t→→\t¶\t¶",
    "cx\tx\t\t\t\t\t\t\t\n",
    "6n¶",
    "6e",
    "4aC",
    "4aC¶",
    "4aC\t\n",
    "4A",
    "4A\t\n",
    "4aX",
    "4X\t\n",
    "4K",
    "4K\t\n",
    "2P",
    "2P\t\n",
    "2X",
    "2\nR",
    "2\nR\t\n",
    "2T¶\n",
    "3\nN",
    "3\nN¶",
    "3\nNgroup 0\n",
    "3\nNgroup 0\n\t\n",
    "3\nI0\n",
    "3\n\nX",
    "3ef¶\n",
    "5\naR",
    "5\naR\t\n",
    "5\naX",
    "5\nO",
    "m5\nE¶",
    "6R",
    "6X\t\n",
    "8jjD",
    "8jjD\t\n",
    ":pause-all\n",
    // What is typed in the line above the keys.
    "/¶",
    "4/¶\n",
    "7/¶\n",
    "@¶",
    "@¶\n",
    "2T¶",
];

/// The screen that a way begins with.
fn screen_of(way: &str) -> Option<Screen> {
    let digit = way.chars().next()?;
    Screen::ALL.into_iter().find(|s| s.digit() == digit)
}

fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\n",
        "\r",
        "\t",
        "\u{0}",
        "\u{9b}31m",
        "\u{202e}",
        "\u{200d}",
        "漢字",
        "ｶﾞ",
        "👩‍👩‍👧‍👦",
        "👍🏽",
        "e\u{301}",
        "\u{301}",
        "a",
        " ",
        "@",
        "{\"v\":1,\"user\":",
        "\u{fe0f}",
        "ﷺ",
        "لا",
        "שלום",
        "🇩🇪",
        "क्षि",
        "한",
        "\u{1100}\u{1161}",
    ]);
    let text = prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat());
    let address = Just(format!("{}@{}.example", "a".repeat(64), "b".repeat(228)));
    prop_oneof![8 => text, 1 => address]
}

/// Small ones are where things break.
fn size() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        3 => (1_u16..=60, 1_u16..=20),
        1 => (1_u16..=130, 1_u16..=45),
    ]
}

/// The cells from `x` on, as they would be read.
fn read(buffer: &Buffer, x: u16, y: u16, cells: u16) -> String {
    let (mut out, mut at) = (String::new(), x);
    while at < (x + cells).min(buffer.area().right()) {
        let symbol = buffer[(at, y)].symbol();
        out.push_str(symbol);
        at += u16::try_from(width(symbol)).unwrap_or(1).max(1);
    }
    out
}

/// The screen, for a failure.
fn rows(buffer: &Buffer) -> String {
    let area = *buffer.area();
    let rows = (0..area.height).map(|y| read(buffer, 0, y, area.width));
    rows.collect::<Vec<_>>().join("\n")
}

/// What of a text takes up cells.
fn visible(text: &str) -> String {
    let span = Span::raw(text);
    let graphemes = span.styled_graphemes(ratatui::style::Style::new());
    graphemes
        .map(|g| g.symbol)
        .filter(|symbol| width(symbol) > 0)
        .collect()
}

/// Every column of every row begins where its heading does, and holds its own text only.
fn columns_stand(model: &Model, buffer: &Buffer) {
    let (page, Some(parts)) = (model.page(), geometry::parts(model, model.page())) else {
        return;
    };
    let listing = page.place.listing().expect("parts are those of a list");
    if model.dialog.is_some() || page.table.is_empty() {
        return;
    }
    let columns = listing.columns();
    let indent = Look::of(model, listing).indent();
    let cells = widths(columns, &page.table, usize::from(parts.rows.width) - indent);
    let rows = page.table.visible(usize::from(parts.rows.height));
    for ((_, row), y) in rows.zip(parts.rows.y..) {
        let mut x = parts.rows.x + indent as u16;
        for ((cell, column), cells) in row.cells.iter().zip(columns).zip(&cells) {
            if *cells == 0 {
                continue;
            }
            let text = if cell.private {
                shown(&cell.text, model.unmasked)
            } else {
                cell.text.clone()
            };
            let wanted = match column.right {
                true => right(&text, *cells),
                false => left(&text, *cells),
            };
            let wide = *cells as u16;
            let place = format!("{} {:?}", listing.name(), column.heading);
            assert_eq!(
                read(buffer, x, y, wide),
                visible(&wanted),
                "{place} at {x},{y}"
            );
            x += wide + 1;
        }
    }
}

/// The frame of a question is whole.
fn frame_stands(buffer: &Buffer) {
    let area = *buffer.area();
    let Some(top) = area.positions().find(|at| buffer[*at].symbol() == "╭") else {
        return;
    };
    let right = (top.x..area.right()).find(|x| buffer[(*x, top.y)].symbol() == "╮");
    let right = right.expect("a corner");
    for y in top.y + 1..area.bottom() {
        if buffer[(top.x, y)].symbol() == "╰" {
            assert_eq!(buffer[(right, y)].symbol(), "╯");
            return;
        }
        for x in [top.x, right] {
            assert_eq!(buffer[(x, y)].symbol(), "│", "{x},{y}: {}", rows(buffer));
        }
    }
    panic!("no bottom");
}

fn check(model: &Model, size: (u16, u16)) {
    let model = on_terminal(model, size);
    let buffer = drawn(&model);
    for cell in &buffer.content {
        assert_eq!(cell.symbol(), clean(cell.symbol()), "it would be obeyed");
    }
    if !model.setting.ascii {
        columns_stand(&model, &buffer);
        frame_stands(&buffer);
    }
}

/// What a way leads to, with that text everywhere.
fn led(outside: &Outside<'_>, way: &str) -> Model {
    let mut model = outside.model();
    outside.press(&mut model, way);
    if outside.fails {
        outside.fail_page(&mut model);
    }
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn no_size_and_no_text_breaks_a_screen_or_a_question(
        sizes in prop::collection::vec(size(), 3),
        text in hostile(),
        way in prop::sample::select(WAYS),
        fails: bool,
        ascii: bool,
    ) {
        let mut model = led(&Outside { text: &text, fails }, way);
        model.setting.ascii = ascii;
        for size in sizes {
            check(&model, size);
        }
    }
}

#[test]
fn no_size_however_small_breaks_any_of_them() {
    let sizes = [1, 2, 3, 5, 8]
        .into_iter()
        .flat_map(|n| [(n, 1), (n, 6), (1, n), (6, n), (60, n), (n, 20)]);
    let sizes: Vec<(u16, u16)> = sizes.collect();
    for way in WAYS {
        for fails in [false, true] {
            let text = "漢字 \u{1b}[2J ann@example.com";
            let model = led(&Outside { text, fails }, way);
            sizes.iter().for_each(|size| check(&model, *size));
        }
    }
}

#[test]
fn neither_nothing_nor_64_kilobytes_break_any_of_them() {
    for text in [String::new(), "漢\u{1b}x".repeat(64 * 1_024 / 5)] {
        for way in WAYS {
            let model = led(
                &Outside {
                    text: &text,
                    fails: true,
                },
                way,
            );
            check(&model, (80, 24));
        }
    }
}

/// A way that no longer leads anywhere would test nothing.
#[test]
fn the_ways_lead_to_every_screen_every_level_and_every_question() {
    let text = "hostile漢字";
    let (mut places, mut questions) = (Vec::new(), Vec::new());
    for way in WAYS {
        let model = led(&Outside { text, fails: false }, way);
        let place = model
            .page()
            .place
            .listing()
            .map_or("pipeline", |l| l.name());
        places.push(place);
        questions.extend(model.dialog.as_ref().map(std::mem::discriminant));
        if let (Some(screen), None) = (screen_of(way), &model.dialog) {
            assert_eq!(model.screen, screen, "{way}");
        }
        if way.contains(PASTE) || model.prompt.is_some() {
            continue;
        }
        match &model.dialog {
            Some(Dialog::Help { .. } | Dialog::Palette(_) | Dialog::Create(_)) => {}
            Some(question) => assert!(format!("{question:?}").contains(text), "{way}"),
            None => {
                let drawn = super::tests::text(&model, (200, 60));
                assert!(drawn.contains("hostile漢"), "{way}: {drawn}");
            }
        }
    }
    places.sort_unstable();
    places.dedup();
    let all = places.len();
    assert_eq!(all, 25, "{places:?}");
    let kinds: std::collections::HashSet<_> = questions.into_iter().collect();
    assert_eq!(kinds.len(), 5, "help, palette, form, claim, any other");
}
