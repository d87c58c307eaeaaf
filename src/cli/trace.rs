//! `trace`: one recipient's message, in the order of time.

use anyhow::Result;

use super::{Answer, Out};
use crate::ops::{
    Ops,
    wording::{clock, duration},
};

pub(super) async fn run(ops: &Ops, campaign: i64, user: i64, out: &Out) -> Result<Answer> {
    let trace = ops.trace(campaign, user).await?;
    let known = !trace.steps.is_empty();
    if out.json {
        out.json(&trace)?;
    } else {
        let rows = trace.steps.iter().map(|step| {
            vec![
                clock(step.at_ms),
                format!("+{}", duration(step.wait_ms)),
                step.what.clone(),
            ]
        });
        out.table(&["AT", ">WAIT", "WHAT"], rows.collect())?;
        out.line(format!("\nNow: {}", trace.now))?;
        if trace.partial {
            out.line("Not everything was read: there is too much.")?;
        }
    }
    let found = trace.delivery.is_some() || !trace.entries.is_empty() || !trace.letters.is_empty();
    Ok(if known && found {
        Answer::Yes
    } else {
        Answer::No
    })
}
