//! Several Redis servers, one after the other.

use redis::Commands;

use super::console;
use crate::support::RedisServer;

fn mark(redis: &RedisServer, stream: &str) {
    let client = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let _: String = connection
        .xadd(stream, "*", &[("field", "value")])
        .expect("added");
}

#[test]
fn another_server_is_looked_at_by_its_name_and_nothing_of_the_first_stays() {
    let (here, there) = (RedisServer::start(&[]), RedisServer::start(&[]));
    mark(&here, "only-here");
    mark(&there, "only-there");
    let dir = tempfile::tempdir().expect("a directory");
    let settings = format!(
        "[console.profiles.staging]\nredis_url = \"{}\"\nread_only = true\n\
         [console.profiles.broken]\nredis_url = \"\"\n",
        there.url()
    );
    std::fs::write(dir.path().join("comms.toml"), settings).expect("written");
    let mut terminal = console(&here.url(), dir.path(), &["--all-streams"]);
    terminal.until_contains("● live");
    terminal.press("3");
    terminal.until_contains("only-here");
    terminal.press("@");
    terminal.until_contains("broken, staging");
    terminal.press("prod\r");
    terminal.until_contains("no server \"prod\"");
    terminal.press("@broken\r");
    terminal.until_contains("has no redis_url");
    assert!(terminal.screen().contains("only-here"), "it stays");

    terminal.press("@st\r");
    terminal.until_contains("only-there");
    let screen = terminal.screen();
    assert!(!screen.contains("only-here"), "{screen}");
    assert!(screen.contains(&there.port().to_string()), "{screen}");
    assert!(screen.contains("staging"), "{screen}");
    terminal.press("c");
    terminal.until_contains("read-only");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_lock_goes_along_to_another_server() {
    let (here, there) = (RedisServer::start(&[]), RedisServer::start(&[]));
    let dir = tempfile::tempdir().expect("a directory");
    let settings = format!(
        "[console.profiles.staging]\nredis_url = \"{}\"\n",
        there.url()
    );
    std::fs::write(dir.path().join("comms.toml"), settings).expect("written");
    let mut terminal = console(&here.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    terminal.press(":read-only\r");
    terminal.until_contains("nothing can be changed");
    terminal.press("@staging\r");
    terminal.until_contains(&there.port().to_string());
    terminal.until_contains("● live");
    terminal.press("c");
    // What the refusal names can be typed.
    terminal.until_contains("`read-only` in the palette (:) unlocks it");
    terminal.press(":read-only\r");
    terminal.until_contains("type unlock");
    terminal.press("unlock\t\t\r");
    terminal.until_contains("changes are possible again");
    terminal.press("c");
    terminal.until_contains("Create a campaign");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 0);
}
