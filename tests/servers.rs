//! The servers that tests start do what tests rely on: they keep what they must, and leave nothing behind.

use std::{net::TcpStream, time::Duration};

use sqlx::Connection as _;

use crate::support::{
    PostgresServer, RedisServer, Server, SmtpSink, directory, eventually, free_port,
    postgres_database, prefix, redis_url,
};

fn ask(url: &str, words: &[&str]) -> redis::RedisResult<String> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).query(&mut connection)
}

#[test]
fn a_killed_redis_comes_back_with_its_data() {
    let mut server = RedisServer::start(&[]);
    ask(&server.url(), &["SET", "kept", "yes"]).expect("set");
    server.kill();
    assert!(ask(&server.url(), &["PING"]).is_err());
    server.restart();
    assert_eq!(ask(&server.url(), &["GET", "kept"]).expect("get"), "yes");
}

#[test]
fn a_server_is_gone_with_its_guard_and_so_is_its_directory() {
    let dir = directory("gone");
    let port = free_port();
    let program = crate::support::find("COMMS_TEST_REDIS_SERVER", &["redis-server"], &[]);
    let args = [
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
    ];
    let args = args.map(str::to_owned).to_vec();
    let server = Server::start(&program, args, dir.clone(), port);
    assert!(dir.exists());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!dir.exists());
}

#[test]
fn prefixes_keep_tests_apart_in_the_shared_redis() {
    let (one, other) = (prefix(), prefix());
    assert_ne!(one, other);
    ask(&redis_url(), &["SET", &one, "1", "EX", "60"]).expect("set");
    assert!(
        ask(&redis_url(), &["GET", &other]).is_err(),
        "nil is no text"
    );
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own() {
    for _ in 0..2 {
        let url = postgres_database().await;
        let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
        sqlx::query("CREATE TABLE users (id BIGINT)")
            .execute(&mut connection)
            .await
            .expect("nobody made one before");
    }
}

#[tokio::test]
async fn a_killed_postgres_comes_back_with_its_data() {
    let server = tokio::task::spawn_blocking(PostgresServer::start);
    let mut server = server.await.expect("started");
    let url = server.url();
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
    let made = sqlx::query("CREATE TABLE kept AS SELECT 1 AS one").execute(&mut connection);
    made.await.expect("made");
    server.kill();
    server.restart();
    let begin = std::time::Instant::now();
    let mut connection = loop {
        // It answers "starting up" while it replays its log.
        match sqlx::PgConnection::connect(&url).await {
            Ok(connection) => break connection,
            Err(e) => assert!(begin.elapsed() < Duration::from_secs(10), "{e}"),
        }
    };
    let one: i32 = sqlx::query_scalar("SELECT one FROM kept")
        .fetch_one(&mut connection)
        .await
        .expect("kept");
    assert_eq!(one, 1);
}

#[test]
fn smtp_sink_greets() {
    use std::io::{BufRead, BufReader};
    let mut sink = SmtpSink::start(&[]);
    sink.kill();
    sink.restart();
    let addr = sink.url().replace("smtp://", "");
    eventually(Duration::from_secs(5), "a greeting", || {
        let Ok(stream) = TcpStream::connect(&addr) else {
            return false;
        };
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("220 ")
    });
}
