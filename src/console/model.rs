//! Everything that the console shows, as plain data.

use std::collections::BTreeSet;

use super::{dialog::Dialog, history::History, theme::Theme};
use crate::ops::{CampaignRow, PlannedId, Status, Stuck, StuckEntry, Worker};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    Pipeline,
    Pending,
    Workers,
}

impl Screen {
    /// In the order of their digits.
    pub(super) const ALL: [Self; 3] = [Self::Pipeline, Self::Pending, Self::Workers];

    pub(super) fn digit(self) -> char {
        match self {
            Self::Pipeline => '1',
            Self::Pending => '4',
            Self::Workers => '8',
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Pipeline => "Pipeline",
            Self::Pending => "Pending",
            Self::Workers => "Workers",
        }
    }
}

/// The connection to Redis, as the last look found it. All times are ms since the console's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    Connecting,
    Up,
    Away {
        reason: String,
        retry_at_ms: u64,
        delay_ms: u64,
    },
}

/// What is fetched again and again, each on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Status,
    Campaigns,
    Stuck,
}

/// One kind of data: at most one request is under way, and one more may be wanted after it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Feed<T> {
    pub data: Option<T>,
    /// When the data came.
    pub at_ms: u64,
    /// Why the last request brought nothing.
    pub error: Option<String>,
    pub generation: u64,
    pub in_flight: bool,
    pub again: bool,
    pub due_at_ms: u64,
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Self {
            data: None,
            at_ms: 0,
            error: None,
            generation: 0,
            in_flight: false,
            again: false,
            due_at_ms: 0,
        }
    }
}

/// A selected row, by id, so that it stays on its entry when the list moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection<K> {
    pub id: Option<K>,
    /// Where it was, for when the id is gone.
    pub row: usize,
}

impl<K> Default for Selection<K> {
    fn default() -> Self {
        Self { id: None, row: 0 }
    }
}

impl<K: PartialEq + Clone> Selection<K> {
    /// The row to draw as selected.
    pub(super) fn index(&self, ids: impl Iterator<Item = K>) -> Option<usize> {
        let mut rows = 0;
        let mut found = None;
        for (row, id) in ids.enumerate() {
            rows = row + 1;
            if found.is_none() && self.id.as_ref() == Some(&id) {
                found = Some(row);
            }
        }
        found.or_else(|| Some(self.row.min(rows.checked_sub(1)?)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
}

/// One line about what just happened; it goes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub text: String,
    pub tone: Tone,
    pub until_ms: u64,
}

/// Facts that don't change while the console runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub theme: Theme,
    pub read_only: bool,
    /// The Redis server, without its password.
    pub address: String,
    pub profile: String,
    pub visibility_ms: u64,
    /// Unlike that of any other run; idempotency keys are made from it.
    pub session: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    pub setting: Setting,
    /// Since the start, ms.
    pub now_ms: u64,
    pub screen: Screen,
    pub dialog: Option<Dialog>,
    /// Counts dialogs, so that a reply finds its own.
    pub dialogs: u64,
    pub link: Link,
    pub status: Feed<Status>,
    pub campaigns: Feed<Vec<CampaignRow>>,
    pub stuck: Feed<Stuck>,
    pub history: History,
    pub entry: Selection<PlannedId>,
    pub marks: BTreeSet<PlannedId>,
    pub worker: Selection<String>,
    pub notice: Option<Notice>,
    /// Something visible is different from what was drawn.
    pub changed: bool,
}

impl Model {
    pub(super) fn new(setting: Setting) -> Self {
        Self {
            setting,
            now_ms: 0,
            screen: Screen::Pipeline,
            dialog: None,
            dialogs: 0,
            link: Link::Connecting,
            status: Feed::default(),
            campaigns: Feed::default(),
            stuck: Feed::default(),
            history: History::default(),
            entry: Selection::default(),
            marks: BTreeSet::new(),
            worker: Selection::default(),
            notice: None,
            changed: true,
        }
    }

    pub(super) fn is_away(&self) -> bool {
        matches!(self.link, Link::Away { .. })
    }

    /// Why nothing may be changed now.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        if self.setting.read_only {
            return Some("read-only: start without --read-only to change something");
        }
        match self.link {
            Link::Up => None,
            Link::Connecting => Some("not connected to Redis yet"),
            Link::Away { .. } => Some("Redis is away: nothing can be changed now"),
        }
    }

    pub(super) fn stuck_entries(&self) -> &[StuckEntry] {
        self.stuck.data.as_ref().map_or(&[], |s| &s.entries)
    }

    pub(super) fn workers(&self) -> &[Worker] {
        self.status
            .data
            .as_ref()
            .map_or(&[], |s| &s.overview.workers)
    }

    /// A campaign is on its way, so that everything is looked at more often.
    pub(super) fn is_busy(&self) -> bool {
        let rows = self.campaigns.data.iter().flatten();
        rows.into_iter().any(|row| row.view.status == "running")
    }

    pub(super) fn selected_entry(&self) -> Option<usize> {
        self.entry.index(self.stuck_entries().iter().map(key_of))
    }

    pub(super) fn selected_worker(&self) -> Option<usize> {
        self.worker
            .index(self.workers().iter().map(|w| w.name.clone()))
    }

    /// Whose pending entries are stuck, counted without looking at each.
    pub(super) fn stuck_count(&self) -> usize {
        self.stuck_entries().len()
    }
}

/// What tells one stuck entry from all others.
pub(super) fn key_of(stuck: &StuckEntry) -> PlannedId {
    PlannedId {
        source: stuck.entry.source.clone(),
        id: stuck.entry.id.clone(),
    }
}
