//! What is wrong, in a sentence, and what mends it. Empty when all is well.

use serde::Serialize;

use super::{
    GroupView, Overview, StreamView, trimming,
    wording::{count, duration, times},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Ok,
    Note,
    Warning,
    Fault,
}

/// What an operator can do about it; the console knows the key for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    Claim,
    /// To the dead letters with it, or acknowledge it.
    Bury,
    Workers,
    DeadLetters,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub text: String,
    /// The next step as a sentence or a command line; empty when there is none.
    pub next: String,
    pub remedy: Option<Remedy>,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        text: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            text: text.into(),
            next: next.into(),
            remedy: None,
        }
    }

    fn mended_by(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(remedy);
        self
    }
}

/// Looks for faults in what was read; worst first.
pub fn diagnose(overview: &Overview, visibility_ms: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !overview.workers.iter().any(|w| w.live) {
        findings.push(
            Finding::new(Severity::Fault, "no worker is alive", "./start.sh")
                .mended_by(Remedy::Workers),
        );
    }
    for stage in &overview.stages {
        match stage.own_group() {
            Some(group) => group_findings(overview, stage, group, visibility_ms, &mut findings),
            None if stage.length > 0 => findings.push(Finding::new(
                Severity::Fault,
                format!(
                    "{} holds {} entries and has no group {}",
                    stage.stream,
                    count(stage.length),
                    stage.group
                ),
                format!("start {}", stage.group),
            )),
            None => {}
        }
        stage_findings(stage, &mut findings);
    }
    server_findings(overview, &mut findings);
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    findings
}

fn group_findings(
    overview: &Overview,
    stage: &StreamView,
    group: &GroupView,
    visibility_ms: u64,
    findings: &mut Vec<Finding>,
) {
    let (stream, name) = (&stage.stream, &group.name);
    let live = overview
        .workers
        .iter()
        .filter(|w| w.live && w.info.service == *name)
        .count();
    let others = overview.workers.iter().any(|w| w.live);
    if group.backlog.count > 0 && live == 0 && others {
        findings.push(
            Finding::new(
                Severity::Fault,
                format!("{name} is behind and no {name} is alive"),
                format!("start {name}"),
            )
            .mended_by(Remedy::Workers),
        );
    }
    let gone: Vec<_> = group
        .consumers
        .iter()
        .filter(|c| c.pending > 0 && !overview.is_live(&c.name))
        .collect();
    let next = format!("comms-tui claim {stream} {name} --all --to CONSUMER");
    for consumer in &gone {
        findings.push(
            Finding::new(
                Severity::Fault,
                format!(
                    "{} is gone and holds {} of {stream}",
                    consumer.name,
                    count(consumer.pending)
                ),
                next.clone(),
            )
            .mended_by(Remedy::Claim),
        );
    }
    let oldest_ms = group.oldest_idle_ms.unwrap_or(0);
    if gone.is_empty() && oldest_ms >= visibility_ms {
        findings.push(
            Finding::new(
                Severity::Warning,
                format!("{stream} has entries untouched for {}", duration(oldest_ms)),
                next,
            )
            .mended_by(Remedy::Claim),
        );
    }
    if let Some(worn) = &group.worn {
        let others = match worn.others {
            0 => String::new(),
            n => format!(", {} more like it", count(n)),
        };
        findings.push(
            Finding::new(
                Severity::Warning,
                format!(
                    "{} of {stream} was delivered {}{others}",
                    worn.id,
                    times(worn.deliveries)
                ),
                format!("comms-tui dead-letter {stream} {name} --id {}", worn.id),
            )
            .mended_by(Remedy::Bury),
        );
    }
    if group.lag.is_none() {
        let at_least = if group.backlog.at_least {
            "at least "
        } else {
            ""
        };
        findings.push(Finding::new(
            Severity::Note,
            format!(
                "lag of {name} unknown: entries it hasn't read were deleted; counted {at_least}{}",
                count(group.backlog.count)
            ),
            "",
        ));
    }
}

fn stage_findings(stage: &StreamView, findings: &mut Vec<Finding>) {
    if stage.dead > 0 {
        findings.push(
            Finding::new(
                Severity::Warning,
                match stage.dead {
                    1 => format!("1 dead letter of {}", stage.stream),
                    n => format!("{} dead letters of {}", count(n), stage.stream),
                },
                "comms-tui dead list",
            )
            .mended_by(Remedy::DeadLetters),
        );
    }
    for group in stage.groups.iter().filter(|g| g.name != stage.group) {
        if let Some(loss) = trimming::loss(stage, &group.name) {
            let text = format!("group {:?} of {}: {loss}", group.name, stage.stream);
            findings.push(Finding::new(Severity::Warning, text, ""));
        }
    }
}

fn server_findings(overview: &Overview, findings: &mut Vec<Finding>) {
    let server = &overview.server;
    if server.max_memory_bytes > 0 {
        let share = server.memory_bytes as f64 / server.max_memory_bytes as f64;
        if share > 0.9 {
            findings.push(Finding::new(
                Severity::Warning,
                format!("Redis uses {:.0} % of its maxmemory", share * 100.0),
                "raise maxmemory, or pause what fills it",
            ));
        }
        if server.max_memory_policy != "noeviction" {
            findings.push(Finding::new(
                Severity::Fault,
                format!("Redis may evict streams: {}", server.max_memory_policy),
                "redis-cli CONFIG SET maxmemory-policy noeviction",
            ));
        }
    }
    if server.aof && !server.aof_status.is_empty() && server.aof_status != "ok" {
        findings.push(Finding::new(
            Severity::Fault,
            "Redis can't write its append-only file",
            "look at the server's disk and log",
        ));
    }
}
