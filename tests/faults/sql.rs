//! The database stopped, locked and full; Vault sealed.

use std::{process::Command, time::Duration};

use sqlx::Executor;

use super::{
    arena::{Arena, Plan, all, until},
    audit::Audit,
};
use crate::support::{
    PostgresServer, ROOT_TOKEN, RedisServer, VaultServer, one_pipeline, put_secret, rules,
    vault_get, vault_post,
};

const USERS: u64 = 6_000;
const NOTHING: Audit = Audit {
    doubled: 0,
    doubts: 0,
    held: 0,
};
/// What the server takes for each mail.
const SLOW: Duration = Duration::from_millis(8);

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_stopped_and_started_loses_nobody() {
    let mut postgres = PostgresServer::start();
    let arena = Arena::start(Plan {
        users: USERS,
        database_url: Some(postgres.url()),
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(SLOW));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    for mails in [500, 3_000] {
        arena.until_taken(mails).await;
        postgres.kill();
        postgres.restart();
    }
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_locked_for_ten_seconds_by_another_process_loses_nobody() {
    let arena = Arena::start(Plan {
        users: USERS,
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(SLOW));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    arena.until_taken(500).await;
    let mut other = arena.sql().await;
    until(Duration::from_secs(20), "the lock is ours", async || {
        sqlx::query("SELECT 1")
            .execute(&mut arena.sql().await)
            .await
            .is_ok()
    })
    .await;
    other
        .execute("PRAGMA busy_timeout = 20000")
        .await
        .expect("set");
    other.execute("BEGIN IMMEDIATE").await.expect("the lock");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = arena.ledger(id).await.len();
    other.execute("ROLLBACK").await.expect("let go");
    assert!((before as u64) < USERS, "nobody was held up");
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
}

/// A file system of a few MB of the test's own.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(dir.path())
            .output();
        mounted
            .is_ok_and(|m| m.status.success())
            .then_some(Self(dir))
    }
}

/// Runs a test once more where anybody may mount, if this kernel has such namespaces for everybody.
async fn as_root_of_a_namespace(test: &str) {
    let _one = one_pipeline().await;
    let dir = tempfile::tempdir().expect("a directory");
    let namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount"]);
        command
    };
    let may = namespace()
        .args(["mount", "-t", "tmpfs", "tmpfs"])
        .arg(dir.path())
        .output();
    if !may.is_ok_and(|done| done.status.success()) {
        println!("skipped: this user may mount nothing, not even in a namespace of his own");
        return;
    }
    let done = namespace()
        .arg(std::env::current_exe().expect("this binary"))
        .args(["--exact", test, "--nocapture"])
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a worker that the test has just killed may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_for_and_loses_nobody() {
    let Some(disk) = SmallDisk::mount() else {
        return as_root_of_a_namespace("faults::sql::a_full_disk_is_waited_for_and_loses_nobody")
            .await;
    };
    let arena = Arena::start(Plan {
        users: USERS,
        database_url: Some(format!("sqlite://{}/comms.db", disk.0.path().display())),
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(SLOW));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    arena.until_taken(500).await;
    let ballast = disk.0.path().join("ballast");
    // It ends with an error when the disk is full, which is what it is for.
    let filled = Command::new("dd")
        .args(["if=/dev/zero", "bs=64k"])
        .arg(format!("of={}", ballast.display()))
        .output();
    assert!(
        !filled.expect("dd runs").status.success(),
        "the disk is full"
    );
    until(Duration::from_secs(30), "a worker says why", async || {
        let workers = arena.fleet.tui(&["workers", "--json"]).to_string();
        workers.contains("the database is away")
    })
    .await;
    let said = arena.fleet.log("email-service") + &arena.fleet.log("email-service.2");
    assert!(said.contains("full"), "{said}");
    std::fs::remove_file(&ballast).expect("removed");
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_sealed_while_running_stops_nobody() {
    let vault = VaultServer::start();
    let mut arena = Arena::prepare(
        Plan {
            users: USERS,
            settings: &[("VAULT_ADDR", &vault.addr()), ("VAULT_TOKEN", ROOT_TOKEN)],
            ..Plan::default()
        },
        RedisServer::start(&[]),
    )
    .await;
    for service in crate::support::WORKERS {
        let values = serde_json::json!({ "redis_url": arena.redis.url() });
        put_secret(&vault.addr(), service, "dev", values).await;
    }
    arena.start_all().await;
    arena.smtp.obey(rules::slow(SLOW));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    arena.until_taken(500).await;
    vault_post(&vault.addr(), "sys/seal", serde_json::json!({})).await;
    let health = async |name| {
        let answer = reqwest::get(arena.fleet.url(name, "/readyz")).await;
        answer.expect("an answer").text().await.expect("text")
    };
    until(Duration::from_secs(30), "all say so", async || {
        let mut said = true;
        for name in all() {
            said &= health(name).await.contains("sealed");
        }
        said
    })
    .await;
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
    let key = vault.unseal_key();
    let opened = vault_post(
        &vault.addr(),
        "sys/unseal",
        serde_json::json!({ "key": key }),
    )
    .await;
    assert_eq!(opened["sealed"], false);
    for name in all() {
        arena.fleet.until_ready(name).await;
    }
    vault_get(&vault.addr(), "sys/seal-status").await;
}
