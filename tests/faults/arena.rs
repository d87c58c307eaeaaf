//! A pipeline of one's own: Redis, a database, a counting mail server, two of each worker, and a watch.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use comms::{
    queue::{Keys, Redis, Tally},
    store::{Campaign, CampaignStatus, Store},
};
use sqlx::Connection;
use tokio::sync::MutexGuard;

use super::watch::{Target, Watch};
use crate::support::{CountingSmtp, Fleet, RedisServer, WORKERS, one_pipeline};

/// The same four once more.
pub(super) const SECONDS: [&str; 4] = [
    "campaign-service.2",
    "user-service.2",
    "notification-service.2",
    "email-service.2",
];

/// The shortest that a setting allows: what a killed worker held is taken over after that long.
const PRESENCE_MS: &str = "1500";
/// SMTP connections of one email-service here.
const LANES: &str = "16";

pub(super) struct Arena {
    pub(super) fleet: Fleet,
    pub(super) smtp: CountingSmtp,
    pub(super) redis: RedisServer,
    pub(super) store: Store,
    pub(super) database_url: String,
    pub(super) client: Redis,
    pub(super) _dir: tempfile::TempDir,
    _one: MutexGuard<'static, ()>,
}

/// What is special about an arena.
#[derive(Default)]
pub(super) struct Plan<'a> {
    pub(super) users: u64,
    /// One when it is 0.
    pub(super) partitions: u32,
    /// SQLite in the arena's directory when there is none.
    pub(super) database_url: Option<String>,
    pub(super) redis: &'a [&'a str],
    pub(super) settings: &'a [(&'a str, &'a str)],
    /// What the workers reach Redis by, when not directly: the port is that of a proxy.
    pub(super) redis_url: Option<String>,
}

impl Arena {
    /// All eight workers are ready when it returns.
    pub(super) async fn start(plan: Plan<'_>) -> Self {
        let redis = RedisServer::start(plan.redis);
        let mut arena = Self::prepare(plan, redis).await;
        arena.start_all().await;
        arena
    }

    /// Everything but the workers.
    pub(super) async fn prepare(plan: Plan<'_>, redis: RedisServer) -> Self {
        let one = one_pipeline().await;
        comms::telemetry::install_tls_provider();
        let dir = tempfile::tempdir().expect("a directory");
        let sqlite = format!("sqlite://{}/comms.db", dir.path().display());
        let database_url = plan.database_url.unwrap_or(sqlite);
        let smtp = CountingSmtp::start();
        let partitions = plan.partitions.max(1);
        let fleet = fleet(
            dir.path(),
            &[
                ("COMMS_REDIS_URL", &plan.redis_url.unwrap_or(redis.url())),
                ("COMMS_DATABASE_URL", &database_url),
                ("COMMS_SMTP_URL", &smtp.url()),
                ("COMMS_USERS", &plan.users.to_string()),
                ("COMMS_LANES", LANES),
                ("COMMS_PRESENCE_MS", PRESENCE_MS),
                ("COMMS_PARTITIONS", &partitions.to_string()),
            ],
            plan.settings,
        );
        let keys = Keys::new("comms", partitions).expect("a valid prefix");
        let client = Redis::open(&redis.url(), keys).expect("a valid URL");
        let store = Store::open(&database_url, false).await.expect("a database");
        Self {
            fleet,
            smtp,
            redis,
            store,
            database_url,
            client,
            _dir: dir,
            _one: one,
        }
    }

    pub(super) async fn start_all(&mut self) {
        for name in all() {
            self.fleet.start(name);
        }
        for name in all() {
            self.fleet.until_ready(name).await;
        }
    }

    /// A campaign with that policy, created by the path that users take. Some worker may be killed meanwhile.
    pub(super) async fn create(&self, in_doubt: &str) -> i64 {
        let created = self.fleet.tui(&[
            "campaign",
            "create",
            "--name",
            "Under fire",
            "--in-doubt",
            in_doubt,
            "--json",
        ]);
        created["id"].as_i64().expect("an id")
    }

    /// `comms-tui campaign VERB ID`.
    pub(super) fn campaign_verb(&self, verb: &str, id: i64) {
        self.fleet
            .tui(&["campaign", verb, &id.to_string(), "--json"]);
    }

    /// What Redis counts; zeros while it is away.
    pub(super) async fn tally(&self, id: i64) -> Tally {
        let tally = Tally::read(&self.client, &id.to_string()).await;
        tally.unwrap_or_default()
    }

    /// SIGKILL. Returns how many mails it had in hand.
    pub(super) async fn kill(&mut self, name: &str) -> u64 {
        self.fleet.kill(name);
        self.until_no_connection(name, "").await;
        self.in_hand(name).await
    }

    /// SIGSTOP. Returns how many mails it had in hand.
    pub(super) async fn freeze(&self, name: &str) -> u64 {
        self.fleet.signal(name, "STOP");
        self.until_no_connection(name, " AND state = 'active'")
            .await;
        self.in_hand(name).await
    }

    /// PostgreSQL ends what it was told before it sees that the client is gone, and commits it: only then is it
    /// known what was in hand.
    async fn until_no_connection(&self, name: &str, which: &str) {
        if !self.database_url.starts_with("postgres") {
            return;
        }
        let text = format!(
            "SELECT COUNT(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = $1{which}"
        );
        let mut sql = self.sql().await;
        let begin = Instant::now();
        loop {
            let query = sqlx::query_scalar(sqlx::AssertSqlSafe(text.as_str()));
            let open: i64 = query
                .bind(name.to_owned())
                .fetch_one(&mut sql)
                .await
                .expect("SQL answers");
            if open == 0 {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{open} are open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many mails a process that is dead or frozen has in hand by the ledger: claimed, and no result
    /// written.
    pub(super) async fn in_hand(&self, name: &str) -> u64 {
        let pid = self.fleet.pid(name);
        let text = "SELECT COUNT(*) FROM deliveries WHERE status = 'sending' AND owner LIKE $1";
        let number: i64 = sqlx::query_scalar(text)
            .bind(format!("%-{pid}-%"))
            .fetch_one(&mut self.sql().await)
            .await
            .expect("SQL answers");
        u64::try_from(number).expect("a count")
    }

    /// A connection of the test's own.
    pub(super) async fn sql(&self) -> sqlx::AnyConnection {
        sqlx::AnyConnection::connect(&self.database_url)
            .await
            .expect("SQL answers")
    }

    /// Watches the campaign from outside until [`Watch::end`].
    pub(super) fn watch(&self, id: i64) -> Watch {
        Watch::start(&Target {
            redis_url: self.redis.url(),
            partitions: self.client.keys().partitions(),
            database_url: self.database_url.clone(),
            campaign: id,
        })
    }

    pub(super) async fn campaign(&self, id: i64) -> Campaign {
        let found = self.store.campaign(id).await.expect("SQL answers");
        found.expect("the campaign is there")
    }

    /// Waits until that many mails have arrived.
    pub(super) async fn until_taken(&self, mails: usize) {
        until(Duration::from_secs(60), "mails arrive", async || {
            self.smtp.taken() >= mails
        })
        .await;
    }

    pub(super) async fn until_status(&self, id: i64, status: CampaignStatus, limit: Duration) {
        let begin = Instant::now();
        loop {
            let campaign = self.store.campaign(id).await;
            if matches!(&campaign, Ok(Some(found)) if found.status == status) {
                return;
            }
            if begin.elapsed() > limit {
                let tally = Tally::read(&self.client, &id.to_string()).await;
                panic!(
                    "campaign {id} isn't {} after {limit:?}: {campaign:?} {tally:?}\n{}",
                    status.as_str(),
                    self.logs(40)
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The end of what every worker logged.
    pub(super) fn logs(&self, lines: usize) -> String {
        let mut text = String::new();
        for name in all() {
            let log = self.fleet.log(name);
            let all: Vec<&str> = log.lines().collect();
            text += &format!("--- {name}\n");
            text += &all[all.len().saturating_sub(lines)..].join("\n");
            text += "\n";
        }
        text
    }
}

fn fleet(dir: &Path, common: &[(&str, &str)], special: &[(&str, &str)]) -> Fleet {
    let mut fleet = Fleet::new(dir, common);
    for (name, value) in special {
        fleet.set(name, value);
    }
    fleet
}

/// The names of all eight workers.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    WORKERS.into_iter().chain(SECONDS)
}

/// Waits for a condition, and fails when it takes longer than `limit`.
pub(super) async fn until(limit: Duration, what: &str, condition: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < limit, "waited {limit:?} until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
