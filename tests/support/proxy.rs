//! A TCP proxy that loses replies after the command has run, delays them, and moves to another server.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rand::RngExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::free_port;

pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    /// Counts up to cut every connection; `None` ends the proxy.
    cut: Arc<Mutex<Option<watch::Sender<u64>>>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    upstream: AtomicU16,
    /// Of 10,000 chunks of replies so many are swallowed, and their connections cut.
    lost: AtomicU32,
    /// The longest delay of a chunk, µs.
    delay_us: AtomicU64,
    swallowed: AtomicU64,
}

impl Proxy {
    /// To a server on this machine.
    pub fn start(upstream: u16) -> Self {
        let port = free_port();
        let shared = Arc::new(Shared::default());
        shared.upstream.store(upstream, Ordering::Release);
        let (cut, cuts) = watch::channel(0);
        let for_thread = Arc::clone(&shared);
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(serve(for_thread, listener, cuts));
        });
        Self {
            port,
            shared,
            cut: Arc::new(Mutex::new(Some(cut))),
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Of 10,000 replies about so many don't arrive, though the command ran; their connections are cut.
    pub fn lose(&self, of_ten_thousand: u32) {
        self.shared.lost.store(of_ten_thousand, Ordering::Release);
    }

    /// Each reply is late by a random time up to this.
    pub fn delay(&self, most: Duration) {
        let most = u64::try_from(most.as_micros()).expect("short");
        self.shared.delay_us.store(most, Ordering::Release);
    }

    /// Cuts every connection; new ones go to that server.
    pub fn switch(&self, upstream: u16) {
        self.shared.upstream.store(upstream, Ordering::Release);
        if let Some(cut) = &*self.cut.lock().expect("not poisoned") {
            cut.send_modify(|n| *n += 1);
        }
    }

    /// How many times a reply was lost.
    pub fn lost(&self) -> u64 {
        self.shared.swallowed.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.cut.lock().expect("not poisoned").take());
        if let Some(thread) = self.thread.take() {
            // A panic of the proxy was seen by the test as silence.
            let _ = thread.join();
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    mut cuts: watch::Receiver<u64>,
) {
    let listener = TcpListener::from_std(listener).expect("a socket");
    let mut pairs = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    pairs.spawn(relay(Arc::clone(&shared), client));
                }
            }
            Some(_) = pairs.join_next(), if !pairs.is_empty() => {}
            changed = cuts.changed() => {
                pairs.shutdown().await;
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

async fn relay(shared: Arc<Shared>, client: TcpStream) {
    let upstream = shared.upstream.load(Ordering::Acquire);
    let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else {
        return;
    };
    let small = client.set_nodelay(true).and(server.set_nodelay(true));
    if small.is_err() {
        return;
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let replies = async {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            match from_server.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    if rand::rng().random_range(0..10_000) < shared.lost.load(Ordering::Acquire) {
                        shared.swallowed.fetch_add(1, Ordering::AcqRel);
                        return;
                    }
                    let most = shared.delay_us.load(Ordering::Acquire);
                    if most > 0 {
                        let late = rand::rng().random_range(0..most);
                        tokio::time::sleep(Duration::from_micros(late)).await;
                    }
                    if to_client.write_all(&chunk[..length]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    // Whichever side ends first ends both.
    tokio::select! {
        () = replies => {}
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
    }
}
