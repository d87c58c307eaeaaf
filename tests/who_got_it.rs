//! From a CSV of users to the report of their campaign, by the command line, with the real binaries.

use serde_json::Value;

use crate::support::{Fleet, RedisServer, free_port, postgres_database};

const USERS: &str = "\u{feff}Email,first_name,last_name,status
ann@example.org,Ann,Lee,active
bea@example.org,\"Bea, the second\",O'Hara,
gus@example.org,\"Gus
Two\",Lines,active
zoë,Zoë,X,active
cy@example.net,Cy,,inactive
ann@example.org,Ann,Again,active
dan@example.net,Dan,Ng,perhaps
,No,One,active
eve@example.net,Eve
finn@example.net,Finn,Äxample,active
";

/// Workers, an inbox, and no user.
pub(crate) async fn running(database: Option<String>) -> (Fleet, tempfile::TempDir, RedisServer) {
    comms::telemetry::install_tls_provider();
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let smtp = format!("127.0.0.1:{}", free_port());
    let sqlite = format!("sqlite://{}/comms.db", dir.path().display());
    let mut fleet = Fleet::new(
        dir.path(),
        &[
            ("COMMS_REDIS_URL", &redis.url()),
            ("COMMS_DATABASE_URL", &database.unwrap_or(sqlite)),
            ("COMMS_USERS", "0"),
            ("COMMS_INBOX_SMTP_ADDR", &smtp),
            ("COMMS_SMTP_URL", &format!("smtp://{smtp}")),
        ],
    );
    fleet.start("inbox");
    fleet.until_ready("inbox").await;
    fleet.start_workers().await;
    (fleet, dir, redis)
}

async fn a_csv_becomes_a_campaign_and_its_report(database: Option<String>) {
    let (fleet, dir, _redis) = running(database).await;
    std::fs::write(dir.path().join("users.csv"), USERS).expect("written");
    let import = ["users", "import", "users.csv", "--json"];
    let output = fleet.tui_output(&import);
    assert_eq!(output.status.code(), Some(1), "some rows are bad");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let counts = ["read", "new", "changed", "unchanged", "bad"].map(|n| report[n].as_u64());
    assert_eq!(counts, [10, 4, 0, 0, 6].map(Some), "{report}");
    let errors = String::from_utf8(output.stderr).expect("text");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(
        lines,
        [
            "line 4: a name holds control characters",
            "line 6: \"zoë\" is no address",
            "line 8: its address is in line 2 already",
            "line 9: status: \"perhaps\" is not one of active, inactive",
            "line 10: it has no address",
            "line 11: it has 2 fields, expected 4",
        ]
    );
    let again: Value = serde_json::from_slice(&fleet.tui_output(&import).stdout).expect("JSON");
    assert_eq!(
        (again["new"].as_u64(), again["unchanged"].as_u64()),
        (Some(0), Some(4))
    );

    let exported = fleet.tui_output(&["users", "export"]).stdout;
    std::fs::write(dir.path().join("again.csv"), &exported).expect("written");
    let exported = String::from_utf8(exported).expect("text");
    assert!(
        exported.contains("2,bea@example.org,\"Bea, the second\",O'Hara,active,"),
        "{exported}"
    );
    let reread = fleet.tui(&["users", "import", "again.csv", "--json"]);
    assert_eq!(
        (reread["unchanged"].as_u64(), reread["bad"].as_u64()),
        (Some(4), Some(0))
    );
    let shown = fleet.tui(&[
        "users",
        "set-status",
        "ann@example.org",
        "inactive",
        "--json",
    ]);
    assert_eq!(
        (&shown["status"], &shown["id"]),
        (&"inactive".into(), &1.into())
    );
    fleet.tui(&["users", "set-status", "1", "active", "--json"]);
    assert_eq!(
        fleet.tui(&["users", "list", "--status", "inactive", "--json"])[0]["email"],
        "cy@example.net"
    );

    let done = fleet.tui(&["campaign", "create", "--name", "Winter", "--wait", "--json"]);
    assert_eq!(
        (&done["status"], &done["accepted"], &done["suppressed"]),
        (&"finished".into(), &3.into(), &1.into())
    );
    let id = done["id"].to_string();
    let list = |more: &[&str]| -> Vec<String> {
        let found =
            fleet.tui(&[&["deliveries", "list", "--json", "--campaign", &id], more].concat());
        let address = |row: &Value| row["address"].as_str().expect("an address").to_owned();
        found
            .as_array()
            .expect("a list")
            .iter()
            .map(address)
            .collect()
    };
    assert_eq!(
        list(&["--domain", "example.org"]),
        ["ann@example.org", "bea@example.org"]
    );
    assert_eq!(list(&["--status", "suppressed"]), ["cy@example.net"]);
    assert_eq!(
        list(&["--code", "250", "--address", "FINN@example.net"]),
        ["finn@example.net"]
    );
    let csv = fleet
        .tui_output(&["deliveries", "export", "--campaign", &id])
        .stdout;
    let csv = String::from_utf8(csv).expect("text");
    assert!(
        csv.starts_with("campaign_id,user_id,address,status,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 5, "{csv}");
    let jsonl = fleet
        .tui_output(&[
            "deliveries",
            "export",
            "--campaign",
            &id,
            "--format",
            "jsonl",
            "--status",
            "accepted",
        ])
        .stdout;
    let rows: Vec<Value> = jsonl
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect();
    assert_eq!((rows.len(), &rows[0]["code"]), (3, &250.into()));
    let report = fleet.tui(&["campaign", "report", &id, "--json"]);
    assert_eq!(report["campaign"]["accepted"], 3, "{report}");
    assert!(
        report["first_ms"].as_i64() <= report["half_ms"].as_i64(),
        "{report}"
    );
    assert!(
        report["half_ms"].as_i64() <= report["last_ms"].as_i64() && report["last_ms"].is_i64(),
        "{report}"
    );
    assert_eq!(
        (
            &report["answers"][0]["code"],
            &report["answers"][0]["number"]
        ),
        (&250.into(), &3.into())
    );
    assert_eq!(
        report["slowest_domains"].as_array().expect("a list").len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_becomes_a_campaign_and_its_report_on_sqlite() {
    a_csv_becomes_a_campaign_and_its_report(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_becomes_a_campaign_and_its_report_on_postgresql() {
    a_csv_becomes_a_campaign_and_its_report(Some(postgres_database().await)).await;
}

/// The lines of the README, as they stand there.
#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_campaign_from_a_csv_to_a_report_runs_as_written() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let (_, rest) = readme
        .split_once("### From a CSV to a report")
        .expect("its section");
    let script = rest.split("```").nth(1).expect("its lines");
    let (fleet, dir, _redis) = running(None).await;
    let script = script.replace("target/release/comms-tui", env!("CARGO_BIN_EXE_comms-tui"));
    let output = fleet.shell(&format!("set -e\n{script}"));
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{errors}");
    for words in [
        "3 new",
        "winter@1 is kept",
        "20 % off until 31 January.",
        "suppressed",
        "250",
    ] {
        assert!(said.contains(words), "no {words:?} in:\n{said}");
    }
    let csv = std::fs::read_to_string(dir.path().join("who-got-it.csv")).expect("the export");
    assert_eq!(csv.lines().count(), 4, "{csv}");
    fleet.until_mail("me@example.org").await;
}
