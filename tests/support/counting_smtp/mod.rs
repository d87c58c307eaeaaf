//! A mail server that counts: who got which mail, how often, in what order and when. It behaves as a test
//! says, by a rule that is asked at every step of the dialogue and may be changed while it runs.

mod conduct;
mod session;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use tokio::{net::TcpListener, sync::watch};

pub use self::conduct::{Act, Moment, Rule, Step, rules};
use super::free_port;

/// One mail that the server took responsibility for.
#[derive(Debug, Clone)]
pub struct Mail {
    pub message_id: String,
    pub recipient: String,
    /// The number of the connection that brought it, from 1.
    pub connection: u64,
    pub at: Instant,
}

pub struct CountingSmtp {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the server is to do as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Up,
    /// Nobody listens, and every connection is cut.
    Down,
    Ended,
}

struct Shared {
    port: u16,
    rule: Mutex<Rule>,
    pipelining: AtomicBool,
    /// Connections at once; more are greeted with 421.
    limit: AtomicUsize,
    open: AtomicUsize,
    opened: AtomicU64,
    /// RCPT commands per recipient.
    tries: Mutex<HashMap<String, u32>>,
    mails: Mutex<Vec<Mail>>,
    wanted: watch::Sender<Wanted>,
    listening: AtomicBool,
}

impl CountingSmtp {
    /// Takes every mail, until a rule says otherwise.
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            port: free_port(),
            rule: Mutex::new(rules::well()),
            pipelining: AtomicBool::new(true),
            limit: AtomicUsize::new(usize::MAX),
            open: AtomicUsize::new(0),
            opened: AtomicU64::new(0),
            tries: Mutex::default(),
            mails: Mutex::default(),
            wanted: watch::Sender::new(Wanted::Up),
            listening: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        // A thread and a runtime of its own: it works whatever the test's runtime waits for.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(serve(for_thread));
        });
        let server = Self {
            shared,
            thread: Some(thread),
        };
        server.until_listening(true);
        server
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.shared.port)
    }

    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.shared.port))
    }

    /// Behaves by this rule from now on, in open connections too.
    pub fn obey(&self, rule: Rule) {
        *lock(&self.shared.rule) = rule;
    }

    /// Announces PIPELINING to new connections, or doesn't.
    pub fn pipelining(&self, announced: bool) {
        self.shared.pipelining.store(announced, Ordering::Release);
    }

    /// Takes so many connections at once.
    pub fn limit(&self, connections: usize) {
        self.shared.limit.store(connections, Ordering::Release);
    }

    /// Refuses connections, and cuts those that are open.
    pub fn down(&self) {
        self.shared.wanted.send_replace(Wanted::Down);
        self.until_listening(false);
    }

    pub fn up(&self) {
        self.shared.wanted.send_replace(Wanted::Up);
        self.until_listening(true);
    }

    fn until_listening(&self, listening: bool) {
        super::eventually(
            std::time::Duration::from_secs(10),
            "the mail server",
            || self.shared.listening.load(Ordering::Acquire) == listening,
        );
    }

    /// Every recipient is new to the rules from now on.
    pub fn forget_tries(&self) {
        lock(&self.shared.tries).clear();
    }

    /// How often the most often tried recipient was named in a RCPT.
    pub fn most_tries(&self) -> u32 {
        lock(&self.shared.tries)
            .values()
            .copied()
            .max()
            .unwrap_or(0)
    }

    /// How many recipients of this domain were named in a RCPT.
    pub fn tried(&self, domain: &str) -> usize {
        let tries = lock(&self.shared.tries);
        tries.keys().filter(|to| to.ends_with(domain)).count()
    }

    /// How many connections there have been.
    pub fn opened(&self) -> u64 {
        self.shared.opened.load(Ordering::Acquire)
    }

    /// How many mails it has taken.
    pub fn taken(&self) -> usize {
        lock(&self.shared.mails).len()
    }

    /// The mails in the order in which they were taken.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.shared.mails).clone()
    }

    /// How often each mail arrived, by its Message-ID and recipient.
    pub fn counts(&self) -> HashMap<(String, String), u32> {
        let mut counts = HashMap::new();
        for mail in lock(&self.shared.mails).iter() {
            *counts
                .entry((mail.message_id.clone(), mail.recipient.clone()))
                .or_default() += 1;
        }
        counts
    }
}

impl Drop for CountingSmtp {
    fn drop(&mut self) {
        self.shared.wanted.send_replace(Wanted::Ended);
        if let Some(thread) = self.thread.take() {
            // A panic of the server was seen by the test as silence.
            let _ = thread.join();
        }
    }
}

async fn serve(shared: Arc<Shared>) {
    let mut wanted = shared.wanted.subscribe();
    loop {
        let now = *wanted.borrow_and_update();
        match now {
            Wanted::Ended => return,
            Wanted::Down => {
                if wanted.changed().await.is_err() {
                    return;
                }
            }
            Wanted::Up => {
                let bound = TcpListener::bind(("127.0.0.1", shared.port)).await;
                let listener = bound.expect("the port is ours");
                shared.listening.store(true, Ordering::Release);
                accept(&shared, listener, &mut wanted).await;
                shared.listening.store(false, Ordering::Release);
            }
        }
    }
}

/// Until something else is wanted; then the listener and all sessions end.
async fn accept(shared: &Arc<Shared>, listener: TcpListener, wanted: &mut watch::Receiver<Wanted>) {
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((tcp, _)) = accepted {
                    sessions.spawn(session::run(Arc::clone(shared), tcp));
                }
            }
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
            _ = wanted.changed() => break,
        }
    }
    sessions.shutdown().await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
