//! Secrets from a real OpenBao.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use comms::{
    config::{Layers, VaultAuth, VaultConfig},
    http::Readiness,
    secrets,
};
use serde_json::json;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::{
    ROOT_TOKEN, VaultServer, free_port, put_secret, unique, vault_addr, vault_get, vault_post,
};

const LIMIT: Duration = Duration::from_secs(20);

fn layers(addr: &str, auth: VaultAuth) -> Layers {
    Layers::defaults(Some(VaultConfig {
        addr: addr.to_owned(),
        auth,
    }))
}

fn root(addr: &str) -> Layers {
    layers(addr, VaultAuth::Token(ROOT_TOKEN.into()))
}

/// What this thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("comms=info")
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn count(&self, text: &str) -> usize {
        let bytes = self.0.lock().expect("no panic while it is held").clone();
        String::from_utf8_lossy(&bytes).matches(text).count()
    }

    async fn says(&self, text: &str) {
        let said = async {
            while self.count(text) == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(LIMIT, said).await.is_err() {
            let all = self.0.lock().expect("no panic while it is held").clone();
            panic!("not said: {text:?}\n{}", String::from_utf8_lossy(&all));
        }
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("no panic while it is held")
            .extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_service_reads_its_own_values() {
    let addr = vault_addr();
    let (one, other) = (unique("one"), unique("other"));
    put_secret(
        &addr,
        &one,
        "dev",
        json!({ "redis_url": "redis://one", "lanes": 7 }),
    )
    .await;
    put_secret(
        &addr,
        &one,
        "prod",
        json!({ "redis_url": "redis://one-prod" }),
    )
    .await;
    put_secret(
        &addr,
        &other,
        "dev",
        json!({ "redis_url": "redis://other" }),
    )
    .await;
    for (service, url, lanes) in [(&one, "redis://one", 7), (&other, "redis://other", 32)] {
        let mut layers = root(&addr);
        layers
            .set(
                "redis_url",
                "redis://from-the-environment".to_owned(),
                "test",
            )
            .expect("a setting");
        secrets::load(service, &mut layers).await.expect("read");
        let config = layers.build().expect("valid");
        assert_eq!(config.redis_url(), url);
        assert_eq!(config.lanes, lanes);
        assert!(
            !format!("{config:?}").contains(url),
            "a secret doesn't print"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_no_setting_is_an_error() {
    let addr = vault_addr();
    let service = unique("typo");
    put_secret(&addr, &service, "dev", json!({ "redis_uri": "redis://x" })).await;
    let Err(error) = secrets::load(&service, &mut root(&addr)).await else {
        panic!("redis_uri was taken for a setting");
    };
    let error = error.to_string();
    assert!(error.contains(&format!("secret/{service}/dev")), "{error}");
    assert!(
        error.contains("redis_uri") && error.contains("redis_url"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_secret_is_named_and_waited_for() {
    let (log, _guard) = Log::capture();
    let addr = vault_addr();
    let service = unique("late");
    let mut layers = root(&addr);
    let load = secrets::load(&service, &mut layers);
    let write = async {
        log.says(&format!("no secret secret/{service}/dev")).await;
        put_secret(
            &addr,
            &service,
            "dev",
            json!({ "redis_url": "redis://late" }),
        )
        .await;
    };
    let (loaded, ()) = timeout(LIMIT, async { tokio::join!(load, write) })
        .await
        .expect("in time");
    assert!(loaded.expect("read").is_some());
    assert_eq!(layers.build().expect("valid").redis_url(), "redis://late");
    assert_eq!(log.count("no secret secret/"), 1, "said once");
}

#[tokio::test]
async fn a_refused_token_is_said_and_never_a_fallback() {
    let (log, _guard) = Log::capture();
    let addr = vault_addr();
    let service = unique("refused");
    put_secret(&addr, &service, "dev", json!({ "redis_url": "redis://x" })).await;
    let mut layers = layers(&addr, VaultAuth::Token("not-a-token".into()));
    tokio::select! {
        _ = secrets::load(&service, &mut layers) => panic!("a refusal is waited for"),
        () = log.says("check VAULT_TOKEN") => {}
    }
    assert_eq!(log.count("not-a-token"), 0, "a token isn't logged");
}

#[tokio::test]
async fn a_silent_vault_is_waited_for() {
    let (log, _guard) = Log::capture();
    let port = free_port();
    let addr = format!("http://127.0.0.1:{port}");
    let mut layers = root(&addr);
    let load = secrets::load("user-service", &mut layers);
    let come_up = async {
        log.says("doesn't answer").await;
        let server = tokio::task::spawn_blocking(move || VaultServer::start_on(port));
        let server = server.await.expect("started");
        put_secret(&addr, "user-service", "dev", json!({ "users": "12" })).await;
        server
    };
    let both = async { tokio::join!(load, come_up) };
    let (loaded, _server) = timeout(LIMIT, both).await.expect("in time");
    assert!(loaded.expect("read").is_some());
    assert_eq!(layers.build().expect("valid").users, 12);
    assert_eq!(log.count(&format!("{addr} (VAULT_ADDR) doesn't answer")), 1);
}

#[tokio::test]
async fn a_role_logs_in_and_outlives_its_tokens() {
    let addr = vault_addr();
    let (service, mount) = (unique("role"), "sys/auth/approle");
    if vault_get(&addr, "sys/auth").await["data"]
        .get("approle/")
        .is_none()
    {
        vault_post(&addr, mount, json!({ "type": "approle" })).await;
    }
    let policy = format!("path \"secret/data/{service}/*\" {{ capabilities = [\"read\"] }}");
    vault_post(
        &addr,
        &format!("sys/policies/acl/{service}"),
        json!({ "policy": policy }),
    )
    .await;
    let role = format!("auth/approle/role/{service}");
    let life = json!({ "token_policies": service, "token_ttl": "2s", "token_max_ttl": "3s" });
    vault_post(&addr, &role, life).await;
    put_secret(
        &addr,
        &service,
        "dev",
        json!({ "redis_url": "redis://role" }),
    )
    .await;
    let id = vault_get(&addr, &format!("{role}/role-id")).await;
    let secret = vault_post(&addr, &format!("{role}/secret-id"), json!({})).await;
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let auth = VaultAuth::AppRole {
        role_id: text(&id["data"]["role_id"]),
        secret_id: text(&secret["data"]["secret_id"]).into(),
    };

    let mut layers = layers(&addr, auth);
    let vault = secrets::load(&service, &mut layers).await.expect("read");
    assert_eq!(layers.build().expect("valid").redis_url(), "redis://role");
    let (readiness, shutdown) = (Readiness::waiting_for(&["vault"]), CancellationToken::new());
    let (log, _guard) = Log::capture();
    let keep = vault
        .expect("VAULT_ADDR is set")
        .keep(readiness.clone(), shutdown.clone());
    // Two of its longest lives.
    assert!(
        timeout(Duration::from_secs(6), keep).await.is_err(),
        "it keeps on"
    );
    assert!(readiness.is_ready(), "{:?}", readiness.missing());
    assert_eq!(log.count("ERROR"), 0, "no token expired on the way");
}

#[tokio::test]
async fn readiness_says_when_vault_is_gone() {
    let (log, _guard) = Log::capture();
    let port = free_port();
    let server = tokio::task::spawn_blocking(move || VaultServer::start_on(port));
    let server = server.await.expect("started");
    let addr = server.addr();
    put_secret(&addr, "user-service", "dev", json!({ "users": "12" })).await;
    let vault = secrets::load("user-service", &mut root(&addr))
        .await
        .expect("read");
    let (readiness, shutdown) = (Readiness::default(), CancellationToken::new());
    let keep = vault
        .expect("VAULT_ADDR is set")
        .keep(readiness.clone(), shutdown.clone());
    let watch = async {
        log.says("takes our token").await;
        assert!(readiness.is_ready());
        drop(server);
        log.says("doesn't answer").await;
        assert!(!readiness.is_ready());
        shutdown.cancel();
    };
    timeout(LIMIT, async { tokio::join!(keep, watch) })
        .await
        .expect("in time");
}

#[tokio::test]
async fn an_operator_sees_which_secrets_are_there_and_no_value() {
    let vault = VaultServer::start();
    put_secret(
        &vault.addr(),
        "email-service",
        "dev",
        json!({"smtp_url": "smtp://u:hidden@h", "lanes": 4}),
    )
    .await;
    let config = |token: &str| VaultConfig {
        addr: vault.addr(),
        auth: VaultAuth::Token(token.to_owned().into()),
    };
    let status = secrets::status(Some(&config(ROOT_TOKEN))).await;
    assert_eq!((status.state.as_str(), status.usable), ("unsealed", true));
    let of = |path: &str| {
        let found = status.paths.iter().find(|p| p.path == path);
        found.expect("it was asked for")
    };
    let found = of("secret/email-service/dev");
    assert!(found.found);
    assert_eq!(
        found.values.keys().collect::<Vec<_>>(),
        ["lanes", "smtp_url"]
    );
    assert_eq!(of("secret/user-service/prod").state, "missing");
    let text = serde_json::to_string(&status).expect("JSON");
    assert!(
        !text.contains("hidden") && !text.contains(ROOT_TOKEN),
        "{text}"
    );

    let refused = secrets::status(Some(&config("wrong"))).await;
    assert!(
        !refused.usable && refused.state.contains("refuses"),
        "{}",
        refused.state
    );
    assert!(refused.paths.iter().all(|path| path.state == "refused"));
    let unused = secrets::status(None).await;
    assert!(!unused.usable && unused.state.contains("VAULT_ADDR"));
}
