//! Snapshots of every screen, of what lies below it, and of the questions.

use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::Buffer,
    crossterm::event::{KeyCode, KeyEvent},
};

use super::draw;
use crate::console::{
    data::Data,
    fixture,
    message::{Cmd, Msg},
    model::{Model, Screen},
    samples,
    update::{pressing::type_keys, update},
};
use crate::ops::wording::SEPARATOR;

pub(super) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// The model on a terminal of that size: its lists scroll by it, and its texts are wrapped.
pub(super) fn on_terminal(model: &Model, (width, height): (u16, u16)) -> Model {
    let mut model = model.clone();
    let now_ms = model.now_ms;
    update(&mut model, now_ms, Msg::Resize(width, height));
    model
}

/// What it shows.
pub(super) fn drawn(model: &Model) -> Buffer {
    let (width, height) = model.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(model, frame)).expect("drawn");
    terminal.backend().buffer().clone()
}

/// The screen as text; thin spaces as `'`, so that a snapshot shows them.
pub(super) fn text(model: &Model, size: (u16, u16)) -> String {
    let buffer = drawn(&on_terminal(model, size));
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
        ("error", fixture::working()),
    ];
    for (state, model) in states {
        for screen in Screen::ALL {
            let mut model = model.clone();
            type_keys(&mut model, &screen.digit().to_string());
            if state == "error" {
                fail(&mut model);
            }
            snapshot(
                &format!("{}_{state}", screen.title().to_lowercase()),
                &model,
            );
        }
    }
}

/// The look at the page shown fails, and that at the campaigns, while Redis is up.
fn fail(model: &mut Model) {
    let failure = || crate::console::message::Failure {
        away: true,
        text: "the database is away: connection refused (os error 111); is it running? ./start.sh"
            .to_owned(),
    };
    let now_ms = model.now_ms;
    let generation = fixture::begin(&mut model.campaigns);
    update(model, now_ms, Msg::Campaigns(generation, Err(failure())));
    let page = model.page_mut();
    let (page, generation) = (page.number, fixture::begin(&mut page.feed));
    let result = Err(failure());
    let msg = Msg::Page {
        page,
        generation,
        result,
    };
    update(model, now_ms, msg);
}

/// The plans that were asked for.
pub(super) fn answer(model: &mut Model, cmds: Vec<Cmd>) {
    for cmd in cmds {
        let msg = match cmd {
            Cmd::PlanRetry { dialog, .. } => {
                let plan = samples::retry_plan((1..=214).collect());
                Msg::RetryPlanned(dialog, Ok(plan))
            }
            Cmd::PlanLetters { dialog, filter, .. } => {
                Msg::LettersPlanned(dialog, Ok(samples::dead_plan(&filter)))
            }
            Cmd::PlanDrain { dialog, worker } => {
                Msg::DrainPlanned(dialog, Ok(fixture::drain_plan(model, &worker)))
            }
            Cmd::CountAudience { dialog } => Msg::Audience(dialog, Ok(100_000)),
            _ => continue,
        };
        update(model, model.now_ms, msg);
    }
}

fn named(name: &str, keys: &str, data: Vec<Data>) -> (String, Model) {
    let mut model = fixture::working();
    let mut data = data.into_iter();
    for key in keys.chars() {
        let cmds = type_keys(&mut model, &key.to_string());
        answer(&mut model, cmds);
        if matches!(key, '\n' | 'e' | 'l' | 'i' | 'd')
            && let Some(data) = data.next()
        {
            fixture::fill_page(&mut model, data);
        }
    }
    (name.to_owned(), model)
}

/// What lies below the screens, and the questions asked there.
pub(super) fn levels() -> Vec<(String, Model)> {
    let groups = || Data::Groups(fixture::groups());
    let held = || Data::Held(fixture::held());
    let entries = || Data::Entries(fixture::entries());
    let log = || Data::Log(fixture::log());
    vec![
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
    ]
}

#[test]
fn every_level_below_a_screen() {
    for (name, model) in levels() {
        snapshot(&name, &model);
    }
}

#[test]
fn the_way_to_all_keys_is_shown_however_many_there_are() {
    for screen in Screen::ALL {
        let mut model = fixture::working();
        type_keys(&mut model, &screen.digit().to_string());
        for size in SIZES {
            let drawn = text(&model, size);
            let footer = drawn.lines().last().expect("a footer");
            assert!(footer.contains("? help"), "{screen:?} {size:?}: {footer}");
        }
    }
}

#[test]
fn an_error_is_said_where_the_data_would_be() {
    for screen in Screen::ALL {
        // Pipeline and Workers are made of the status: without it Redis is away.
        if screen.place().listing().is_none() || screen == Screen::Workers {
            continue;
        }
        let mut model = fixture::empty();
        type_keys(&mut model, &screen.digit().to_string());
        model.page_mut().feed.data = None;
        fail(&mut model);
        for size in SIZES {
            let drawn = text(&model, size);
            let said = drawn.lines().nth(3).unwrap_or_default();
            assert!(
                said.starts_with(" not known: the database is away: connection refused"),
                "{screen:?} {drawn}"
            );
            assert!(drawn.contains("● live"), "Redis is there: {drawn}");
        }
    }
}

#[test]
fn what_is_typed_filtered_frozen_and_past() {
    let mut model = fixture::working();
    type_keys(&mut model, "4/held:399");
    insta::assert_snapshot!("filter_typed", text(&model, (80, 24)));
    type_keys(&mut model, "\nss");
    model.now_ms += 5_000;
    type_keys(&mut model, "p");
    model.now_ms += 7_000;
    insta::assert_snapshot!("filter_kept_sorted_frozen", text(&model, (80, 24)));
    let mut model = fixture::working();
    type_keys(&mut model, "[[[");
    insta::assert_snapshot!("past", text(&model, (80, 24)));
    let mut model = fixture::working();
    type_keys(&mut model, ":pause");
    snapshot("palette", &model);
    type_keys(&mut model, "\n");
    snapshot("pause_all", &model);
    for screen in ["1", "4", "8"] {
        let mut model = fixture::working();
        type_keys(&mut model, screen);
        insta::assert_snapshot!(format!("narrow_{screen}"), text(&model, (40, 10)));
    }
}

#[test]
fn the_questions() {
    let mut model = fixture::working();
    type_keys(&mut model, "cWinter\tSnow");
    update(&mut model, 30_000, Msg::Audience(1, Ok(100_000)));
    snapshot("create", &model);
    let templates = vec!["winter@3".to_owned()];
    update(&mut model, 30_000, Msg::Templates(1, templates));
    type_keys(&mut model, "\t");
    right(&mut model);
    type_keys(&mut model, "\tcode=WINTER\t\t");
    right(&mut model);
    right(&mut model);
    for cmd in type_keys(&mut model, "\t0 9 * * mon") {
        if let Cmd::LookAhead { dialog, when } = cmd {
            let ahead = Ok(samples::ahead());
            update(&mut model, 30_000, Msg::Ahead(dialog, when, ahead));
        }
    }
    snapshot("create_schedule", &model);
    insta::assert_snapshot!("create_schedule_40x10", text(&model, (40, 10)));
    type_keys(&mut model, "\t\t\t\t\t\n");
    insta::assert_snapshot!("preview_rendering", text(&model, (80, 24)));
    let mail = Ok(samples::preview());
    update(&mut model, 30_000, Msg::Previewed(1, 1, mail));
    snapshot("preview", &model);

    let mut model = fixture::working();
    for cmd in type_keys(&mut model, "4aC") {
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
    snapshot("claim", &model);

    let mut model = fixture::working();
    type_keys(&mut model, "?");
    snapshot("help", &model);
}

#[test]
fn a_small_terminal_gets_one_column() {
    insta::assert_snapshot!("narrow", text(&fixture::working(), (50, 12)));
}

#[test]
fn with_ascii_nothing_of_ours_needs_another_font() {
    for screen in Screen::ALL {
        let mut model = fixture::working();
        model.setting.ascii = true;
        type_keys(&mut model, &screen.digit().to_string());
        for question in ["", "c", "?", ":", "C"] {
            let mut model = model.clone();
            type_keys(&mut model, question);
            let drawn = text(&model, (120, 40));
            let foreign = drawn
                .chars()
                .find(|c| !c.is_ascii() && !"üß漢字".contains(*c));
            assert_eq!(foreign, None, "{drawn}");
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

#[test]
fn a_small_terminal_names_the_key_that_quits_as_it_is_bound() {
    let mut model = fixture::working();
    for height in [3, 10, 14] {
        let drawn = text(&model, (40, height));
        assert_eq!(drawn.lines().last(), Some("q quit"), "{drawn}");
    }
    let bound = [("quit".to_owned(), vec!["ctrl-q".to_owned()])];
    model.setting.keys = crate::console::keymap::Keymap::new(&bound.into()).expect("valid keys");
    let drawn = text(&model, (40, 10));
    assert_eq!(drawn.lines().last(), Some("ctrl-q quit"), "{drawn}");
}
