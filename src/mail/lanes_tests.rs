use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::{sync::mpsc::Receiver, time::timeout};

use super::*;
use crate::mail::peer::{Peer, Session, well};

const LIMIT: Duration = Duration::from_secs(20);

struct Pool {
    lanes: Lanes<usize>,
    verdicts: Receiver<(usize, Verdict)>,
    shutdown: CancellationToken,
    may_send: Arc<AtomicBool>,
}

impl Pool {
    fn start(settings: SmtpSettings, most: usize) -> Self {
        Self::start_with(settings, most, IDLE)
    }

    fn start_with(settings: SmtpSettings, most: usize, idle: Duration) -> Self {
        let shutdown = CancellationToken::new();
        let may_send = Arc::new(AtomicBool::new(true));
        let asked = may_send.clone();
        let (lanes, verdicts) = Lanes::start_with(
            settings,
            most,
            "from@x.example".to_owned(),
            Arc::new(move || asked.load(Ordering::SeqCst)),
            shutdown.clone(),
            idle,
        );
        Self {
            lanes,
            verdicts,
            shutdown,
            may_send,
        }
    }

    async fn reserve(&self, max: usize) -> Permits<usize> {
        timeout(LIMIT, self.lanes.reserve(max))
            .await
            .expect("in time")
    }

    async fn verdict(&mut self) -> (usize, Verdict) {
        let verdict = timeout(LIMIT, self.verdicts.recv()).await.expect("in time");
        verdict.expect("open")
    }

    async fn send_one(&mut self) -> Verdict {
        self.reserve(1).await.submit(job(0));
        self.verdict().await.1
    }

    /// Submits so many, receiving meanwhile; every tag comes back once.
    async fn send(&mut self, count: usize) -> HashMap<usize, Verdict> {
        let lanes = self.lanes.clone();
        let submitter = tokio::spawn(async move {
            let mut next = 0;
            while next < count {
                let mut permits = lanes.reserve(count - next).await;
                for _ in 0..permits.count() {
                    permits.submit(job(next));
                    next += 1;
                }
            }
        });
        let mut seen = HashMap::new();
        for _ in 0..count {
            let (tag, verdict) = self.verdict().await;
            assert!(seen.insert(tag, verdict).is_none(), "{tag} came back twice");
        }
        submitter.await.expect("all were submitted");
        seen
    }

    async fn until(&self, what: &str, condition: impl Fn(&Lanes<usize>) -> bool) {
        let wait = async {
            while !condition(&self.lanes) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(LIMIT, wait).await.expect(what);
    }
}

fn job(tag: usize) -> Job<usize> {
    Job {
        tag,
        to: format!("user{tag}@x.example"),
        payload: Payload::Bytes(b"Subject: x\r\n\r\nbody\r\n".to_vec()),
    }
}

async fn good(mut session: Session) {
    session.hello("PIPELINING").await;
    session.answer(well).await;
}

fn accepted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Accepted { .. })
}

fn not_sent(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::NotSent { .. })
}

#[tokio::test]
async fn every_mail_comes_back_once_over_a_bounded_number_of_connections() {
    let peer = Peer::start(good).await;
    let mut pool = Pool::start(peer.settings(), 3);
    let verdicts = pool.send(500).await;
    assert!(verdicts.values().all(accepted));
    assert_eq!(peer.connections(), 3);
    assert_eq!(pool.lanes.outstanding(), 0);
}

#[tokio::test]
async fn credits_are_four_a_lane_and_are_given_back() {
    let peer = Peer::start(good).await;
    let mut pool = Pool::start(peer.settings(), 1);
    let permits = pool.reserve(100).await;
    assert_eq!(permits.count(), AHEAD);
    let second = timeout(Duration::from_millis(50), pool.lanes.reserve(1)).await;
    assert!(second.is_err(), "more than a lane's credits");
    drop(permits);
    assert_eq!(pool.reserve(100).await.count(), AHEAD);
    assert!(accepted(&pool.send_one().await));
}

#[tokio::test]
async fn nobody_connects_before_there_is_a_mail() {
    let peer = Peer::start(good).await;
    let mut pool = Pool::start(peer.settings(), 8);
    assert_eq!((pool.lanes.connected(), peer.connections()), (0, 0));
    assert!(accepted(&pool.send_one().await));
    assert_eq!(peer.connections(), 1, "one mail needs one lane");
}

#[tokio::test]
async fn a_slow_reply_holds_up_one_lane_only() {
    let peer = Peer::start(|mut session: Session| async move {
        session.hello("PIPELINING").await;
        let slow = session.number == 0;
        let reply = |line: &str| match line {
            "." if slow => Some("250-thinking about it".to_owned()),
            _ => well(line),
        };
        session.answer(reply).await;
    })
    .await;
    let mut pool = Pool::start(peer.settings(), 2);
    let first = pool.reserve(8).await;
    pool.until("two lanes", |lanes| lanes.connected() == 2)
        .await;
    drop(first);
    let lanes = pool.lanes.clone();
    tokio::spawn(async move {
        for tag in 0..100 {
            lanes.reserve(1).await.submit(job(tag));
        }
    });
    for _ in 0..99 {
        assert!(accepted(&pool.verdict().await.1));
    }
    assert_eq!(pool.lanes.outstanding(), 1);
}

#[tokio::test]
async fn when_the_server_goes_away_mails_come_back_and_go_again_later() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("set");
    let settings = SmtpSettings::parse(&format!("smtp://{addr}")).expect("valid");
    let mut pool = Pool::start(settings, 2);
    let server = tokio::net::TcpListener::from_std(listener).expect("taken over");
    let lanes = pool.lanes.clone();
    let reserving = tokio::spawn(async move { lanes.reserve(AHEAD).await });
    let (tcp, _) = server.accept().await.expect("a connection");
    // Greeted, and then both the connection and the server are gone.
    drop(server);
    let mut session = Session::over(tcp);
    session.hello("PIPELINING").await;
    let mut permits = reserving.await.expect("reserved");
    for tag in 0..AHEAD {
        permits.submit(job(tag));
    }
    session.chunk().await;
    drop(session);
    for _ in 0..AHEAD {
        let (_, verdict) = pool.verdict().await;
        assert!(not_sent(&verdict), "{verdict:?}");
    }
    pool.until("the breaker opens", |lanes| {
        lanes.breaker() != BreakerState::Closed
    })
    .await;
    let server = tokio::net::TcpListener::bind(addr)
        .await
        .expect("the same port");
    Peer::serve(server, good);
    // Nobody asks for a lane: it is probed all the same, for readiness.
    pool.until("the breaker closes", |lanes| {
        lanes.breaker() == BreakerState::Closed
    })
    .await;
    assert!(accepted(&pool.send_one().await));
}

#[tokio::test]
async fn refusals_at_mail_stop_the_lanes_until_one_probe_goes_through() {
    let sick = Arc::new(AtomicBool::new(true));
    let ask = sick.clone();
    let peer = Peer::start(move |mut session: Session| {
        let sick = ask.clone();
        async move {
            session.hello("").await;
            let reply = |line: &str| {
                if line.starts_with("MAIL") && sick.load(Ordering::SeqCst) {
                    Some("451 4.3.0 database down".to_owned())
                } else {
                    well(line)
                }
            };
            session.answer(reply).await;
        }
    })
    .await;
    let mut pool = Pool::start(peer.settings(), 2);
    let mut faults = 0;
    while !matches!(pool.lanes.breaker(), BreakerState::Open { .. }) {
        let verdict = pool.send_one().await;
        assert!(
            matches!(
                verdict,
                Verdict::OwnFault {
                    code: Some(451),
                    ..
                }
            ),
            "{verdict:?}"
        );
        faults += 1;
        assert!(faults <= 5);
    }
    let permits = pool.reserve(100).await;
    assert_eq!(permits.count(), 1, "one probe while half-open");
    assert!(matches!(
        pool.lanes.breaker(),
        BreakerState::HalfOpen { .. }
    ));
    drop(permits);
    sick.store(false, Ordering::SeqCst);
    assert!(accepted(&pool.send_one().await));
    assert_eq!(pool.lanes.breaker(), BreakerState::Closed);
    assert!(pool.send(50).await.values().all(accepted));
}

#[tokio::test]
async fn a_limit_on_connections_is_no_fault_while_others_work() {
    let peer = Peer::start(|mut session: Session| async move {
        if session.number == 0 {
            good(session).await;
        } else {
            session.say("421 4.7.0 too many connections").await;
        }
    })
    .await;
    let mut pool = Pool::start(peer.settings(), 8);
    assert!(accepted(&pool.send_one().await));
    assert!(pool.send(200).await.values().all(accepted));
    assert_eq!(pool.lanes.breaker(), BreakerState::Closed);
    assert!(
        peer.connections() <= 8,
        "{} connections",
        peer.connections()
    );
}

#[tokio::test]
async fn a_process_that_may_not_send_starts_nothing() {
    let peer = Peer::start(good).await;
    let mut pool = Pool::start(peer.settings(), 2);
    pool.may_send.store(false, Ordering::SeqCst);
    assert!(pool.send(20).await.values().all(not_sent));
    assert_eq!(pool.lanes.breaker(), BreakerState::Closed);
    pool.may_send.store(true, Ordering::SeqCst);
    assert!(accepted(&pool.send_one().await));
}

#[tokio::test]
async fn shutdown_ends_what_is_under_way_and_gives_back_the_rest() {
    let (asked, mut asks) = mpsc::channel(1);
    let release = Arc::new(Notify::new());
    let (goodbye, mut goodbyes) = mpsc::channel(8);
    let go = release.clone();
    let peer = Peer::start(move |mut session: Session| {
        let (asked, go, goodbye) = (asked.clone(), go.clone(), goodbye.clone());
        async move {
            session.hello("PIPELINING").await;
            session.chunk().await;
            session.say("250 a\n250 b\n354 c").await;
            session.body().await;
            asked.send(()).await.expect("awaited");
            go.notified().await;
            session.say("250 ok").await;
            goodbye.send(session.line().await).await.expect("awaited");
            session.say("221 bye").await;
        }
    })
    .await;
    let mut pool = Pool::start(peer.settings(), 1);
    let mut permits = pool.reserve(AHEAD).await;
    for tag in 0..AHEAD - 1 {
        permits.submit(job(tag));
    }
    asks.recv().await.expect("a mail is under way");
    pool.shutdown.cancel();
    for _ in 1..AHEAD - 1 {
        assert!(not_sent(&pool.verdict().await.1));
    }
    // Reserved before, submitted after.
    permits.submit(job(9));
    assert_eq!(pool.verdict().await.0, 9);
    assert_eq!(pool.reserve(5).await.count(), 0);
    release.notify_one();
    let (tag, verdict) = pool.verdict().await;
    assert!(tag == 0 && accepted(&verdict), "{tag} {verdict:?}");
    assert_eq!(goodbyes.recv().await.flatten().as_deref(), Some("QUIT"));
    let end = timeout(LIMIT, pool.verdicts.recv()).await.expect("in time");
    assert_eq!(end, None);
}

#[tokio::test]
async fn idle_lanes_close_and_come_back_when_needed() {
    let peer = Peer::start(good).await;
    let mut pool = Pool::start_with(peer.settings(), 4, Duration::from_millis(50));
    assert!(pool.send(100).await.values().all(accepted));
    pool.until("all are closed", |lanes| lanes.connected() == 0)
        .await;
    let before = peer.connections();
    assert!(accepted(&pool.send_one().await));
    assert_eq!(peer.connections(), before + 1);
}

#[tokio::test]
async fn a_lane_whose_server_hung_up_is_replaced_before_it_is_used() {
    let peer = Peer::start(|mut session: Session| async move {
        session.hello("PIPELINING").await;
        let one_mail = |line: &str| match line {
            "RSET" => None,
            _ => well(line),
        };
        session.chunk().await;
        session.say("250 a\n250 b\n354 c").await;
        session.body().await;
        session.say("250 ok").await;
        if session.number > 0 {
            session.answer(one_mail).await;
        }
    })
    .await;
    let mut pool = Pool::start(peer.settings(), 1);
    assert!(accepted(&pool.send_one().await));
    pool.until("it is noticed", |lanes| lanes.connected() == 0)
        .await;
    assert!(accepted(&pool.send_one().await));
    assert_eq!(peer.connections(), 2);
}

#[tokio::test]
async fn a_mail_that_cannot_be_made_is_refused_and_harms_nobody() {
    let peer = Peer::start(good).await;
    let mut pool = Pool::start(peer.settings(), 1);
    type Build = Box<dyn FnOnce() -> Result<Vec<u8>, String> + Send>;
    let builds: [Build; 2] = [
        Box::new(|| Err("the address is not valid".to_owned())),
        Box::new(|| panic!("a bug")),
    ];
    for (build, words) in builds.into_iter().zip(["not valid", "panicked"]) {
        pool.reserve(1).await.submit(Job {
            payload: Payload::Build(build),
            ..job(0)
        });
        let (_, verdict) = pool.verdict().await;
        assert!(
            matches!(&verdict, Verdict::Refused { text, .. } if text.contains(words)),
            "{verdict:?}"
        );
    }
    assert!(accepted(&pool.send_one().await));
    assert_eq!(peer.connections(), 1);
}
