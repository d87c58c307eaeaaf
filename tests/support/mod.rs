//! Real servers for tests. A variable of test.sh names a shared one; without it one is started here. A test
//! that kills a server starts its own.

mod counting_smtp;
mod fleet;
mod pending;
mod postgres;
mod process;
mod proxy;
mod redis;
mod smtp_sink;
mod terminal;
mod vault;

use std::sync::atomic::{AtomicU32, Ordering};

pub use self::{
    counting_smtp::{Act, CountingSmtp, Mail, Moment, Rule, Step, rules},
    fleet::{Fleet, WORKERS},
    pending::leave_pending,
    postgres::{PostgresServer, postgres_database, postgres_url},
    process::{Server, directory, eventually, find, free_port},
    proxy::Proxy,
    redis::{RedisServer, redis_url},
    smtp_sink::SmtpSink,
    terminal::Terminal,
    vault::{ROOT_TOKEN, VaultServer, put_secret, vault_addr, vault_get, vault_post},
};

/// The machine's cores are for one pipeline at a time.
pub async fn one_pipeline() -> tokio::sync::MutexGuard<'static, ()> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ONE.lock().await
}

/// A name that no other test, process or earlier run uses.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since = std::time::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_millis();
    let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    format!("{name}_{since:x}_{process:x}_{number}")
}

/// A key prefix for one test in the shared Redis.
pub fn prefix() -> String {
    unique("test")
}

/// A database for one test that no server is needed for, and the directory it lasts as long as.
pub fn sqlite_database() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite://{}/comms.db", dir.path().display());
    (dir, url)
}
