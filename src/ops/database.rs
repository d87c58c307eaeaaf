//! The SQL store, connected to when the first verb needs it: verbs about Redis work without it.

use tokio::sync::OnceCell;

use super::OpsError;
use crate::config::Config;

/// Stands for `crate::store::Store` until that exists.
pub(super) type Store = ();

pub(super) struct Database {
    url: String,
    store: OnceCell<Store>,
}

impl Database {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            url: config.database_url().to_owned(),
            store: OnceCell::new(),
        }
    }

    /// The store; connects when nobody has yet.
    pub(super) async fn get(&self) -> Result<&Store, OpsError> {
        self.store
            .get_or_try_init(|| async { Err(not_built(&self.url)) })
            .await
    }
}

fn not_built(_url: &str) -> OpsError {
    OpsError::Failed(anyhow::anyhow!("SQL: not built"))
}
