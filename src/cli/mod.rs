//! The command line: each verb prints a table, or JSON for scripts.
//!
//! Exit code 0: done. 1: the answer is no (not found, a conflict, nothing claimed, faults found).
//! 2: there is no answer.

mod args;
mod ask;
mod campaign;
mod claim;
mod dead;
mod deliveries;
mod inbox;
mod look;
mod manage;
mod out;
mod schedule;
mod settle;
mod status;
mod template;
mod trace;
mod users;
mod words;
mod workers;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Result, anyhow};
use clap::{CommandFactory, Parser};

use args::ConfigCommand;
pub use args::{Cli, Command};
use out::Out;

use crate::{
    config::{Config, Layers},
    ops::{Ops, OpsError, SettleVerb},
};

/// What a verb found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

impl Answer {
    fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Runs `comms-tui` and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let ops = error.downcast_ref::<OpsError>();
            let next = ops.and_then(OpsError::next_step);
            let next = next.map_or_else(String::new, |n| format!("; {n}"));
            // Nothing is left to do when even this can't be written.
            let _ = writeln!(io::stderr(), "comms-tui: {error:#}{next}");
            ExitCode::from(ops.map_or(2, OpsError::exit_code))
        }
    }
}

fn run(cli: Cli) -> Result<Answer> {
    let Some(command) = &cli.command else {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Err(anyhow!(
                "the console needs a terminal; without one, try `comms-tui status`"
            ));
        }
        let (config, console) = settings(&cli, None)?;
        crate::telemetry::log_to_file(
            &config.log,
            &crate::config::state_dir().join("logs/comms-tui.log"),
        )?;
        return runtime()?.block_on(async {
            let open = |name: Option<&str>| Ok(Arc::new(open(&cli, name)?));
            let first = cli.profile.as_deref();
            crate::console::run(open, first, &console, cli.all_streams).await?;
            Ok(Answer::Yes)
        });
    };
    if let Command::Completions { shell } = command {
        io::stdout().write_all(completions(*shell)?.as_bytes())?;
        return Ok(Answer::Yes);
    }
    if let Command::Man = command {
        let mut page = Vec::new();
        manual(&mut page)?;
        io::stdout().write_all(&page)?;
        return Ok(Answer::Yes);
    }
    if let Command::Config(ConfigCommand::PrintDefault) = command {
        io::stdout().write_all(crate::console::DEFAULTS.as_bytes())?;
        return Ok(Answer::Yes);
    }
    let out = Out::new(cli.json);
    runtime()?.block_on(async { dispatch(&open(&cli, None)?, command, &out).await })
}

/// To the server of the command line, or to another one by its name. Whoever says read-only, the command
/// line, `[console]` or the profile, is obeyed by the console and by every verb.
fn open(cli: &Cli, switched: Option<&str>) -> Result<Ops> {
    let (config, console) = settings(cli, switched)?;
    Ok(Ops::open(&config, cli.read_only || console.read_only)?)
}

async fn dispatch(ops: &Ops, command: &Command, out: &Out) -> Result<Answer> {
    match command {
        Command::Status => status::status(ops, out).await,
        Command::Campaign(command) => campaign::run(ops, command, out).await,
        Command::Deliveries(command) => deliveries::run(ops, command, out).await,
        Command::Users(command) => users::run(ops, command, out).await,
        Command::Template(command) => template::run(ops, command, out).await,
        Command::PauseAll => campaign::pause_all(ops, out).await,
        Command::Schedule(command) => schedule::run(ops, command, out).await,
        Command::Streams => look::streams(ops, out).await,
        Command::Groups { stream } => look::groups(ops, stream.as_deref(), out).await,
        Command::Pending(args) => look::pending(ops, args, out).await,
        Command::Claim(args) => claim::run(ops, args, out).await,
        Command::DeadLetter(args) => settle::run(ops, SettleVerb::DeadLetter, args, out).await,
        Command::Ack(args) => settle::run(ops, SettleVerb::Acknowledge, args, out).await,
        Command::Dead(command) => dead::run(ops, command, out).await,
        Command::Workers { command } => workers::run(ops, command.as_ref(), out).await,
        Command::Inbox(command) => inbox::run(ops, command, out).await,
        Command::Audit { limit } => look::audit(ops, *limit, out).await,
        Command::Doctor { deep } => status::doctor(ops, *deep, out).await,
        Command::Trace { campaign, user } => trace::run(ops, *campaign, *user, out).await,
        Command::Group(command) => manage::group(ops, command, out).await,
        Command::Secrets => manage::secrets(ops, out).await,
        Command::Man | Command::Completions { .. } | Command::Config(_) => Ok(Answer::Yes),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "comms-tui", &mut script);
    let script = String::from_utf8(script)?;
    // For bash the hyphen of our name becomes one thing where a verb is found, and another where its options
    // are: nothing but the first word would be completed.
    Ok(script.replace("comms__subcmd__tui", "comms__tui"))
}

/// One page: the command, then each verb.
fn manual(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(page)?;
    let mut verbs: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    while !verbs.is_empty() {
        let verb = verbs.remove(0);
        if verb.get_name() == "help" {
            continue;
        }
        let title = verb.get_bin_name().unwrap_or_default().to_uppercase();
        writeln!(page, ".SH {title}")?;
        let man = clap_mangen::Man::new(verb.clone());
        man.render_description_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_options_section(page)?;
        let inner: Vec<clap::Command> = verb.get_subcommands().cloned().collect();
        verbs.splice(0..0, inner);
    }
    Ok(())
}

/// The profile of the console gives way to what is said on the command line, but not one that is switched to.
fn settings(cli: &Cli, switched: Option<&str>) -> Result<(Config, crate::console::Settings)> {
    let mut layers = Layers::read()?;
    let mut console = crate::console::Settings::read(layers.console())?;
    if let Some(name) = switched.or(cli.profile.as_deref()) {
        let url = console.choose(name)?;
        layers.set("redis_url", url, "[console.profiles]")?;
    }
    if let (Some(url), None) = (&cli.redis, switched) {
        layers.set("redis_url", url.clone(), "--redis")?;
    }
    console.theme = cli.theme.or(console.theme);
    Ok((layers.build()?, console))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

/// `comms-tui streams | head -1` is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}
