//! What comes in, and what is to be done outside.

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use super::{
    data::{Data, Query},
    filter::Filter,
    model::View,
};
use crate::ops::{
    CampaignRow, CampaignView, ClaimPlan, ClaimReport, ClaimRequest, DeadFilter, GroupPlan,
    GroupVerb, NewCampaign, OpsError, Status,
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
    Audience(u64, Result<u64, Failure>),
    Created(u64, Result<Box<CampaignView>, Failure>),
    Planned {
        dialog: u64,
        part: usize,
        plan: Result<ClaimPlan, Failure>,
    },
    Claimed(u64, Vec<Result<ClaimReport, Failure>>),
    ClaimLeft(u64, Result<usize, Failure>),
    GroupPlanned(u64, Result<GroupPlan, Failure>),
    /// What became of each id: id, outcome, and whether it is good.
    Changed(u64, Result<Vec<(String, String, bool)>, Failure>),
}

/// A change that a [`Confirm`](super::dialog::Confirm) asks for. `fetch` makes it through `ops`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    PauseCampaigns(Vec<i64>),
    ResumeCampaign(i64),
    CancelCampaign(i64),
    /// No users: all for whom it failed.
    RetryFailed {
        campaign: i64,
        users: Vec<i64>,
    },
    /// Letters by their ids; `canary`: one first. `edited` is the data of the only one.
    ReplayLetters {
        filter: DeadFilter,
        canary: bool,
        edited: Option<String>,
    },
    DropLetters(DeadFilter),
    Group(GroupPlan),
    /// A worker by its consumer name.
    Drain(String),
    /// Only the gate itself: no change of data.
    Unlock,
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
    Create {
        dialog: u64,
        new: NewCampaign,
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
    /// Looks at a group; the question is opened when its plan is there.
    PlanGroup {
        dialog: u64,
        stream: String,
        group: String,
        verb: GroupVerb,
    },
    Claim {
        dialog: u64,
        plans: Vec<ClaimPlan>,
    },
    LookAfterClaim {
        dialog: u64,
        reports: Vec<ClaimReport>,
    },
    Suspend,
    Quit,
}
