//! Requests that may be repeated: the same idempotency key and body answer with what came of the first.

use sha2::{Digest, Sha256};

use super::OpsError;

const LONGEST_KEY: usize = 200;
/// What fire ids begin with; see `store/fire.rs`.
const KEPT_KEYS: &str = "schedule:";

pub(crate) fn checked_key(key: Option<&str>) -> Result<(), OpsError> {
    let Some(key) = key else { return Ok(()) };
    if key.is_empty() || key.len() > LONGEST_KEY {
        let text = format!("Idempotency-Key must have 1 to {LONGEST_KEY} bytes");
        return Err(OpsError::Invalid(text));
    }
    if key.starts_with(KEPT_KEYS) {
        let text = format!("an Idempotency-Key that begins with {KEPT_KEYS} is a schedule's");
        return Err(OpsError::Invalid(text));
    }
    Ok(())
}

/// Tells a repetition from another use of the key.
pub(super) fn body_hash(body: &serde_json::Value) -> String {
    let digest = Sha256::digest(body.to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn key_reused(what: &str) -> OpsError {
    OpsError::Invalid(format!(
        "Idempotency-Key was used before, for another {what}; use a new key"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_length_and_is_no_schedules() {
        let long = "k".repeat(LONGEST_KEY + 1);
        for (key, valid) in [
            (None, true),
            (Some("winter-1"), true),
            (Some(&long[1..]), true),
            (Some(&long), false),
            (Some(""), false),
            (Some("schedule:1:60000"), false),
        ] {
            assert_eq!(checked_key(key).is_ok(), valid, "{key:?}");
        }
    }
}
