//! The question before a change: the plan is shown, and somebody has to say yes to it.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};

use super::Out;

/// Above this many entries the number must be typed.
const TYPED: usize = 100;

/// Shows the plan and asks.
pub(super) fn agreed(
    verb: &str,
    entries: usize,
    print_plan: impl FnOnce() -> Result<()>,
    out: &Out,
) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nobody is there to ask: add --yes, or --dry-run to see the plan");
    }
    print_plan()?;
    let agreed = confirmed(verb, entries)?;
    if !agreed {
        out.line("nothing was changed")?;
    }
    Ok(agreed)
}

/// Asks; many have to be counted.
fn confirmed(verb: &str, entries: usize) -> Result<bool> {
    let expected = if entries > TYPED {
        entries.to_string()
    } else {
        "y".to_owned()
    };
    let mut out = io::stdout().lock();
    write!(out, "{verb} them? Type {expected} to go on: ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case(&expected))
}
