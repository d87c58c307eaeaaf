//! Draining one worker from the console and by command, in the middle of a campaign.

use std::time::{Duration, Instant};

use super::SIZE;
use crate::pipeline::{everybody_has_one_mail, running_with};

const USERS: i64 = 6_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_drained_by_key_in_mid_campaign_and_nothing_is_delivered_twice() {
    // Slow enough that the middle of the campaign is not missed.
    let mut running = running_with("6000", None, &[("COMMS_LANES", "2")]).await;
    running.fleet.start("email-service.2");
    running.fleet.until_ready("email-service.2").await;
    let mut terminal = running.fleet.terminal(SIZE);
    terminal.until_contains("● live");
    terminal.press("8");
    terminal.until_contains("5 workers");
    let first = format!("-{}-", running.fleet.pid("email-service"));
    terminal.press(&format!("/{first}\r"));
    terminal.until_contains("1 of ");
    let id = running.fleet.create().await;
    running
        .fleet
        .until(id, "it sends", |c| c["accepted"].as_i64() >= Some(200))
        .await;
    terminal.press("D");
    terminal.until_contains("One more email-service is alive");
    terminal.press("\t\r");
    terminal.until_contains("its next heartbeat reads it");
    terminal.press("\r");
    let begun = Instant::now();
    let code = loop {
        if let Some(code) = running.fleet.ended("email-service") {
            break code;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(code, 0, "as after SIGTERM");
    let open = running.fleet.campaign(id).await;
    assert_eq!(open["status"], "running", "it was the middle: {open}");
    everybody_has_one_mail(&running.fleet, id, USERS).await;
    let audit = running.fleet.tui(&["audit", "--json"]);
    assert!(audit.to_string().contains("worker.drain"), "{audit}");

    // The rest by command.
    let workers = running.fleet.tui(&["workers", "--json"]);
    let second = format!("-{}-", running.fleet.pid("email-service.2"));
    let listed = workers.as_array().expect("a list").iter();
    let names: Vec<&str> = listed.filter_map(|w| w["name"].as_str()).collect();
    let name = names.iter().find(|n| n.contains(&second)).expect("listed");
    let plan = running
        .fleet
        .tui(&["workers", "drain", name, "--dry-run", "--json"]);
    assert_eq!(plan["others"], 0);
    assert!(
        plan["warnings"][0]
            .as_str()
            .is_some_and(|w| w.contains("only email-service"))
    );
    let refused = running
        .fleet
        .tui_fails(&["workers", "drain", "nobody-1-1", "--yes"]);
    assert!(refused.contains("nobody-1-1"), "{refused}");
    let refused = running
        .fleet
        .tui_fails(&["--read-only", "workers", "drain", name, "--yes"]);
    assert!(refused.contains("read-only"), "{refused}");
    assert_eq!(running.fleet.ended("email-service.2"), None);
    running
        .fleet
        .tui(&["workers", "drain", name, "--yes", "--json"]);
    let begun = Instant::now();
    while running.fleet.ended("email-service.2").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(running.fleet.ended("email-service.2"), Some(0));
}
