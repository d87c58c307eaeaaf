//! Keys on screens and lists: where they lead, what they select, filter and ask.

use ratatui::crossterm::event::KeyModifiers;

use super::{
    super::fixture,
    pressing::{press, type_keys},
    *,
};
use crate::console::{
    data::{Data, Query},
    dialog::Dialog,
    model::Screen,
};

#[test]
fn keys_lead_from_screen_to_screen() {
    for (keys, screen) in [
        ("4", Screen::Pending),
        ("8", Screen::Workers),
        ("4 1", Screen::Pipeline),
        ("tab", Screen::Campaigns),
        ("tab tab", Screen::Streams),
        ("shift-tab", Screen::Secrets),
        ("2", Screen::Campaigns),
        ("5", Screen::Dead),
        ("9", Screen::Audit),
        ("0", Screen::Secrets),
        ("shift-tab tab", Screen::Pipeline),
    ] {
        let mut model = fixture::working();
        press(&mut model, keys);
        assert_eq!(model.screen, screen, "{keys}");
    }
}

#[test]
fn the_selection_moves_within_the_list() {
    for (keys, row) in [
        ("j", 1),
        ("j j k", 1),
        ("k", 0),
        ("G", 11),
        ("G j", 11),
        ("G g", 0),
        ("pgdn", 11),
        ("down", 1),
    ] {
        let mut model = fixture::working();
        press(&mut model, &format!("4 {keys}"));
        assert_eq!(model.page().table.at(), Some(row), "{keys}");
    }
}

#[test]
fn the_selection_stays_on_its_entry_when_the_list_moves() {
    let mut model = fixture::working();
    press(&mut model, "4 j j j");
    let mut stuck = fixture::stuck(12);
    stuck.entries.remove(0);
    fixture::fill(&mut model, Screen::Pending, Data::Stuck(stuck.clone()));
    assert_eq!(
        model.page().table.at(),
        Some(2),
        "the same entry, one row higher"
    );
    stuck.entries.remove(2);
    fixture::fill(&mut model, Screen::Pending, Data::Stuck(stuck));
    assert_eq!(
        model.page().table.at(),
        Some(2),
        "its entry is gone, the place stays"
    );
}

#[test]
fn marks_go_with_their_entries() {
    let mut model = fixture::working();
    press(&mut model, "4 space space");
    assert_eq!(
        (model.page().table.marks.len(), model.page().table.at()),
        (2, Some(2))
    );
    press(&mut model, "g space");
    assert_eq!(model.page().table.marks.len(), 1);
    press(&mut model, "a");
    assert_eq!(model.page().table.marks.len(), 12);
    fixture::fill(&mut model, Screen::Pending, Data::Stuck(fixture::stuck(5)));
    assert_eq!(model.page().table.marks.len(), 5);
    press(&mut model, "a");
    assert!(model.page().table.marks.is_empty());
}

#[test]
fn quit_is_q_and_ctrl_c_but_q_is_text_in_a_form() {
    let mut model = fixture::working();
    assert_eq!(press(&mut model, "q"), [Cmd::Quit]);
    press(&mut model, "c");
    assert!(press(&mut model, "q").is_empty());
    assert_eq!(press(&mut model, "ctrl-c"), [Cmd::Quit]);
    assert_eq!(press(&mut model, "ctrl-z"), [Cmd::Suspend]);
    press(&mut model, "esc ?");
    assert!(matches!(model.dialog, Some(Dialog::Help { .. })));
    press(&mut model, "q");
    assert_eq!(model.dialog, None, "closes the help only");
}

#[test]
fn one_goes_down_level_by_level_and_back_again() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "3 down down enter");
    let asks = cmds.iter().any(|c| {
        matches!(c, Cmd::Ask { query: Query::Groups { stream }, .. } if stream == "email-notification")
    });
    assert!(asks, "{cmds:?}");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    press(&mut model, "enter");
    fixture::fill_page(&mut model, Data::Groups(fixture::groups()));
    let cmds = press(&mut model, "j enter");
    let asks = cmds.iter().any(|c| {
        matches!(c, Cmd::Ask { query: Query::Held { consumer: Some(c), .. }, .. } if c == fixture::GONE)
    });
    assert!(asks && model.depth() == 4, "{cmds:?}");
    for depth in [3, 2, 1, 1] {
        press(&mut model, "esc");
        assert_eq!(model.depth(), depth);
    }
    assert_eq!(
        model.page().table.at(),
        Some(2),
        "the selection is where it was"
    );
}

#[test]
fn a_filter_is_typed_kept_and_cleared() {
    let mut model = fixture::working();
    press(&mut model, "4 /");
    type_keys(&mut model, "q !user");
    assert_eq!(
        model.page().table.len(),
        0,
        "keys are text while a filter is typed"
    );
    press(&mut model, "ctrl-u");
    type_keys(&mut model, "stream:^notif");
    press(&mut model, "enter");
    assert_eq!(model.page().table.len(), 2);
    press(&mut model, "a");
    assert_eq!(model.page().table.marks.len(), 2, "all that are shown");
    press(&mut model, "esc");
    assert_eq!(model.page().table.len(), 12);
    assert_eq!(model.page().table.marks.len(), 2);
    press(&mut model, "esc");
    assert!(model.page().table.marks.is_empty());
    press(&mut model, "!");
    let all = model.page().table.rows().len();
    assert!(model.page().table.len() < all && model.faults_only);
}

#[test]
fn the_past_is_looked_at_and_nothing_can_be_changed_in_it() {
    let mut model = fixture::working();
    press(&mut model, "[ [");
    let shown = model.shown_status().expect("a look").overview.server.now_ms;
    let now = model
        .status
        .data
        .as_ref()
        .expect("now")
        .overview
        .server
        .now_ms;
    assert!(shown < now);
    assert!(press(&mut model, "c").is_empty() && model.dialog.is_none());
    press(&mut model, "esc");
    assert!(!model.past.is_looked_at());
    press(&mut model, "[ ] ]");
    assert!(!model.past.is_looked_at());
}

#[test]
fn the_palette_finds_an_action_and_does_it() {
    let mut model = fixture::working();
    press(&mut model, ":");
    type_keys(&mut model, "pending");
    press(&mut model, "enter");
    assert_eq!(model.screen, Screen::Pending);
    press(&mut model, ": esc");
    assert!(model.dialog.is_none());
}

#[test]
fn pause_all_asks_first_and_says_what_became_of_each() {
    use crate::console::message::Change;
    let mut model = fixture::working();
    press(&mut model, ":");
    type_keys(&mut model, "pause-all");
    press(&mut model, "enter enter");
    assert!(model.dialog.is_none(), "Cancel has the focus");
    press(&mut model, ":");
    type_keys(&mut model, "pause-all");
    let cmds = press(&mut model, "enter tab enter");
    let [Cmd::Change { dialog, change }] = cmds.as_slice() else {
        panic!("{cmds:?}")
    };
    assert_eq!(*change, Change::PauseCampaigns(vec![8]));
    let outcome = vec![("campaign 8".to_owned(), "paused".to_owned(), true)];
    update(&mut model, 30_200, Msg::Changed(*dialog, Ok(outcome)));
    let Some(Dialog::Confirm(confirm)) = &model.dialog else {
        panic!("the outcome is shown")
    };
    assert!(matches!(
        confirm.stage,
        crate::console::dialog::ConfirmStage::Done(_)
    ));
    press(&mut model, "enter");
    assert!(model.dialog.is_none());
}

#[test]
fn read_only_is_locked_at_once_and_unlocked_by_typing() {
    let mut model = fixture::working();
    let toggle = |model: &mut Model| {
        press(model, ":");
        type_keys(model, "read-only");
        press(model, "enter")
    };
    assert_eq!(toggle(&mut model), [Cmd::SetReadOnly(true)]);
    assert!(press(&mut model, "c").is_empty() && model.dialog.is_none());
    toggle(&mut model);
    type_keys(&mut model, "unlok");
    assert!(press(&mut model, "tab tab enter").is_empty() && model.setting.read_only);
    press(&mut model, "shift-tab shift-tab ctrl-u");
    type_keys(&mut model, "unlock");
    assert_eq!(
        press(&mut model, "tab tab enter"),
        [Cmd::SetReadOnly(false)]
    );
    assert!(!model.setting.read_only && model.dialog.is_none());
}

#[test]
fn the_mouse_selects_opens_scrolls_and_changes_the_screen() {
    use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
    let mouse = |model: &mut Model, kind, column, row| {
        let event = MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        };
        let now_ms = model.now_ms;
        update(model, now_ms, Msg::Mouse(event))
    };
    let click = MouseEventKind::Down(MouseButton::Left);
    let mut model = fixture::working();
    let tab = crate::console::view::tab_spans(&model);
    let (_, cells) = tab
        .iter()
        .find(|(s, _)| *s == Screen::Pending)
        .expect("a tab");
    mouse(&mut model, click, cells.start as u16 + 1, 1);
    assert_eq!(model.screen, Screen::Pending);
    mouse(&mut model, click, 10, 7);
    assert_eq!(model.page().table.at(), Some(3));
    mouse(&mut model, MouseEventKind::ScrollDown, 10, 7);
    assert_eq!(model.page().table.at(), Some(6));
    mouse(&mut model, click, 10, 4);
    mouse(&mut model, click, 10, 4);
    assert_eq!(model.depth(), 2, "what is selected is opened");
    press(&mut model, "C");
    mouse(&mut model, click, 10, 5);
    assert_eq!(model.depth(), 2);
}

#[test]
fn entries_are_turned_page_by_page_and_begin_where_it_is_said() {
    let mut model = fixture::working();
    press(&mut model, "3 down down e");
    fixture::fill_page(&mut model, Data::Entries(fixture::entries()));
    let query = |cmds: &[Cmd]| match cmds {
        [Cmd::Ask { query, .. }] => query.clone(),
        other => panic!("{other:?}"),
    };
    let Query::Entries { newest, from, .. } = query(&press(&mut model, "n")) else {
        panic!("entries")
    };
    assert_eq!((newest, from.as_str()), (true, "(1699999157000-8"));
    fixture::fill_page(&mut model, Data::Entries(fixture::entries()));
    press(&mut model, "f");
    type_keys(&mut model, "5m");
    let Query::Entries { newest, from, .. } = query(&press(&mut model, "enter")) else {
        panic!("entries")
    };
    let now = model
        .status
        .data
        .as_ref()
        .expect("now")
        .overview
        .server
        .now_ms;
    assert_eq!((newest, from), (false, (now - 300_000).to_string()));
    fixture::fill_page(&mut model, Data::Entries(fixture::entries()));
    // An end too; pages and the other order stay inside.
    let bounds = |cmds: &[Cmd]| match query(cmds) {
        Query::Entries {
            newest, from, to, ..
        } => (newest, from, to),
        other => panic!("{other:?}"),
    };
    let ago = |ms: u64| (now - ms).to_string();
    press(&mut model, "f");
    type_keys(&mut model, "10m..5m");
    let asked = bounds(&press(&mut model, "enter"));
    assert_eq!(asked, (false, ago(600_000), ago(300_000)));
    fixture::fill_page(&mut model, Data::Entries(fixture::entries()));
    let (_, from, to) = bounds(&press(&mut model, "n"));
    assert!(from.starts_with('('), "{from}");
    assert_eq!(to, ago(300_000));
    fixture::fill_page(&mut model, Data::Entries(fixture::entries()));
    let asked = bounds(&press(&mut model, "N"));
    assert_eq!(asked, (false, ago(600_000), ago(300_000)));
    fixture::fill_page(&mut model, Data::Entries(fixture::entries()));
    let asked = bounds(&press(&mut model, "o"));
    assert_eq!(asked, (true, ago(300_000), ago(600_000)));
    fixture::fill_page(&mut model, Data::Entries(fixture::entries()));
    press(&mut model, "f");
    type_keys(&mut model, "soon");
    assert!(press(&mut model, "enter").is_empty());
    assert!(model.notice.is_some());
}

#[test]
fn a_server_is_found_by_the_beginning_of_its_name() {
    for (typed, found) in [
        ("staging", Some("staging")),
        ("p", Some("production")),
        ("", None),
        ("x", None),
    ] {
        let mut model = fixture::working();
        press(&mut model, "@");
        type_keys(&mut model, typed);
        let cmds = press(&mut model, "enter");
        let expected: Vec<Cmd> = found
            .map(|name| Cmd::Switch(name.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(cmds, expected, "{typed}");
        if found.is_none() {
            let notice = model.notice.clone().expect("a refusal");
            assert!(
                notice.text.contains("production, staging"),
                "{}",
                notice.text
            );
        }
    }
    let mut model = fixture::working();
    model.setting.servers.clear();
    press(&mut model, "@");
    assert_eq!(model.prompt, None);
}
