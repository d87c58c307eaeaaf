//! Both servers over real sockets.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinHandle,
};

use super::*;
use crate::config::test_config;

/// No test waits longer than this for anything.
const LIMIT: Duration = Duration::from_secs(10);

struct Running {
    smtp: SocketAddr,
    http: String,
    client: reqwest::Client,
    stop: CancellationToken,
    ended: JoinHandle<Result<()>>,
}

fn config(smtp: SocketAddr) -> Config {
    test_config(&[
        ("inbox_smtp_addr", &smtp.to_string()),
        ("http_addr", "127.0.0.1:0"),
        ("inbox_bytes", "1000000"),
    ])
}

async fn start() -> Running {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let inbox = Inbox::bind(&config("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap();
    let stop = CancellationToken::new();
    Running {
        smtp: inbox.smtp_addr().unwrap(),
        http: format!("http://{}", inbox.http_addr().unwrap()),
        client: reqwest::Client::builder().timeout(LIMIT).build().unwrap(),
        ended: tokio::spawn(inbox.run(stop.clone())),
        stop,
    }
}

impl Running {
    async fn send(&self, to: &str, source: &str) {
        let mut smtp = TcpStream::connect(self.smtp).await.unwrap();
        let text = format!(
            "EHLO me\r\nMAIL FROM:<news@example.com>\r\nRCPT TO:<{to}>\r\nDATA\r\n{source}\r\n.\r\nQUIT\r\n"
        );
        smtp.write_all(text.as_bytes()).await.unwrap();
        let mut replies = String::new();
        tokio::time::timeout(LIMIT, smtp.read_to_string(&mut replies))
            .await
            .unwrap()
            .unwrap();
        assert!(
            replies.contains("250 OK queued") && replies.contains("221 "),
            "{replies}"
        );
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.client
            .get(format!("{}{path}", self.http))
            .send()
            .await
            .unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(LIMIT, self.ended)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_client_that_waits_for_each_reply_gets_each_at_once() {
    let inbox = start().await;
    let mut smtp = BufReader::new(TcpStream::connect(inbox.smtp).await.unwrap());
    let mut reply = String::new();
    for (line, code) in [
        ("", "220"),
        ("HELO me\r\n", "250"),
        ("MAIL FROM:<a@example.com>\r\n", "250"),
        ("RCPT TO:<b@example.com>\r\n", "250"),
        ("DATA\r\n", "354"),
        ("Subject: one by one\r\n\r\n.\r\n", "250"),
        ("QUIT\r\n", "221"),
    ] {
        smtp.write_all(line.as_bytes()).await.unwrap();
        reply.clear();
        tokio::time::timeout(LIMIT, smtp.read_line(&mut reply))
            .await
            .unwrap()
            .unwrap();
        assert!(reply.starts_with(code), "{line:?} was answered {reply:?}");
    }
    assert_eq!(
        inbox.json("/api/v1/mailbox/b/latest").await["subject"],
        "one by one"
    );
    inbox.end().await;
}

#[tokio::test]
async fn a_mail_of_lettre_arrives_whole() {
    use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor, message::MultiPart};
    let inbox = start().await;
    let mail = lettre::Message::builder()
        .from("Comms <campaigns@example.com>".parse().unwrap())
        .to("Zoë <zoe@example.com>".parse().unwrap())
        .subject("Grüße")
        .multipart(MultiPart::alternative_plain_html(
            ".dot\r\n..two".to_owned(),
            "<p>ü</p>".to_owned(),
        ))
        .unwrap();
    let sender = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
        .port(inbox.smtp.port())
        .build();
    let sent = tokio::time::timeout(LIMIT, sender.send(mail))
        .await
        .unwrap();
    assert!(sent.unwrap().is_positive());
    let got = inbox.json("/api/v1/mailbox/zoe/latest").await;
    assert_eq!(got["subject"], "Grüße");
    assert_eq!(got["to"], json!(["\"Zoë\" <zoe@example.com>"]));
    assert_eq!(
        got["body"],
        json!({"text": ".dot\r\n..two", "html": "<p>ü</p>"})
    );
    inbox.end().await;
}

#[tokio::test]
async fn the_mailbox_api_is_that_of_inbucket() {
    let inbox = start().await;
    inbox
        .send("Ann+x@example.com", "Subject: first\r\n\r\nhello")
        .await;
    inbox
        .send("ann@example.com", "Subject: second\r\n\r\n..dot")
        .await;

    let list = inbox.json("/api/v1/mailbox/ann").await;
    assert_eq!(list.as_array().unwrap().len(), 2);
    let mut keys: Vec<_> = list[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "date",
            "from",
            "id",
            "mailbox",
            "posix-millis",
            "seen",
            "size",
            "subject",
            "to"
        ]
    );
    assert_eq!(
        (&list[0]["mailbox"], &list[0]["subject"]),
        (&json!("ann"), &json!("first"))
    );
    let id = list[0]["id"].as_str().unwrap();

    let latest = inbox.json("/api/v1/mailbox/ann/latest").await;
    assert_eq!(latest["subject"], "second");
    assert_eq!(latest["body"], json!({"text": ".dot\r\n", "html": ""}));
    assert_eq!(
        (&latest["header"], &latest["attachments"]),
        (&json!({"Subject": ["second"]}), &json!([]))
    );

    let source = inbox.get("/api/v1/mailbox/ann/latest/source").await;
    assert_eq!(
        source.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(source.headers()["x-content-type-options"], "nosniff");
    assert_eq!(
        source.text().await.unwrap(),
        "Subject: second\r\n\r\n.dot\r\n"
    );

    let one = format!("{}/api/v1/mailbox/ann/{id}", inbox.http);
    let seen = inbox
        .client
        .patch(&one)
        .body(r#"{"seen":true}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(seen.text().await.unwrap(), "\"OK\"");
    assert_eq!(
        inbox.json(&format!("/api/v1/mailbox/ann/{id}")).await["seen"],
        true
    );
    assert_eq!(
        inbox.client.delete(&one).send().await.unwrap().status(),
        200
    );
    assert_eq!(
        inbox.client.delete(&one).send().await.unwrap().status(),
        404
    );
    let all = format!("{}/api/v1/mailbox/ann", inbox.http);
    assert_eq!(
        inbox.client.delete(&all).send().await.unwrap().status(),
        200
    );
    assert_eq!(inbox.json("/api/v1/mailbox/ann").await, json!([]));
    inbox.end().await;
}

#[tokio::test]
async fn counters_search_and_clearing_go_over_all_mailboxes() {
    let inbox = start().await;
    for n in 0..30 {
        let source = format!(
            "Message-ID: <{}@x>\r\nSubject: Offer {n}\r\n\r\nbody",
            n.min(28)
        );
        inbox
            .send(&format!("user{}@example.com", n % 10), &source)
            .await;
    }
    let stats = inbox.json("/api/v1/stats").await;
    assert_eq!(
        (&stats["mails"], &stats["recipients"]),
        (&json!(30), &json!(10))
    );
    assert_eq!(
        (&stats["max_per_recipient"], &stats["duplicate_message_ids"]),
        (&json!(3), &json!(1))
    );
    let found = inbox
        .json("/api/v1/messages?search=user3%20offer&limit=2")
        .await;
    let subjects: Vec<_> = found["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["subject"])
        .collect();
    assert_eq!(subjects, ["Offer 23", "Offer 13"]);
    let rest = inbox
        .json(&format!(
            "/api/v1/messages?search=user3&before={}",
            found["next"]
        ))
        .await;
    assert_eq!(
        (&rest["messages"][0]["mailbox"], &rest["next"]),
        (&json!("user3"), &Value::Null)
    );
    assert!(
        inbox
            .get("/metrics")
            .await
            .text()
            .await
            .unwrap()
            .contains("\ninbox_mails_total 30\n")
    );

    let all = format!("{}/api/v1/messages", inbox.http);
    assert_eq!(inbox.client.delete(all).send().await.unwrap().status(), 200);
    assert_eq!(inbox.json("/api/v1/stats").await["mails"], 0);
    inbox.end().await;
}

#[tokio::test]
async fn a_watching_page_learns_of_a_new_mail_and_does_not_hold_up_the_stop() {
    let inbox = start().await;
    let mut events = inbox.get("/api/v1/events").await;
    inbox.send("a@example.com", "Subject: x\r\n").await;
    let mut text = String::new();
    while !text.contains("\"mails\":1") {
        let chunk = tokio::time::timeout(LIMIT, events.chunk())
            .await
            .unwrap()
            .unwrap();
        text += std::str::from_utf8(&chunk.expect("the stream goes on")).unwrap();
    }
    assert!(text.starts_with("event: stats\ndata: {"), "{text}");
    inbox.end().await;
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_own_script() {
    let inbox = start().await;
    let page = inbox.get("/").await;
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    let text = page.text().await.unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-src 'none'"),
        "{policy}"
    );
    assert!(
        !policy.contains("script-src 'unsafe") && !policy.contains("http"),
        "{policy}"
    );
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert_eq!(text.matches("<script").count(), 1);
    assert!(text.contains(&format!("<script nonce=\"{nonce}\">")));
    assert!(text.contains("sandbox=\"\"") || text.contains("setAttribute(\"sandbox\", \"\")"));
    for other in ["src=\"http", "href=\"http", "@import", "innerHTML"] {
        assert!(!text.contains(other), "the page has {other}");
    }
    let again = inbox.get("/").await.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_ne!(policy, again, "a nonce is used once");
    inbox.end().await;
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let inbox = start().await;
    for (path, status) in [
        ("/nothing", 404),
        ("/api/v1/mailbox/a/latest", 404),
        ("/api/v1/mailbox/a/x", 404),
        ("/api/v1/messages?limit=many", 400),
    ] {
        let response = inbox.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{problem}");
    }
    let wrong = inbox
        .client
        .put(format!("{}/api/v1/stats", inbox.http))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            wrong.status().as_u16(),
            wrong.headers().contains_key("allow")
        ),
        (405, true)
    );
    inbox.end().await;
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_setting() {
    let inbox = start().await;
    let error = Inbox::bind(&config(inbox.smtp))
        .await
        .expect_err("taken")
        .to_string();
    assert!(
        error.contains(&inbox.smtp.to_string()) && error.contains("COMMS_INBOX_SMTP_ADDR"),
        "{error}"
    );
    assert!(error.contains("in use"), "{error}");
    inbox.end().await;
}

#[tokio::test]
async fn a_stop_says_goodbye_to_whoever_is_connected() {
    let inbox = start().await;
    let mut smtp = TcpStream::connect(inbox.smtp).await.unwrap();
    let mut greeting = [0; 3];
    smtp.read_exact(&mut greeting).await.unwrap();
    inbox.end().await;
    let mut rest = String::new();
    tokio::time::timeout(LIMIT, smtp.read_to_string(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(
        rest.ends_with("421 Shutting down, closing connection\r\n"),
        "{rest}"
    );
}
