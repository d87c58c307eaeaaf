//! What comes in, and what is to be done outside.

use ratatui::crossterm::event::KeyEvent;

use super::model::View;
use crate::ops::{
    CampaignRow, CampaignView, ClaimPlan, ClaimReport, ClaimRequest, NewCampaign, OpsError, Status,
    Stuck,
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
    Paste(String),
    /// The terminal has another size, or was somebody else's meanwhile.
    Redraw,
    /// Time has come to what `next_wake_ms` had asked for.
    Tick,
    Status(u64, Result<Box<Status>, Failure>),
    Campaigns(u64, Result<Vec<CampaignRow>, Failure>),
    Stuck(u64, Result<Stuck, Failure>),
    Audience(u64, Result<u64, Failure>),
    Created(u64, Result<Box<CampaignView>, Failure>),
    Planned {
        dialog: u64,
        part: usize,
        plan: Result<ClaimPlan, Failure>,
    },
    Claimed(u64, Vec<Result<ClaimReport, Failure>>),
    ClaimLeft(u64, Result<usize, Failure>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cmd {
    Fetch {
        view: View,
        generation: u64,
    },
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
