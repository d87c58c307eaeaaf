//! The real binaries, as start.sh runs them, on ports and in a directory of the test's own.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::process::free_port;
use super::terminal::Terminal;

/// The workers in the order of the flow.
pub const WORKERS: [&str; 4] = [
    "campaign-service",
    "user-service",
    "notification-service",
    "email-service",
];

pub struct Fleet {
    dir: PathBuf,
    variables: BTreeMap<String, String>,
    running: BTreeMap<&'static str, (Child, u16)>,
}

impl Fleet {
    /// Nothing runs yet. `variables` are given to every process.
    pub fn new(dir: &Path, variables: &[(&str, &str)]) -> Self {
        let mut fleet = Self {
            dir: dir.to_owned(),
            variables: BTreeMap::new(),
            running: BTreeMap::new(),
        };
        for (name, value) in variables {
            fleet.set(name, value);
        }
        fleet
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Starts a binary; again on the same port when it was killed. What follows a dot in the name tells
    /// replicas apart: `email-service.2`.
    pub fn start(&mut self, name: &'static str) {
        let path = match name.split('.').next().unwrap_or(name) {
            "campaign-service" => env!("CARGO_BIN_EXE_campaign-service"),
            "user-service" => env!("CARGO_BIN_EXE_user-service"),
            "notification-service" => env!("CARGO_BIN_EXE_notification-service"),
            "email-service" => env!("CARGO_BIN_EXE_email-service"),
            "scheduler-service" | "scheduler-service-2" => env!("CARGO_BIN_EXE_scheduler-service"),
            "inbox" => env!("CARGO_BIN_EXE_inbox"),
            other => panic!("there is no worker {other}"),
        };
        let port = self.running.get(name).map_or_else(free_port, |r| r.1);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join(format!("{name}.log")))
            .expect("a log file");
        let child = Command::new(path)
            .current_dir(&self.dir)
            .env_remove("VAULT_ADDR")
            .env("COMMS_STATE_DIR", &self.dir)
            // By this name PostgreSQL lists its connections.
            .env("PGAPPNAME", name)
            .env("COMMS_HTTP_ADDR", format!("127.0.0.1:{port}"))
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.running.insert(name, (child, port));
    }

    /// All four workers, until they are ready.
    pub async fn start_workers(&mut self) {
        for name in WORKERS {
            self.start(name);
        }
        for name in WORKERS {
            self.until_ready(name).await;
        }
    }

    pub async fn until_ready(&self, name: &str) {
        for _ in 0..1_200 {
            let answer = reqwest::get(self.url(name, "/readyz")).await;
            if answer.is_ok_and(|a| a.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} was not ready within 60 s: {}", self.log(name));
    }

    /// All that a worker has logged.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default()
    }

    pub fn pid(&self, name: &str) -> u32 {
        self.running[name].0.id()
    }

    /// Sends a signal by its name: `STOP` freezes a worker, `CONT` lets it go on, `TERM` drains it.
    pub fn signal(&self, name: &str, signal: &str) {
        let pid = self.pid(name).to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.expect("kill runs").success(), "{signal} to {name}");
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self, name: &str) {
        let (child, _) = self.running.get_mut(name).expect("it runs");
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
    }

    /// SIGTERM, and waits for the end of the drain.
    pub fn terminate(&mut self, name: &str, limit: Duration) {
        self.signal(name, "TERM");
        let (child, _) = self.running.get_mut(name).expect("it runs");
        super::eventually(limit, "the end of the drain", || {
            child.try_wait().expect("our child").is_some()
        });
    }

    /// The exit code of a worker that has ended by itself.
    pub fn ended(&mut self, name: &str) -> Option<i32> {
        let (child, _) = self.running.get_mut(name).expect("it was started");
        let status = child.try_wait().expect("our child")?;
        Some(status.code().unwrap_or(-1))
    }

    pub fn url(&self, name: &str, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.running[name].1)
    }

    pub async fn get(&self, name: &str, path: &str) -> Value {
        let answer = reqwest::get(self.url(name, path)).await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// What `comms-tui` answers, as JSON.
    pub fn tui(&self, args: &[&str]) -> Value {
        self.tui_with_code(args, 0)
    }

    /// The same with another exit code than 0.
    pub fn tui_with_code(&self, args: &[&str], code: i32) -> Value {
        let output = self.tui_output(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        let (ended, out) = (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout),
        );
        assert_eq!(ended, Some(code), "comms-tui {args:?}: {errors} {out}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What `comms-tui` says when it doesn't do what was asked.
    pub fn tui_fails(&self, args: &[&str]) -> String {
        let output = self.tui_output(args);
        assert!(!output.status.success(), "comms-tui {args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// The newest mail to an address in the inbox, as soon as there is one.
    pub async fn until_mail(&self, address: &str) -> Value {
        for _ in 0..500 {
            let found = self.tui(&["inbox", "list", "--search", address, "--json"]);
            if found["messages"].as_array().is_some_and(|m| !m.is_empty()) {
                return found["messages"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no mail to {address} within 10 s");
    }

    /// Runs a script as tui_output runs comms-tui.
    pub fn shell(&self, script: &str) -> Output {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(&self.dir)
            .env("COMMS_STATE_DIR", &self.dir)
            .envs(&self.variables)
            .env("COMMS_INBOX_URL", self.url("inbox", ""));
        command.output().expect("sh runs")
    }

    /// What `comms-tui` answers, whatever it is.
    pub fn tui_output(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_comms-tui"));
        command
            .args(args)
            .current_dir(&self.dir)
            .env("COMMS_STATE_DIR", &self.dir)
            .envs(&self.variables);
        if self.running.contains_key("inbox") {
            command.env("COMMS_INBOX_URL", self.url("inbox", ""));
        }
        command.output().expect("comms-tui runs")
    }

    /// The console, in a terminal of (columns, rows).
    pub fn terminal(&self, size: (u16, u16)) -> Terminal {
        let (state, inbox) = (self.dir.display().to_string(), self.url("inbox", ""));
        let mut variables = vec![
            ("COMMS_STATE_DIR", state.as_str()),
            ("COMMS_INBOX_URL", inbox.as_str()),
        ];
        let set = self.variables.iter();
        variables.extend(set.map(|(name, value)| (name.as_str(), value.as_str())));
        let program = env!("CARGO_BIN_EXE_comms-tui");
        Terminal::start(program, &[], &variables, &self.dir, size)
    }

    /// Creates a campaign by the path of the original, and answers with its id.
    pub async fn create(&self) -> i64 {
        let created = self
            .get("campaign-service", "/api/v1/campaign/create")
            .await;
        created["id"].as_i64().expect("an id")
    }

    /// Creates a campaign of those words.
    pub async fn create_with(&self, body: &Value) -> i64 {
        let url = self.url("campaign-service", "/api/v1/campaigns");
        let request = reqwest::Client::new().post(url).json(body);
        let answer = request.send().await.expect("an answer");
        let created: Value = answer.json().await.expect("JSON");
        created["id"]
            .as_i64()
            .unwrap_or_else(|| panic!("not created: {created}"))
    }

    pub async fn campaign(&self, id: i64) -> Value {
        let path = format!("/api/v1/campaigns/{id}");
        self.get("campaign-service", &path).await
    }

    /// Waits until the condition holds for the campaign, up to two minutes.
    pub async fn until(&self, id: i64, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        for _ in 0..6_000 {
            seen = self.campaign(id).await;
            if condition(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("waited two minutes until {what}: {seen}");
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for (child, _) in self.running.values_mut() {
            // Gone already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
