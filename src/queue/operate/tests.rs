use super::*;
use crate::queue::{
    Redis,
    inspect::{
        self, PendingFilter, Source,
        test_redis::{self, run},
    },
};

/// The first claim of a deed: no server is known to be away.
async fn claim(
    redis: &Redis,
    source: &Source,
    group: &str,
    to: &str,
    min_idle_ms: u64,
    held: &[Held],
) -> Vec<ClaimResult> {
    super::claim(redis, source, group, to, min_idle_ms, held, &mut None).await
}

/// `count` entries, all delivered to consumer `a` and idle for a minute.
async fn stuck(redis: &Redis, count: usize) -> (Source, Vec<Held>) {
    let source = Source::of(redis, "orders").remove(0);
    let key = source.key.as_str();
    run(redis, &["XGROUP", "CREATE", key, "packer", "0", "MKSTREAM"]).await;
    let mut pipe = redis::pipe();
    for n in 0..count {
        pipe.cmd("XADD").arg(key).arg("*").arg("n").arg(n).ignore();
    }
    pipe.cmd("XREADGROUP")
        .arg(&["GROUP", "packer", "a", "STREAMS", key, ">"])
        .ignore();
    let () = pipe
        .query_async(&mut redis.commands())
        .await
        .expect("delivered");
    let entries = all(redis, &source).await;
    assert_eq!(entries.len(), count);
    let mut pipe = redis::pipe();
    for entry in &entries {
        pipe.cmd("XCLAIM")
            .arg(&[
                key, "packer", "a", "0", &entry.id, "IDLE", "60000", "JUSTID",
            ])
            .ignore();
    }
    let () = pipe.query_async(&mut redis.commands()).await.expect("aged");
    let held = entries
        .into_iter()
        .map(|e| Held {
            id: e.id,
            owner: e.consumer,
        })
        .collect();
    (source, held)
}

async fn all(redis: &Redis, source: &Source) -> Vec<inspect::PendingEntry> {
    let mut entries = Vec::new();
    let mut filter = PendingFilter {
        count: 1_000,
        ..PendingFilter::default()
    };
    loop {
        let page = inspect::held(redis, source, "packer", &filter)
            .await
            .expect("page");
        let Some(last) = page.last() else {
            return entries;
        };
        filter.start = format!("({}", last.id);
        entries.extend(page);
    }
}

fn outcomes(results: Vec<ClaimResult>) -> Vec<ClaimOutcome> {
    results.into_iter().map(|r| r.outcome).collect()
}

#[tokio::test]
async fn a_claim_says_for_each_id_what_became_of_it() {
    let redis = test_redis::redis(1);
    let (source, held) = stuck(&redis, 5).await;
    let key = source.key.as_str();
    run(&redis, &["XDEL", key, &held[1].id]).await;
    run(
        &redis,
        &[
            "XCLAIM",
            key,
            "packer",
            "c",
            "0",
            &held[2].id,
            "IDLE",
            "60000",
        ],
    )
    .await;
    run(&redis, &["XACK", key, "packer", &held[3].id]).await;
    run(
        &redis,
        &["XCLAIM", key, "packer", "a", "0", &held[4].id, "JUSTID"],
    )
    .await;

    let got = outcomes(claim(&redis, &source, "packer", "b", 30_000, &held).await);
    assert_eq!(
        got[..4],
        [
            ClaimOutcome::Claimed,
            ClaimOutcome::Vanished,
            ClaimOutcome::Taken { by: "c".to_owned() },
            ClaimOutcome::Acknowledged,
        ]
    );
    assert!(matches!(got[4], ClaimOutcome::NotIdle { idle_ms } if idle_ms < 30_000));

    let left = all(&redis, &source).await;
    let owner = |id: &str| {
        left.iter()
            .find(|e| e.id == id)
            .map(|e| (e.consumer.as_str(), e.deliveries))
    };
    assert_eq!(owner(&held[0].id), Some(("b", 2)));
    assert_eq!(owner(&held[1].id), None);
    assert_eq!(owner(&held[2].id).expect("pending").0, "c");
}

#[tokio::test]
async fn of_two_racing_claims_each_entry_goes_to_one() {
    let redis = test_redis::redis(1);
    let (source, held) = stuck(&redis, 2_500).await;
    let other =
        Redis::open(&crate::config::test_redis_url(), redis.keys().clone()).expect("a Redis URL");
    let (one, two) = tokio::join!(
        claim(&redis, &source, "packer", "b", 30_000, &held),
        claim(&other, &source, "packer", "c", 30_000, &held),
    );
    for (one, two) in one.iter().zip(&two) {
        let won = [&one.outcome, &two.outcome].map(|o| *o == ClaimOutcome::Claimed);
        assert!(won[0] != won[1], "{one:?} {two:?}");
        let lost = if won[0] { &two.outcome } else { &one.outcome };
        assert!(matches!(lost, ClaimOutcome::Taken { .. }), "{lost:?}");
    }
    let left = all(&redis, &source).await;
    assert_eq!(left.len(), 2_500);
    assert!(left.iter().all(|e| e.consumer != "a" && e.deliveries == 2));
    let mine: Vec<String> = one
        .into_iter()
        .filter(|r| r.outcome == ClaimOutcome::Claimed)
        .map(|r| r.id)
        .take(1_000)
        .collect();
    let held = still_held(&redis, &source, "packer", "b", &mine)
        .await
        .expect("held");
    assert_eq!(held, mine);
}

#[tokio::test]
async fn a_claim_on_a_missing_group_changes_nothing() {
    let redis = test_redis::redis(1);
    let (source, held) = stuck(&redis, 2).await;
    let got = outcomes(claim(&redis, &source, "nobody", "b", 30_000, &held).await);
    assert!(
        got.iter()
            .all(|o| matches!(o, ClaimOutcome::NotTried { reason } if reason.contains("NOGROUP"))),
        "{got:?}"
    );
    let foreign = Source::foreign("not-there");
    let got = outcomes(claim(&redis, &foreign, "packer", "b", 30_000, &held).await);
    assert!(matches!(&got[0], ClaimOutcome::NotTried { .. }));
    assert!(all(&redis, &source).await.iter().all(|e| e.consumer == "a"));
}

#[tokio::test]
async fn a_broken_id_stops_the_script_before_its_first_write() {
    let redis = test_redis::redis(1);
    let (source, mut held) = stuck(&redis, 2).await;
    held.push(Held {
        id: "not-an-id".to_owned(),
        owner: "a".to_owned(),
    });
    let got = outcomes(claim(&redis, &source, "packer", "b", 30_000, &held).await);
    assert!(
        got.iter()
            .all(|o| matches!(o, ClaimOutcome::NotTried { .. })),
        "{got:?}"
    );
    assert!(all(&redis, &source).await.iter().all(|e| e.consumer == "a"));
}

/// Passes bytes on to the test server, and hangs up in place of the reply to a script.
async fn server_that_loses_the_reply() -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let url = url::Url::parse(&crate::config::test_redis_url()).expect("a URL");
    let target = (
        url.host_str().expect("a host").to_owned(),
        url.port().unwrap_or(6379),
    );
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = tokio::net::TcpStream::connect(&target)
                .await
                .expect("Redis");
            let (mut up, mut down) = ([0; 65_536], [0; 65_536]);
            let mut script_sent = false;
            loop {
                tokio::select! {
                    n = client.read(&mut up) => {
                        let Ok(n @ 1..) = n else { break };
                        script_sent = up[..n].windows(7).any(|w| w == b"EVALSHA");
                        server.write_all(&up[..n]).await.expect("passed on");
                    }
                    n = server.read(&mut down) => {
                        let Ok(n @ 1..) = n else { break };
                        if script_sent && !down.starts_with(b"-NOSCRIPT") { break }
                        client.write_all(&down[..n]).await.expect("passed back");
                    }
                }
            }
        }
    });
    format!("redis://{address}")
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_not_a_failure() {
    let redis = test_redis::redis(1);
    let (source, held) = stuck(&redis, 3).await;
    let cut = server_that_loses_the_reply().await;
    let cut = Redis::open(&cut, redis.keys().clone()).expect("a URL");
    let got = outcomes(claim(&cut, &source, "packer", "b", 30_000, &held).await);
    assert_eq!(got, vec![ClaimOutcome::Unknown; 3]);
    // They were claimed: that is what "unknown" is for.
    assert!(all(&redis, &source).await.iter().all(|e| e.consumer == "b"));
}

#[tokio::test]
async fn without_a_connection_nothing_was_tried() {
    let keys = crate::queue::Keys::new("t", 1).expect("valid");
    let redis = Redis::open("redis://127.0.0.1:1", keys).expect("a URL");
    let held = [Held {
        id: "1-1".to_owned(),
        owner: "a".to_owned(),
    }];
    let mut away = None;
    let got = super::claim(&redis, &Source::foreign("x"), "g", "b", 1, &held, &mut away).await;
    let got = outcomes(got);
    assert!(matches!(&got[0], ClaimOutcome::NotTried { .. }), "{got:?}");
    assert!(away.is_some(), "the rest of the deed need not try");
}

#[tokio::test]
async fn what_is_known_to_be_away_is_not_tried_again() {
    let redis = test_redis::redis(1);
    let (source, held) = stuck(&redis, 3).await;
    let mut away = Some("another partition said so".to_owned());
    let got = super::claim(&redis, &source, "packer", "b", 30_000, &held, &mut away).await;
    let reason = "another partition said so".to_owned();
    assert_eq!(outcomes(got), vec![ClaimOutcome::NotTried { reason }; 3]);
    assert!(all(&redis, &source).await.iter().all(|e| e.consumer == "a"));
}

#[tokio::test]
async fn the_audit_remembers_newest_first() {
    let redis = test_redis::redis(1);
    for what in ["claim", "pause"] {
        let entry = AuditEntry {
            what: what.to_owned(),
            who: "ann@host".to_owned(),
            ..AuditEntry::default()
        };
        audit(&redis, &entry).await.expect("written");
    }
    let log = recent(&redis, 10).await.expect("read");
    assert_eq!(
        log.iter().map(|e| e.what.as_str()).collect::<Vec<_>>(),
        ["pause", "claim"]
    );
    assert!(log[0].at_ms > 1_600_000_000_000 && log[0].who == "ann@host");
}
