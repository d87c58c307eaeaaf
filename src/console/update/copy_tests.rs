//! `y`: what is copied can be pasted at the prompt of redis-cli as it is.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::{super::fixture, *};
use crate::{
    console::{clipboard, data::Data, dialog::Dialog, model::Screen, samples},
    ops::{AuditEntry, ClaimRequest, PlannedId, Which},
};

fn press(model: &mut Model, code: KeyCode) -> Vec<Cmd> {
    update(model, model.now_ms, Msg::Key(KeyEvent::from(code)))
}

fn copied(model: &mut Model) -> (Option<String>, String) {
    model.notice = None;
    let text = match &press(model, KeyCode::Char('y'))[..] {
        [Cmd::Copy(text)] => Some(text.clone()),
        [] => None,
        other => panic!("{other:?}"),
    };
    let said = match &model.dialog {
        Some(Dialog::Claim(dialog)) => dialog.copied.clone().or(dialog.error.clone()),
        _ => model.notice.clone().map(|notice| notice.text),
    };
    (text, said.unwrap_or_default())
}

/// The question about `n` entries of one group, its plan as good as read.
fn asked(n: u64) -> Model {
    let mut model = fixture::working();
    press(&mut model, KeyCode::Char('4'));
    for c in "/held:3990\nA".chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            c => KeyCode::Char(c),
        };
        press(&mut model, code);
    }
    let no_plan = (None, "the plan is still being made".to_owned());
    assert_eq!(copied(&mut model), no_plan);
    let entries = fixture::stuck(1).entries.remove(0).entry;
    let ids = (0..n).map(|n| PlannedId {
        source: entries.source.clone(),
        id: format!("1699999157000-{n}"),
    });
    let request = ClaimRequest {
        stream: entries.source.stream.clone(),
        group: entries.group,
        to: None,
        min_idle_ms: None,
        which: Which::Entries(ids.collect()),
    };
    let dialog = model.dialogs;
    let plan = Ok(fixture::plan(&request));
    let planned = Msg::Planned {
        dialog,
        part: 0,
        plan,
    };
    update(&mut model, 30_000, planned);
    model
}

#[test]
fn the_commands_of_a_claim_are_copied_whole() {
    let mut model = asked(250);
    let (text, notice) = copied(&mut model);
    let text = text.expect("copied");
    let words = text.split_whitespace();
    let ids = words.filter(|word| word.starts_with("1699999157000-"));
    assert_eq!(ids.count(), 250, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    let head = "XCLAIM {comms:0}:email-notification email-service mailbox-7f3a-4103-1731 60000 ";
    assert!(lines.iter().all(|line| line.starts_with(head)), "{text}");
    assert!(lines[2].ends_with("-249"), "{text}");
    assert_eq!(notice, "copied 3 commands for redis-cli");
    // Also where the count is typed.
    press(&mut model, KeyCode::BackTab);
    for c in "250".chars() {
        press(&mut model, KeyCode::Char(c));
    }
    assert_eq!(copied(&mut model).0, Some(text));
    let Some(Dialog::Claim(dialog)) = &model.dialog else {
        panic!("no claim")
    };
    assert_eq!(dialog.typed.text(), "250");
}

#[test]
fn of_more_than_a_clipboard_takes_whole_commands_are_copied_and_it_is_said() {
    let mut model = asked(100_000);
    let (text, notice) = copied(&mut model);
    let text = text.expect("copied");
    assert!(text.len() <= clipboard::MOST_BYTES);
    assert!(text.len() > clipboard::MOST_BYTES - 4_096);
    let words = |line: &str| line.split(' ').count();
    assert!(text.lines().all(|line| words(line) == 5 + 100), "whole");
    assert!(
        notice.contains("of 1\u{2009}000 commands; claim --dry-run prints all"),
        "{notice}"
    );
}

#[test]
fn every_id_of_a_plan_can_be_scrolled_to() {
    let mut model = asked(100_000);
    let screen = |model: &Model| {
        let backend = ratatui::backend::TestBackend::new(100, 30);
        let mut terminal = ratatui::Terminal::new(backend).expect("a terminal");
        terminal
            .draw(|frame| crate::console::view::draw(model, frame))
            .expect("drawn");
        terminal.backend().to_string()
    };
    let first = screen(&model);
    assert!(
        first.contains("1699999157000-0 ") && first.contains("1 → 2"),
        "{first}"
    );
    assert!(
        first.contains("1699999157000-2 … 99\u{2009}997 more"),
        "the command: {first}"
    );
    assert!(first.contains("y copies the commands"), "{first}");
    for _ in 0..10_001 {
        press(&mut model, KeyCode::PageDown);
    }
    let last = screen(&model);
    assert!(
        last.contains("1699999157000-99999 ") && !last.contains("pgdn"),
        "{last}"
    );
    assert!(last.contains("mailbox-7f3a-3990-1731"), "its owner: {last}");
    // What can be chosen comes back into view with the focus.
    press(&mut model, KeyCode::Tab);
    assert!(screen(&model).contains("y copies the commands"));
}

#[test]
fn the_audit_gives_its_commands_and_says_when_there_are_none() {
    let mut model = fixture::working();
    fixture::fill(&mut model, Screen::Audit, samples::audit());
    press(&mut model, KeyCode::Char('9'));
    let (text, notice) = copied(&mut model);
    assert_eq!(text, None);
    assert_eq!(
        notice,
        "campaign.retry-failed is no Redis command: nothing is copied"
    );
    press(&mut model, KeyCode::Down);
    let (text, _) = copied(&mut model);
    assert!(text.is_some_and(|text| text.starts_with("XCLAIM ")));
    let long = AuditEntry {
        id: "1-1".to_owned(),
        what: "dead.drop".to_owned(),
        command: "XDEL key 1-1\nXDEL other 2-1".to_owned(),
        left_out: 7,
        ..AuditEntry::default()
    };
    fixture::fill(&mut model, Screen::Audit, Data::Audit(vec![long]));
    let (text, notice) = copied(&mut model);
    assert_eq!(text.as_deref(), Some("XDEL key 1-1\nXDEL other 2-1"));
    assert!(
        notice.contains("2 lines") && notice.contains("7 more like it"),
        "{notice}"
    );
}
