use proptest::prelude::*;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent},
    style::Modifier,
};

use super::draw;
use crate::console::{
    data::Data,
    fixture,
    message::{Cmd, Msg},
    model::{Model, Screen},
    samples,
    theme::{Depth, Theme, ThemeChoice},
    update::update,
};
use crate::ops::wording::SEPARATOR;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn render(model: &Model, (width, height): (u16, u16)) -> ratatui::buffer::Buffer {
    // The list scrolls by the size that the terminal has.
    let mut model = model.clone();
    let now_ms = model.now_ms;
    update(&mut model, now_ms, Msg::Resize(width, height));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(&model, frame)).expect("drawn");
    terminal.backend().buffer().clone()
}

/// The screen as text; thin spaces as `'`, so that a snapshot shows them.
pub(super) fn text(model: &Model, size: (u16, u16)) -> String {
    let buffer = render(model, size);
    let rows = buffer.content.chunks(usize::from(size.0)).map(|row| {
        let mut line = String::new();
        let mut hidden = 0;
        for cell in row {
            if hidden == 0 {
                line.push_str(cell.symbol());
            }
            hidden = super::text::width(cell.symbol())
                .max(hidden)
                .saturating_sub(1);
        }
        line.trim_end().replace(SEPARATOR, "'")
    });
    let text = rows.collect::<Vec<_>>().join("\n");
    // Local time: it depends on where the test runs.
    let clock = regex::Regex::new(r"\d\d:\d\d:\d\d").expect("a pattern");
    clock.replace_all(&text, "hh:mm:ss").into_owned()
}

fn keys(model: &mut Model, keys: &str) -> Vec<Cmd> {
    let mut cmds = Vec::new();
    for c in keys.chars() {
        let code = match c {
            '\t' => KeyCode::Tab,
            '\n' => KeyCode::Enter,
            c => KeyCode::Char(c),
        };
        cmds.extend(update(model, model.now_ms, Msg::Key(KeyEvent::from(code))));
    }
    cmds
}

fn right(model: &mut Model) {
    let key = KeyEvent::from(KeyCode::Right);
    update(model, model.now_ms, Msg::Key(key));
}

/// One snapshot for all three sizes, so that they can be compared.
fn snapshot(name: &str, model: &Model) {
    for size in SIZES {
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text(model, size));
    }
}

#[test]
fn every_screen_in_every_state() {
    let states = [
        ("loading", fixture::loading()),
        ("empty", fixture::empty()),
        ("normal", fixture::working()),
        ("stale", fixture::stale()),
    ];
    for (state, model) in states {
        for screen in Screen::ALL {
            let mut model = model.clone();
            keys(&mut model, &screen.digit().to_string());
            snapshot(
                &format!("{}_{state}", screen.title().to_lowercase()),
                &model,
            );
        }
    }
}

fn named(name: &str, keys: &str, data: Vec<Data>) -> (String, Model) {
    let mut model = fixture::working();
    let mut data = data.into_iter();
    for key in keys.chars() {
        self::keys(&mut model, &key.to_string());
        if matches!(key, '\n' | 'e' | 'l' | 'i' | 'd')
            && let Some(data) = data.next()
        {
            fixture::fill_page(&mut model, data);
        }
    }
    (name.to_owned(), model)
}

#[test]
fn every_level_below_a_screen() {
    let groups = || Data::Groups(fixture::groups());
    let held = || Data::Held(fixture::held());
    let entries = || Data::Entries(fixture::entries());
    let log = || Data::Log(fixture::log());
    let levels = [
        named("groups", "3jj\n", vec![groups()]),
        named("consumers", "3jj\n\n", vec![groups(), groups()]),
        named("held", "3jj\n\nj\n", vec![groups(), groups(), held()]),
        named("entries", "3jje", vec![entries()]),
        named("fields", "3jje\n", vec![entries()]),
        named("mail", "7\n", vec![Data::Mail(Box::new(fixture::mail()))]),
        named("log", "8l", vec![log()]),
        named("campaign", "2\n", vec![samples::campaign()]),
        named(
            "failed",
            "2\nG\n",
            vec![samples::campaign(), samples::failed()],
        ),
        named(
            "trace",
            "2\nG\n\n",
            vec![samples::campaign(), samples::failed(), samples::trace()],
        ),
        named("group_new", "3jj\nN", vec![groups()]),
        named("drain", "8jjD", vec![]),
        named("letters", "5\n", vec![Data::Letters(samples::letters(12))]),
        named(
            "letter",
            "5\n\n",
            vec![Data::Letters(samples::letters(12)), samples::letter()],
        ),
        named("report", "2i", vec![samples::report()]),
        named("deliveries", "2d", vec![samples::deliveries()]),
        named("schedule", "6\n", vec![samples::schedule()]),
        named("run_schedule", "6R", Vec::new()),
        named("replay", "5\naR", vec![Data::Letters(samples::letters(12))]),
        named("retry_failed", "2\nR", vec![samples::campaign()]),
    ];
    for (name, model) in &levels {
        for size in [(80, 24), (120, 40)] {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text(model, size));
        }
    }
}

#[test]
fn the_way_to_all_keys_is_shown_however_many_there_are() {
    for screen in Screen::ALL {
        let mut model = fixture::working();
        keys(&mut model, &screen.digit().to_string());
        for size in SIZES {
            let drawn = text(&model, size);
            let footer = drawn.lines().last().expect("a footer");
            assert!(footer.contains("? help"), "{screen:?} {size:?}: {footer}");
        }
    }
}

#[test]
fn an_error_is_said_where_the_data_would_be() {
    let mut model = fixture::working();
    keys(&mut model, "7");
    let page = model.page_mut();
    page.feed.data = None;
    let (page, generation) = (page.number, fixture::begin(&mut page.feed));
    let result = Err(crate::console::message::Failure {
        away: true,
        text: "the inbox is away: connection refused".to_owned(),
    });
    update(
        &mut model,
        30_000,
        Msg::Page {
            page,
            generation,
            result,
        },
    );
    let drawn = text(&model, (80, 24));
    assert!(
        drawn.contains("the inbox is away: connection refused"),
        "{drawn}"
    );
    assert!(drawn.contains("● live"), "Redis is there: {drawn}");
}

#[test]
fn what_is_typed_filtered_frozen_and_past() {
    let mut model = fixture::working();
    keys(&mut model, "4/held:399");
    insta::assert_snapshot!("filter_typed", text(&model, (80, 24)));
    keys(&mut model, "\nss");
    model.now_ms += 5_000;
    keys(&mut model, "p");
    model.now_ms += 7_000;
    insta::assert_snapshot!("filter_kept_sorted_frozen", text(&model, (80, 24)));
    let mut model = fixture::working();
    keys(&mut model, "[[[");
    insta::assert_snapshot!("past", text(&model, (80, 24)));
    let mut model = fixture::working();
    keys(&mut model, ":pause");
    insta::assert_snapshot!("palette", text(&model, (80, 24)));
    keys(&mut model, "\n");
    insta::assert_snapshot!("pause_all", text(&model, (80, 24)));
    for screen in ["1", "4", "8"] {
        let mut model = fixture::working();
        keys(&mut model, screen);
        insta::assert_snapshot!(format!("narrow_{screen}"), text(&model, (40, 10)));
    }
}

#[test]
fn the_questions() {
    let mut model = fixture::working();
    keys(&mut model, "cWinter\tSnow");
    update(&mut model, 30_000, Msg::Audience(1, Ok(100_000)));
    insta::assert_snapshot!("create", text(&model, (80, 24)));
    let templates = vec!["winter@3".to_owned()];
    update(&mut model, 30_000, Msg::Templates(1, templates));
    keys(&mut model, "\t");
    right(&mut model);
    keys(&mut model, "\tcode=WINTER\t\t");
    right(&mut model);
    right(&mut model);
    for cmd in keys(&mut model, "\t0 9 * * mon") {
        if let Cmd::LookAhead { dialog, when } = cmd {
            let ahead = Ok(samples::ahead());
            update(&mut model, 30_000, Msg::Ahead(dialog, when, ahead));
        }
    }
    insta::assert_snapshot!("create_schedule_80x24", text(&model, (80, 24)));
    insta::assert_snapshot!("create_schedule_120x40", text(&model, (120, 40)));
    insta::assert_snapshot!("create_schedule_40x10", text(&model, (40, 10)));
    keys(&mut model, "\t\t\t\t\t\n");
    insta::assert_snapshot!("preview_rendering", text(&model, (80, 24)));
    let mail = Ok(samples::preview());
    update(&mut model, 30_000, Msg::Previewed(1, 1, mail));
    insta::assert_snapshot!("preview_80x24", text(&model, (80, 24)));
    insta::assert_snapshot!("preview_120x40", text(&model, (120, 40)));

    let mut model = fixture::working();
    for cmd in keys(&mut model, "4aC") {
        if let Cmd::PlanClaim {
            dialog,
            part,
            request,
        } = cmd
        {
            let plan = Ok(fixture::plan(&request));
            update(&mut model, 30_000, Msg::Planned { dialog, part, plan });
        }
    }
    insta::assert_snapshot!("claim_80x24", text(&model, (80, 24)));
    insta::assert_snapshot!("claim_120x40", text(&model, (120, 40)));

    let mut model = fixture::working();
    keys(&mut model, "?");
    insta::assert_snapshot!("help", text(&model, (80, 60)));
}

#[test]
fn a_small_terminal_gets_one_column() {
    insta::assert_snapshot!("narrow", text(&fixture::working(), (50, 12)));
}

#[test]
fn the_selected_row_has_a_symbol_and_a_style_in_every_theme() {
    for choice in [ThemeChoice::Dark, ThemeChoice::Light, ThemeChoice::None] {
        let mut model = fixture::working();
        model.setting.theme = Theme::new(choice, Depth::Many);
        keys(&mut model, "4jj");
        let buffer = render(&model, (80, 24));
        let row = (0..24)
            .find(|y| buffer[(1, *y)].symbol() == super::widgets::POINTER)
            .expect("a pointer");
        assert_eq!(row, 6, "heading, then the third entry");
        let cell = &buffer[(6, row)];
        assert!(cell.modifier.contains(Modifier::BOLD), "{choice:?}");
        let coloured = buffer
            .content
            .iter()
            .any(|c| c.fg != ratatui::style::Color::Reset || c.bg != ratatui::style::Color::Reset);
        assert_eq!(coloured, choice != ThemeChoice::None, "{choice:?}");
    }
}

#[test]
fn data_of_a_server_that_is_away_recedes() {
    let mut model = fixture::stale();
    model.setting.theme = Theme::new(ThemeChoice::Dark, Depth::Many);
    let faint = model.setting.theme.faint.fg;
    let buffer = render(&model, (80, 24));
    for y in 3..22 {
        for x in 0..80 {
            let cell = &buffer[(x, y)];
            let visible = cell.symbol().trim().chars().next().is_some();
            assert!(!visible || Some(cell.fg) == faint, "{x},{y} {cell:?}");
        }
    }
}

#[test]
fn with_ascii_nothing_of_ours_needs_another_font() {
    for screen in Screen::ALL {
        let mut model = fixture::working();
        model.setting.ascii = true;
        keys(&mut model, &screen.digit().to_string());
        for question in ["", "c", "?", ":", "C"] {
            let mut model = model.clone();
            keys(&mut model, question);
            let drawn = text(&model, (120, 40));
            let foreign = drawn
                .chars()
                .find(|c| !c.is_ascii() && !"üß漢字".contains(*c));
            assert_eq!(foreign, None, "{drawn}");
        }
    }
}

#[test]
fn sixteen_colours_are_among_the_first_sixteen() {
    for choice in [ThemeChoice::Dark, ThemeChoice::Light] {
        let mut model = fixture::working();
        model.setting.theme = Theme::new(choice, Depth::Sixteen);
        keys(&mut model, "4");
        for cell in &render(&model, (80, 24)).content {
            for colour in [cell.fg, cell.bg] {
                let few = match colour {
                    ratatui::style::Color::Reset => true,
                    ratatui::style::Color::Indexed(n) => n < 16,
                    _ => false,
                };
                assert!(few, "{colour:?}");
            }
        }
    }
}

/// Text that tries to steer the terminal or to break the columns.
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
        "👩‍👩‍👧‍👦",
        "e\u{301}",
        "a",
        " ",
        "@",
        "{\"v\":1,\"user\":",
        "\u{fe0f}",
        "ﷺ",
        "🇩🇪",
    ]);
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_size_and_no_text_breaks_a_screen(
        width in 1_u16..140, height in 1_u16..45, text in hostile(), screen in 0_usize..5,
        question in 0_usize..6,
    ) {
        let mut model = fixture::working();
        let status = model.status.data.as_mut().expect("there");
        status.overview.stages[1].stream = text.clone();
        status.overview.workers[0].name = text.clone();
        status.overview.workers[1].info.note = text.clone();
        status.findings[0].text = text.clone();
        model.campaigns.data.as_mut().expect("there")[0].view.name = text.clone();
        let mut stuck = fixture::stuck(12);
        let entry = &mut stuck.entries[0].entry;
        entry.consumer = text.clone();
        entry.fields = Some(vec![(text.clone(), text.clone()), ("data".to_owned(), text.clone())]);
        fixture::fill(&mut model, Screen::Pending, Data::Stuck(stuck));
        let mut mails = fixture::mails(3);
        mails[0].subject = text.clone();
        mails[1].to = vec![text.clone()];
        mails[2].date = text.clone();
        fixture::fill(&mut model, Screen::Inbox, Data::Inbox(mails));
        keys(&mut model, &Screen::ALL[screen].digit().to_string());
        match question {
            1 => { keys(&mut model, "c"); update(&mut model, 30_000, Msg::Paste(text.clone())); }
            2 => {
                for cmd in keys(&mut model, "4aC") {
                    if let Cmd::PlanClaim { dialog, part, request } = cmd {
                        let mut plan = fixture::plan(&request);
                        plan.items[0].owner = text.clone();
                        update(&mut model, 30_000, Msg::Planned { dialog, part, plan: Ok(plan) });
                    }
                }
            }
            3 => { keys(&mut model, "?"); }
            4 => { keys(&mut model, ":"); update(&mut model, 30_000, Msg::Paste(text.clone())); }
            5 => { keys(&mut model, "/"); update(&mut model, 30_000, Msg::Paste(text.clone())); }
            _ => {}
        }
        let buffer = render(&model, (width, height));
        for cell in &buffer.content {
            let harmless = cell.symbol().chars().all(|c| !c.is_control() && c != '\u{202e}' && c != '\u{200d}');
            prop_assert!(harmless, "{:?}", cell.symbol());
        }
    }
}

#[test]
fn a_finding_names_the_keys_as_they_are_bound() {
    let mut model = fixture::working();
    assert!(text(&model, (120, 40)).contains("→ 4 C"));
    let bound = [("claim", "T"), ("pending", "ctrl-p")];
    let bound = bound.map(|(name, key)| (name.to_owned(), vec![key.to_owned()]));
    model.setting.keys = crate::console::keymap::Keymap::new(&bound.into()).expect("valid keys");
    let drawn = text(&model, (120, 40));
    assert!(drawn.contains("→ ctrl-p T"), "{drawn}");
}
