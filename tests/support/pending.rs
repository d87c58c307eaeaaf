//! Entries that nobody works on.

const STREAM: &str = "{comms:0}:email-notification";
const GROUP: &str = "email-service";
const PAGE: usize = 1_000;

/// Reads `count` entries of email-notification in the names of `consumers` that are gone, and leaves them so.
pub fn leave_pending(redis_url: &str, count: usize, consumers: usize) {
    let client = redis::Client::open(redis_url).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let _: () = redis::cmd("XGROUP")
        .arg("CREATE")
        .arg(STREAM)
        .arg(GROUP)
        .arg("0")
        .arg("MKSTREAM")
        .query(&mut connection)
        .expect("a group");
    for page in 0..count.div_ceil(PAGE) {
        let mut pipe = redis::pipe();
        for user in page * PAGE..count.min((page + 1) * PAGE) {
            let data = format!(r#"{{"v":1,"user":{user},"email":"a.b@example.com"}}"#);
            let entry = pipe.cmd("XADD").arg(STREAM).arg("*");
            let entry = entry.arg("type").arg("email.requested");
            entry.arg("flow").arg(1).arg("data").arg(data).ignore();
        }
        pipe.exec(&mut connection).expect("added");
    }
    for consumer in 0..consumers {
        let _: redis::Value = redis::cmd("XREADGROUP")
            .arg("GROUP")
            .arg(GROUP)
            .arg(format!("gone-{consumer}"))
            .arg("COUNT")
            .arg(count.div_ceil(consumers))
            .arg("STREAMS")
            .arg(STREAM)
            .arg(">")
            .query(&mut connection)
            .expect("read");
    }
}
