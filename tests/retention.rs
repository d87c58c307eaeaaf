//! What is too old is removed, and nothing else.

use comms::{
    queue::{Keys, Redis},
    retention::{Forgotten, forget},
    store::Store,
};
use redis::AsyncCommands;

use crate::support::{prefix, redis_url, sqlite_database};

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_removed_when_they_are_too_old() {
    let keys = Keys::new(&prefix(), 2).expect("a valid prefix");
    let redis = Redis::open(&redis_url(), keys).expect("a valid URL");
    let (_dir, url) = sqlite_database();
    let store = Store::open(&url, false).await.expect("a database");
    let mut commands = redis.commands();
    for id in ["1000-0", "1999-7", "2000-0", "3000-0"] {
        let key = redis.keys().dead(1, "email-notification");
        let _: String = commands
            .xadd(key, id, &[("reason", "old or not")])
            .await
            .expect("added");
    }
    let gone = forget(&redis, &store, 2_000).await.expect("forgotten");
    let expected = Forgotten {
        dead_letters: 2,
        ..Forgotten::default()
    };
    assert_eq!(gone, expected);
    let key = redis.keys().dead(1, "email-notification");
    let left: usize = commands.xlen(key).await.expect("a length");
    assert_eq!(left, 2);
    let again = forget(&redis, &store, 2_000).await.expect("forgotten");
    assert_eq!(again, Forgotten::default());
}
