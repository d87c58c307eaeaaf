//! What every worker is: settings, logs, Vault, Redis, SQL, HTTP, presence, and an orderly end.

mod patience;

pub use patience::patiently;

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use redis::AsyncCommands;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::{
    config::{Config, Reclaim},
    event::STAGES,
    http::{self, Readiness},
    queue::{
        self, Consumer, ConsumerConfig, Handler, Held, Outage, Presence, Redis, Source, WorkerInfo,
    },
    secrets, telemetry,
};

/// How often the readiness of servers is looked at.
const WATCH: Duration = Duration::from_secs(1);

/// A running worker process.
pub struct Worker {
    pub service: &'static str,
    pub config: Arc<Config>,
    pub redis: Redis,
    pub presence: Presence,
    pub held: Held,
    pub readiness: Readiness,
    pub shutdown: CancellationToken,
    note: Arc<Mutex<String>>,
    metrics: PrometheusHandle,
    listener: Option<TcpListener>,
    answering: Arc<AtomicBool>,
}

/// The whole of a worker's `main`: `work` runs until `worker.shutdown`, errors are printed once.
pub fn main<F>(
    service: &'static str,
    about: &'static str,
    port: u16,
    work: impl FnOnce(Worker) -> F,
) -> ExitCode
where
    F: Future<Output = Result<()>>,
{
    clap::Command::new(service)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .after_help("Settings come from comms.toml, .comms/env.toml, COMMS_* variables and Vault; see README.md.")
        .get_matches();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return report(service, &error.into()),
    };
    let ended = runtime.block_on(async {
        let worker = Worker::start(service, port).await?;
        let presence = worker.presence.clone();
        let shutdown = worker.shutdown.clone();
        let worked = work(worker).await;
        shutdown.cancel();
        // Said last: what is still pending may now be taken over at once.
        tokio::task::spawn_blocking(move || presence.goodbye())
            .await
            .context("the farewell panicked")?;
        worked
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(()) => {
            tracing::info!(service, "{service} has stopped");
            ExitCode::SUCCESS
        }
        Err(error) => report(service, &error),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the edge at which an error is printed once"
)]
fn report(service: &str, error: &anyhow::Error) -> ExitCode {
    eprintln!("{service}: {error:#}");
    ExitCode::from(2)
}

impl Worker {
    async fn start(service: &'static str, port: u16) -> Result<Self> {
        let (config, vault) = secrets::worker_config(service).await?;
        let metrics = telemetry::record_metrics()?;
        let addr = config
            .http_addr
            .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let listener = http::bind(addr, "COMMS_HTTP_ADDR").await?;
        let shutdown = CancellationToken::new();
        stop_on_signals(shutdown.clone())?;
        let readiness = Readiness::waiting_for(&["redis", "sql"]);
        if let Some(vault) = vault {
            tokio::spawn(vault.keep(readiness.clone(), shutdown.clone()));
        }

        let redis = Redis::open(config.redis_url(), config.keys())
            .context("COMMS_REDIS_URL can't be understood")?;
        agree_on_partitions(&redis, &shutdown).await?;
        let held = Held::new(config.batch);
        let note = Arc::new(Mutex::new(String::new()));
        let started_at_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis() as u64;
        let describe = {
            let stream = STAGES
                .iter()
                .find(|(_, group)| *group == service)
                .map_or("", |(stream, _)| stream);
            let (held, note, readiness, shutdown) = (
                held.clone(),
                Arc::clone(&note),
                readiness.clone(),
                shutdown.clone(),
            );
            let host = queue::host_name();
            Arc::new(move || {
                let missing = readiness.missing();
                let state = match (shutdown.is_cancelled(), missing.is_empty()) {
                    (true, _) => "draining",
                    (false, true) => "ready",
                    (false, false) => "away",
                };
                let mut said = note.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some((what, why)) = missing.iter().next() {
                    said = format!("{what}: {why}");
                }
                let in_hand = held.len() as u64;
                metrics::gauge!("comms_entries_in_hand").set(in_hand as f64);
                metrics::counter!("comms_entries_settled_total").absolute(held.handled());
                WorkerInfo {
                    service: service.to_owned(),
                    host: host.clone(),
                    pid: std::process::id(),
                    started_at_ms,
                    state: state.to_owned(),
                    stream: stream.to_owned(),
                    in_hand,
                    capacity: held.capacity() as u64,
                    handled: held.handled(),
                    rate: 0.0,
                    rss_bytes: queue::resident_bytes(),
                    note: said,
                }
            })
        };
        let name = queue::consumer_name(started_at_ms);
        let presence = Presence::start(&redis, name.clone(), config.presence_ms, describe);
        presence.drain_by(shutdown.clone());
        tracing::info!(service, consumer = %name, %addr, profile = %config.profile, "{service} starts");
        Ok(Self {
            service,
            config: Arc::new(config),
            redis,
            presence,
            held,
            readiness,
            shutdown,
            note,
            metrics,
            listener: Some(listener),
            answering: Arc::new(AtomicBool::new(false)),
        })
    }

    /// What the console shows beside this worker; empty when there is nothing to say.
    pub fn note(&self) -> impl Fn(String) + Send + Sync + 'static {
        let note = Arc::clone(&self.note);
        move |said| *note.lock().unwrap_or_else(PoisonError::into_inner) = said
    }

    /// The database; waits until it can be opened, and watches it from then on.
    ///
    /// # Errors
    /// When the shutdown comes first, or the URL can't be understood.
    pub async fn store(&self) -> Result<Store> {
        let mut delay = Duration::from_millis(200);
        let mut said = String::new();
        let store = loop {
            let opened =
                Store::open(self.config.database_url(), self.config.sqlite_sync_full).await;
            let error = match opened {
                Ok(store) => break store,
                Err(error) => error,
            };
            let text = format!("{error:#}");
            self.readiness.down("sql", text.as_str());
            if text != said {
                tracing::error!(error = %text, "the database can't be opened; {} waits and tries again", self.service);
                said = text;
            }
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.shutdown.cancelled() => bail!("stopped before the database could be opened"),
            }
            delay = (delay * 2).min(Duration::from_secs(5));
        };
        self.readiness.up("sql");
        self.watch(store.clone());
        Ok(store)
    }

    /// Keeps readiness true to whether Redis and SQL answer.
    fn watch(&self, store: Store) {
        let (redis, readiness, shutdown) = (
            self.redis.clone(),
            self.readiness.clone(),
            self.shutdown.clone(),
        );
        tokio::spawn(async move {
            while !shutdown.is_cancelled() {
                let pong: redis::RedisResult<String> = redis.commands().ping().await;
                match pong {
                    Ok(_) => readiness.up("redis"),
                    Err(error) => readiness.down("redis", error.to_string()),
                };
                match store.ping().await {
                    Ok(()) => readiness.up("sql"),
                    Err(error) => readiness.down("sql", error.to_string()),
                };
                tokio::select! {
                    () = tokio::time::sleep(WATCH) => {}
                    () = shutdown.cancelled() => {}
                }
            }
        });
    }

    /// Serves health, metrics and `api`, in the background until shutdown.
    pub fn serve(&mut self, api: Router) -> JoinHandle<()> {
        let router = http::router(
            api,
            self.readiness.clone(),
            Some(self.metrics.clone()),
            self.config.api_token.clone(),
        );
        let listener = self.listener.take();
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move {
            let Some(listener) = listener else { return };
            if let Err(error) = http::serve_on(listener, router, shutdown.clone()).await {
                tracing::error!(error = %format!("{error:#}"), "HTTP has ended");
                shutdown.cancel();
            }
        })
    }

    /// Works on a stream until shutdown, and drains.
    pub async fn consume<H: Handler>(&self, stream: &str, counted: bool, handler: Arc<H>) {
        let consumer = Consumer {
            redis: self.redis.clone(),
            source: Source {
                stream: stream.to_owned(),
                group: self.service.to_owned(),
                counted,
            },
            config: ConsumerConfig {
                name: self.presence.name().to_owned(),
                visibility_ms: self.config.visibility_ms,
                presence_ms: self.config.presence_ms,
                max_hold_ms: self.config.max_hold_ms,
                reclaim: self.config.reclaim == Reclaim::Auto,
            },
            presence: self.presence.clone(),
            held: self.held.clone(),
            handler,
            answering: Arc::clone(&self.answering),
        };
        consumer.run(self.shutdown.clone()).await;
        self.answering.store(false, Ordering::Release);
    }
}

/// SIGTERM and SIGINT begin the drain; the second one ends at once.
fn stop_on_signals(shutdown: CancellationToken) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::spawn(async move {
        let mut seen = 0;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            seen += 1;
            if seen > 1 {
                tracing::warn!("stopped at once; what was in hand is taken over by others");
                std::process::exit(130);
            }
            tracing::info!("stopping: what is in hand is finished first");
            shutdown.cancel();
        }
    });
    Ok(())
}

/// The number of partitions is part of every user's address, so all processes must have the same.
async fn agree_on_partitions(redis: &Redis, shutdown: &CancellationToken) -> Result<()> {
    let mut outage = Outage::new("the start");
    let ours = redis.keys().partitions();
    while !shutdown.is_cancelled() {
        let key = redis.keys().meta();
        let agreed: redis::RedisResult<u32> = async {
            let mut connection = redis.commands();
            let _: bool = connection.hset_nx(&key, "partitions", ours).await?;
            connection.hget(&key, "partitions").await
        }
        .await;
        match agreed {
            Ok(theirs) if theirs == ours => return Ok(()),
            Ok(theirs) => bail!(
                "COMMS_PARTITIONS is {ours}, but the data in Redis under {:?} was written with {theirs}; set it to {theirs}, or drain and choose another COMMS_KEY_PREFIX",
                redis.keys().prefix()
            ),
            Err(error) if queue::is_away(&error) => outage.wait(&error, shutdown).await,
            Err(error) => {
                return Err(error).with_context(|| format!("COMMS_REDIS_URL: {key} can't be read"));
            }
        }
    }
    bail!("stopped before Redis answered")
}
