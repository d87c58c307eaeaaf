//! "Try again later" or "this can't work"?

use std::borrow::Cow;

/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>) that pass by themselves or
/// with an operator's help: BUSY, LOCKED, NOMEM, IOERR, FULL, CANTOPEN, PROTOCOL.
const SQLITE_AWAY: [u32; 7] = [5, 6, 7, 10, 13, 14, 15];

/// PostgreSQL's SQLSTATEs
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) of the same kind: connection
/// exceptions, serialization failure and deadlock (the transaction is repeated whole), insufficient
/// resources, shutting down, starting up, a standby that still is one, a cancelled or timed out statement,
/// a transaction in which this process was silent for too long.
const POSTGRES_AWAY: [&str; 10] = [
    "08", "40001", "40P01", "53", "57P", "57014", "58030", "25006", "55P03", "25P03",
];

/// True when the database can't be reached or can't work now: what failed is to be repeated as it was.
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        // sqlx reports a reply that was cut off, or another's reply, as a protocol error.
        | sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(is_away_code),
        _ => false,
    }
}

fn is_away_code(code: Cow<'_, str>) -> bool {
    // A SQLSTATE has five characters, SQLite's extended codes have at most four.
    if code.len() == 5 {
        return POSTGRES_AWAY.iter().any(|prefix| code.starts_with(prefix));
    }
    code.parse::<u32>()
        .is_ok_and(|extended| SQLITE_AWAY.contains(&(extended & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_full_and_shutting_down_pass_and_a_broken_rule_does_not() {
        for code in [
            "5", "261", "517", "13", "57P01", "08006", "53300", "53100", "40P01",
        ] {
            assert!(is_away_code(code.into()), "{code}");
        }
        for code in ["1", "19", "2067", "23505", "42601", "22021"] {
            assert!(!is_away_code(code.into()), "{code}");
        }
        assert!(is_away(&sqlx::Error::PoolTimedOut));
        assert!(!is_away(&sqlx::Error::RowNotFound));
    }
}
