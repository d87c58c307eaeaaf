//! Templates from the file to the inbox, with the real binaries.

use serde_json::{Value, json};

use crate::support::{Fleet, RedisServer, free_port};

const HTML: &str = r#"{% extends "base.html" %}
{% block preheader %}{{ vars.discount }} % off{% endblock %}
{% block content %}
<h1>Winter, {{ first_name|upper }}!</h1>
<p>Grüße 🎄, see <a href="https://shop.example/?u={{ user_id }}">the shop</a>.</p>
{% endblock %}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_template_is_checked_previewed_sent_to_try_and_mailed_to_everybody() {
    comms::telemetry::install_tls_provider();
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let smtp = format!("127.0.0.1:{}", free_port());
    let mut fleet = Fleet::new(
        dir.path(),
        &[
            ("COMMS_REDIS_URL", &redis.url()),
            (
                "COMMS_DATABASE_URL",
                &format!("sqlite://{}/comms.db", dir.path().display()),
            ),
            ("COMMS_USERS", "60"),
            ("COMMS_INBOX_SMTP_ADDR", &smtp),
            ("COMMS_SMTP_URL", &format!("smtp://{smtp}")),
        ],
    );
    fleet.start("inbox");
    fleet.until_ready("inbox").await;
    fleet.start_workers().await;
    std::fs::write(dir.path().join("winter.html"), HTML).expect("written");

    let words = [
        "--subject",
        "{{ first_name }}, {{ vars.discount }} % ❄",
        "--html-file",
        "winter.html",
    ];
    let create = [&["template", "create", "winter", "--json"][..], &words].concat();
    let refused = fleet.tui_fails(&create);
    assert!(
        refused.contains("\"vars.discount\"") && refused.contains("line 1, column"),
        "{refused}"
    );
    let create = [&create[..], &["--var", "discount=20"]].concat();
    assert_eq!(fleet.tui(&create)["version"], 1);
    assert_eq!(
        fleet.tui(&create)["version"],
        1,
        "the same words are the same version"
    );
    let checked = fleet.tui(&[
        "template",
        "check",
        "winter",
        "--var",
        "discount=20",
        "--json",
    ]);
    assert_eq!(checked["users"], 50);
    let preview = fleet.tui(&[
        "template",
        "preview",
        "winter",
        "--var",
        "discount=20",
        "--user",
        "7",
        "--json",
    ]);
    assert!(
        preview["subject"]
            .as_str()
            .expect("text")
            .ends_with(", 20 % ❄"),
        "{preview}"
    );
    assert!(
        preview["text"]
            .as_str()
            .expect("text")
            .contains("the shop (https://shop.example/?u=7)"),
        "{preview}"
    );

    let client = reqwest::Client::new();
    let post = async |path: &str, body: Value| {
        let url = fleet.url("campaign-service", path);
        let answer = client
            .post(url)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.expect("JSON"),
        )
    };
    // Only some users are refused, and one of them is named.
    let some = json!({ "name": "x", "text": "{% if user_id > 30 %}{{ first_name|number }}{% else %}a{% endif %}" });
    let (status, problem) = post("/api/v1/campaigns", some).await;
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        status == 422
            && detail.starts_with("template text, line 1")
            && detail.contains("(for user 31)"),
        "{problem}"
    );
    let (status, problem) = post(
        "/api/v1/campaigns",
        json!({ "name": "x", "template": "winter" }),
    )
    .await;
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        status == 422 && detail.starts_with("template winter@1: template"),
        "{problem}"
    );
    let (status, _) = post(
        "/api/v1/campaigns",
        json!({ "name": "x", "template": "summer" }),
    )
    .await;
    assert_eq!(status, 404);

    let new =
        json!({ "name": "Winter sale", "template": "winter", "variables": { "discount": 20 } });
    let (status, campaign) = post("/api/v1/campaigns", new).await;
    assert_eq!(
        (status, &campaign["template"]),
        (201, &json!("winter@1")),
        "{campaign}"
    );
    let id = campaign["id"].as_i64().expect("an id");
    let end = fleet
        .until(id, "it is finished", |c| c["status"] == "finished")
        .await;
    assert_eq!(
        (&end["accepted"], &end["balanced"]),
        (&json!(60), &json!(true)),
        "{end}"
    );

    let (status, sent) = post(
        &format!("/api/v1/campaigns/{id}/test-send"),
        json!({ "to": "try@example.org", "user": 7 }),
    )
    .await;
    assert_eq!(status, 202, "{sent}");
    let found = fleet.until_mail("try@example.org").await;
    let mailbox = found["mailbox"].as_str().expect("a mailbox").to_owned();
    let mail = fleet.tui(&[
        "inbox",
        "show",
        &mailbox,
        found["id"].as_str().expect("an id"),
        "--json",
    ]);
    assert_eq!(mail["subject"], preview["subject"]);
    let text = mail["body"]["text"]
        .as_str()
        .expect("text")
        .replace("\r\n", "\n");
    let expected = preview["text"].as_str().expect("text");
    assert!(text.contains("Grüße 🎄, see the shop"), "{text}");
    assert_eq!(text.lines().next(), expected.lines().next());
    let after = fleet.campaign(id).await;
    assert_eq!(after["accepted"], 60, "the campaign hears nothing of it");

    // Words are tried before there is a campaign, too.
    let to = "early@example.org";
    let args = [
        "template",
        "test-send",
        "winter@1",
        "--to",
        to,
        "--user",
        "7",
    ];
    let sent = fleet.tui(&[args.as_slice(), &["--var", "discount=20", "--json"]].concat());
    assert!(sent["mail"].as_i64().is_some(), "{sent}");
    let found = fleet.until_mail(to).await;
    assert_eq!(found["subject"], preview["subject"]);
    let audit = fleet.tui(&["audit", "--json"]);
    assert_eq!(audit[0]["what"], "template.test-send", "{audit}");
    assert_eq!(audit[0]["ids"], "winter@1", "{audit}");
}
