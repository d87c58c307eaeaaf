//! Opening the database: the address, its settings, the migrations.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use sqlx::{
    Any, AnyConnection, AnyPool, ConnectOptions, Connection, Executor, Transaction,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::Migrator,
    sqlite::SqliteConnectOptions,
};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long one call may take before it counts as away.
const CALL_LIMIT: Duration = Duration::from_secs(20);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 8;

/// Where SQLite and PostgreSQL differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// The database. Clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) pool: AnyPool,
    options: AnyConnectOptions,
    dialect: Dialect,
    sqlite_sync_full: bool,
}

impl Store {
    /// Connects, and brings the tables up to date; several processes may do so at once. `database_url` is
    /// `sqlite://PATH` (made when missing, with its directory) or `postgres://user:pass@host/name`.
    /// `sqlite_sync_full` makes commits survive a power loss too, not only the death of processes.
    ///
    /// # Errors
    /// Names COMMS_DATABASE_URL and says what to do, without the password. May be repeated: a server
    /// that is away now is found later.
    pub async fn open(database_url: &str, sqlite_sync_full: bool) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let (dialect, url) = address(database_url)?;
        let options = AnyConnectOptions::from_str(&url)
            .ok()
            .context("COMMS_DATABASE_URL is no URL, expected one like sqlite://.comms/comms.db or postgres://user:pass@host/name")?
            .disable_statement_logging();
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_LIMIT)
            .after_connect(move |connection, _| {
                Box::pin(settings(connection, dialect, sqlite_sync_full))
            })
            .connect_lazy_with(options.clone());
        let store = Self {
            pool,
            options,
            dialect,
            sqlite_sync_full,
        };
        match dialect {
            Dialect::Sqlite => {
                let path = sqlite_path(&url)?;
                store.migrate_sqlite(&path).await.with_context(|| {
                    format!("COMMS_DATABASE_URL: can't open the SQLite database {}; may this user write there, and is the disk full?", path.display())
                })?;
            }
            Dialect::Postgres => store.migrate_postgres().await.with_context(|| {
                format!("COMMS_DATABASE_URL: can't use the PostgreSQL database at {}; is it running, and do user, password and database name fit?", without_password(database_url))
            })?,
        }
        Ok(store)
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Asks the database for a sign of life, for readiness.
    ///
    /// # Errors
    /// Says why there is none.
    pub async fn ping(&self) -> sqlx::Result<()> {
        limited(async {
            let _: i64 = sqlx::query_scalar("SELECT CAST(1 AS BIGINT)")
                .fetch_one(&self.pool)
                .await?;
            Ok(())
        })
        .await
    }

    /// Closes the pool; calls after this find the database away.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that writes. On SQLite it takes the write lock at once: one that reads first and
    /// writes later fails when somebody else has written meanwhile, whatever the time limit.
    pub(super) async fn begin(&self) -> sqlx::Result<Transaction<'static, Any>> {
        self.pool.begin_with(self.dialect.begin()).await
    }

    /// A connection beside the pool.
    pub(super) async fn connect(&self) -> sqlx::Result<AnyConnection> {
        let connecting = async {
            let mut connection = self.options.connect().await?;
            settings(&mut connection, self.dialect, self.sqlite_sync_full).await?;
            Ok(connection)
        };
        within(CONNECT_LIMIT, connecting).await
    }

    /// sqlx's lock for migrations does nothing on SQLite, and turning WAL on can't wait for a lock.
    async fn migrate_sqlite(&self, path: &Path) -> Result<()> {
        if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            fs::create_dir_all(directory)?;
        }
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock_path = PathBuf::from(lock_path);
        let lock = tokio::task::spawn_blocking(move || {
            let file = File::create(lock_path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        })
        .await??;
        let mut connection = self.connect().await?;
        let migrated = async {
            connection.execute("PRAGMA journal_mode = WAL").await?;
            // Not `run`: its future counts as not Send (sqlx: "implementation of `Acquire` is not general enough").
            SQLITE.run_direct(None, &mut connection, false).await?;
            anyhow::Ok(())
        };
        let result = migrated.await;
        connection.close().await.ok();
        drop(lock);
        result
    }

    /// sqlx takes an advisory lock; it ends with the connection.
    async fn migrate_postgres(&self) -> Result<()> {
        let mut connection = self.connect().await?;
        POSTGRES.run_direct(None, &mut connection, false).await?;
        connection.close().await.ok();
        Ok(())
    }
}

impl Dialect {
    pub(super) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }
}

/// Bounds one call; a call that took too long counts as an I/O error, which is "away".
pub(super) async fn limited<T>(call: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    within(CALL_LIMIT, call).await
}

pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("no answer within {} s", limit.as_secs()),
        ))),
    }
}

async fn settings(
    connection: &mut AnyConnection,
    dialect: Dialect,
    sqlite_sync_full: bool,
) -> sqlx::Result<()> {
    let text = match (dialect, sqlite_sync_full) {
        // Five seconds is far above the longest transaction here; sqlx turns foreign keys on.
        (Dialect::Sqlite, false) => {
            "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = OFF; PRAGMA synchronous = NORMAL"
        }
        (Dialect::Sqlite, true) => {
            "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = OFF; PRAGMA synchronous = FULL"
        }
        // A process that is frozen within a transaction would keep everybody from its rows.
        (Dialect::Postgres, _) => {
            "SET client_min_messages = warning; SET idle_in_transaction_session_timeout = '5s'"
        }
    };
    connection.execute(text).await?;
    Ok(())
}

/// The dialect, and the URL as sqlx wants it.
fn address(database_url: &str) -> Result<(Dialect, String)> {
    let scheme = database_url.split(':').next().unwrap_or_default();
    match scheme {
        "sqlite" if database_url.contains(":memory:") || database_url.contains("mode=memory") => {
            bail!(
                "COMMS_DATABASE_URL names a database in memory, but several processes share it; name a file, like sqlite://.comms/comms.db"
            )
        }
        "sqlite" if database_url.contains("mode=") => {
            Ok((Dialect::Sqlite, database_url.to_owned()))
        }
        "sqlite" => {
            let separator = if database_url.contains('?') { '&' } else { '?' };
            Ok((
                Dialect::Sqlite,
                format!("{database_url}{separator}mode=rwc"),
            ))
        }
        "postgres" | "postgresql" => Ok((Dialect::Postgres, database_url.to_owned())),
        _ => bail!(
            "COMMS_DATABASE_URL must begin with sqlite: or postgres:, like sqlite://.comms/comms.db or postgres://user:pass@host/name"
        ),
    }
}

fn sqlite_path(url: &str) -> Result<PathBuf> {
    let options = SqliteConnectOptions::from_str(url)
        .context("COMMS_DATABASE_URL: expected a path like sqlite://.comms/comms.db")?;
    let path = options.get_filename();
    if path.as_os_str().is_empty() {
        bail!("COMMS_DATABASE_URL names no file; expected one like sqlite://.comms/comms.db");
    }
    Ok(path.to_owned())
}

fn without_password(database_url: &str) -> String {
    url::Url::parse(database_url).map_or_else(
        |_| "(an unreadable URL)".to_owned(),
        |url| {
            format!(
                "{}:{}{}",
                url.host_str().unwrap_or("localhost"),
                url.port().unwrap_or(5432),
                url.path()
            )
        },
    )
}
