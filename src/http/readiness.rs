//! Whether this process can work now, and if not, what it misses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// Named conditions, all of which must hold. Clones share one set: the tasks that watch Redis or the
/// database change it, `/readyz` reads it.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    /// The reason for each condition that doesn't hold; `None` where it holds.
    conditions: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

#[derive(Debug, Serialize)]
struct Report {
    ready: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    missing: BTreeMap<&'static str, String>,
}

impl Readiness {
    /// Conditions that don't hold yet.
    pub fn waiting_for(names: &[&'static str]) -> Self {
        let readiness = Self::default();
        for name in names {
            readiness.down(name, "not yet connected");
        }
        readiness
    }

    /// The condition holds. True when it didn't before, so that the change is logged once.
    pub fn up(&self, name: &'static str) -> bool {
        let before = self.put(name, None);
        !matches!(before, Some(None))
    }

    /// The condition doesn't hold. True when it did before, or when the reason is another one.
    pub fn down(&self, name: &'static str, reason: impl Into<String>) -> bool {
        let reason = Some(reason.into());
        let before = self.put(name, reason.clone());
        before != Some(reason)
    }

    fn put(&self, name: &'static str, state: Option<String>) -> Option<Option<String>> {
        self.conditions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, state)
    }

    pub fn is_ready(&self) -> bool {
        self.missing().is_empty()
    }

    /// What doesn't hold, with the reasons.
    pub fn missing(&self) -> BTreeMap<&'static str, String> {
        self.conditions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter_map(|(name, reason)| reason.clone().map(|reason| (*name, reason)))
            .collect()
    }

    pub(super) fn answer(&self) -> Response {
        let missing = self.missing();
        let ready = missing.is_empty();
        let status = if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, axum::Json(Report { ready, missing })).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_every_condition_holds() {
        let readiness = Readiness::waiting_for(&["redis", "sql"]);
        assert!(readiness.up("redis"));
        assert!(!readiness.is_ready());
        assert!(readiness.up("sql"));
        assert!(readiness.is_ready());
        assert!(readiness.down("redis", "connection refused"));
        assert_eq!(readiness.missing()["redis"], "connection refused");
    }

    #[test]
    fn only_a_change_is_reported() {
        let readiness = Readiness::default();
        assert!(readiness.up("redis"));
        assert!(!readiness.up("redis"));
        assert!(readiness.down("redis", "refused"));
        assert!(!readiness.down("redis", "refused"));
        assert!(readiness.down("redis", "loading"));
    }
}
