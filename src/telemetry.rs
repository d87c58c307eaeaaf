//! Logs, metrics, the TLS provider, and how an address is shown in a log.

use std::{fs, path::Path, sync::Mutex, time::Duration};

use anyhow::{Context, Result, anyhow};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt};

/// These crates log every failed request as an error of their own; what failed is said once, where it is handled.
const QUIET: &str = "vaultrs=off,rustify=off";

/// Upper bounds of the histograms whose name ends in `_seconds`, in seconds.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// Sends logs to stderr, as text or as JSON lines. `filter` is written as in `RUST_LOG`.
///
/// # Errors
/// When the filter can't be understood or logs go somewhere already.
pub fn log_to_stderr(filter: &str, json: bool) -> Result<()> {
    let builder = fmt()
        .with_env_filter(parse(filter)?)
        .with_writer(std::io::stderr);
    let done = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
    done.map_err(|e| anyhow!("cannot set up the log: {e}"))
}

/// Appends logs to a file: a console that draws on the terminal can't log there.
///
/// # Errors
/// As [`log_to_stderr`], and when the file can't be opened.
pub fn log_to_file(filter: &str, path: &Path) -> Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    let file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open the log {}", path.display()))?;
    fmt()
        .with_env_filter(parse(filter)?)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .try_init()
        .map_err(|e| anyhow!("cannot set up the log: {e}"))
}

fn parse(filter: &str) -> Result<EnvFilter> {
    // The user's directives come last, so that they win over ours.
    EnvFilter::try_new(format!("{QUIET},{filter}")).with_context(|| {
        format!("COMMS_LOG is {filter:?}, expected a filter like info,comms=debug")
    })
}

/// Records metrics from now on; the handle renders them for `/metrics`. Must be called inside a tokio runtime.
///
/// # Errors
/// When metrics are recorded somewhere already.
pub fn record_metrics() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .context("the buckets are not empty")?
        .install_recorder()
        .context("cannot record metrics")?;
    // Without upkeep, histograms that nobody scrapes would keep every sample. Ends with the runtime.
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_secs(5));
        loop {
            every.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Makes ring the TLS provider of the process; harmless when repeated.
pub fn install_tls_provider() {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// How an address may appear in a log: `user@example.com` is `u***@e***.com`.
pub fn masked(address: &str) -> String {
    let first = |text: &str| text.chars().next().map_or(String::new(), String::from);
    let Some((local, domain)) = address.rsplit_once('@') else {
        return format!("{}***", first(address));
    };
    match domain.rsplit_once('.') {
        Some((host, top)) => format!("{}***@{}***.{top}", first(local), first(host)),
        None => format!("{}***@{}***", first(local), first(domain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_shows_initials_and_the_top_level_domain() {
        assert_eq!(masked("user@example.com"), "u***@e***.com");
        assert_eq!(masked("åsa@mail.example.co.uk"), "å***@m***.uk");
        assert_eq!(masked("root@localhost"), "r***@l***");
        assert_eq!(masked("no address"), "n***");
        assert_eq!(masked(""), "***");
        assert_eq!(masked("@"), "***@***");
    }

    #[test]
    fn a_filter_that_cannot_be_understood_names_its_setting() {
        let error = parse("comms=loudly")
            .expect_err("no such level")
            .to_string();
        assert!(
            error.contains("COMMS_LOG") && error.contains("loudly"),
            "{error}"
        );
        assert!(parse("warn,comms=debug").is_ok());
    }
}
