//! Dead letters: from the key to the plan, and from the plan to what is done.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::{
    super::{fixture, samples},
    again_tests::{confirmed, letters, question},
    pressing::press,
    *,
};
use crate::{
    console::{
        data::{Data, Query},
        dialog::{ConfirmField, ConfirmStage},
        message::{Change, Failure, Letters},
    },
    ops::{DeadAction, DeadFilter, DeadPlan},
};

fn filter(ids: &[&str]) -> DeadFilter {
    let one = samples::letters(1).remove(0);
    DeadFilter {
        stream: Some("email-notification".to_owned()),
        ids: ids.iter().map(|id| id.parse().expect("an id")).collect(),
        cause: Some(one.fingerprint),
        campaign: Some(8),
    }
}

/// Which letters a key looked at, and what for.
fn looked(cmds: Vec<Cmd>) -> (u64, DeadFilter, Letters) {
    let mut looks = cmds.into_iter().filter_map(|cmd| match cmd {
        Cmd::PlanLetters {
            dialog,
            filter,
            asked,
        } => Some((dialog, filter, asked)),
        _ => None,
    });
    looks.next().expect("a look at letters")
}

/// Presses keys, and answers with a plan of the letters that are looked at.
fn planned(model: &mut Model, keys: &str) -> DeadPlan {
    let (dialog, filter, _) = looked(press(model, keys));
    let plan = samples::dead_plan(&filter);
    update(
        model,
        model.now_ms,
        Msg::LettersPlanned(dialog, Ok(plan.clone())),
    );
    plan
}

fn lines(model: &Model) -> Vec<&str> {
    question(model)
        .lines
        .iter()
        .map(|(text, _)| text.as_str())
        .collect()
}

#[test]
fn a_replay_takes_the_letters_that_were_marked_when_it_was_asked() {
    let ids = ["0/1699999262000-0", "0/1699999262000-1"];
    for key in ["R", "O", "X"] {
        let mut model = fixture::working();
        letters(&mut model);
        let (dialog, asked, verb) = looked(press(&mut model, &format!("space space {key}")));
        assert_eq!(asked, filter(&ids));
        assert_eq!(verb == Letters::Drop, key == "X");
        // Before the plan is there nothing can be confirmed.
        assert_eq!(question(&model).stage, ConfirmStage::Planning);
        assert_eq!(question(&model).fields(), [ConfirmField::Cancel]);
        let plan = samples::dead_plan(&asked);
        update(
            &mut model,
            30_000,
            Msg::LettersPlanned(dialog, Ok(plan.clone())),
        );
        assert_eq!(question(&model).count, 2);
        // Others come meanwhile; the question stays about those two.
        fixture::fill_page(&mut model, Data::Letters(samples::letters(3)));
        let plan = Box::new(plan);
        let expected = match key {
            "X" => Change::DropLetters(plan),
            _ => Change::ReplayLetters {
                plan,
                canary: key == "O",
            },
        };
        assert_eq!(confirmed(&mut model), expected);
    }
}

#[test]
fn the_plan_says_how_many_go_which_were_accepted_and_which_are_gone() {
    let mut model = fixture::working();
    letters(&mut model);
    let (dialog, filter, _) = looked(press(&mut model, "a R"));
    let mut plan = samples::dead_plan(&filter);
    plan.absent = vec!["0/1-1".to_owned()];
    update(&mut model, 30_000, Msg::LettersPlanned(dialog, Ok(plan)));
    let lines = lines(&model);
    for line in [
        "9 queued again by the ledger",
        "  0/1699999262000-0  user 0",
        "  and 6 more",
        "3 not sent again, only removed here: the ledger says accepted",
        "1 gone meanwhile",
        "  0/1-1",
    ] {
        assert!(lines.contains(&line), "no {line:?} in {lines:#?}");
    }
    assert_eq!(question(&model).count, 9, "as many as are sent again");
    assert_eq!(question(&model).focus, ConfirmField::Cancel);
}

#[test]
fn more_than_a_hundred_are_counted_by_the_plan() {
    let mut model = fixture::working();
    press(&mut model, "5 enter");
    fixture::fill_page(&mut model, Data::Letters(samples::letters(180)));
    planned(&mut model, "a R");
    assert_eq!(question(&model).word.as_deref(), Some("135"));
    assert!(press(&mut model, "right enter").is_empty(), "not typed yet");
    assert!(question(&model).error.is_some());
}

#[test]
fn what_can_not_be_done_is_said_and_not_offered() {
    let plan_of = |model: &mut Model, key: &str, action: DeadAction| {
        let (dialog, filter, _) = looked(press(model, key));
        let mut plan = samples::dead_plan(&filter);
        plan.items[0].action = action;
        update(model, 30_000, Msg::LettersPlanned(dialog, Ok(plan)));
    };
    let not = |over| DeadAction::Not {
        why: "why".to_owned(),
        over,
    };
    for (key, action, offered) in [
        ("R", not(false), None),
        ("O", not(true), None),
        ("R", not(true), Some("Remove")),
        ("X", not(true), Some("Drop")),
    ] {
        let mut model = fixture::working();
        letters(&mut model);
        plan_of(&mut model, key, action);
        let question = question(&model);
        let verb = (question.stage == ConfirmStage::Asking).then_some(question.verb.as_str());
        assert_eq!(verb, offered, "{key}");
        assert!(question.count <= 1);
    }
}

#[test]
fn letters_of_the_same_id_in_two_partitions_are_two() {
    let mut model = fixture::working();
    press(&mut model, "5 enter");
    let mut two = samples::letters(1);
    two.truncate(1);
    let mut other = two[0].clone();
    other.letter.partition = 1;
    two.push(other);
    fixture::fill_page(&mut model, Data::Letters(two));
    assert_eq!(model.page().table.len(), 2);
    let (_, asked, _) = looked(press(&mut model, "j space R"));
    assert_eq!(asked, filter(&["1/1699999262000-0"]));
    press(&mut model, "esc esc");
    let cmds = press(&mut model, "enter");
    let about = cmds.into_iter().find_map(|cmd| match cmd {
        Cmd::Ask {
            query: Query::Letter { id, .. },
            ..
        } => Some(id.to_string()),
        _ => None,
    });
    assert_eq!(about.as_deref(), Some("1/1699999262000-0"));
}

#[test]
fn cancel_has_the_focus_and_an_outcome_is_shown_for_each_letter() {
    let mut model = fixture::working();
    letters(&mut model);
    planned(&mut model, "R");
    let cmds = press(&mut model, "enter");
    assert!(model.dialog.is_none() && cmds.is_empty(), "{cmds:?}");
    planned(&mut model, "R");
    confirmed(&mut model);
    let number = question(&model).number;
    let outcome = (
        "0/1699999262000-0".to_owned(),
        "queued again".to_owned(),
        true,
    );
    let done = Ok(vec![outcome.clone()]);
    update(&mut model, 30_000, Msg::Changed(number, done));
    assert_eq!(question(&model).stage, ConfirmStage::Done(vec![outcome]));
}

#[test]
fn a_question_that_is_closed_while_it_works_tells_its_sum() {
    let mut model = fixture::working();
    letters(&mut model);
    planned(&mut model, "R");
    confirmed(&mut model);
    let number = question(&model).number;
    assert_eq!(question(&model).stage, ConfirmStage::Working);
    press(&mut model, "esc");
    assert!(model.dialog.is_none());
    let outcome = |good| ("0/1-1".to_owned(), "what became of it".to_owned(), good);
    let done = Ok(vec![outcome(true), outcome(false)]);
    update(&mut model, 90_000, Msg::Changed(number, done));
    let notice = model.notice.as_ref().expect("a notice");
    assert_eq!(
        (notice.text.as_str(), notice.tone),
        ("1 of 2 done", Tone::Bad)
    );
}

#[test]
fn edited_data_belongs_to_the_letter_it_was_begun_on() {
    let mut model = fixture::working();
    letters(&mut model);
    // It shows an address, which must be allowed first.
    press(&mut model, "j E");
    assert!(model.prompt.is_none());
    let said = &model.notice.as_ref().expect("a notice").text;
    assert!(said.contains("m shows addresses"), "{said}");
    press(&mut model, "m E");
    let before = model.prompt.as_ref().expect("it is typed").input.text();
    assert!(before.contains("ann.lee.1@example.com"));
    let edited = before.replace("ann", "Xann");
    // From the beginning to the address.
    let at = before.find("ann").expect("an address");
    press(&mut model, "home");
    for _ in 0..at {
        press(&mut model, "right");
    }
    let (dialog, asked, verb) = looked(press(&mut model, "X enter"));
    assert_eq!(asked, filter(&["0/1699999262000-1"]));
    let expected = Some(edited.clone());
    assert_eq!(verb, Letters::Replay { edited: expected });
    // The stage can't read it: it is typed on.
    let refused = Err(Failure {
        away: false,
        text: "no field \"v\"".to_owned(),
    });
    update(&mut model, 30_000, Msg::LettersPlanned(dialog, refused));
    assert!(model.dialog.is_none());
    let kept = model.prompt.as_ref().expect("what was typed");
    assert_eq!(
        (kept.input.text(), kept.input.before().len()),
        (edited.as_str(), at + 1)
    );
    press(&mut model, "esc E esc");
    assert!(model.prompt.is_none() && model.dialog.is_none());
}

#[test]
fn what_is_no_json_is_said_and_typed_on_where_it_is_wrong() {
    let mut model = fixture::working();
    letters(&mut model);
    press(&mut model, "m E");
    let text = model
        .prompt
        .as_ref()
        .expect("a prompt")
        .input
        .text()
        .to_owned();
    assert!(press(&mut model, "home x enter").is_empty());
    let said = &model.notice.as_ref().expect("a notice").text;
    assert!(said.starts_with("no JSON: expected value"), "{said}");
    let input = &model.prompt.as_ref().expect("what was typed").input;
    assert_eq!(
        (input.before(), input.after()),
        ("", format!("x{text}").as_str())
    );
    press(&mut model, "delete end backspace enter");
    let input = &model.prompt.as_ref().expect("what was typed").input;
    assert_eq!(
        input.before(),
        &text[..text.len() - 1],
        "what is missing is missing at the end"
    );
}

#[test]
fn an_address_of_300_characters_can_be_typed_and_a_long_paste_is_not_cut_silently() {
    let mut model = fixture::working();
    press(&mut model, "2 T");
    let long = format!("{}@example.com", "a".repeat(288));
    for c in long.chars() {
        update(
            &mut model,
            30_000,
            Msg::Key(KeyEvent::from(KeyCode::Char(c))),
        );
    }
    assert_eq!(model.prompt.as_ref().expect("a prompt").input.text(), long);
    update(&mut model, 30_000, Msg::Paste("b".repeat(1_000)));
    assert_eq!(model.prompt.as_ref().expect("a prompt").input.text(), long);
    let said = &model.notice.as_ref().expect("a notice").text;
    assert!(said.contains("no room"), "{said}");
    press(&mut model, "enter");
    let to = long.clone();
    assert_eq!(confirmed(&mut model), Change::TestSend { campaign: 8, to });
}
