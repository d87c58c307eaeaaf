//! The log of a service on this machine, as start.sh keeps it: one file for all its workers here.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use anyhow::Context;

use super::{Ops, OpsError};
use crate::queue::host_name;

/// The end of a log is read, this much of it.
const MOST_BYTES: u64 = 256 * 1_024;

impl Ops {
    /// The last lines of the log in which a worker of that host writes.
    ///
    /// # Errors
    /// When it runs on another machine, or there is no such log here.
    pub async fn log_of(&self, service: &str, host: &str) -> Result<Vec<String>, OpsError> {
        let path = log_path(service)?;
        is_here(service, host, &host_name())?;
        let read = tokio::task::spawn_blocking(move || tail(path));
        read.await
            .context("reading the log was interrupted")
            .map_err(OpsError::Failed)?
    }
}

fn log_path(service: &str) -> Result<PathBuf, OpsError> {
    // The name comes from Redis: it must not lead anywhere else.
    let plain = !service.is_empty()
        && service
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !plain {
        return Err(OpsError::NotFound(format!(
            "{service:?} is not the name of a service"
        )));
    }
    Ok(crate::config::state_dir()
        .join("logs")
        .join(format!("{service}.log")))
}

/// A file of the same name here would be somebody else's.
fn is_here(service: &str, host: &str, here: &str) -> Result<(), OpsError> {
    if host == here {
        return Ok(());
    }
    Err(OpsError::NotFound(match host {
        "" => "it never said on which machine it runs; its log is there".to_owned(),
        host => format!("it runs on {host}, this is {here}: follow logs/{service}.log there"),
    }))
}

fn tail(path: PathBuf) -> Result<Vec<String>, OpsError> {
    let mut file = File::open(&path).map_err(|_| {
        OpsError::NotFound(format!(
            "there is no log at {}: start.sh keeps one, another machine or a container has its own",
            path.display()
        ))
    })?;
    let read = |file: &mut File| -> std::io::Result<(bool, Vec<u8>)> {
        let length = file.metadata()?.len();
        let from = length.saturating_sub(MOST_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok((from > 0, bytes))
    };
    let (is_cut, bytes) = read(&mut file)
        .with_context(|| format!("cannot read {}", path.display()))
        .map_err(OpsError::Failed)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line begins in the middle when there is more before it.
    Ok(text
        .lines()
        .skip(usize::from(is_cut))
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_read_in_whole_lines() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.log");
        let line = |n: usize| format!("{n} {}\n", "x".repeat(90));
        let text: String = (0..5_000).map(line).collect();
        std::fs::write(&path, &text).expect("written");
        let lines = tail(path).expect("read");
        assert!(lines.len() > 2_000 && lines.len() < 5_000);
        assert!(lines[0].len() > 90, "{}", lines[0]);
        assert!(lines.last().is_some_and(|l| l.starts_with("4999 ")));
        assert!(tail(dir.path().join("b.log")).is_err());
    }

    #[test]
    fn a_worker_elsewhere_is_refused_with_its_host_and_what_to_do() {
        assert!(is_here("email-service", "mailbox", "mailbox").is_ok());
        let said = |host| is_here("email-service", host, "mailbox").map_err(|e| e.to_string());
        let text = "it runs on node-7, this is mailbox: follow logs/email-service.log there";
        assert_eq!(said("node-7"), Err(text.to_owned()));
        assert!(said("").is_err_and(|text| text.contains("on which machine")));
    }

    #[test]
    fn a_name_from_redis_leads_nowhere_else() {
        assert!(log_path("email-service").is_ok());
        for wrong in ["", "../../etc/passwd", "a/b", "a.log"] {
            assert!(log_path(wrong).is_err(), "{wrong}");
        }
    }
}
