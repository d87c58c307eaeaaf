//! The verbs and their flags.

use clap::{Args, Parser, Subcommand};

use super::{
    deliveries::{ChosenArgs, DeliveriesCommand},
    schedule::ScheduleCommand,
    template::TemplateCommand,
    users::UsersCommand,
    words::WordsArgs,
};
use crate::{
    console::ThemeChoice,
    ops::{Which, wording::parse_duration},
};

/// Campaigns by e-mail through Redis Streams: watch and operate them.
///
/// Without a verb, the console opens.
#[derive(Debug, Parser)]
#[command(name = "comms-tui", version, max_term_width = 100)]
#[command(after_help = "Examples:
  comms-tui                                   open the console
  comms-tui status                            what flows, what waits, what is wrong
  comms-tui campaign create --name hello --wait
  comms-tui pending email-notification email-service
  comms-tui claim email-notification email-service --to CONSUMER --all --dry-run

Exit code: 0 done, 1 the answer is no, 2 error.")]
pub struct Cli {
    /// Redis server, instead of COMMS_REDIS_URL
    #[arg(long, global = true, value_name = "URL")]
    pub redis: Option<String>,

    /// A server named in [console.profiles] of comms.toml
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "redis")]
    pub profile: Option<String>,

    /// Look, and change nothing
    #[arg(long, global = true)]
    pub read_only: bool,

    /// JSON instead of a table
    #[arg(long, global = true)]
    pub json: bool,

    /// The console shows every stream of the server, not only those of the pipeline
    #[arg(long)]
    pub all_streams: bool,

    /// Colours of the console; NO_COLOR means none
    #[arg(long, value_enum)]
    pub theme: Option<ThemeChoice>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The pipeline now: rates, backlogs, lags, campaigns, and what is wrong
    #[command(after_help = "Example:\n  comms-tui status --json | jq .findings")]
    Status,

    /// Create campaigns and steer them
    #[command(subcommand)]
    Campaign(CampaignCommand),

    /// Who got what
    #[command(subcommand)]
    Deliveries(DeliveriesCommand),

    /// Users: in from a file, out to one, set inactive
    #[command(subcommand)]
    Users(UsersCommand),

    /// Words under a name, for campaigns and schedules
    #[command(subcommand)]
    Template(TemplateCommand),

    /// Pause every campaign that runs
    #[command(after_help = "Example:\n  comms-tui pause-all")]
    PauseAll,
    /// Campaigns that start again and again
    #[command(subcommand)]
    Schedule(ScheduleCommand),

    /// Length, memory, ids, retries and dead letters of each stream
    #[command(after_help = "Example:\n  comms-tui streams")]
    Streams,

    /// Consumer groups: lag, backlog, pending, consumers
    #[command(after_help = "Examples:
  comms-tui groups
  comms-tui groups email-notification
  comms-tui groups some:other:stream     any stream of the server, by its key")]
    Groups {
        /// Short name of a stream, or the key of any other
        stream: Option<String>,
    },

    /// Make groups, set what they have read, remove consumers
    #[command(subcommand)]
    Group(super::manage::GroupCommand),

    /// Entries delivered and not acknowledged
    #[command(after_help = "Examples:
  comms-tui pending email-notification email-service
  comms-tui pending email-notification email-service --min-idle 60s --json")]
    Pending(PendingArgs),

    /// Give pending entries to another consumer
    #[command(after_help = "Examples:
  comms-tui claim email-notification email-service --to host-41-17 --all --dry-run
  comms-tui claim email-notification email-service --to host-41-17 --min-idle 60s --all --yes
  comms-tui claim email-notification email-service --to host-41-17 --id 1731-0 --id 1731-1

Only live consumers can be the target (see `comms-tui workers`). Entries that were touched, taken or
acknowledged since the plan was made stay as they are; the outcome is printed for each id.")]
    Claim(ClaimArgs),

    /// Put pending entries among the dead letters
    #[command(after_help = "Examples:
  comms-tui dead-letter email-notification email-service --id 1731-0 --dry-run
  comms-tui dead-letter email-notification email-service --id 1731-0 --id 1731-1 --yes

As the pipeline does with poison: they count as failed, and can be looked at, edited and replayed (`comms-tui
dead`). Entries that were touched, taken or acknowledged since the plan was made stay as they are.")]
    DeadLetter(SettleArgs),

    /// Acknowledge pending entries: nobody works on them any more
    #[command(after_help = "Examples:
  comms-tui ack email-notification email-service --id 1731-0 --dry-run
  comms-tui ack some:other:stream billing --min-idle 60s --all --yes

In the pipeline they count as failed, and the ledger says who skipped them; in any other group it is XACK.
Entries that were touched, taken or acknowledged since the plan was made stay as they are.")]
    Ack(SettleArgs),

    /// What nobody will try again: look, replay, drop
    #[command(subcommand)]
    Dead(super::dead::DeadCommand),

    /// Who is alive, what each does and how fast
    #[command(after_help = "Examples:
  comms-tui workers
  comms-tui workers drain host-41-17 --yes")]
    Workers {
        #[command(subcommand)]
        command: Option<super::workers::WorkersCommand>,
    },

    /// Mails that arrived in the development inbox
    #[command(subcommand)]
    Inbox(InboxCommand),

    /// What operators did
    #[command(after_help = "Example:\n  comms-tui audit --limit 50")]
    Audit {
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },

    /// Checks every server and the pipeline; exit code 1 when something is at fault
    #[command(after_help = "Examples:
  comms-tui doctor && echo fine
  comms-tui doctor --deep        compares counters, ledger and entries of every campaign")]
    Doctor {
        /// Compare counters, ledger and entries too; reads all streams
        #[arg(long)]
        deep: bool,
    },

    /// One recipient's message across all stages
    #[command(after_help = "Examples:
  comms-tui trace 7 41
  comms-tui trace 0 12        the single mail 12")]
    Trace {
        /// Its id; 0 for single mails
        campaign: i64,
        /// The user's id, or the single mail's
        user: i64,
    },

    /// What Vault holds for the services; values are masked
    #[command(after_help = "Example:\n  comms-tui secrets")]
    Secrets,

    /// The manual page, for man
    #[command(after_help = "Example:\n  comms-tui man > ~/.local/share/man/man1/comms-tui.1")]
    Man,

    /// The settings of the console
    #[command(subcommand)]
    Config(ConfigCommand),

    /// Completion script for a shell
    #[command(
        after_help = "Example:\n  comms-tui completions bash > ~/.local/share/bash-completion/completions/comms-tui"
    )]
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every setting of the console with its default, for comms.toml
    #[command(after_help = "Example:\n  comms-tui config print-default >> comms.toml")]
    PrintDefault,
}

#[derive(Debug, Subcommand)]
pub enum CampaignCommand {
    /// Mail every user
    #[command(after_help = "Examples:
  comms-tui campaign create --name winter --subject 'Winter is here' --wait
  comms-tui campaign create --text-file mail.txt --html-file mail.html --idempotency-key winter-1
  comms-tui campaign create --name winter --at 2027-01-05T09:00 --tz Europe/Istanbul

With --wait: shows the progress, prints the totals, and the exit code is 1 if any mail failed.")]
    Create(Box<CreateArgs>),
    /// The newest campaigns
    #[command(after_help = "Example:\n  comms-tui campaign list --json")]
    List {
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// One campaign and its counters
    #[command(after_help = "Example:\n  comms-tui campaign show 7")]
    Show { id: i64 },
    /// Start no more of its mails until it is resumed
    #[command(after_help = "Example:\n  comms-tui campaign pause 7")]
    Pause { id: i64 },
    /// Go on with a paused campaign
    #[command(after_help = "Example:\n  comms-tui campaign resume 7")]
    Resume { id: i64 },
    /// End it; what was not sent will not be
    #[command(after_help = "Example:\n  comms-tui campaign cancel 7")]
    Cancel { id: i64 },
    /// A campaign in figures: times, answers, slow domains
    #[command(after_help = "Example:\n  comms-tui campaign report 7")]
    Report { id: i64 },
    /// Send one mail of it to an address, as a user would get it
    #[command(
        after_help = "Example:\n  comms-tui campaign test-send 7 --to ann@example.com --user 17"
    )]
    TestSend {
        id: i64,
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// Whose fields are filled in; the first user's when missing
        #[arg(long, value_name = "ID")]
        user: Option<i64>,
    },
    /// Send again to those for whom it failed
    #[command(after_help = "Examples:
  comms-tui campaign retry-failed 7
  comms-tui campaign retry-failed 7 --code 452 --domain example.com

A finished campaign runs again. Nobody who got the mail gets it twice. Exit code 1: nobody was chosen.")]
    RetryFailed {
        id: i64,
        #[command(flatten)]
        filter: ChosenArgs,
        /// Say how many it would be, and stop
        #[arg(long)]
        dry_run: bool,
    },
    /// Decide on mails of which nobody knows whether they arrived
    #[command(
        after_help = "Examples:\n  comms-tui campaign resolve 7 --accepted\n  comms-tui campaign resolve 7 --resend --user 41",
        group = clap::ArgGroup::new("resolution").required(true)
    )]
    Resolve {
        id: i64,
        /// They arrived
        #[arg(long, group = "resolution")]
        accepted: bool,
        /// Send them again
        #[arg(long, group = "resolution")]
        resend: bool,
        /// Only this user's; all of the campaign's when missing
        #[arg(long, value_name = "ID")]
        user: Option<i64>,
    },
    /// Count a campaign anew whose state Redis has lost
    #[command(after_help = "Example:\n  comms-tui campaign reconcile 7")]
    Reconcile { id: i64 },
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// A name for people; made up when missing
    #[arg(long)]
    pub name: Option<String>,
    /// A stored template: NAME, or NAME@VERSION
    #[arg(long)]
    pub template: Option<String>,
    #[command(flatten)]
    pub words: WordsArgs,
    /// Start then, like 2027-01-05T09:00, instead of at once
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Time zone of --at, like Europe/Istanbul; UTC when missing
    #[arg(long, value_name = "ZONE", requires = "at")]
    pub tz: Option<String>,
    /// When a server's answer was lost: resend never misses, hold never doubles
    #[arg(long, value_name = "POLICY", default_value = "resend", value_parser = ["resend", "hold"])]
    pub in_doubt: String,
    /// The same key again returns the same campaign
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Show the progress until it has ended
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Args)]
pub struct PendingArgs {
    /// Short name of a stream, or the key of any other
    pub stream: String,
    pub group: String,
    /// Only this consumer's
    #[arg(long)]
    pub consumer: Option<String>,
    /// Only entries untouched for this long, like 60s or 5m
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub min_idle: u64,
    /// From this id on
    #[arg(long, value_name = "ID", default_value = "-")]
    pub start: String,
    #[arg(long, default_value_t = 100)]
    pub count: usize,
}

/// Which pending entries a plan is about, and whether it is asked before.
#[derive(Debug, Args)]
pub struct ChosenEntries {
    /// Only entries untouched for this long, like 60s; the visibility time when missing
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub min_idle: Option<u64>,
    /// An entry; may be repeated
    #[arg(long = "id", value_name = "ID", required_unless_present = "all")]
    pub ids: Vec<String>,
    /// Every entry that has been untouched for that long
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
}

impl ChosenEntries {
    pub(super) fn which(&self) -> Which {
        match self.all {
            true => Which::All,
            false => Which::Ids(self.ids.clone()),
        }
    }
}

#[derive(Debug, Args)]
pub struct ClaimArgs {
    /// Short name of a stream, or the key of any other
    pub stream: String,
    pub group: String,
    /// The live consumer that gets them
    #[arg(long, value_name = "CONSUMER")]
    pub to: String,
    #[command(flatten)]
    pub chosen: ChosenEntries,
}

#[derive(Debug, Args)]
pub struct SettleArgs {
    /// Short name of a stream, or the key of any other
    pub stream: String,
    pub group: String,
    #[command(flatten)]
    pub chosen: ChosenEntries,
}

#[derive(Debug, Subcommand)]
pub enum InboxCommand {
    /// The newest mails
    #[command(after_help = "Examples:
  comms-tui inbox list --search winter
  comms-tui inbox list ann.lee.17")]
    List {
        /// Local part of the address; all mailboxes when missing
        mailbox: Option<String>,
        #[arg(long)]
        search: Option<String>,
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// One mail
    #[command(after_help = "Example:\n  comms-tui inbox show ann.lee.17 20260101T120000-0001")]
    Show { mailbox: String, id: String },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent_and_every_verb_has_an_example() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        let mut leaves = vec![command];
        while let Some(command) = leaves.pop() {
            if command.get_name() == "help" {
                continue;
            }
            let subs: Vec<_> = command.get_subcommands().cloned().collect();
            if subs.is_empty() {
                let help = command.get_after_help().map(ToString::to_string);
                assert!(
                    help.is_some_and(|h| h.contains("Example")),
                    "{}",
                    command.get_name()
                );
            }
            leaves.extend(subs);
        }
    }

    #[test]
    fn durations_need_a_unit_that_we_know() {
        assert_eq!(parse_duration("60s"), Ok(60_000));
        assert_eq!(parse_duration("5m"), Ok(300_000));
        assert_eq!(parse_duration("500ms"), Ok(500));
        assert_eq!(parse_duration("7"), Ok(7_000));
        for wrong in [
            "",
            "s",
            "1x",
            "-5s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_claim_needs_ids_or_all_and_not_both() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' '));
        assert!(parse("comms-tui claim s g --to c").is_err());
        assert!(parse("comms-tui claim s g --to c --all --id 1-1").is_err());
        assert!(parse("comms-tui claim s g --to c --all --json").is_ok());
    }
}
