//! What operators do while workers die.

use std::{sync::Arc, time::Duration};

use comms::store::{CampaignStatus, DeliveryStatus};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::arena::{Arena, Plan, all, until};
use crate::support::{Act, Step, rules};

const USERS: u64 = 10_000;

async fn arena() -> Arena {
    let arena = Arena::start(Plan {
        users: USERS,
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(Duration::from_millis(15)));
    arena
}

/// One verb or one kill. A verb may be refused, since the campaign is in another state; an error is none.
async fn anything(arena: &mut Arena, random: &mut StdRng, id: i64) -> u64 {
    let id = id.to_string();
    match random.random_range(0..11) {
        0 | 1 => answers(arena, &["campaign", "pause", &id, "--json"]),
        2 | 3 => answers(arena, &["campaign", "resume", &id, "--json"]),
        4 => {
            let to = arena.live("email-service", random);
            claim(arena, "email-notification", "email-service", &to);
        }
        5 => {
            let to = arena.live("notification-service", random);
            claim(arena, "notification", "notification-service", &to);
        }
        6 => answers(arena, &["campaign", "retry-failed", &id, "--json"]),
        7 => answers(arena, &["campaign", "reconcile", &id, "--json"]),
        8 => answers(arena, &["dead", "replay", "--all", "--yes", "--json"]),
        _ => {
            let names: Vec<&'static str> = all().collect();
            let name = names.choose(random).expect("not empty");
            let in_hand = arena.kill(name).await;
            arena.fleet.start(name);
            return in_hand;
        }
    }
    0
}

fn claim(arena: &Arena, stream: &str, group: &str, to: &Option<String>) {
    let Some(to) = to else { return };
    let least = ["--min-idle", "1s", "--all", "--yes", "--json"];
    let mut args = vec!["claim", stream, group, "--to", to];
    args.extend(least);
    answers(arena, &args);
}

fn answers(arena: &Arena, args: &[&str]) {
    let output = arena.fleet.tui_output(args);
    let code = output.status.code();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(code, Some(0 | 1)), "{args:?}: {code:?} {said}");
}

impl Arena {
    /// The consumer name of one of a service's processes that beat.
    fn live(&self, service: &str, random: &mut StdRng) -> Option<String> {
        let workers = self.fleet.tui(&["workers", "--json"]);
        let list = workers.as_array().or_else(|| workers["workers"].as_array());
        let names: Vec<String> = list
            .expect("a list")
            .iter()
            .filter(|w| w.to_string().contains(service))
            .filter_map(|w| w["name"].as_str().map(str::to_owned))
            .collect();
        names.choose(random).cloned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_under_fire_lose_nobody_and_double_nobody() {
    let mut arena = arena().await;
    // Some are refused for good at first, so that there is something to try again.
    arena.smtp.obey(Arc::new(|now| match now.step {
        Step::Rcpt if now.tries <= 2 && now.recipient.len() % 10 == 0 => {
            Act::Say("550 5.7.1 not today")
        }
        Step::Dot => Act::Slow(Duration::from_millis(15)),
        _ => Act::Go,
    }));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut in_hand = 0;
    for _ in 0..40 {
        in_hand += anything(&mut arena, &mut random, id).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(20..200))).await;
    }
    let name = id.to_string();
    until(Duration::from_secs(90), "all have it", async || {
        let campaign = arena.campaign(id).await;
        match campaign.status {
            // It pauses by itself too, when half of the last mails failed.
            CampaignStatus::Paused => answers(&arena, &["campaign", "resume", &name, "--json"]),
            CampaignStatus::Finished if campaign.failed == 0 => return true,
            CampaignStatus::Finished => {
                answers(&arena, &["campaign", "retry-failed", &name, "--json"]);
            }
            _ => {}
        }
        false
    })
    .await;
    let audit = arena.audit(id, USERS).await;
    watch.end().await;
    println!("{audit:?}, in hand {in_hand}");
    let dead = arena.dead_letters().await;
    assert!(
        !dead.iter().any(|reason| reason.contains("poison")),
        "{dead:?}"
    );
    assert!(audit.doubts <= in_hand, "{audit:?}, in hand {in_hand}");
    assert_eq!(audit.held, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cancellation_under_fire_nobody_new_is_mailed() {
    let mut arena = arena().await;
    let id = arena.create("hold").await;
    let watch = arena.watch(id);
    let mut random = StdRng::seed_from_u64(rand::random());
    arena.until_taken(1_000).await;
    for _ in 0..6 {
        anything(&mut arena, &mut random, id).await;
    }
    answers(&arena, &["campaign", "cancel", &id.to_string(), "--json"]);
    assert_eq!(arena.campaign(id).await.status, CampaignStatus::Cancelled);
    // Promised: nothing is begun later than a second after the answer.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let taken = arena.smtp.taken();
    for _ in 0..4 {
        anything(&mut arena, &mut random, id).await;
    }
    until(
        Duration::from_secs(60),
        "nothing of it is open",
        async || {
            let tally = arena.tally(id).await;
            tally.queued > 0 && tally.open() == 0
        },
    )
    .await;
    watch.end().await;
    assert_eq!(arena.smtp.taken(), taken, "mailed after the cancellation");
    let mails = arena.mails_of(id);
    assert!(mails.values().all(|n| *n == 1), "nobody twice");
    let mut open = 0;
    for row in arena.ledger(id).await {
        let got = mails.contains_key(&row.message_id);
        match row.status {
            DeliveryStatus::Accepted => assert!(got, "{row:?}"),
            DeliveryStatus::InDoubt => {}
            DeliveryStatus::Cancelled => assert!(!got, "{row:?}"),
            _ => open += 1,
        }
    }
    assert_eq!(open, 0, "rows that never ended");
    let tally = arena.tally(id).await;
    assert!(tally.cancelled > 0 && tally.balanced(), "{tally:?}");
}

/// What waits for another attempt isn't waited for: it ends as cancelled now, not when it would be due.
#[tokio::test(flavor = "multi_thread")]
async fn mails_that_wait_for_a_retry_end_with_their_campaign() {
    let users = 3_000;
    let arena = Arena::start(Plan {
        users,
        partitions: 2,
        settings: &[
            ("COMMS_RETRY_BASE_MS", "3600000"),
            ("COMMS_RETRY_CAP_MS", "3600000"),
        ],
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(Arc::new(|now| match now.step {
        Step::Rcpt => Act::Say("450 4.2.0 greylisted"),
        _ => Act::Go,
    }));
    let id = arena.create("resend").await;
    let other = arena.create("resend").await;
    let watch = arena.watch(id);
    let waiting = async |id| arena.tally(id).await.retrying;
    until(Duration::from_secs(60), "nearly all wait", async || {
        waiting(id).await > 2_900 && waiting(other).await > 2_900
    })
    .await;
    arena.campaign_verb("cancel", id);
    until(Duration::from_secs(20), "nothing is open", async || {
        let tally = arena.tally(id).await;
        tally.queued > 0 && tally.open() == 0
    })
    .await;
    until(Duration::from_secs(10), "totals are written", async || {
        let campaign = arena.campaign(id).await;
        campaign.cancelled == users as i64
    })
    .await;
    watch.end().await;
    let ledger = arena.ledger(id).await;
    assert_eq!(ledger.len() as u64, users);
    for row in ledger {
        assert_eq!(row.status, DeliveryStatus::Cancelled, "{row:?}");
    }
    assert!(waiting(other).await > 2_900, "the others go on waiting");
}
