//! Entries of a flow that wait for a retry, made due at once: nobody need wait for them any more.

use redis::{RedisResult, aio::ConnectionLike};

use super::Redis;

/// Entries per look.
const PAGE: u64 = 500;
/// When they are due: long ago, and never a time that a retry was given.
const AT_ONCE: f64 = 0.0;

/// How far a pass over the waiting entries of all partitions has come.
#[derive(Debug, Default)]
pub struct Hasten {
    place: usize,
    cursor: u64,
}

impl Hasten {
    /// Looks at one page more, and lets the ordinary promotion take what it finds. True at the end of a pass;
    /// the next one begins anew. An entry that comes meanwhile may be missed by this pass.
    ///
    /// # Errors
    /// Those of ZSCAN and ZADD; the page is looked at again.
    pub async fn step(&mut self, redis: &Redis, streams: &[&str], flow: &str) -> RedisResult<bool> {
        let keys = redis.keys();
        let Some(stream) = streams.get(self.place / keys.partitions() as usize) else {
            *self = Self::default();
            return Ok(true);
        };
        let partition = (self.place % keys.partitions() as usize) as u32;
        let key = keys.retry(partition, stream);
        let next = page(&mut redis.commands(), &key, self.cursor, flow).await?;
        self.cursor = next;
        if next == 0 {
            self.place += 1;
        }
        Ok(false)
    }
}

/// Hastens what one page holds of the flow; returns where the next begins.
async fn page(
    connection: &mut impl ConnectionLike,
    key: &str,
    cursor: u64,
    flow: &str,
) -> RedisResult<u64> {
    let (next, found): (u64, Vec<(String, f64)>) = redis::cmd("ZSCAN")
        .arg(key)
        .arg(cursor)
        .arg("COUNT")
        .arg(PAGE)
        .query_async(connection)
        .await?;
    // Only what still waits, and not what is due already: it may have been promoted since.
    let mut hasten = redis::cmd("ZADD");
    hasten.arg(key).arg("XX").arg("LT");
    let mut any = false;
    for (member, due) in &found {
        if *due > AT_ONCE && flow_of(member).as_deref() == Some(flow) {
            hasten.arg(AT_ONCE).arg(member);
            any = true;
        }
    }
    if any {
        hasten.query_async::<i64>(connection).await?;
    }
    Ok(next)
}

/// The flow of a waiting entry, `origin id|attempt|fields`.
fn flow_of(member: &str) -> Option<String> {
    let fields = member.splitn(3, '|').nth(2)?;
    let fields: Vec<String> = serde_json::from_str(fields).ok()?;
    let mut pairs = fields.chunks_exact(2);
    let flow = pairs.find(|pair| pair[0] == "flow")?;
    Some(flow[1].clone())
}

#[cfg(test)]
mod tests {
    use redis::AsyncCommands;

    use super::*;
    use crate::queue::inspect::test_redis;

    const STREAMS: [&str; 2] = ["one", "two"];
    const DUE: f64 = 4e12;

    #[tokio::test]
    async fn only_what_waits_of_the_flow_is_due_at_once() {
        let redis = test_redis::redis(2);
        let mut connection = redis.commands();
        // Enough that Redis doesn't answer with all of it at once.
        for n in 0..3_000 {
            let flow = if n % 3 == 0 { "7" } else { "77" };
            let member = format!(r#"{n}-0|2|["type","t","flow","{flow}","data","|flow|7"]"#);
            let key = redis.keys().retry(n % 2, STREAMS[n as usize / 1_500]);
            let _: () = connection.zadd(key, member, DUE).await.expect("ZADD");
        }
        let mut hasten = Hasten::default();
        let mut steps = 0;
        while !hasten.step(&redis, &STREAMS, "7").await.expect("a step") {
            steps += 1;
        }
        assert!(steps >= 8, "pages are bounded: {steps}");
        let mut hastened = 0;
        for (partition, stream) in [(0, "one"), (1, "one"), (0, "two"), (1, "two")] {
            let key = redis.keys().retry(partition, stream);
            let all: Vec<(String, f64)> = connection
                .zrange_withscores(key, 0, -1)
                .await
                .expect("ZRANGE");
            for (member, due) in all {
                let ours = flow_of(&member).as_deref() == Some("7");
                assert_eq!(due, if ours { AT_ONCE } else { DUE }, "{member}");
                hastened += usize::from(ours);
            }
        }
        assert_eq!(hastened, 1_000);
    }
}
