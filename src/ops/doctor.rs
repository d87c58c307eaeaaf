//! Asks every server whether it is there and set up right.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};

use super::{Finding, Ops, Overview, Severity};

const PATIENCE: Duration = Duration::from_secs(3);

impl Ops {
    /// All checks, the passed ones too; worst first. Never fails: what can't be reached is a finding.
    pub async fn doctor(&self) -> Vec<Finding> {
        let (redis, sql, smtp, inbox) = tokio::join!(
            timeout(PATIENCE, self.status()),
            timeout(PATIENCE, self.database.get()),
            self.smtp_answers(),
            self.inbox_stats(),
        );
        let mut findings = match redis {
            Ok(Ok(status)) => {
                let mut findings = server_checks(&status.overview);
                findings.extend(status.findings);
                findings
            }
            Ok(Err(error)) => vec![fault(format!("Redis: {:#}", anyhow::Error::new(error)))],
            Err(_) => vec![fault(format!(
                "Redis: no answer in {} s",
                PATIENCE.as_secs()
            ))],
        };
        findings.push(match sql {
            Ok(Ok(_)) => ok("SQL answers"),
            Ok(Err(error)) => fault(format!("SQL: {:#}", anyhow::Error::new(error))),
            Err(_) => fault(format!("SQL: no answer in {} s", PATIENCE.as_secs())),
        });
        findings.push(smtp);
        findings.push(match inbox {
            Ok(_) => ok(format!("inbox answers at {}", self.config.inbox_url)),
            Err(error) => Finding::new(
                Severity::Note,
                format!("inbox at {}: {error}", self.config.inbox_url),
                "only for looking at mails in development",
            ),
        });
        findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        findings
    }

    async fn smtp_answers(&self) -> Finding {
        let Ok(url) = url::Url::parse(self.config.smtp_url()) else {
            return Finding::new(Severity::Fault, "SMTP: COMMS_SMTP_URL is not a URL", "");
        };
        let host = url.host_str().unwrap_or("localhost");
        let default = if url.scheme() == "smtps" { 465 } else { 25 };
        let port = url.port().unwrap_or(default);
        match timeout(PATIENCE, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => ok(format!("SMTP port open at {host}:{port}")),
            Ok(Err(error)) => fault(format!("SMTP at {host}:{port}: {error}")),
            Err(_) => fault(format!("SMTP at {host}:{port}: no answer")),
        }
    }
}

fn ok(text: impl Into<String>) -> Finding {
    Finding::new(Severity::Ok, text, "")
}

fn fault(text: String) -> Finding {
    Finding::new(Severity::Fault, text, "is it running? ./start.sh")
}

fn server_checks(overview: &Overview) -> Vec<Finding> {
    let server = &overview.server;
    let mut checks = Vec::new();
    let major: u32 = server
        .version
        .split('.')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    checks.push(if major >= 7 {
        ok(format!("Redis {} answers", server.version))
    } else {
        Finding::new(
            Severity::Fault,
            format!("Redis {} is too old", server.version),
            "7.0 or later is needed",
        )
    });
    checks.push(if server.aof {
        ok("append-only file is on")
    } else {
        Finding::new(
            Severity::Warning,
            "append-only file is off: a crash of Redis loses entries",
            "redis-cli CONFIG SET appendonly yes",
        )
    });
    let missing: Vec<&str> = overview
        .stages
        .iter()
        .filter(|s| s.own_group().is_none())
        .map(|s| s.group.as_str())
        .collect();
    checks.push(if missing.is_empty() {
        ok("every stream has its consumer group")
    } else {
        Finding::new(
            Severity::Warning,
            format!("no consumer group yet: {}", missing.join(", ")),
            "it is made when the service starts",
        )
    });
    let live = overview.workers.iter().filter(|w| w.live).count();
    checks.push(if live > 0 {
        ok(format!("{live} workers alive"))
    } else {
        fault("no worker is alive".to_owned())
    });
    checks
}
