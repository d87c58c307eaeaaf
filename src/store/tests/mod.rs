//! Every test runs on both databases, each on one of its own.
mod campaigns;
mod give_up;
mod import;
mod ledger;
mod mails;
mod outage;
mod races;
mod requeue;
mod schedules;
mod search;
mod speed;
mod templates;
mod users;

use sqlx::{AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;

use super::{Claim, Created, DeliveryResult, DeliveryStatus, InDoubt, NewCampaign, Store};

/// A test as a function of its database, once on SQLite and once on PostgreSQL.
macro_rules! on_both {
    ($(async fn $name:ident($db:ident) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn run($db: $crate::store::tests::Database) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                run($crate::store::tests::Database::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                run($crate::store::tests::Database::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_both;

pub(crate) struct Database {
    pub(crate) url: String,
    _directory: Option<TempDir>,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            url: format!("sqlite://{}/new/comms.db", directory.path().display()),
            _directory: Some(directory),
        }
    }

    /// A schema of its own on the server that the tests share.
    pub(crate) async fn postgres() -> Self {
        let server = postgres_url();
        sqlx::any::install_default_drivers();
        let id = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_nanos();
        let schema = format!("test_{id}_{}", std::process::id());
        let mut connection = sqlx::AnyConnection::connect(&server).await.unwrap();
        let text = format!("CREATE SCHEMA {schema}");
        connection.execute(AssertSqlSafe(text)).await.unwrap();
        connection.close().await.unwrap();
        let separator = if server.contains('?') { '&' } else { '?' };
        Self {
            url: format!(
                "{server}{separator}options[search_path]={schema}&application_name={schema}"
            ),
            _directory: None,
        }
    }

    /// As another process would.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url, false).await.unwrap()
    }
}

fn postgres_url() -> String {
    std::env::var("COMMS_TEST_POSTGRES_URL")
        .expect("run ./test.sh, which starts PostgreSQL and sets COMMS_TEST_POSTGRES_URL")
}

pub(crate) fn new_campaign(key: Option<&str>) -> NewCampaign {
    NewCampaign {
        name: "spring".to_owned(),
        subject: "Hello {{ first_name }}".to_owned(),
        text_template: "text".to_owned(),
        html_template: "<p>html</p>".to_owned(),
        in_doubt: InDoubt::Resend,
        idempotency_key: key.map(str::to_owned),
        body_hash: "hash".to_owned(),
        start_at_ms: None,
        template: None,
        variables: "{}".to_owned(),
    }
}

async fn campaign(store: &Store) -> i64 {
    match store.create_campaign(&new_campaign(None), 1).await.unwrap() {
        Created::New(campaign) => campaign.id,
        other => panic!("{other:?}"),
    }
}

fn claim(campaign: i64, user: i64) -> Claim {
    Claim {
        campaign,
        user,
        attempt: 1,
        round: 1,
        message_id: format!("<{campaign}.{user}.email@example.com>"),
    }
}

fn result(campaign: i64, user: i64, status: DeliveryStatus) -> DeliveryResult {
    DeliveryResult {
        campaign,
        user,
        attempt: 1,
        status,
        code: Some(250),
        answer: Some("2.0.0 Ok: queued".to_owned()),
        due_at_ms: None,
        in_doubt: false,
    }
}

/// Waits for something that happens soon.
async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(15);
    while !condition().await {
        assert!(std::time::Instant::now() < limit, "not within 15 s: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Statements that no method of the store has, for setting a scene.
async fn sql(store: &Store, text: &'static str) {
    store.pool.execute(text).await.unwrap();
}
