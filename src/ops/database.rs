//! The SQL store, connected to when the first verb needs it: verbs about Redis work without it.

use tokio::sync::OnceCell;

use super::OpsError;
use crate::{
    config::Config,
    store::{self, Store},
};

pub(super) struct Database {
    url: String,
    sync_full: bool,
    store: OnceCell<Store>,
}

impl Database {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            url: config.database_url().to_owned(),
            sync_full: config.sqlite_sync_full,
            store: OnceCell::new(),
        }
    }

    pub(super) fn open(store: Store) -> Self {
        Self {
            url: String::new(),
            sync_full: false,
            store: OnceCell::new_with(Some(store)),
        }
    }

    /// The store; connects when nobody has yet.
    pub(super) async fn get(&self) -> Result<&Store, OpsError> {
        let open = || async {
            Store::open(&self.url, self.sync_full)
                .await
                .map_err(|source| OpsError::Away {
                    what: "the database",
                    source,
                })
        };
        self.store.get_or_try_init(open).await
    }
}

impl From<sqlx::Error> for OpsError {
    fn from(error: sqlx::Error) -> Self {
        if store::is_away(&error) {
            return Self::Away {
                what: "the database",
                source: error.into(),
            };
        }
        Self::Failed(anyhow::Error::new(error).context("the database refused"))
    }
}
