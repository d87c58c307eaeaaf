use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{super::fixture, *};
use crate::console::{
    data::{Data, Query},
    dialog::{ClaimDialog, ClaimField, ClaimStage, Dialog},
    form::{CampaignForm, Field},
    message::{Failure, Made, Order},
    model::{Link, Screen, View},
};
use crate::ops::{ClaimOutcome, ClaimReport, Claimed, Status};

/// Presses keys written as in the help: `c`, `space`, `tab`, `enter`, `esc`, `down`, `ctrl-c`.
fn press(model: &mut Model, keys: &str) -> Vec<Cmd> {
    let mut cmds = Vec::new();
    for key in keys.split(' ') {
        let (modifiers, key) = match key.strip_prefix("ctrl-") {
            Some(key) => (KeyModifiers::CONTROL, key),
            None => (KeyModifiers::NONE, key),
        };
        let code = match key {
            "space" => KeyCode::Char(' '),
            "tab" => KeyCode::Tab,
            "backtab" => KeyCode::BackTab,
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "end" => KeyCode::End,
            "pgdn" => KeyCode::PageDown,
            key => KeyCode::Char(key.chars().next().expect("a key")),
        };
        let now_ms = model.now_ms;
        cmds.extend(update(
            model,
            now_ms,
            Msg::Key(KeyEvent::new(code, modifiers)),
        ));
    }
    cmds
}

fn type_text(model: &mut Model, text: &str) {
    for c in text.chars() {
        let now_ms = model.now_ms;
        update(model, now_ms, Msg::Key(KeyEvent::from(KeyCode::Char(c))));
    }
}

fn form(model: &Model) -> &CampaignForm {
    match &model.dialog {
        Some(Dialog::Create(form)) => form,
        other => panic!("no form, but {other:?}"),
    }
}

fn ordered(cmds: &[Cmd]) -> &crate::ops::NewCampaign {
    match cmds {
        [
            Cmd::Create {
                dialog: 1,
                order: Order::Campaign(new),
            },
        ] => new,
        other => panic!("no campaign, but {other:?}"),
    }
}

fn claim_dialog(model: &Model) -> &ClaimDialog {
    match &model.dialog {
        Some(Dialog::Claim(dialog)) => dialog,
        other => panic!("no claim, but {other:?}"),
    }
}

fn failure(text: &str) -> Failure {
    Failure {
        away: true,
        text: text.to_owned(),
    }
}

/// Answers every plan that the commands ask for.
fn plan_all(model: &mut Model, cmds: Vec<Cmd>) {
    for cmd in cmds {
        if let Cmd::PlanClaim {
            dialog,
            part,
            request,
        } = cmd
        {
            let plan = Ok(fixture::plan(&request));
            let now_ms = model.now_ms;
            update(model, now_ms, Msg::Planned { dialog, part, plan });
        }
    }
}

#[test]
fn keys_lead_from_screen_to_screen() {
    for (keys, screen) in [
        ("4", Screen::Pending),
        ("8", Screen::Workers),
        ("4 1", Screen::Pipeline),
        ("tab", Screen::Campaigns),
        ("tab tab", Screen::Streams),
        ("backtab", Screen::Secrets),
        ("2", Screen::Campaigns),
        ("5", Screen::Dead),
        ("9", Screen::Audit),
        ("0", Screen::Secrets),
        ("backtab tab", Screen::Pipeline),
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
            Msg::Status(generation, Err(failure("connection refused"))),
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
fn a_campaign_is_created_only_with_the_audience_typed() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "c");
    let dialog = 1;
    assert_eq!(
        cmds,
        [Cmd::CountAudience { dialog }, Cmd::ListTemplates { dialog }]
    );
    type_text(&mut model, "quick q?");
    assert_eq!(
        form(&model).name.text(),
        "quick q?",
        "keys are text in a text field"
    );
    press(&mut model, "enter");
    type_text(&mut model, "Hello");
    press(&mut model, "tab tab tab right");
    assert!(form(&model).hold);
    update(&mut model, 30_100, Msg::Audience(1, Ok(100_000)));

    press(&mut model, "tab tab tab tab tab enter");
    assert_eq!(form(&model).focus, Field::Create);
    assert_eq!(
        form(&model).error.as_deref(),
        Some("type 100000 to confirm")
    );
    press(&mut model, "backtab backtab backtab");
    type_text(&mut model, "100,000");
    let cmds = press(&mut model, "tab tab tab enter");
    let new = ordered(&cmds);
    assert_eq!(
        (
            new.name.as_str(),
            new.words.subject.as_deref(),
            new.in_doubt.as_str()
        ),
        ("quick q?", Some("Hello"), "hold")
    );
    let key = new.idempotency_key.clone();
    assert!(press(&mut model, "enter").is_empty(), "once is enough");

    // The reply was lost; sending again is the same campaign.
    update(
        &mut model,
        30_200,
        Msg::Created(1, Err(failure("no answer in 15 s"))),
    );
    let cmds = press(&mut model, "enter");
    assert_eq!(ordered(&cmds).idempotency_key, key);
    let view = crate::ops::CampaignView {
        id: 9,
        name: "quick q?".to_owned(),
        ..Default::default()
    };
    update(
        &mut model,
        30_300,
        Msg::Created(1, Ok(Made::Campaign(Box::new(view)))),
    );
    assert_eq!(model.dialog, None);
    assert!(
        model
            .notice
            .as_ref()
            .is_some_and(|n| n.text.starts_with("campaign 9"))
    );
    press(&mut model, "c");
    assert_ne!(Some(&form(&model).idempotency_key), key.as_ref());
}

#[test]
fn a_small_audience_needs_no_typing_and_an_empty_one_gets_nothing() {
    for (audience, created) in [(3, true), (0, false)] {
        let mut model = fixture::working();
        press(&mut model, "c x");
        update(&mut model, 30_100, Msg::Audience(1, Ok(audience)));
        let cmds = press(&mut model, "backtab enter");
        assert_eq!(cmds.len() == 1, created, "{audience}");
    }
}

#[test]
fn cancel_has_the_focus_and_does_nothing() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 space C");
    plan_all(&mut model, cmds);
    assert_eq!(claim_dialog(&model).focus, ClaimField::Cancel);
    let cmds = press(&mut model, "enter");
    assert!(cmds.is_empty() && model.dialog.is_none());
}

#[test]
fn a_claim_takes_what_was_frozen_group_by_group() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 a C");
    let plans = cmds
        .iter()
        .filter(|c| matches!(c, Cmd::PlanClaim { .. }))
        .count();
    assert_eq!(plans, 2, "two groups");
    // The list changes behind the question; the question doesn't.
    fixture::fill(&mut model, Screen::Pending, Data::Stuck(fixture::stuck(30)));
    plan_all(&mut model, cmds);
    assert_eq!(claim_dialog(&model).planned(), 12);

    // Another target and a longer min-idle for the first group.
    press(&mut model, "tab tab right");
    let dialog = claim_dialog(&model);
    assert_eq!(dialog.focus, ClaimField::Target(0));
    press(&mut model, "tab tab right");
    assert_eq!(claim_dialog(&model).min_idle_ms, 300_000);
    let cmds = press(&mut model, "tab tab enter");
    let [Cmd::Claim { plans, .. }] = cmds.as_slice() else {
        panic!("{cmds:?}")
    };
    assert_eq!(plans[0].to, "mailbox-7f3a-4104-1731");
    assert_eq!(plans[1].to, fixture::LIVE);
    assert!(plans.iter().all(|p| p.min_idle_ms == 300_000));
    assert_eq!(claim_dialog(&model).stage, ClaimStage::Working);
}

#[test]
fn min_idle_never_becomes_zero() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 C");
    plan_all(&mut model, cmds);
    press(&mut model, "backtab");
    assert_eq!(claim_dialog(&model).focus, ClaimField::MinIdle);
    for _ in 0..20 {
        press(&mut model, "left");
    }
    assert_eq!(claim_dialog(&model).min_idle_ms, 1_000);
}

#[test]
fn above_a_hundred_the_count_must_be_typed() {
    let mut model = fixture::working();
    press(&mut model, "4");
    fixture::fill(
        &mut model,
        Screen::Pending,
        Data::Stuck(fixture::stuck(150)),
    );
    let cmds = press(&mut model, "a C");
    plan_all(&mut model, cmds);
    assert!(press(&mut model, "tab enter").is_empty());
    assert_eq!(
        claim_dialog(&model).error.as_deref(),
        Some("type 150 to confirm")
    );
    press(&mut model, "backtab backtab");
    assert_eq!(claim_dialog(&model).focus, ClaimField::Typed);
    type_text(&mut model, "150");
    assert_eq!(press(&mut model, "tab tab enter").len(), 1);
}

#[test]
fn the_outcome_is_shown_and_the_new_owner_is_watched() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 space C");
    plan_all(&mut model, cmds);
    press(&mut model, "tab enter");
    let entry = claim_dialog(&model).parts[0].ids.as_ref().expect("marked")[0].clone();
    let report = ClaimReport {
        group: "email-service".to_owned(),
        to: fixture::LIVE.to_owned(),
        results: vec![Claimed {
            entry,
            outcome: ClaimOutcome::Claimed,
        }],
        audited: true,
    };
    let cmds = update(&mut model, 31_000, Msg::Claimed(1, vec![Ok(report)]));
    assert!(
        matches!(cmds[0], Cmd::LookAfterClaim { dialog: 1, .. }),
        "{cmds:?}"
    );
    update(&mut model, 31_010, Msg::ClaimLeft(1, Ok(1)));
    assert!(next_wake_ms(&model) <= 31_510);
    let cmds = update(&mut model, 31_600, Msg::Tick);
    assert!(
        cmds.iter().any(|c| matches!(c, Cmd::LookAfterClaim { .. })),
        "{cmds:?}"
    );
    update(&mut model, 31_610, Msg::ClaimLeft(1, Ok(0)));
    let cmds = update(&mut model, 33_000, Msg::Tick);
    assert!(
        !cmds.iter().any(|c| matches!(c, Cmd::LookAfterClaim { .. })),
        "{cmds:?}"
    );
    assert!(model.page().table.marks.is_empty());
}

#[test]
fn a_plan_without_a_live_target_cannot_be_pressed() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "4 C");
    for cmd in cmds {
        if let Cmd::PlanClaim {
            dialog,
            part,
            request,
        } = cmd
        {
            let mut plan = fixture::plan(&request);
            plan.targets.clear();
            plan.to.clear();
            update(
                &mut model,
                30_000,
                Msg::Planned {
                    dialog,
                    part,
                    plan: Ok(plan),
                },
            );
        }
    }
    assert!(press(&mut model, "tab enter").is_empty());
    assert!(
        claim_dialog(&model)
            .error
            .as_ref()
            .is_some_and(|e| e.contains("is alive"))
    );
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

fn answer_page(model: &mut Model, data: Data) {
    fixture::fill_page(model, data);
}

#[test]
fn one_goes_down_level_by_level_and_back_again() {
    let mut model = fixture::working();
    let cmds = press(&mut model, "3 down down enter");
    let asks = cmds.iter().any(|c| {
        matches!(c, Cmd::Ask { query: Query::Groups { stream }, .. } if stream == "email-notification")
    });
    assert!(asks, "{cmds:?}");
    answer_page(&mut model, Data::Groups(fixture::groups()));
    press(&mut model, "enter");
    answer_page(&mut model, Data::Groups(fixture::groups()));
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
fn what_a_consumer_holds_is_claimed_like_what_is_stuck() {
    let mut model = fixture::working();
    press(&mut model, "3 down down enter");
    answer_page(&mut model, Data::Groups(fixture::groups()));
    press(&mut model, "enter");
    answer_page(&mut model, Data::Groups(fixture::groups()));
    press(&mut model, "j enter");
    answer_page(&mut model, Data::Held(fixture::held()));
    let cmds = press(&mut model, "space j v C");
    let asked = cmds.iter().filter_map(|c| match c {
        Cmd::PlanClaim { request, .. } => Some(request.which.clone()),
        _ => None,
    });
    let many: usize = asked
        .map(|which| match which {
            crate::ops::Which::Entries(ids) => ids.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(many, 3);
}

#[test]
fn an_answer_to_an_older_question_is_dropped_and_the_newest_is_asked() {
    let mut model = fixture::working();
    press(&mut model, "7");
    let generation = model.page().feed.generation;
    assert!(model.page().feed.in_flight);
    press(&mut model, "/");
    type_text(&mut model, "winter");
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
fn a_filter_is_typed_kept_and_cleared() {
    let mut model = fixture::working();
    press(&mut model, "4 /");
    type_text(&mut model, "q !user");
    assert_eq!(
        model.page().table.len(),
        0,
        "keys are text while a filter is typed"
    );
    press(&mut model, "ctrl-u");
    type_text(&mut model, "stream:^notif");
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
fn frozen_nothing_is_fetched_and_everything_goes_on_afterwards() {
    let mut model = fixture::working();
    press(&mut model, "4 p");
    assert!(update(&mut model, 90_000, Msg::Tick).is_empty());
    assert_eq!(next_wake_ms(&model), 91_000, "only its age changes");
    let cmds = press(&mut model, "p");
    assert!(!cmds.is_empty() && model.frozen_at_ms.is_none());
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
    type_text(&mut model, "pending");
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
    type_text(&mut model, "pause-all");
    press(&mut model, "enter enter");
    assert!(model.dialog.is_none(), "Cancel has the focus");
    press(&mut model, ":");
    type_text(&mut model, "pause-all");
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
        type_text(model, "read-only");
        press(model, "enter")
    };
    assert_eq!(toggle(&mut model), [Cmd::SetReadOnly(true)]);
    assert!(press(&mut model, "c").is_empty() && model.dialog.is_none());
    toggle(&mut model);
    type_text(&mut model, "unlok");
    assert!(press(&mut model, "tab tab enter").is_empty() && model.setting.read_only);
    press(&mut model, "backtab backtab ctrl-u");
    type_text(&mut model, "unlock");
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
    answer_page(&mut model, Data::Entries(fixture::entries()));
    let query = |cmds: &[Cmd]| match cmds {
        [Cmd::Ask { query, .. }] => query.clone(),
        other => panic!("{other:?}"),
    };
    let Query::Entries { newest, from, .. } = query(&press(&mut model, "n")) else {
        panic!("entries")
    };
    assert_eq!((newest, from.as_str()), (true, "(1699999157000-8"));
    answer_page(&mut model, Data::Entries(fixture::entries()));
    press(&mut model, "f");
    type_text(&mut model, "5m");
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
    answer_page(&mut model, Data::Entries(fixture::entries()));
    // An end too; pages and the other order stay inside.
    let bounds = |cmds: &[Cmd]| match query(cmds) {
        Query::Entries {
            newest, from, to, ..
        } => (newest, from, to),
        other => panic!("{other:?}"),
    };
    let ago = |ms: u64| (now - ms).to_string();
    press(&mut model, "f");
    type_text(&mut model, "10m..5m");
    let asked = bounds(&press(&mut model, "enter"));
    assert_eq!(asked, (false, ago(600_000), ago(300_000)));
    answer_page(&mut model, Data::Entries(fixture::entries()));
    let (_, from, to) = bounds(&press(&mut model, "n"));
    assert!(from.starts_with('('), "{from}");
    assert_eq!(to, ago(300_000));
    answer_page(&mut model, Data::Entries(fixture::entries()));
    let asked = bounds(&press(&mut model, "N"));
    assert_eq!(asked, (false, ago(600_000), ago(300_000)));
    answer_page(&mut model, Data::Entries(fixture::entries()));
    let asked = bounds(&press(&mut model, "o"));
    assert_eq!(asked, (true, ago(300_000), ago(600_000)));
    answer_page(&mut model, Data::Entries(fixture::entries()));
    press(&mut model, "f");
    type_text(&mut model, "soon");
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
        type_text(&mut model, typed);
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
