//! `users …`: in from a file, out to one, looked at, set inactive.

use std::{fs::File, io::Write, path::PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use indicatif::ProgressBar;

use super::{Answer, Out};
use crate::{
    ops::{
        Ops, UserPages,
        wording::{at, count},
    },
    store::{User, UserStatus},
};

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Take users from a CSV file
    #[command(after_help = "Examples:
  comms-tui users import users.csv
  comms-tui users import - < users.csv

The first line names the columns: email, and if wanted first_name, last_name, status (active, inactive).
Who is there already, by the address, is changed; a second import of the same file changes nothing. Rows
that can't be taken are named on stderr by line and reason, and the exit code is 1.")]
    Import {
        /// A path, or - for stdin
        file: PathBuf,
    },
    /// All users as CSV, fit for an import
    #[command(after_help = "Example:\n  comms-tui users export > users.csv")]
    Export {
        #[arg(long)]
        status: Option<UserStatus>,
    },
    /// A page of users
    #[command(after_help = "Example:\n  comms-tui users list --status inactive")]
    List {
        #[arg(long)]
        status: Option<UserStatus>,
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// After this user
        #[arg(long, value_name = "ID", default_value_t = 0)]
        after: i64,
    },
    /// One, by id or address
    #[command(after_help = "Example:\n  comms-tui users show ann@example.com")]
    Show { user: String },
    /// active, or inactive: no mail of a campaign any more
    #[command(after_help = "Example:\n  comms-tui users set-status ann@example.com inactive")]
    SetStatus { user: String, status: UserStatus },
}

pub(super) async fn run(ops: &Ops, command: &UsersCommand, out: &Out) -> Result<Answer> {
    match command {
        UsersCommand::Import { file } => import(ops, file, out).await,
        UsersCommand::Export { status } => export(ops, *status, out).await,
        UsersCommand::List {
            status,
            limit,
            after,
        } => {
            let users = ops.users(*status, *after, *limit).await?;
            if out.json {
                out.json(&users)?;
            } else if users.is_empty() {
                out.line("there is no such user")?;
            } else {
                table(&users, out)?;
            }
            Ok(Answer::Yes)
        }
        UsersCommand::Show { user } => show(&ops.user(user).await?, out),
        UsersCommand::SetStatus { user, status } => {
            show(&ops.set_user_status(user, *status).await?, out)
        }
    }
}

async fn import(ops: &Ops, path: &PathBuf, out: &Out) -> Result<Answer> {
    let bar = if out.json {
        ProgressBar::hidden()
    } else {
        ProgressBar::new_spinner()
    };
    let mut errors = std::io::stderr();
    let bad = |row: crate::ops::BadRow| {
        // Counted in the report, should this not be written.
        bar.suspend(|| writeln!(errors, "line {}: {}", row.line, row.reason).ok());
    };
    let progress =
        |report: &crate::ops::ImportReport| bar.set_message(format!("{} rows", count(report.read)));
    let report = if path.as_os_str() == "-" {
        ops.import_users(std::io::stdin().lock(), bad, progress)
            .await
    } else {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        ops.import_users(std::io::BufReader::new(file), bad, progress)
            .await
    };
    bar.finish_and_clear();
    let report = report?;
    if out.json {
        out.json(&report)?;
    } else {
        let done = &report.done;
        out.line(format!(
            "{} rows: {} new, {} changed, {} unchanged, {} bad",
            count(report.read),
            count(done.new),
            count(done.changed),
            count(done.unchanged),
            count(report.bad)
        ))?;
    }
    Ok(if report.bad > 0 {
        Answer::No
    } else {
        Answer::Yes
    })
}

async fn export(ops: &Ops, status: Option<UserStatus>, out: &Out) -> Result<Answer> {
    let mut pages = UserPages::new(status);
    while let Some(bytes) = pages.next(ops).await? {
        out.bytes(&bytes)?;
    }
    Ok(Answer::Yes)
}

fn show(user: &User, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(user)?;
    } else {
        table(std::slice::from_ref(user), out)?;
    }
    Ok(Answer::Yes)
}

fn table(users: &[User], out: &Out) -> Result<()> {
    let rows = users
        .iter()
        .map(|user| {
            vec![
                user.id.to_string(),
                user.email.clone(),
                format!("{} {}", user.first_name, user.last_name)
                    .trim()
                    .to_owned(),
                user.status.as_str().to_owned(),
                at(user.created_at_ms),
            ]
        })
        .collect();
    out.table(&[">ID", "ADDRESS", "NAME", "STATUS", "SINCE"], rows)
}
