use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::oneshot;

use super::*;
use crate::mail::{
    peer::{Identity, Peer, Session, well},
    settings::Tls,
};

const BODY: &[u8] = b"Subject: x\r\n\r\n.dot\r\nend\r\n";

async fn open(peer: &Peer) -> Connection {
    let mut settings = peer.settings();
    settings.timeouts.command = Duration::from_millis(300);
    settings.timeouts.dot = Duration::from_millis(300);
    settings.timeouts.body = Duration::from_millis(300);
    settings.timeouts.hello = Duration::from_secs(5);
    Connection::open(&settings).await.expect("opened")
}

async fn send(connection: &mut Connection, to: &str) -> Verdict {
    connection.send("from@x.example", to, BODY, || true).await
}

/// Two mails over one connection to a server that gives `replies` to the first one's commands.
async fn after(extensions: &'static str, replies: &'static [(&str, &str)]) -> (Verdict, Verdict) {
    let peer = Peer::start(move |mut session: Session| async move {
        session.hello(extensions).await;
        let mails = AtomicUsize::new(0);
        session
            .answer(|line| {
                if line.starts_with("MAIL") {
                    mails.fetch_add(1, Ordering::SeqCst);
                }
                let scripted = replies.iter().find(|(start, _)| line.starts_with(start));
                match scripted {
                    Some((_, "hang up")) => None,
                    Some((_, reply)) if mails.load(Ordering::SeqCst) == 1 => {
                        Some((*reply).to_owned())
                    }
                    _ => well(line),
                }
            })
            .await;
    })
    .await;
    let mut connection = open(&peer).await;
    let first = send(&mut connection, "first@x.example").await;
    let second = send(&mut connection, "second@x.example").await;
    (first, second)
}

fn accepted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Accepted { code: 250, .. })
}

fn refused(code: u16, text: &str, at: Phase) -> Verdict {
    let text = text.to_owned();
    Verdict::Refused { code, text, at }
}

fn deferred(code: u16, text: &str, at: Phase) -> Verdict {
    let text = text.to_owned();
    Verdict::Deferred { code, text, at }
}

#[tokio::test]
async fn a_refused_mail_leaves_the_connection_to_the_next_one() {
    let table: &[(&'static [(&str, &str)], Verdict)] = &[
        (
            &[("RCPT", "550 5.1.1 nobody"), ("DATA", "503 no recipient")],
            refused(550, "5.1.1 nobody", Phase::Rcpt),
        ),
        (
            &[("RCPT", "450-4.2.1 busy\n450 later"), ("DATA", "554 none")],
            deferred(450, "4.2.1 busy later", Phase::Rcpt),
        ),
        // 354 although the only recipient was refused: the dot has to be sent (RFC 2920).
        (
            &[("RCPT", "550 5.1.1 nobody"), (".", "554 no recipient")],
            refused(550, "5.1.1 nobody", Phase::Rcpt),
        ),
        (
            &[("RCPT", "550 5.1.1 nobody"), (".", "250 nothing taken")],
            refused(550, "5.1.1 nobody", Phase::Rcpt),
        ),
        (
            &[("DATA", "554 5.5.1 no")],
            refused(554, "5.5.1 no", Phase::Data),
        ),
        (
            &[("DATA", "451 4.3.0 no")],
            deferred(451, "4.3.0 no", Phase::Data),
        ),
        (
            &[(".", "554 5.7.1 spam")],
            refused(554, "5.7.1 spam", Phase::Dot),
        ),
        (
            &[(".", "452 4.3.1 full")],
            deferred(452, "4.3.1 full", Phase::Dot),
        ),
        (
            &[
                ("MAIL", "552 5.3.4 too big"),
                ("RCPT", "503 x"),
                ("DATA", "503 x"),
            ],
            refused(552, "5.3.4 too big", Phase::Mail),
        ),
        (
            &[
                ("MAIL", "530 5.7.0 log in"),
                ("RCPT", "503 x"),
                ("DATA", "503 x"),
            ],
            Verdict::OwnFault {
                code: Some(530),
                text: "5.7.0 log in".to_owned(),
                at: Phase::Mail,
            },
        ),
    ];
    for extensions in ["PIPELINING", ""] {
        for (replies, expected) in table {
            let (first, second) = after(extensions, replies).await;
            assert_eq!(&first, expected, "{extensions} {replies:?}");
            assert!(accepted(&second), "{extensions} {replies:?}: {second:?}");
        }
    }
}

#[tokio::test]
async fn whatever_breaks_the_dialogue_ends_the_connection() {
    let closed = Verdict::NotSent {
        why: "the connection is closed".to_owned(),
    };
    let table: &[(&'static [(&str, &str)], &str)] = &[
        (&[("MAIL", "421 4.3.2 going down")], "OwnFault"),
        (&[("RCPT", "421 4.3.2 going down")], "Deferred"),
        (&[("DATA", "421 4.3.2 going down")], "Deferred"),
        (&[(".", "421 4.3.2 going down")], "Deferred"),
        (&[("MAIL", "hello")], "NotSent"),
        (&[("RCPT", "354 what")], "NotSent"),
        (&[("DATA", "250 ok")], "NotSent"),
        (&[(".", "354 go on")], "InDoubt"),
        (&[(".", "nonsense")], "InDoubt"),
        (&[("MAIL", "hang up")], "NotSent"),
        (&[("RCPT", "hang up")], "NotSent"),
        (&[("DATA", "hang up")], "NotSent"),
        (&[(".", "hang up")], "InDoubt"),
    ];
    for extensions in ["PIPELINING", ""] {
        for (replies, expected) in table {
            let (first, second) = after(extensions, replies).await;
            let first = format!("{first:?}");
            assert!(
                first.starts_with(expected),
                "{extensions} {replies:?}: {first}"
            );
            assert_eq!(second, closed, "{extensions} {replies:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_before_a_loss_is_what_counts() {
    let replies = &[("RCPT", "550 nobody"), ("DATA", "hang up")];
    let (first, _) = after("PIPELINING", replies).await;
    assert_eq!(first, refused(550, "nobody", Phase::Rcpt));
}

#[tokio::test]
async fn a_group_is_one_write_and_body_and_dot_another() {
    let (sent, received) = oneshot::channel();
    let sent = std::sync::Mutex::new(Some(sent));
    let peer = Peer::start(move |mut session| {
        let sent = sent.lock().expect("unpoisoned").take();
        async move {
            session.hello("PIPELINING SIZE_1000000").await;
            let group = session.chunk().await;
            session.say("250 a\n250 b\n354 c").await;
            let body = session.chunk().await;
            session.say("250 2.0.0 queued as 7").await;
            sent.expect("one connection")
                .send((group, body))
                .expect("awaited");
        }
    })
    .await;
    let mut connection = open(&peer).await;
    let verdict = send(&mut connection, "to@x.example").await;
    assert_eq!(
        verdict,
        Verdict::Accepted {
            code: 250,
            text: "2.0.0 queued as 7".to_owned()
        }
    );
    let (group, body) = received.await.expect("sent");
    assert_eq!(
        group,
        "MAIL FROM:<from@x.example> SIZE=25\r\nRCPT TO:<to@x.example>\r\nDATA\r\n"
    );
    assert_eq!(body, "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\n");
}

#[tokio::test]
async fn a_reset_leaves_with_the_next_group() {
    let (sent, received) = oneshot::channel();
    let sent = std::sync::Mutex::new(Some(sent));
    let peer = Peer::start(move |mut session| {
        let sent = sent.lock().expect("unpoisoned").take();
        async move {
            session.hello("PIPELINING").await;
            session.chunk().await;
            session.say("250 a\n550 b\n503 c").await;
            let group = session.chunk().await;
            session.say("250 r\n250 a\n250 b\n354 c").await;
            session.body().await;
            session.say("250 d").await;
            sent.expect("one connection").send(group).expect("awaited");
        }
    })
    .await;
    let mut connection = open(&peer).await;
    send(&mut connection, "first@x.example").await;
    assert!(accepted(&send(&mut connection, "second@x.example").await));
    let group = received.await.expect("sent");
    assert!(group.starts_with("RSET\r\nMAIL FROM:"), "{group}");
}

#[tokio::test]
async fn silence_ends_the_connection_and_only_after_the_dot_is_in_doubt() {
    for (silent_at, expected) in [("RCPT", "NotSent"), (".", "InDoubt")] {
        let peer = Peer::start(move |mut session| async move {
            session.hello("").await;
            let reply = move |line: &str| {
                if line.starts_with(silent_at) {
                    Some("250-never finished".to_owned())
                } else {
                    well(line)
                }
            };
            session.answer(reply).await;
        })
        .await;
        let mut connection = open(&peer).await;
        let verdict = format!("{:?}", send(&mut connection, "to@x.example").await);
        assert!(verdict.starts_with(expected), "{silent_at}: {verdict}");
        assert!(verdict.contains("within 300ms"), "{verdict}");
        assert!(!connection.usable());
    }
}

#[tokio::test]
async fn a_body_that_the_kernel_never_took_is_not_in_doubt() {
    let big = vec![b'x'; 32 << 20];
    let table = [
        ("stalls", "NotSent"),
        ("hangs up", "NotSent"),
        ("552 5.3.4 too big", "Refused"),
    ];
    for (case, expected) in table {
        let peer = Peer::start(move |mut session| async move {
            session.hello("PIPELINING").await;
            session.chunk().await;
            session.say("250 a\n250 b\n354 c").await;
            match case {
                "hangs up" => {}
                "stalls" => std::future::pending().await,
                last_word => {
                    session.say(last_word).await;
                    std::future::pending().await
                }
            }
        })
        .await;
        let mut connection = open(&peer).await;
        let verdict = connection
            .send("a@x.example", "b@x.example", &big, || true)
            .await;
        assert!(
            format!("{verdict:?}").starts_with(expected),
            "{case}: {verdict:?}"
        );
        assert!(!connection.usable());
    }
}

#[tokio::test]
async fn an_abandoned_send_leaves_an_unusable_connection() {
    let peer = Peer::start(|mut session| async move {
        session.hello("PIPELINING").await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut connection = open(&peer).await;
    let abandoned = send(&mut connection, "to@x.example");
    assert!(futures::FutureExt::now_or_never(abandoned).is_none());
    assert!(!connection.usable());
}

#[tokio::test]
async fn nothing_is_started_without_permission() {
    for extensions in ["PIPELINING", ""] {
        let peer = Peer::start(move |mut session| async move {
            session.hello(extensions).await;
            session
                .answer(|line| {
                    assert_ne!(line, "DATA");
                    well(line)
                })
                .await;
        })
        .await;
        let mut connection = open(&peer).await;
        for _ in 0..2 {
            let verdict = connection
                .send("a@x.example", "b@x.example", BODY, || false)
                .await;
            assert!(matches!(verdict, Verdict::NotSent { .. }), "{verdict:?}");
            assert!(connection.usable());
        }
        connection.quit().await;
    }
}

#[tokio::test]
async fn what_the_server_cannot_take_is_refused_here() {
    let peer = Peer::start(|mut session| async move {
        session.hello("SIZE_40").await;
        session.answer(well).await;
    })
    .await;
    let mut connection = open(&peer).await;
    let table: &[(&str, &[u8], u16, &str)] = &[
        ("zoë@x.example", BODY, 553, "SMTPUTF8"),
        ("to@x.example", "Grüße".as_bytes(), 554, "8BITMIME"),
        ("to@x.example", &[b'x'; 41], 552, "takes 40"),
        (
            "to@x.example>\r\nRCPT TO:<other@x.example",
            BODY,
            553,
            "not an address",
        ),
        ("", BODY, 553, "not an address"),
    ];
    for (to, body, code, words) in table {
        let verdict = connection.send("a@x.example", to, body, || true).await;
        assert!(
            matches!(&verdict, Verdict::Refused { code: c, text, .. } if c == code && text.contains(words)),
            "{to}: {verdict:?}"
        );
    }
    assert!(accepted(&send(&mut connection, "to@x.example").await));
}

#[tokio::test]
async fn addresses_and_bodies_beyond_ascii_are_announced() {
    let peer = Peer::start(|mut session| async move {
        session.hello("SMTPUTF8 8BITMIME").await;
        let mail = session.expect("MAIL FROM:").await;
        assert!(mail.ends_with(" SMTPUTF8 BODY=8BITMIME"), "{mail}");
        session.say("250 ok").await;
        session.answer(well).await;
    })
    .await;
    let mut connection = open(&peer).await;
    let body = "Grüße".as_bytes();
    let verdict = connection
        .send("a@x.example", "zoë@x.example", body, || true)
        .await;
    assert!(accepted(&verdict), "{verdict:?}");
}

#[tokio::test]
async fn an_idle_connection_notices_that_the_server_is_leaving() {
    for word in ["421 4.4.2 idle for too long", ""] {
        let peer = Peer::start(move |mut session| async move {
            session.hello("PIPELINING").await;
            if !word.is_empty() {
                session.say(word).await;
            }
        })
        .await;
        let mut connection = open(&peer).await;
        connection.closed().await;
        assert!(!connection.usable());
    }
}

async fn fault(script: &'static str, url_options: &str) -> OwnFault {
    let peer = Peer::start(move |mut session| async move {
        let (greeting, ehlo) = script.split_once('|').expect("two parts");
        session.say(greeting).await;
        if session.line().await.is_some() {
            session.say(ehlo).await;
            session
                .answer(|_| Some("535 5.7.8 wrong password".to_owned()))
                .await;
        }
    })
    .await;
    let url = format!("smtp://me:hunter2@localhost:{}{url_options}", peer.port);
    let mut settings = SmtpSettings::parse(&url).expect("valid");
    settings.timeouts.hello = Duration::from_millis(500);
    Connection::open(&settings).await.err().expect("a fault")
}

#[tokio::test]
async fn what_fails_before_the_first_mail_is_our_own_fault() {
    let table = [
        ("554 5.7.1 go away|", "", Phase::Greeting, Some(554)),
        ("421 too many|", "", Phase::Greeting, Some(421)),
        ("hello|", "", Phase::Greeting, None),
        ("220-never|", "", Phase::Greeting, None),
        ("220 x|550 no", "", Phase::Ehlo, Some(550)),
        ("220 x|250 x", "?tls=required", Phase::Tls, None),
        ("220 x|250 x", "", Phase::Auth, None),
        ("220 x|250-x\n250 AUTH PLAIN", "", Phase::Auth, Some(535)),
    ];
    for (script, options, at, code) in table {
        let fault = fault(script, options).await;
        assert_eq!((fault.at, fault.code), (at, code), "{script}: {fault}");
        assert!(!format!("{fault} {fault:?}").contains("hunter2"));
    }
    let nobody = SmtpSettings::parse("smtp://127.0.0.1:1").expect("valid");
    let fault = Connection::open(&nobody).await.err().expect("a fault");
    assert_eq!(fault.at, Phase::Connect);
    assert!(fault.to_string().contains("127.0.0.1:1"), "{fault}");
}

#[tokio::test]
async fn a_password_does_not_travel_in_the_clear_to_another_machine() {
    let peer = Peer::start(|mut session| async move {
        session.hello("AUTH_PLAIN").await;
        session.answer(|line| panic!("{line}")).await;
    })
    .await;
    let mut settings = peer.settings();
    settings.login = Some(("me".to_owned(), "hunter2".into()));
    settings.clear_text_allowed = false;
    let fault = Connection::open(&settings).await.err().expect("a fault");
    assert!(fault.text.contains("in the clear"), "{fault}");
}

/// Logs in, sends a mail, and says which commands the server saw after encryption.
async fn encrypted(implicit: bool, auth: &'static str) -> Vec<String> {
    let identity = Arc::new(Identity::new());
    let ca = identity.path();
    let (sent, received) = oneshot::channel();
    let sent = Arc::new(std::sync::Mutex::new(Some(sent)));
    let peer = Peer::start(move |mut session| {
        let (identity, sent) = (identity.clone(), sent.clone());
        async move {
            if implicit {
                session = session.encrypt(&identity).await;
                session.say("220 peer").await;
            } else {
                session.hello("STARTTLS PIPELINING").await;
                session.expect("STARTTLS").await;
                session.say("220 go").await;
                session = session.encrypt(&identity).await;
            }
            session.ehlo(&format!("PIPELINING {auth}")).await;
            let seen = std::sync::Mutex::new(Vec::new());
            session
                .answer(|line| {
                    seen.lock().expect("unpoisoned").push(line.to_owned());
                    match line {
                        "AUTH LOGIN" => Some("334 VXNlcm5hbWU6".to_owned()),
                        "bWU=" => Some("334 UGFzc3dvcmQ6".to_owned()),
                        "aHVudGVyMg==" | "AUTH PLAIN AG1lAGh1bnRlcjI=" => Some("235 ok".to_owned()),
                        _ => well(line),
                    }
                })
                .await;
            let sent = sent.lock().expect("unpoisoned").take();
            let seen = seen.into_inner().expect("unpoisoned");
            sent.expect("one connection").send(seen).expect("awaited");
        }
    })
    .await;
    let scheme = if implicit { "smtps" } else { "smtp" };
    let url = format!(
        "{scheme}://me:hunter2@localhost:{}?tls=required&tls_ca={ca}",
        peer.port
    );
    let settings = SmtpSettings::parse(&url).expect("valid");
    let wanted = if implicit {
        Tls::Implicit
    } else {
        Tls::Required
    };
    assert_eq!(settings.tls, wanted);
    let mut connection = Connection::open(&settings).await.expect("opened");
    for to in ["first@x.example", "second@x.example"] {
        assert!(accepted(&send(&mut connection, to).await));
    }
    connection.quit().await;
    received.await.expect("sent")
}

#[tokio::test]
async fn mails_go_through_starttls_and_implicit_tls_after_logging_in() {
    let seen = encrypted(false, "AUTH_PLAIN_LOGIN").await;
    assert_eq!(seen[0], "AUTH PLAIN AG1lAGh1bnRlcjI=");
    assert_eq!(seen.last().map(String::as_str), Some("QUIT"));
    let seen = encrypted(true, "AUTH_LOGIN").await;
    assert_eq!(seen[..3], ["AUTH LOGIN", "bWU=", "aHVudGVyMg=="]);
    assert_eq!(seen.iter().filter(|line| *line == ".").count(), 2);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_fault() {
    let identity = Arc::new(Identity::new());
    let peer = Peer::start(move |mut session| {
        let identity = identity.clone();
        async move {
            session.hello("STARTTLS").await;
            session.expect("STARTTLS").await;
            session.say("220 go").await;
            let acceptor = session.try_encrypt(&identity).await;
            assert!(acceptor.is_none(), "the client trusts anybody");
        }
    })
    .await;
    let url = format!("smtp://localhost:{}?tls=opportunistic", peer.port);
    let settings = SmtpSettings::parse(&url).expect("valid");
    let fault = Connection::open(&settings).await.err().expect("a fault");
    assert_eq!(fault.at, Phase::Tls);
}

#[tokio::test]
async fn what_is_said_ahead_of_the_handshake_is_not_believed() {
    let peer = Peer::start(|mut session| async move {
        session.hello("STARTTLS").await;
        session.expect("STARTTLS").await;
        session.say("220 go\n250 injected").await;
        session.line().await;
    })
    .await;
    let url = format!("smtp://localhost:{}?tls=required", peer.port);
    let settings = SmtpSettings::parse(&url).expect("valid");
    let fault = Connection::open(&settings).await.err().expect("a fault");
    assert!(fault.text.contains("before the handshake"), "{fault}");
}

#[test]
fn bodies_are_encoded_whatever_their_line_endings() {
    let table: &[(&str, &str)] = &[
        ("", ".\r\n"),
        ("a", "a\r\n.\r\n"),
        ("a\r\n", "a\r\n.\r\n"),
        ("a\n\nb\n", "a\r\n\r\nb\r\n.\r\n"),
        (".", "..\r\n.\r\n"),
        ("..a\r\n.\r\nb", "...a\r\n..\r\nb\r\n.\r\n"),
        ("a\n.\nQUIT", "a\r\n..\r\nQUIT\r\n.\r\n"),
        ("a\r.\rQUIT", "a\r\n..\r\nQUIT\r\n.\r\n"),
        ("a\r\r\n.b", "a\r\n\r\n..b\r\n.\r\n"),
    ];
    for (message, expected) in table {
        let mut out = Vec::new();
        encode(message.as_bytes(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), *expected, "{message:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_body_ends_before_its_dot(message in "[a.\r\n]{0,40}") {
        let mut out = Vec::new();
        encode(message.as_bytes(), &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        let lines: Vec<&str> = text.split("\r\n").collect();
        let (dot, body) = lines[..lines.len() - 1].split_last().expect("a dot");
        proptest::prop_assert_eq!(*dot, ".");
        proptest::prop_assert!(body.iter().all(|line| *line != "." && !line.contains(['\r', '\n'])));
    }
}
