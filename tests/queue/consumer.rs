use comms::queue::{Closed, Outcome};
use redis::AsyncCommands;

use super::rig::{Rig, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_written_together_with_the_acknowledgement() {
    let rig = Rig::new();
    rig.flow("7", "running").await;
    let running = rig.consume("a", 100, |entry| {
        Some(match entry.data.as_str() {
            "emit" => Outcome::Emit {
                stream: "next",
                kind: "job.passed",
                data: "{}".to_owned(),
            },
            "fail" => Outcome::Dead {
                reason: "no such job".to_owned(),
            },
            _ => Outcome::Done(Closed::Accepted),
        })
    });
    for data in ["emit", "fail", "done", "done"] {
        rig.add("7", data).await;
    }
    until("all are settled", async || {
        running.seen().len() == 4 && rig.pending().await == 0
    })
    .await;
    let tally = rig.tally("7").await;
    assert_eq!((tally.accepted, tally.failed, tally.in_flight), (2, 1, -3));
    let next: u64 = rig
        .redis
        .commands()
        .xlen(rig.stream("next"))
        .await
        .expect("XLEN");
    assert_eq!(next, 1);
    let dead = rig.dead().await;
    assert_eq!(dead[0]["reason"], "no such job");
    assert_eq!(dead[0]["data"], "fail");
    until("what nobody needs is trimmed", async || {
        rig.redis
            .commands()
            .xlen::<_, u64>(rig.stream("jobs"))
            .await
            .expect("XLEN")
            == 0
    })
    .await;
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acknowledges_first_decides() {
    let rig = Rig::new();
    rig.flow("7", "running").await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let for_handler = std::sync::Arc::clone(&gate);
    let running = rig.consume("a", 10, move |_| {
        // Somebody else settles while this one is still at work.
        while for_handler.available_permits() == 0 {
            std::thread::yield_now();
        }
        Some(Outcome::Done(Closed::Accepted))
    });
    let id = rig.add("7", "x").await;
    until("it is in hand", async || running.seen().len() == 1).await;
    let taken: u64 = rig
        .redis
        .commands()
        .xack(rig.stream("jobs"), "workers", &[&id])
        .await
        .expect("XACK");
    assert_eq!(taken, 1);
    gate.add_permits(1);
    let other = rig.add("7", "y").await;
    until("the other is settled", async || {
        running.seen().iter().any(|e| e.id == other) && rig.pending().await == 0
    })
    .await;
    assert_eq!(
        rig.tally("7").await.accepted,
        1,
        "the late outcome was not written"
    );
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_comes_back_as_the_next_attempt_when_it_is_due() {
    let rig = Rig::new();
    rig.flow("7", "running").await;
    let running = rig.consume("a", 10, |entry| {
        Some(if entry.attempt == 1 {
            Outcome::Wait { delay_ms: 1 }
        } else {
            Outcome::Done(Closed::Accepted)
        })
    });
    let again = rig.consume("b", 10, |entry| {
        Some(match entry.attempt {
            1 | 2 => Outcome::Retry {
                due_at_ms: 1,
                attempt: entry.attempt + 1,
            },
            _ => Outcome::Done(Closed::Accepted),
        })
    });
    rig.add("7", "x").await;
    until("it is accepted", async || {
        rig.tally("7").await.accepted == 1
    })
    .await;
    let tally = rig.tally("7").await;
    assert_eq!((tally.retrying, tally.in_flight), (0, -1));
    let mut attempts: Vec<u32> = again.seen().iter().map(|e| e.attempt).collect();
    attempts.extend(running.seen().iter().map(|e| e.attempt));
    assert!(attempts.iter().any(|a| *a >= 2), "{attempts:?}");
    running.drain().await;
    again.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_consumer_had_is_taken_over() {
    let rig = Rig::new();
    let killed = rig.consume("killed", 100, |_| None);
    for n in 0..50 {
        rig.add("", &n.to_string()).await;
    }
    until("all are in its hands", async || killed.seen().len() == 50).await;
    killed.kill().await;
    let heir = rig.consume("heir", 20, |_| Some(Outcome::Done(Closed::Accepted)));
    until("the heir has settled all", async || {
        heir.seen().len() == 50 && rig.pending().await == 0
    })
    .await;
    assert!(heir.seen().iter().all(|e| e.crashes == 1 && e.attempt == 1));
    let crashes: u64 = rig
        .redis
        .commands()
        .hlen(rig.redis.keys().crashes(0, "jobs"))
        .await
        .expect("HLEN");
    assert_eq!(crashes, 0, "what is settled leaves no count behind");
    heir.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_claimed_for_a_live_consumer_is_handled_by_it() {
    let rig = Rig::new();
    let lame = rig.consume("lame", 100, |_| None);
    let id = rig.add("", "x").await;
    until("the lame one has it", async || lame.seen().len() == 1).await;
    let target = rig.consume("target", 100, |_| Some(Outcome::Done(Closed::Accepted)));
    rig.add("", "y").await;
    until("the target reads", async || {
        lame.seen().len() + target.seen().len() == 2
    })
    .await;
    let _: redis::Value = redis::cmd("XCLAIM")
        .arg(rig.stream("jobs"))
        .arg("workers")
        .arg(&target.name)
        .arg(0)
        .arg(&id)
        .arg("JUSTID")
        .query_async(&mut rig.redis.commands())
        .await
        .expect("XCLAIM");
    let since = std::time::Instant::now();
    until("the target handles it", async || {
        target.seen().iter().any(|e| e.id == id)
    })
    .await;
    assert!(since.elapsed().as_secs() < 3, "{:?}", since.elapsed());
    target.drain().await;
    lame.kill().await;
}

/// Appends an entry and gives it to a consumer, unseen by every reader.
fn added_and_given(rig: &Rig, id: &str, to: &str) -> redis::Pipeline {
    let stream = rig.stream("jobs");
    let mut pipe = redis::pipe();
    pipe.atomic();
    let add = ["XADD", &stream, id, "type", "job.wanted", "data", "x"];
    let read = [
        "XREADGROUP",
        "GROUP",
        "workers",
        "gone",
        "STREAMS",
        &stream,
        ">",
    ];
    let claim = ["XCLAIM", &stream, "workers", to, "0", id, "JUSTID"];
    for words in [&add[..], &read, &claim] {
        pipe.cmd(words[0]).arg(&words[1..]).ignore();
    }
    pipe
}

/// Between taking entries and handing them over a look asks Redis more: they must not be lost in between, held by
/// a process that doesn't know of them.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_look_has_taken_is_handled_though_its_next_command_fails() {
    let admin = Rig::new();
    let user = admin.redis.keys().prefix().to_owned();
    let acl = async |words: &[&str]| -> redis::Value {
        let mut commands = admin.redis.commands();
        let reply = redis::cmd("ACL")
            .arg(words)
            .query_async(&mut commands)
            .await;
        reply.expect("ACL")
    };
    acl(&["SETUSER", &user, "on", ">pw", "~*", "&*", "+@all"]).await;
    let mut url = url::Url::parse(&crate::support::redis_url()).expect("a URL");
    url.set_username(&user)
        .and_then(|()| url.set_password(Some("pw")))
        .expect("a URL with a host");
    let redis = comms::queue::Redis::open(url.as_str(), admin.redis.keys().clone());
    let rig = Rig {
        redis: redis.expect("a valid URL"),
    };
    let give = async |id: &str, to: &str| {
        let pipe = added_and_given(&rig, id, to);
        let given: redis::RedisResult<()> = pipe.query_async(&mut admin.redis.commands()).await;
        given.expect("given");
    };
    let me = rig.consume("me", 10, |_| Some(Outcome::Done(Closed::Accepted)));
    rig.add_raw(&[("type", "job.wanted"), ("data", "first")])
        .await;
    until("it reads", async || me.seen().len() == 1).await;
    // From now on it may look, but takes over nothing of those who are gone: each look fails at that.
    acl(&["SETUSER", &user, "-xclaim"]).await;
    let later = |n: u64| format!("{}-{n}", u64::MAX - 1);
    give(&later(1), "gone").await;
    until("a look has failed", async || {
        format!("{:?}", acl(&["LOG"]).await).contains(&user)
    })
    .await;
    give(&later(2), "me").await;
    until("it is handled and settled", async || {
        me.seen().iter().any(|e| e.id == later(2)) && admin.pending().await == 1
    })
    .await;
    acl(&["SETUSER", &user, "+xclaim"]).await;
    until("nothing is left", async || admin.pending().await == 0).await;
    me.drain().await;
    acl(&["DELUSER", &user]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_claimed_for_a_consumer_is_handled_at_maxmemory() {
    let server = crate::support::RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let rig = Rig::with_url(&server.url());
    let me = rig.consume("me", 10, |_| Some(Outcome::Done(Closed::Accepted)));
    rig.add("", "first").await;
    until("it reads", async || me.seen().len() == 1).await;
    let id = format!("{}-1", u64::MAX - 1);
    let mut pipe = added_and_given(&rig, &id, "me");
    pipe.cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).ignore();
    let full: redis::RedisResult<()> = pipe.query_async(&mut rig.redis.commands()).await;
    full.expect("given, and full");
    until("it is handled and settled", async || {
        me.seen().iter().any(|e| e.id == id) && rig.pending().await == 0
    })
    .await;
    me.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_work_is_not_taken_away() {
    let rig = Rig::new();
    let slow = rig.consume("slow", 10, |_| None);
    rig.add("", "x").await;
    until("it is in hand", async || slow.seen().len() == 1).await;
    let other = rig.consume("other", 10, |_| Some(Outcome::Drop));
    // Longer than the visibility time of 3 s, and a page a second is looked at.
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(6);
    until("six seconds are over", async || {
        std::time::Instant::now() > limit
    })
    .await;
    assert!(other.seen().is_empty());
    assert_eq!(rig.pending().await, 1);
    other.drain().await;
    slow.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_paused_flow_lie_aside_until_it_runs() {
    let rig = Rig::new();
    rig.flow("7", "paused").await;
    let running = rig.consume("a", 10, |entry| {
        Some(if entry.data == "first" {
            Outcome::Park
        } else {
            Outcome::Done(Closed::Accepted)
        })
    });
    rig.add("7", "first").await;
    until("it is parked", async || rig.tally("7").await.parked == 1).await;
    assert_eq!(rig.pending().await, 0);
    let parked: Vec<String> = rig
        .redis
        .commands()
        .lrange(rig.redis.keys().parked(0, "jobs", "7"), 0, -1)
        .await
        .expect("LRANGE");
    assert_eq!(
        parked,
        [r#"["type","job.wanted","flow","7","data","first"]"#]
    );
    rig.flow("7", "running").await;
    until("it comes back", async || running.seen().len() >= 2).await;
    until("nothing is parked", async || {
        rig.tally("7").await.parked == 0
    })
    .await;
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_entry_keeps_its_bytes_in_the_dead_letters_and_the_rest_goes_on() {
    let rig = Rig::new();
    let running = rig.consume("a", 10, |_| Some(Outcome::Done(Closed::Accepted)));
    let stream = rig.stream("jobs");
    let broken: String = redis::cmd("XADD")
        .arg(&stream)
        .arg("*")
        .arg("data")
        .arg(&[0xffu8, 0x00, b'a'][..])
        .query_async(&mut rig.redis.commands())
        .await
        .expect("XADD");
    rig.add("", "fine").await;
    until("the fine one is handled", async || {
        running.seen().len() == 1
    })
    .await;
    until("the broken one is buried", async || {
        rig.dead().await.len() == 1
    })
    .await;
    let letter = &rig.dead().await[0];
    assert_eq!(letter["id"], broken);
    assert!(letter["reason"].contains("UTF-8"), "{}", letter["reason"]);
    assert_eq!(letter["raw"], r#"[["data","\\xff\\x00a"]]"#);
    assert_eq!(rig.pending().await, 0);
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_keeps_killing_its_consumer_is_poison() {
    let rig = Rig::new();
    let id = rig.add("", "x").await;
    // Six consumers have died with it already, two of them with nothing else in hand.
    let victim = rig.consume("victim", 10, |_| None);
    until("the victim has it", async || victim.seen().len() == 1).await;
    let key = rig.redis.keys().crashes(0, "jobs");
    let _: () = rig.redis.commands().hset(&key, &id, 6).await.expect("HSET");
    victim.kill().await;
    let heir = rig.consume("heir", 10, |_| Some(Outcome::Done(Closed::Accepted)));
    until("it is a dead letter", async || rig.dead().await.len() == 1).await;
    assert!(rig.dead().await[0]["reason"].starts_with("poison"));
    assert!(heir.seen().is_empty(), "no handler sees poison");
    assert_eq!(heir.handler.buried.lock().expect("not poisoned").len(), 1);
    heir.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn suspects_are_handled_in_groups_that_shrink_with_their_crashes() {
    let rig = Rig::new();
    for n in 0..300 {
        rig.add("", &n.to_string()).await;
    }
    let victim = rig.consume("victim", 300, |_| None);
    until("the victim has all", async || victim.seen().len() == 300).await;
    let key = rig.redis.keys().crashes(0, "jobs");
    for (n, entry) in victim.seen().iter().enumerate() {
        // One has crashed three consumers, ten have crashed two, and the others one.
        let crashes = [3, 2, 1][usize::from(n > 0) + usize::from(n > 10)];
        let _: () = rig
            .redis
            .commands()
            .hset(&key, &entry.id, crashes)
            .await
            .expect("HSET");
    }
    victim.kill().await;
    // It keeps the one that must be alone, so nothing comes after it.
    let heir = rig.consume("heir", 300, |entry| {
        (entry.crashes < 4).then_some(Outcome::Done(Closed::Accepted))
    });
    until("the worst is alone", async || {
        heir.seen().iter().any(|e| e.crashes == 4)
    })
    .await;
    assert_eq!(heir.seen().len(), 1, "nothing else is in hand with it");
    heir.kill().await;
    let last = rig.consume("last", 300, |_| Some(Outcome::Done(Closed::Accepted)));
    until("all are settled", async || rig.pending().await == 0).await;
    assert_eq!(last.seen().len(), 300);
    assert!(rig.dead().await.is_empty(), "no poison");
    last.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_consumer_leaves_nothing_behind() {
    let rig = Rig::new();
    let running = rig.consume("a", 50, |_| Some(Outcome::Done(Closed::Accepted)));
    for n in 0..500 {
        rig.add("", &n.to_string()).await;
    }
    until("it has begun", async || !running.seen().is_empty()).await;
    let handler = std::sync::Arc::clone(&running.handler);
    running.drain().await;
    assert_eq!(rig.pending().await, 0, "all that was read is settled");
    let seen = handler.seen.lock().expect("not poisoned").len();
    let next = rig.consume("b", 50, |_| Some(Outcome::Done(Closed::Accepted)));
    until("the next one takes the rest", async || {
        seen + next.seen().len() == 500 && rig.pending().await == 0
    })
    .await;
    next.drain().await;
}
