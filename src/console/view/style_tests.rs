//! What snapshots don't show: the styles of the selection, of old data and of each theme.

use ratatui::{
    buffer::Buffer,
    layout::Position,
    style::{Color, Modifier},
};

use super::{
    tests::{SIZES, drawn, levels, on_terminal, text},
    text::width,
    widgets::POINTER,
};
use crate::console::{
    fixture, geometry,
    model::{Model, Screen},
    theme::{Depth, Theme, ThemeChoice},
    update::pressing::type_keys,
};

const THEMES: [ThemeChoice; 3] = [ThemeChoice::Dark, ThemeChoice::Light, ThemeChoice::None];
const DEPTHS: [Depth; 3] = [Depth::Sixteen, Depth::Many, Depth::True];

/// Every screen, every level below one and every question asked there.
fn everything() -> Vec<(String, Model)> {
    let screen = |screen: Screen| {
        let mut model = fixture::working();
        type_keys(&mut model, &format!("{}j", screen.digit()));
        (screen.title().to_owned(), model)
    };
    Screen::ALL
        .into_iter()
        .map(screen)
        .chain(levels())
        .collect()
}

fn lists() -> Vec<(String, Model)> {
    let mut lists = everything();
    lists.retain(|(_, model)| model.dialog.is_none() && model.page().place.listing().is_some());
    assert!(lists.len() > 20, "{}", lists.len());
    lists
}

fn pointers(buffer: &Buffer) -> Vec<(u16, u16)> {
    let area = *buffer.area();
    let cells = area.positions();
    cells
        .filter(|at| buffer[*at].symbol() == POINTER)
        .map(|at| (at.x, at.y))
        .collect()
}

#[test]
fn the_selected_row_alone_has_the_symbol_and_the_style_in_every_list_size_and_theme() {
    for (name, model) in lists() {
        for size in SIZES {
            let mut model = on_terminal(&model, size);
            let parts = geometry::parts(&model, model.page()).expect("a list");
            let table = &model.page().table;
            let at = table.at().expect("rows") - table.top();
            let selected = parts.rows.y + u16::try_from(at).expect("on the screen");
            for theme in THEMES.map(|choice| Theme::new(choice, Depth::Many)) {
                model.setting.theme = theme;
                let buffer = drawn(&model);
                let found = pointers(&buffer);
                let found: Vec<_> = found.iter().filter(|at| at.1 >= parts.rows.y).collect();
                assert_eq!(found, [&(parts.rows.x, selected)], "{name} {size:?}");
                let laid = theme.selected.bg.unwrap_or(Color::Reset);
                // The second cell of a wide character isn't drawn.
                let wide = |at: &Position| width(buffer[(at.x - 1, at.y)].symbol()) > 1;
                for at in parts.rows.positions().filter(|at| !wide(at)) {
                    let cell = &buffer[at];
                    let is_selected = at.y == selected;
                    let has_style = cell.bg == laid && cell.modifier.contains(Modifier::BOLD);
                    assert!(!is_selected || has_style, "{name} {size:?} {at:?} {cell:?}");
                    let stands_out = laid != Color::Reset && cell.bg == laid;
                    assert!(is_selected || !stands_out, "{name} {size:?} {at:?}");
                }
            }
        }
    }
}

#[test]
fn what_has_the_focus_in_a_question_has_the_symbol_in_every_theme() {
    for (name, model) in everything() {
        if model.dialog.is_none() {
            continue;
        }
        for (size, choice) in SIZES.into_iter().zip(THEMES) {
            let mut model = on_terminal(&model, size);
            model.setting.theme = Theme::new(choice, Depth::Many);
            let button = format!("{POINTER}[ Cancel ]");
            let shown = text(&model, size);
            assert_eq!(shown.matches(&button).count(), 1, "{name} {shown}");
        }
    }
}

#[test]
fn data_of_a_server_that_is_away_recedes_on_every_screen() {
    for screen in Screen::ALL {
        for (size, choice) in
            SIZES
                .into_iter()
                .zip([ThemeChoice::Dark, ThemeChoice::Light, ThemeChoice::Dark])
        {
            let mut model = fixture::stale();
            type_keys(&mut model, &screen.digit().to_string());
            model.setting.theme = Theme::new(choice, Depth::Many);
            let model = on_terminal(&model, size);
            let faint = model.setting.theme.faint.fg;
            let buffer = drawn(&model);
            let body = geometry::body(*buffer.area());
            let visible = |at: &Position| !buffer[*at].symbol().trim().is_empty();
            assert!(body.positions().any(|at| visible(&at)), "{screen:?}");
            for at in body.positions().filter(visible) {
                assert_eq!(Some(buffer[at].fg), faint, "{screen:?} {size:?} {at:?}");
            }
        }
        let mut model = fixture::stale();
        type_keys(&mut model, &screen.digit().to_string());
        for size in SIZES {
            let shown = text(&model, size);
            assert!(shown.contains("○ Redis is away, data 13 s old"), "{shown}");
        }
    }
}

/// What a terminal with so many colours can show.
fn has(depth: Depth, colour: Color) -> bool {
    match (depth, colour) {
        (_, Color::Reset) => true,
        (Depth::Sixteen, Color::Indexed(n)) => n < 16,
        // The first sixteen are whatever the user's terminal makes of them.
        (Depth::Many, Color::Indexed(n)) => n >= 16,
        (Depth::True, Color::Rgb(..)) => true,
        _ => false,
    }
}

#[test]
fn colours_are_those_that_the_terminal_has_and_none_where_none_are_wanted() {
    for (name, mut model) in everything() {
        for choice in THEMES {
            for depth in DEPTHS {
                model.setting.theme = Theme::new(choice, depth);
                let buffer = drawn(&on_terminal(&model, (120, 40)));
                let colours = buffer.content.iter().flat_map(|cell| [cell.fg, cell.bg]);
                let colours: Vec<Color> = colours.filter(|c| *c != Color::Reset).collect();
                assert_eq!(colours.is_empty(), choice == ThemeChoice::None, "{name}");
                let wrong = colours.iter().find(|c| !has(depth, **c));
                assert_eq!(wrong, None, "{name} {choice:?} {depth:?}");
            }
        }
    }
}
