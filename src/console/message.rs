//! What comes in, and what is to be done outside.

use std::sync::Arc;

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use super::{
    claimed::Reports,
    data::{Data, Query},
    filter::Filter,
    model::View,
};
use crate::ops::{
    Ahead, AskedSchedule, AskedWords, CampaignRow, CampaignView, ClaimPlan, ClaimReport,
    ClaimRequest, DeadFilter, DeadPlan, DrainPlan, GroupPlan, GroupVerb, NewCampaign, OpsError,
    Preview, RetryPlan, ScheduleView, SettlePlan, SettleRequest, Status, When,
};

/// Why a request brought nothing, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// A server is away; the same may work later.
    pub away: bool,
    pub text: String,
}

impl From<OpsError> for Failure {
    fn from(error: OpsError) -> Self {
        Self {
            away: error.is_away(),
            text: format!("{:#}", anyhow::Error::new(error)),
        }
    }
}

#[derive(Debug)]
pub(super) enum Msg {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Resize(u16, u16),
    Paste(String),
    /// The terminal has another size, or was somebody else's meanwhile.
    Redraw,
    /// Time has come to what `next_wake_ms` had asked for.
    Tick,
    Status(u64, Result<Box<Status>, Failure>),
    Campaigns(u64, Result<Vec<CampaignRow>, Failure>),
    /// The answer to a page's query, with the page's number and the request's generation.
    Page {
        page: u64,
        generation: u64,
        result: Result<Data, Failure>,
    },
    /// Why another server isn't looked at.
    NotSwitched(String),
    Audience(u64, Result<u64, Failure>),
    /// The names of the stored templates.
    Templates(u64, Vec<String>),
    /// What the form's times mean.
    Ahead(u64, When, Result<Ahead, Failure>),
    /// The mail as that user would get it.
    Previewed(u64, i64, Result<Preview, Failure>),
    /// A mail of the form's words is queued: its id.
    TestSent(u64, Result<i64, Failure>),
    Created(u64, Result<Made, Failure>),
    Planned {
        dialog: u64,
        part: usize,
        plan: Result<ClaimPlan, Failure>,
    },
    Claimed(u64, Vec<Result<ClaimReport, Failure>>),
    ClaimLeft(u64, Result<usize, Failure>),
    RetryPlanned(u64, Result<RetryPlan, Failure>),
    GroupPlanned(u64, Result<GroupPlan, Failure>),
    /// A plan a group.
    SettlePlanned(u64, Result<Vec<SettlePlan>, Failure>),
    LettersPlanned(u64, Result<DeadPlan, Failure>),
    DrainPlanned(u64, Result<DrainPlan, Failure>),
    /// What became of each id: id, outcome, and whether it is good.
    Changed(u64, Result<Vec<(String, String, bool)>, Failure>),
}

/// What the form of a campaign asks for; with an id, a schedule is changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Order {
    Campaign(Box<NewCampaign>),
    Schedule(Option<i64>, Box<AskedSchedule>),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Made {
    Campaign(Box<CampaignView>),
    Schedule(Box<ScheduleView>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScheduleVerb {
    Pause,
    Resume,
    Run,
    Remove,
}

/// A change that a [`Confirm`](super::dialog::Confirm) asks for. `fetch` makes it through `ops`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    PauseCampaigns(Vec<i64>),
    ResumeCampaign(i64),
    CancelCampaign(i64),
    RetryFailed(Arc<RetryPlan>),
    /// Letters as they were planned; `canary`: one first.
    ReplayLetters {
        plan: Box<DeadPlan>,
        canary: bool,
    },
    DropLetters(Box<DeadPlan>),
    Schedule(ScheduleVerb, i64),
    /// One mail of a campaign, to an address.
    TestSend {
        campaign: i64,
        to: String,
    },
    Group(Box<GroupPlan>),
    /// Pending entries, to the dead letters or acknowledged; a plan a group.
    Settle(Vec<SettlePlan>),
    Drain(Box<DrainPlan>),
    /// Only the gate itself: no change of data.
    Unlock,
}

/// What dead letters are looked at for; `edited` is the data of the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Letters {
    Replay { edited: Option<String> },
    Drop,
}

/// What a list shows of the entries that are stuck.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    /// Only what this one holds.
    pub consumer: Option<String>,
    pub filter: Filter,
    pub faults_only: bool,
    pub visibility_ms: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cmd {
    Fetch {
        view: View,
        generation: u64,
    },
    Ask {
        page: u64,
        generation: u64,
        query: Query,
    },
    Change {
        dialog: u64,
        change: Change,
    },
    /// To the clipboard of the terminal.
    Copy(String),
    /// The gate in `ops` follows the one here.
    SetReadOnly(bool),
    CountAudience {
        dialog: u64,
    },
    ListTemplates {
        dialog: u64,
    },
    LookAhead {
        dialog: u64,
        when: When,
    },
    Preview {
        dialog: u64,
        /// The schedule of which the words are changed.
        schedule: Option<i64>,
        words: AskedWords,
        user: i64,
    },
    /// One mail of words that no campaign has yet, as that user would get it.
    TestWords {
        dialog: u64,
        schedule: Option<i64>,
        words: AskedWords,
        user: i64,
        to: String,
    },
    Create {
        dialog: u64,
        order: Order,
    },
    PlanClaim {
        dialog: u64,
        part: usize,
        request: ClaimRequest,
    },
    /// Looks for all that is stuck in a group and passes the filter of the list.
    PlanClaimAll {
        dialog: u64,
        part: usize,
        request: ClaimRequest,
        wanted: Wanted,
    },
    /// Looks who failed; the question is opened when the plan is there. No users: all.
    PlanRetry {
        dialog: u64,
        campaign: i64,
        users: Vec<i64>,
    },
    /// Looks at a group; the question is opened when its plan is there.
    PlanGroup {
        dialog: u64,
        stream: String,
        group: String,
        verb: GroupVerb,
    },
    /// Looks at entries that are to be ended; the question is opened when the plans are there.
    PlanSettle {
        dialog: u64,
        requests: Vec<SettleRequest>,
    },
    /// Looks at dead letters and at what the ledger says of them; so too.
    PlanLetters {
        dialog: u64,
        filter: DeadFilter,
        asked: Letters,
    },
    /// Looks at a worker and at who is left for its work; so too.
    PlanDrain {
        dialog: u64,
        worker: String,
    },
    Claim {
        dialog: u64,
        plans: Vec<ClaimPlan>,
    },
    LookAfterClaim {
        dialog: u64,
        reports: Reports,
    },
    /// To the server of that name.
    Switch(String),
    Suspend,
    Quit,
}
