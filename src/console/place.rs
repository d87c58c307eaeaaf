//! Where one can be: the screens with their digits, and the levels below each.

use super::{
    data::Data,
    model::Feed,
    screens::{
        Listing, audit::Audit, campaign::Details, campaigns::Campaigns, consumers::Consumers,
        dead::Dead, deliveries::Deliveries, entries::Entries, entry::Fields, failures::Failed,
        groups::Groups, held::Held, inbox::Inbox, letter::Opened, letters::Letters, log::Log,
        mail::Mail, pending::Pending, report::Report, schedule::Opened as OpenedSchedule,
        schedules::Schedules, secrets::Secrets, streams::Streams, trace::Way, workers::Workers,
    },
    table::Table,
};

/// The screens that a digit leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Screen {
    Pipeline,
    Campaigns,
    Streams,
    Pending,
    Dead,
    Schedules,
    Inbox,
    Workers,
    Audit,
    Secrets,
}

impl Screen {
    /// In the order of their digits.
    pub(super) const ALL: [Self; 10] = [
        Self::Pipeline,
        Self::Campaigns,
        Self::Streams,
        Self::Pending,
        Self::Dead,
        Self::Schedules,
        Self::Inbox,
        Self::Workers,
        Self::Audit,
        Self::Secrets,
    ];

    pub(super) fn digit(self) -> char {
        match self {
            Self::Pipeline => '1',
            Self::Campaigns => '2',
            Self::Streams => '3',
            Self::Pending => '4',
            Self::Dead => '5',
            Self::Schedules => '6',
            Self::Inbox => '7',
            Self::Workers => '8',
            Self::Audit => '9',
            Self::Secrets => '0',
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Pipeline => "Pipeline",
            Self::Streams => "Streams",
            Self::Pending => "Pending",
            Self::Schedules => "Schedules",
            Self::Inbox => "Inbox",
            Self::Workers => "Workers",
            Self::Campaigns => "Campaigns",
            Self::Dead => "Dead",
            Self::Audit => "Audit",
            Self::Secrets => "Secrets",
        }
    }

    /// For 80 columns.
    pub(super) fn short_title(self) -> &'static str {
        match self {
            Self::Pipeline => "Pipe",
            Self::Campaigns => "Camp",
            Self::Streams => "Strm",
            Self::Pending => "Pend",
            Self::Workers => "Work",
            Self::Secrets => "Secr",
            Self::Schedules => "Sched",
            Self::Dead | Self::Inbox | Self::Audit => self.title(),
        }
    }

    /// Its first level.
    pub(super) fn place(self) -> Place {
        match self {
            Self::Pipeline => Place::Pipeline,
            Self::Streams => Place::Streams(Streams),
            Self::Pending => Place::Pending(Pending),
            Self::Schedules => Place::Schedules(Schedules),
            Self::Inbox => Place::Inbox(Inbox),
            Self::Workers => Place::Workers(Workers),
            Self::Campaigns => Place::Campaigns(Campaigns),
            Self::Dead => Place::Dead(Dead),
            Self::Audit => Place::Audit(Audit),
            Self::Secrets => Place::Secrets(Secrets),
        }
    }
}

/// A screen or a level below it, with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The home screen, which is no list.
    Pipeline,
    Campaigns(Campaigns),
    Details(Details),
    Report(Report),
    Deliveries(Deliveries),
    Failed(Failed),
    Trace(Way),
    Dead(Dead),
    Letters(Letters),
    Letter(Opened),
    Audit(Audit),
    Secrets(Secrets),
    Streams(Streams),
    Groups(Groups),
    Consumers(Consumers),
    Held(Held),
    Entries(Entries),
    Fields(Fields),
    Pending(Pending),
    Schedules(Schedules),
    Schedule(OpenedSchedule),
    Inbox(Inbox),
    Mail(Mail),
    Workers(Workers),
    Log(Log),
}

impl Place {
    pub(super) fn listing(&self) -> Option<&dyn Listing> {
        Some(match self {
            Self::Pipeline => return None,
            Self::Campaigns(it) => it,
            Self::Details(it) => it,
            Self::Report(it) => it,
            Self::Deliveries(it) => it,
            Self::Failed(it) => it,
            Self::Trace(it) => it,
            Self::Dead(it) => it,
            Self::Letters(it) => it,
            Self::Letter(it) => it,
            Self::Audit(it) => it,
            Self::Secrets(it) => it,
            Self::Streams(it) => it,
            Self::Groups(it) => it,
            Self::Consumers(it) => it,
            Self::Held(it) => it,
            Self::Entries(it) => it,
            Self::Fields(it) => it,
            Self::Pending(it) => it,
            Self::Schedules(it) => it,
            Self::Schedule(it) => it,
            Self::Inbox(it) => it,
            Self::Mail(it) => it,
            Self::Workers(it) => it,
            Self::Log(it) => it,
        })
    }
}

/// A place that has been gone to: what was fetched for it, and where one stands in its list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    /// Unlike that of any other page of this run, so that a reply finds its own.
    pub number: u64,
    pub place: Place,
    pub feed: Feed<Data>,
    /// What the last request asked.
    pub asked: Option<super::data::Query>,
    pub table: Table,
}

impl Page {
    pub(super) fn new(number: u64, place: Place) -> Self {
        let mut table = Table::default();
        if let Some(listing) = place.listing() {
            table.follows = listing.follows();
            table.sort = listing.sort();
        }
        Self {
            number,
            place,
            feed: Feed::default(),
            asked: None,
            table,
        }
    }
}
