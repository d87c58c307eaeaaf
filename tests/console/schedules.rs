//! Schedules, reports and test mails at the console, from the key to the mail.

use std::time::Duration;

use super::SIZE;
use crate::pipeline::running;

/// Goes from field to field by Tab until the pointer is at the one of that name.
fn to(terminal: &mut crate::support::Terminal, field: &str) {
    let pointer = format!("▸ {field}");
    let button = format!("▸[ {field} ]");
    let there = |s: &str| s.contains(&pointer) || s.contains(&button);
    for _ in 0..16 {
        if there(&terminal.screen()) {
            return;
        }
        let before = terminal.screen();
        terminal.press("\t");
        terminal.until("the next field", Duration::from_secs(10), |s| s != before);
    }
    panic!("there is no {field:?}: {}", terminal.screen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_created_run_now_paused_and_removed_by_keys() {
    let running = running("30", None).await;
    let mut terminal = running.fleet.terminal(SIZE);
    terminal.until_contains("● live");
    terminal.press("6");
    terminal.until_contains("no schedule yet");
    terminal.press("n");
    terminal.until_contains("30 people");
    terminal.press("Weekly");
    to(&mut terminal, "subject");
    terminal.press("Hello {{ first_name }}");
    to(&mut terminal, "cron");
    terminal.press("61 * * * *");
    terminal.until_contains("Component error");
    // Clears the field.
    terminal.press("\x15");
    terminal.press("0 9 * * mon");
    terminal.until_contains("At 09:00, on Monday.");
    to(&mut terminal, "Preview");
    terminal.press("\r");
    terminal.until_contains("As user 1 gets it");
    terminal.until("the preview is rendered", Duration::from_secs(20), |s| {
        s.contains("subject     Hello ") && !s.contains("{{")
    });
    terminal.press("\x1b");
    terminal.until_contains("Create a schedule");
    to(&mut terminal, "Create");
    terminal.press("\r");
    terminal.until_contains("schedule 1 \"Weekly\": next");
    terminal.until_contains("▸    1 Weekly");

    // Of a schedule that is changed the preview shows its own words.
    terminal.press("e");
    terminal.until_contains("Change schedule 1");
    to(&mut terminal, "Preview");
    terminal.press("\r");
    terminal.until("its words are rendered", Duration::from_secs(20), |s| {
        s.contains("subject     Hello ") && !s.contains("{{")
    });
    terminal.press("\x1b");
    terminal.until_contains("Change schedule 1");
    terminal.press("\x1b");
    terminal.until("the form is closed", Duration::from_secs(10), |s| {
        !s.contains("Change schedule 1")
    });
    terminal.press("R");
    terminal.until_contains("30 people get one mail each.");
    to(&mut terminal, "Mail 30");
    terminal.press("\r");
    terminal.until_contains("campaign 1");
    terminal.press("\r2");
    terminal.until("its campaign is finished", Duration::from_secs(60), |s| {
        s.contains("▸    1 Weekly") && s.contains("finished")
    });
    terminal.press("i");
    terminal.until_contains("report of campaign 1");
    terminal.until("all are accepted", Duration::from_secs(20), |s| {
        s.contains("30  100 %")
    });
    terminal.press("\x1b");
    terminal.until_contains("▸    1 Weekly");
    terminal.press("d");
    terminal.until_contains("30 recipients");
    terminal.press("/user:7\r");
    terminal.until_contains("1 recipient");
    terminal.press("6");
    terminal.until_contains("▸    1 Weekly");
    terminal.press("P");
    terminal.until_contains("Pause a schedule");
    terminal.press("\t\r");
    terminal.until_contains("paused");
    terminal.press("\r");
    terminal.until("the question is closed", Duration::from_secs(10), |s| {
        !s.contains("Pause a schedule")
    });
    terminal.press("X");
    terminal.until_contains("Remove a schedule");
    terminal.press("\t\r");
    terminal.until_contains("removed");
    terminal.press("\r");
    terminal.until_contains("no schedule yet");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_mail_goes_to_the_address_that_was_typed() {
    let running = running("3", None).await;
    let id = running.fleet.create().await;
    let done = |seen: &serde_json::Value| seen["status"] == "finished";
    running.fleet.until(id, "it is finished", done).await;
    let mut terminal = running.fleet.terminal(SIZE);
    terminal.until_contains("● live");
    terminal.press("2");
    // The row, not what the home screen says of it.
    terminal.until("the list", Duration::from_secs(20), |s| {
        s.contains("queued accepted failed") && s.contains("▸    1 ")
    });
    terminal.press("T");
    terminal.until_contains("send to");
    terminal.press("me@example.org\r");
    terminal.until_contains("Send a test mail");
    terminal.press("\t\r");
    terminal.until_contains("queued as mail");
    running.fleet.until_mail("me@example.org").await;
    let after = running.fleet.campaign(id).await;
    assert_eq!(after["accepted"], 3, "{after}");
}
