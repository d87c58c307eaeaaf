//! The ledger's statements. What may overwrite what is decided here, in their WHERE clauses, so that it
//! holds for several processes at once.
//!
//! In a row's lead, `@1` is the writing process and `@2` the time; both are bound after the rows' values.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::{
    open::Dialect,
    rows::{SIZES, values},
};

/// A row may be taken when it is absent, refused earlier than this attempt, or queued for no later round that is
/// still to be emitted.
const CLAIM: &str = "
ON CONFLICT (campaign_id, user_id, channel) DO UPDATE SET
    status = 'sending', owner = excluded.owner, attempt = excluded.attempt,
    round = CASE WHEN excluded.round > deliveries.round THEN excluded.round ELSE deliveries.round END,
    code = NULL, answer = NULL, due_at_ms = NULL,
    message_id = excluded.message_id, updated_at_ms = excluded.updated_at_ms
WHERE (deliveries.status = 'retrying'
        AND (deliveries.attempt < excluded.attempt OR deliveries.round < excluded.round))
    OR (deliveries.status = 'queued'
        AND (deliveries.round <= excluded.round OR deliveries.moved_from IS NULL))
RETURNING campaign_id, user_id";

/// The owner writes the attempt that it has in hand, and may repeat itself; accepted always wins. A row
/// that is missing (an older copy of the database) is made.
const RECORD: &str = "
ON CONFLICT (campaign_id, user_id, channel) DO UPDATE SET
    status = excluded.status, code = excluded.code, answer = excluded.answer,
    due_at_ms = excluded.due_at_ms, updated_at_ms = excluded.updated_at_ms,
    in_doubt_count = CASE WHEN deliveries.status = 'sending'
        THEN deliveries.in_doubt_count + excluded.in_doubt_count ELSE deliveries.in_doubt_count END,
    history = CASE WHEN deliveries.status = 'sending' AND excluded.status IN ('retrying', 'failed', 'in_doubt')
            AND LENGTH(COALESCE(deliveries.history, '')) < 8000
        THEN COALESCE(deliveries.history, '') || deliveries.round || ' ' || excluded.attempt || ' '
            || excluded.updated_at_ms || ' ' || COALESCE(excluded.code, 0) || ' '
            || REPLACE(COALESCE(excluded.answer, ''), '\n', ' ') || '\n'
        ELSE deliveries.history END
WHERE (deliveries.owner = excluded.owner AND deliveries.attempt = excluded.attempt
        AND (deliveries.status = 'sending' OR deliveries.status = excluded.status))
    OR (excluded.status = 'accepted' AND deliveries.status <> 'accepted')";

/// Without a claim: only what nobody has in hand and nobody has closed.
const CLOSE: &str = "
ON CONFLICT (campaign_id, user_id, channel) DO UPDATE SET
    status = excluded.status, owner = excluded.owner, code = excluded.code, answer = excluded.answer,
    due_at_ms = NULL, updated_at_ms = excluded.updated_at_ms
WHERE deliveries.status = 'retrying'
    OR (deliveries.status = 'queued' AND deliveries.round <= excluded.round)
    OR (deliveries.status = 'sending' AND deliveries.owner = excluded.owner)";

/// The owner is gone, and nobody knows whether its mail went: held. `$1` the writing process, `$2` the
/// time, `$3` and `$4` the row, `$5` the owner.
pub(super) const HOLD: &str = "
UPDATE deliveries SET status = 'in_doubt', owner = $1, updated_at_ms = $2,
    in_doubt_count = in_doubt_count + 1
WHERE campaign_id = $3 AND user_id = $4 AND channel = 'email' AND status = 'sending' AND owner = $5";

/// The same, taken over to be sent again: `$6` attempt, `$7` round, `$8` message id.
pub(super) const TAKE_OVER: &str = "
UPDATE deliveries SET owner = $1, updated_at_ms = $2, in_doubt_count = in_doubt_count + 1,
    attempt = $6, round = CASE WHEN $7 > round THEN $7 ELSE round END, message_id = $8
WHERE campaign_id = $3 AND user_id = $4 AND channel = 'email' AND status = 'sending' AND owner = $5";

/// Each statement in each of the fixed sizes.
pub(super) struct Statements {
    claim: Vec<Arc<str>>,
    record: Vec<Arc<str>>,
    close: Vec<Arc<str>>,
    select: Vec<Arc<str>>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let each = |text: &dyn Fn(usize) -> String| -> Vec<Arc<str>> {
            SIZES.iter().map(|size| text(*size).into()).collect()
        };
        Self {
            claim: each(&|rows| {
                format!(
                    "INSERT INTO deliveries (owner, created_at_ms, updated_at_ms, channel, status,
                         campaign_id, user_id, attempt, round, message_id) VALUES {}{CLAIM}",
                    values(dialect, rows, 5, "@1, @2, @2, 'email', 'sending', ")
                )
            }),
            record: each(&|rows| {
                format!(
                    "INSERT INTO deliveries (owner, created_at_ms, updated_at_ms, channel, round, message_id,
                         campaign_id, user_id, attempt, status, code, answer, due_at_ms, in_doubt_count)
                     VALUES {}{RECORD}",
                    values(dialect, rows, 8, "@1, @2, @2, 'email', 1, '', ")
                )
            }),
            close: each(&|rows| {
                format!(
                    "INSERT INTO deliveries (owner, created_at_ms, updated_at_ms, channel, attempt, message_id,
                         campaign_id, user_id, round, status, code, answer) VALUES {}{CLOSE}",
                    values(dialect, rows, 6, "@1, @2, @2, 'email', 0, '', ")
                )
            }),
            select: each(&|rows| {
                format!(
                    "SELECT * FROM deliveries WHERE channel = 'email'
                         AND (campaign_id, user_id) IN (VALUES {})",
                    values(dialect, rows, 2, "")
                )
            }),
        }
    }

    pub(super) fn claim(&self, rows: usize) -> AssertSqlSafe<Arc<str>> {
        sized(&self.claim, rows)
    }

    pub(super) fn record(&self, rows: usize) -> AssertSqlSafe<Arc<str>> {
        sized(&self.record, rows)
    }

    pub(super) fn close(&self, rows: usize) -> AssertSqlSafe<Arc<str>> {
        sized(&self.close, rows)
    }

    pub(super) fn select(&self, rows: usize) -> AssertSqlSafe<Arc<str>> {
        sized(&self.select, rows)
    }
}

fn sized(texts: &[Arc<str>], rows: usize) -> AssertSqlSafe<Arc<str>> {
    let position = SIZES.iter().position(|size| *size == rows);
    AssertSqlSafe(texts[position.expect("rows come in the fixed sizes")].clone())
}
