//! A mail server that misbehaves in every way there is, and what the ledger says of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use comms::store::{Attempt, CampaignStatus, DeliveryStatus};

use super::{
    arena::{Arena, Plan, until},
    audit::Audit,
};
use crate::support::{Act, RedisServer, Rule, Step, rules};

const USERS: u64 = 400;

async fn arena(settings: &[(&str, &str)]) -> Arena {
    Arena::start(Plan {
        users: USERS,
        settings,
        ..Plan::default()
    })
    .await
}

/// How many recipients ended with which status after how many attempts.
async fn ends(arena: &Arena, id: i64) -> BTreeMap<(DeliveryStatus, u32), u64> {
    let limit = Duration::from_secs(60);
    arena
        .until_status(id, CampaignStatus::Finished, limit)
        .await;
    let mut ends = BTreeMap::new();
    for row in arena.ledger(id).await {
        *ends.entry((row.status, row.attempt)).or_default() += 1;
    }
    ends
}

/// Every n-th recipient, by the number in the address.
fn every(n: u32, step: Step, act: Act) -> Rule {
    Arc::new(move |now| {
        let number = now
            .recipient
            .split(['.', '@'])
            .nth(2)
            .map(str::parse::<u32>);
        match number {
            Some(Ok(number)) if now.step == step && number % n == 0 => act.clone(),
            _ => Act::Go,
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_refusals_are_tried_again_as_the_next_attempt() {
    let arena = arena(&[]).await;
    for (step, reply) in [
        (Step::Rcpt, "450 4.2.0 greylisted"),
        (Step::Rcpt, "452 4.2.2 mailbox full"),
        (Step::Data, "451 4.3.0 local error"),
        (Step::Dot, "452 4.3.1 disk full"),
    ] {
        arena.smtp.forget_tries();
        arena
            .smtp
            .obey(rules::first_tries(step, 1, Act::Say(reply)));
        let id = arena.create("hold").await;
        let watch = arena.watch(id);
        let ends = ends(&arena, id).await;
        let expected = BTreeMap::from([((DeliveryStatus::Accepted, 2), USERS)]);
        assert_eq!(ends, expected, "{reply}");
        assert!(arena.mails_of(id).values().all(|n| *n == 1), "{reply}");
        watch.end().await;
    }
    assert_eq!(arena.dead_letters().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn permanent_refusals_are_never_tried_again() {
    let arena = arena(&[]).await;
    let mut dead = 0;
    for (step, reply) in [
        (Step::Rcpt, "550 5.1.1 nobody here"),
        (Step::Rcpt, "552 5.2.2 mailbox full"),
        (Step::Data, "554 5.7.1 no"),
        (Step::Dot, "554 5.6.0 bad content"),
    ] {
        arena.smtp.obey(every(10, step, Act::Say(reply)));
        let id = arena.create("resend").await;
        let watch = arena.watch(id);
        let ends = ends(&arena, id).await;
        let expected = BTreeMap::from([
            ((DeliveryStatus::Accepted, 1), USERS * 9 / 10),
            ((DeliveryStatus::Failed, 1), USERS / 10),
        ]);
        assert_eq!(ends, expected, "{reply}");
        watch.end().await;
        dead += USERS / 10;
        let letters = arena.dead_letters().await;
        assert_eq!(letters.len() as u64, dead);
        let last = letters.last().expect("not empty");
        assert!(
            last.contains(&reply[..3]) && last.contains(&reply[10..]),
            "{last}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_are_exhausted_end_as_dead_letters() {
    let arena = arena(&[("COMMS_RETRY_ATTEMPTS", "3")]).await;
    let act = Act::Say("450 4.2.1 busy");
    arena.smtp.obey(every(20, Step::Rcpt, act));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    let expected = BTreeMap::from([
        ((DeliveryStatus::Accepted, 1), USERS * 19 / 20),
        ((DeliveryStatus::Failed, 3), USERS / 20),
    ]);
    assert_eq!(ends(&arena, id).await, expected);
    watch.end().await;
    let letters = arena.dead_letters().await;
    assert_eq!(letters.len() as u64, USERS / 20);
    assert!(
        letters.iter().all(|l| l.contains("attempt 3 was the last")),
        "{letters:?}"
    );
    // The dead letter shows each attempt: when, and what the server said.
    let ledger = arena.ledger(id).await;
    let failed = ledger
        .iter()
        .filter(|row| row.status == DeliveryStatus::Failed);
    for row in failed {
        let told = |a: &Attempt| (a.attempt, a.code, a.answer.clone());
        let said = |n| (n, Some(450), "4.2.1 busy".to_owned());
        let history: Vec<_> = row.history.iter().map(told).collect();
        assert_eq!(history, [1, 2, 3].map(said), "{row:?}");
        let times: Vec<i64> = row.history.iter().map(|a| a.at_ms).collect();
        // No retry comes sooner than a second; the clocks of two workers are the same here.
        assert!(times.windows(2).all(|t| t[1] - t[0] >= 900), "{times:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_before_the_dot_uses_up_no_attempt() {
    let arena = arena(&[]).await;
    for step in [
        Step::Greeting,
        Step::Ehlo,
        Step::Mail,
        Step::Rcpt,
        Step::Data,
    ] {
        // Those that are open greet nobody.
        arena.smtp.down();
        arena.smtp.up();
        // Some of the connections are cut, whoever the mail is for.
        let rule: Rule = Arc::new(move |now| {
            if now.step == step && now.connection % 3 == 0 && now.recipient.len() % 5 == 0 {
                Act::Cut
            } else {
                Act::Go
            }
        });
        arena.smtp.obey(rule);
        let id = arena.create("hold").await;
        let watch = arena.watch(id);
        let expected = BTreeMap::from([((DeliveryStatus::Accepted, 1), USERS)]);
        assert_eq!(ends(&arena, id).await, expected, "{step:?}");
        assert!(arena.mails_of(id).values().all(|n| *n == 1), "{step:?}");
        watch.end().await;
    }
}

/// Cut after the final dot and before its reply, on the first try of some recipients.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_after_the_dot_leaves_the_mail_in_doubt() {
    let arena = arena(&[]).await;
    for (policy, act) in [
        ("resend", Act::Cut),
        ("resend", Act::TakeAndCut),
        ("hold", Act::Cut),
        ("hold", Act::TakeAndCut),
    ] {
        arena.smtp.forget_tries();
        let some = every(8, Step::Dot, act.clone());
        let rule: Rule = Arc::new(move |now| if now.tries <= 1 { some(now) } else { Act::Go });
        arena.smtp.obey(rule);
        let id = arena.create(policy).await;
        let watch = arena.watch(id);
        let audit = arena.everybody_once(id, USERS).await;
        watch.end().await;
        let doubts = USERS / 8;
        let taken = act == Act::TakeAndCut;
        let expected = match policy {
            "resend" => Audit {
                doubled: if taken { doubts } else { 0 },
                doubts,
                held: 0,
            },
            _ => Audit {
                doubled: 0,
                doubts,
                held: doubts,
            },
        };
        assert_eq!(audit, expected, "{policy} {act:?}");
        let mails: u64 = arena.mails_of(id).values().map(|n| u64::from(*n)).sum();
        let lost = policy == "hold" && !taken;
        let expected = USERS + audit.doubled - if lost { doubts } else { 0 };
        assert_eq!(mails, expected, "{policy} {act:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_silent_and_crowded_servers_hold_up_nobody_else() {
    let arena = arena(&[]).await;
    let expected = BTreeMap::from([((DeliveryStatus::Accepted, 1), USERS)]);
    let silent: Rule = Arc::new(|now| {
        if now.step == Step::Greeting && now.connection % 4 == 0 {
            Act::Silent
        } else {
            Act::Go
        }
    });
    let busy: Rule = Arc::new(|now| {
        if now.step == Step::Greeting && now.connection % 4 == 0 {
            Act::Say("421 4.3.2 not now")
        } else {
            Act::Go
        }
    });
    let slow = rules::slow(Duration::from_millis(20));
    for (what, rule, pipelining, limit) in [
        ("without PIPELINING", rules::well(), false, usize::MAX),
        ("half-open connections", silent, true, usize::MAX),
        ("421 at connect", busy, true, usize::MAX),
        ("three connections", slow, true, 3),
    ] {
        // New connections only know of it.
        arena.smtp.down();
        arena.smtp.obey(rule);
        arena.smtp.pipelining(pipelining);
        arena.smtp.limit(limit);
        arena.smtp.up();
        let id = arena.create("hold").await;
        let watch = arena.watch(id);
        assert_eq!(ends(&arena, id).await, expected, "{what}");
        assert!(arena.mails_of(id).values().all(|n| *n == 1), "{what}");
        watch.end().await;
    }
}

/// Silent in mid-conversation, after what was said last: the others go on, and those mails go by another
/// connection once this one has been silent for as long as a command may take.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fall_silent_in_mid_conversation_lose_nobody() {
    let arena = arena(&[]).await;
    let rule: Rule = Arc::new(|now| {
        let silent = [Step::Ehlo, Step::Mail, Step::Rcpt, Step::Data];
        let chosen = silent.get(now.connection as usize % 8);
        // Later ones are made in the place of these.
        if now.connection <= 32 && chosen == Some(&now.step) {
            Act::Silent
        } else {
            Act::Go
        }
    });
    arena.smtp.obey(rule);
    let id = arena.create("hold").await;
    let watch = arena.watch(id);
    // One mail in the hand of each silent lane, and what it had been given besides.
    let silent = (USERS as usize) / 4;
    let begin = std::time::Instant::now();
    arena.until_taken(USERS as usize - silent).await;
    assert!(
        begin.elapsed() < Duration::from_secs(25),
        "all were held up"
    );
    let expected = BTreeMap::from([((DeliveryStatus::Accepted, 1), USERS)]);
    assert_eq!(ends(&arena, id).await, expected);
    assert!(arena.mails_of(id).values().all(|n| *n == 1));
    watch.end().await;
}

/// Its rest doesn't slow others, and few of its recipients are tried in vain.
#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_asks_for_patience_holds_up_no_other() {
    let users = 4_000;
    let plan = Plan {
        users,
        settings: &[
            ("COMMS_RETRY_BASE_MS", "8000"),
            ("COMMS_RETRY_CAP_MS", "8000"),
        ],
        ..Plan::default()
    };
    let mut arena = Arena::prepare(plan, RedisServer::start(&[])).await;
    arena.store.seed_users(users).await.expect("SQL answers");
    sqlx::query(
        "UPDATE users SET email = REPLACE(email, 'example.com', 'example.org') WHERE id % 4 = 0",
    )
    .execute(&mut arena.sql().await)
    .await
    .expect("SQL answers");
    arena.start_all().await;
    let impatient: Rule = Arc::new(|now| {
        if now.step == Step::Rcpt && now.recipient.ends_with("example.org") {
            Act::Say("451 4.7.0 too much at once, slow down")
        } else {
            Act::Go
        }
    });
    arena.smtp.obey(impatient);
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    arena.until_taken(users as usize * 3 / 4).await;
    let tried = arena.smtp.tried("example.org");
    assert!(
        tried < users as usize / 5,
        "{tried} of its recipients were tried in vain"
    );
    arena.smtp.obey(rules::well());
    let audit = arena.everybody_once(id, users).await;
    watch.end().await;
    assert_eq!(audit, Audit::default());
}

async fn down_for(users: u64, time: Duration) {
    let arena = Arena::start(Plan {
        users,
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(Duration::from_millis(5)));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    arena.until_taken(1_000).await;
    arena.smtp.down();
    let said = || arena.fleet.log("email-service") + &arena.fleet.log("email-service.2");
    until(Duration::from_secs(20), "the breaker opens", async || {
        said().contains("no mails are sent for now")
    })
    .await;
    let begin = std::time::Instant::now();
    while begin.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    arena.smtp.up();
    let audit = arena.everybody_once(id, users).await;
    watch.end().await;
    println!("{audit:?}");
    let burned = arena
        .ledger(id)
        .await
        .iter()
        .filter(|row| row.attempt > 1 + row.in_doubt_count)
        .count();
    assert_eq!(burned, 0, "attempts were used up by an absent server");
    // One mail in the hand of each lane of both.
    assert!(audit.doubts <= 2 * 16, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_uses_up_no_attempts() {
    down_for(5_000, Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long; ./test.sh soak"]
async fn soak_a_mail_server_that_is_down_for_two_minutes() {
    down_for(20_000, Duration::from_secs(120)).await;
}
