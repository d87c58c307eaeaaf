//! Everything that the console shows, as plain data.

use std::collections::BTreeMap;

pub(super) use super::place::{Page, Place, Screen};
use super::{
    dialog::Dialog,
    history::{History, Past},
    input::Input,
    keymap::Keymap,
    theme::Theme,
    trends::Trends,
};
use crate::ops::{CampaignRow, Status, Worker};

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

/// What is fetched whatever the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Status,
    Campaigns,
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

/// What is being typed in the line above the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A filter for the list; it works while it is typed.
    Filter,
    /// From where to where in a stream.
    From,
    /// The data of a dead letter.
    Edit,
    /// Whom a test mail is sent to.
    Address,
    /// Another server, by its name in the settings.
    Server,
    /// The name of a new group, and where it begins.
    NewGroup,
    /// The id after which a group goes on.
    SetId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    pub asked: Asked,
    pub input: Input,
    /// The row that it was asked about; empty: none.
    pub about: String,
}

/// Facts that don't change while the console runs, but for `read_only`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub theme: Theme,
    /// Frames, charts and symbols of letters.
    pub ascii: bool,
    pub keys: Keymap,
    pub read_only: bool,
    /// Every stream of the server, not only ours.
    pub all_streams: bool,
    /// The Redis server, without its password.
    pub address: String,
    pub profile: String,
    /// The servers of `[console.profiles]`.
    pub servers: Vec<String>,
    pub visibility_ms: u64,
    /// Unlike that of any other run; idempotency keys are made from it.
    pub session: String,
    /// How often is looked, ms; `None`: every second, more often while a campaign runs.
    pub refresh_ms: Option<u64>,
    /// Of each list, by its name, the places of the columns that aren't wanted.
    pub hidden: BTreeMap<&'static str, Vec<usize>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    pub setting: Setting,
    /// Since the start, ms.
    pub now_ms: u64,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    pub screen: Screen,
    /// For each screen the levels gone down, the deepest last; never empty.
    stacks: Vec<Vec<Page>>,
    /// Counts pages.
    pages: u64,
    pub dialog: Option<Dialog>,
    /// Counts dialogs, so that a reply finds its own.
    pub dialogs: u64,
    pub prompt: Option<Prompt>,
    pub link: Link,
    pub status: Feed<Status>,
    pub campaigns: Feed<Vec<CampaignRow>>,
    pub history: History,
    /// What the status was, for looking back.
    pub past: Past,
    pub trends: Trends,
    pub notice: Option<Notice>,
    /// Addresses are shown in full.
    pub unmasked: bool,
    pub faults_only: bool,
    /// Nothing is fetched since then, and everything stands still.
    pub frozen_at_ms: Option<u64>,
    /// Something visible is different from what was drawn.
    pub changed: bool,
}

impl Model {
    pub(super) fn new(setting: Setting) -> Self {
        let pages = Screen::ALL.len() as u64;
        let first = |(n, screen): (usize, Screen)| vec![Page::new(n as u64, screen.place())];
        Self {
            setting,
            now_ms: 0,
            size: (80, 24),
            screen: Screen::Pipeline,
            stacks: Screen::ALL.into_iter().enumerate().map(first).collect(),
            pages,
            dialog: None,
            dialogs: 0,
            prompt: None,
            link: Link::Connecting,
            status: Feed::default(),
            campaigns: Feed::default(),
            history: History::default(),
            past: Past::default(),
            trends: Trends::default(),
            notice: None,
            unmasked: false,
            faults_only: false,
            frozen_at_ms: None,
            changed: true,
        }
    }

    pub(super) fn is_away(&self) -> bool {
        matches!(self.link, Link::Away { .. })
    }

    /// Why nothing may be changed now.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        if self.setting.read_only {
            return Some("read-only: `read-only` in the palette (:) unlocks it");
        }
        if self.past.is_looked_at() {
            return Some("this is the past: esc comes back to the present");
        }
        match self.link {
            Link::Up => None,
            Link::Connecting => Some("not connected to Redis yet"),
            Link::Away { .. } => Some("Redis is away: nothing can be changed now"),
        }
    }

    fn place_of(&self, screen: Screen) -> usize {
        Screen::ALL.iter().position(|s| *s == screen).unwrap_or(0)
    }

    fn stack_mut(&mut self) -> &mut Vec<Page> {
        let n = self.place_of(self.screen);
        &mut self.stacks[n]
    }

    /// The levels of the screen shown, the deepest last.
    pub(super) fn stack(&self) -> &[Page] {
        &self.stacks[self.place_of(self.screen)]
    }

    pub(super) fn depth(&self) -> usize {
        self.stack().len()
    }

    /// The page shown.
    pub(super) fn page(&self) -> &Page {
        self.stack().last().expect("a stack is never empty")
    }

    pub(super) fn page_mut(&mut self) -> &mut Page {
        self.stack_mut().last_mut().expect("a stack is never empty")
    }

    pub(super) fn page_numbered(&mut self, number: u64) -> Option<&mut Page> {
        self.stacks
            .iter_mut()
            .flatten()
            .find(|p| p.number == number)
    }

    /// The first level of a screen, shown or not.
    pub(super) fn first_page(&self, screen: Screen) -> &Page {
        &self.stacks[self.place_of(screen)][0]
    }

    pub(super) fn push(&mut self, place: Place) {
        self.pages += 1;
        let page = Page::new(self.pages, place);
        self.stack_mut().push(page);
    }

    /// Goes up one level; false on the first.
    pub(super) fn pop(&mut self) -> bool {
        let stack = self.stack_mut();
        if stack.len() > 1 {
            stack.pop();
            return true;
        }
        false
    }

    /// The status shown: now, or the moment looked back at.
    pub(super) fn shown_status(&self) -> Option<&Status> {
        self.past.shown().or(self.status.data.as_ref())
    }

    pub(super) fn workers(&self) -> &[Worker] {
        self.shown_status().map_or(&[], |s| &s.overview.workers)
    }

    /// A campaign is on its way, so that everything is looked at more often.
    pub(super) fn is_busy(&self) -> bool {
        let rows = self.campaigns.data.iter().flatten();
        rows.into_iter().any(|row| row.view.status == "running")
    }
}
