//! Models for tests: a pipeline at work, with something wrong in it.

use super::{
    data::Data,
    message::{Failure, Msg},
    model::{Link, Model, Screen, Setting},
    samples,
    theme::{Depth, Theme, ThemeChoice},
    update::update,
};
use crate::{
    event::STAGES,
    ops::{
        Backlog, CampaignRow, CampaignView, ClaimPlan, ConsumerView, DrainPlan, GroupFacts,
        GroupRow, GroupView, InboxMessage, MailBody, MailText, PendingEntry, PlannedClaim, Status,
        StreamEntry, StreamFacts, StreamLine, StreamTable, StreamView, Stuck, StuckEntry, Target,
        Worker, WorkerInfo, diagnose,
    },
    queue::inspect::Source,
};

const START_MS: u64 = 1_700_000_000_000;
pub(super) const LIVE: &str = "mailbox-7f3a-4103-1731";
pub(super) const GONE: &str = "mailbox-7f3a-3990-1731";

pub(super) fn setting(theme: ThemeChoice) -> Setting {
    Setting {
        theme: Theme::new(theme, Depth::Many),
        ascii: false,
        keys: super::keymap::Keymap::default(),
        read_only: false,
        all_streams: false,
        address: "127.0.0.1:6379".to_owned(),
        profile: "dev".to_owned(),
        servers: vec!["production".to_owned(), "staging".to_owned()],
        visibility_ms: 60_000,
        session: "test".to_owned(),
        refresh_ms: None,
        hidden: std::collections::BTreeMap::new(),
    }
}

/// Nothing has been answered yet.
pub(super) fn loading() -> Model {
    Model::new(setting(ThemeChoice::None))
}

/// Half a minute of looks at a pipeline, second by second.
pub(super) fn working() -> Model {
    let mut model = loading();
    for second in 0..30 {
        feed(&mut model, second, status(second));
    }
    let generation = begin(&mut model.campaigns);
    update(
        &mut model,
        30_000,
        Msg::Campaigns(generation, Ok(campaigns())),
    );
    fill(&mut model, Screen::Pending, Data::Stuck(stuck(12)));
    fill(&mut model, Screen::Streams, Data::Streams(streams()));
    fill(&mut model, Screen::Inbox, Data::Inbox(mails(9)));
    fill(&mut model, Screen::Campaigns, Data::Campaigns(campaigns()));
    fill(&mut model, Screen::Dead, samples::groups());
    fill(&mut model, Screen::Schedules, samples::schedules());
    fill(&mut model, Screen::Audit, samples::audit());
    fill(&mut model, Screen::Secrets, samples::secrets());
    model
}

/// Answers the query of a screen's first level.
pub(super) fn fill(model: &mut Model, screen: Screen, data: Data) {
    let shown = std::mem::replace(&mut model.screen, screen);
    fill_page(model, data);
    model.screen = shown;
}

/// A server is away.
pub(super) fn failure(text: &str) -> Failure {
    Failure {
        away: true,
        text: text.to_owned(),
    }
}

/// Answers the query of the page shown.
pub(super) fn fill_page(model: &mut Model, data: Data) {
    let page = model.page();
    let query = page.place.listing().and_then(|l| l.query(model, page));
    let page = model.page_mut();
    page.asked = query;
    let (page, generation) = (page.number, begin(&mut page.feed));
    let now_ms = model.now_ms;
    let result = Ok(data);
    update(
        model,
        now_ms,
        Msg::Page {
            page,
            generation,
            result,
        },
    );
}

pub(super) fn streams() -> StreamTable {
    let line = |index: usize| {
        let (stream, group) = STAGES[index];
        let lag = [Some(0), None, Some(114_820)][index];
        StreamLine {
            name: stream.to_owned(),
            ours: true,
            read_at_ms: START_MS,
            facts: Some(StreamFacts {
                length: [1, 4_213, 117_032][index],
                entries_added: [12, 640_000, 639_000][index],
                first_id: "1699999157000-0".to_owned(),
                last_id: "1700000000000-3".to_owned(),
                memory_bytes: Some([900, 412_000, 9_100_000][index]),
                groups: vec![GroupFacts {
                    name: group.to_owned(),
                    pending: [0, 1_003, 2_212][index],
                    lag,
                    entries_read: Some(500_000),
                }],
            }),
        }
    };
    StreamTable {
        lines: (0..3).map(line).collect(),
        now_ms: START_MS,
        ..StreamTable::default()
    }
}

/// The group of the last stage, with a backlog and two consumers.
pub(super) fn groups() -> Vec<GroupRow> {
    let stage = status(29).overview.stages.remove(2);
    let row = |group: GroupView| GroupRow {
        stream: stage.stream.clone(),
        group,
        live: Some(1),
    };
    let mut foreign = stage.groups[0].clone();
    foreign.name = "analytics".to_owned();
    foreign.lag = None;
    foreign.backlog.at_least = true;
    let groups = stage.groups.iter().cloned().chain([foreign]);
    groups.map(row).collect()
}

pub(super) fn held() -> Vec<PendingEntry> {
    stuck(8).entries.into_iter().map(|s| s.entry).collect()
}

pub(super) fn entries() -> Vec<StreamEntry> {
    let entry = |stuck: StuckEntry| StreamEntry {
        id: stuck.entry.id,
        fields: stuck.entry.fields.unwrap_or_default(),
    };
    stuck(9).entries.into_iter().map(entry).collect()
}

pub(super) fn mail() -> MailText {
    MailText {
        message: mails(1).remove(0),
        body: MailBody {
            text: format!("Dear Ann,\n\n{}\n\nYours", "a long line ".repeat(20)),
            html: "<p>Dear <b>Ann</b></p><p>Yours</p>".to_owned(),
        },
        source: "Message-ID: <8.7.email@example.com>\r\nSubject: Hello\r\n\r\nDear Ann,\r\n"
            .to_owned(),
    }
}

pub(super) fn log() -> Vec<String> {
    let line = |n: usize| {
        let level = ["INFO", "WARN", "ERROR"][n % 3];
        format!(
            "2026-01-02T03:04:{n:02}Z {level} comms::worker: line {n} of the log, with its words"
        )
    };
    (0..30).map(line).collect()
}

pub(super) fn mails(count: u64) -> Vec<InboxMessage> {
    let mail = |n: u64| InboxMessage {
        mailbox: format!("ann.lee.{n}"),
        id: n.to_string(),
        from: "campaigns@example.com".to_owned(),
        to: vec![format!("ann.lee.{n}@example.com")],
        subject: format!("Grüße aus 漢字, number {n}"),
        date: "2026-01-02T03:04:05.123Z".to_owned(),
        size: 812 + n,
    };
    (0..count).map(mail).collect()
}

/// The same with nothing in it.
pub(super) fn empty() -> Model {
    let mut model = loading();
    let mut status = Status::default();
    status.overview.server = status_server(0);
    for (stream, group) in STAGES {
        status.overview.stages.push(StreamView {
            stream: stream.to_owned(),
            group: group.to_owned(),
            ..StreamView::default()
        });
    }
    feed(&mut model, 0, status);
    let generation = begin(&mut model.campaigns);
    update(&mut model, 0, Msg::Campaigns(generation, Ok(Vec::new())));
    fill(&mut model, Screen::Pending, Data::Stuck(Stuck::default()));
    fill(
        &mut model,
        Screen::Streams,
        Data::Streams(StreamTable::default()),
    );
    fill(&mut model, Screen::Inbox, Data::Inbox(Vec::new()));
    fill(&mut model, Screen::Campaigns, Data::Campaigns(Vec::new()));
    fill(
        &mut model,
        Screen::Dead,
        Data::DeadGroups(Vec::new(), false),
    );
    fill(&mut model, Screen::Schedules, Data::Schedules(Vec::new()));
    fill(&mut model, Screen::Audit, Data::Audit(Vec::new()));
    fill(&mut model, Screen::Secrets, Data::Secrets(Box::default()));
    model
}

/// The same after Redis went away.
pub(super) fn stale() -> Model {
    let mut model = working();
    model.link = Link::Away {
        reason: "connection refused".to_owned(),
        retry_at_ms: 45_000,
        delay_ms: 4_000,
    };
    model.now_ms = 43_000;
    model.status.at_ms = 30_000;
    model
}

pub(super) fn begin<T>(feed: &mut super::model::Feed<T>) -> u64 {
    feed.generation += 1;
    feed.in_flight = true;
    feed.generation
}

fn feed(model: &mut Model, second: u64, status: Status) {
    let generation = begin(&mut model.status);
    let msg = Msg::Status(generation, Ok(Box::new(status)));
    update(model, second * 1_000, msg);
}

fn status_server(second: u64) -> crate::ops::Server {
    crate::ops::Server {
        version: "7.0.15".to_owned(),
        now_ms: START_MS + second * 1_000,
        memory_bytes: 42_100_000,
        ..crate::ops::Server::default()
    }
}

pub(super) fn status(second: u64) -> Status {
    let mut status = Status::default();
    let overview = &mut status.overview;
    overview.server = status_server(second);
    // Rises and falls, so that the chart has a shape.
    let done = |per_s: u64| {
        (0..=second)
            .map(|s| per_s * (10 + s % 10) / 10)
            .sum::<u64>()
    };
    let rates = [1, 18_240, 17_900];
    for (index, (stream, group)) in STAGES.into_iter().enumerate() {
        let handled = done(rates[index]);
        let pending = [0, 1_003, 2_212][index];
        let backlog = [0, 3_210, 114_820][index];
        let mut group_view = GroupView {
            name: group.to_owned(),
            pending,
            entries_read: Some(handled + pending),
            lag: (index != 1).then_some(backlog),
            backlog: Backlog {
                count: backlog,
                at_least: index == 1,
            },
            time_lag_ms: [0, 180, 6_400][index],
            oldest_idle_ms: [None, Some(40), Some(843_000)][index],
            ..GroupView::default()
        };
        if index == 2 {
            group_view.consumers = vec![
                ConsumerView {
                    name: LIVE.to_owned(),
                    pending: 2_000,
                    ..ConsumerView::default()
                },
                ConsumerView {
                    name: GONE.to_owned(),
                    pending: 212,
                    idle_ms: 843_000,
                    ..ConsumerView::default()
                },
            ];
        }
        overview.stages.push(StreamView {
            stream: stream.to_owned(),
            group: group.to_owned(),
            length: handled + pending + backlog,
            entries_added: handled + pending + backlog,
            retry: [0, 0, 41][index],
            dead: [0, 0, 3][index],
            groups: vec![group_view],
            ..StreamView::default()
        });
    }
    overview.workers = workers();
    status.findings = diagnose(overview, 60_000);
    status
}

fn workers() -> Vec<Worker> {
    let worker = |name: &str, service: &str, rate: f64, silent_ms: u64| Worker {
        name: name.to_owned(),
        silent_ms,
        live: silent_ms < 5_000,
        info: WorkerInfo {
            service: service.to_owned(),
            host: "mailbox".to_owned(),
            state: "ready".to_owned(),
            in_hand: 120,
            capacity: 1_000,
            handled: 48_211,
            rate,
            rss_bytes: 18_400_000,
            ..WorkerInfo::default()
        },
        ..Worker::default()
    };
    vec![
        worker("mailbox-7f3a-4100-1731", "campaign-service", 0.0, 210),
        worker(GONE, "email-service", 0.0, 843_000),
        worker(LIVE, "email-service", 9_210.0, 340),
        worker("mailbox-7f3a-4104-1731", "email-service", 8_690.0, 610),
        worker(
            "mailbox-7f3a-4102-1731",
            "notification-service",
            18_240.0,
            120,
        ),
        worker("mailbox-7f3a-4101-1731", "user-service", 1.0, 90),
    ]
}

pub(super) fn campaigns() -> Vec<CampaignRow> {
    let row = |id, name: &str, status: &str, queued, accepted, total| CampaignRow {
        view: CampaignView {
            id,
            name: name.to_owned(),
            status: status.to_owned(),
            balanced: true,
            queued,
            accepted,
            rate: if status == "running" { 17_900.0 } else { 0.0 },
            eta_s: (status == "running").then_some(3),
            ..CampaignView::default()
        },
        total: Some(total),
    };
    let mut rows = vec![
        row(
            8,
            "Winter sale, second wave",
            "running",
            80_000,
            61_204,
            100_000,
        ),
        row(7, "Newsletter", "paused", 40_000, 21_000, 40_000),
        row(6, "Grüße aus 漢字", "finished", 100_000, 100_000, 100_000),
    ];
    rows[1].view.balanced = false;
    rows
}

pub(super) fn stuck(count: u64) -> Stuck {
    let entries = (0..count).map(|n| {
        let (stream, group) = if n % 5 == 4 { STAGES[1] } else { STAGES[2] };
        let data = format!(r#"{{"v":1,"user":{n},"email":"ann.lee.{n}@example.com"}}"#);
        StuckEntry {
            owner_live: n % 5 == 4,
            seen_ms_ago: 0,
            entry: PendingEntry {
                source: Source {
                    stream: stream.to_owned(),
                    partition: Some(0),
                    key: format!("{{comms:0}}:{stream}"),
                },
                group: group.to_owned(),
                id: format!("1699999157000-{n}"),
                consumer: if n % 5 == 4 { LIVE } else { GONE }.to_owned(),
                idle_ms: 843_000 - n * 1_000,
                deliveries: 1 + n % 3,
                fields: (n != 3).then(|| {
                    let field = |n: &str, v: &str| (n.to_owned(), v.to_owned());
                    vec![
                        field("type", "email.requested"),
                        field("flow", "8"),
                        field("data", &data),
                    ]
                }),
            },
        }
    });
    Stuck {
        entries: entries.collect(),
        more: false,
        unread: 0,
    }
}

/// A plan for those entries, with two live targets.
pub(super) fn plan(request: &crate::ops::ClaimRequest) -> ClaimPlan {
    let crate::ops::Which::Entries(ids) = &request.which else {
        panic!("the console asks for entries");
    };
    let target = |name: &str, in_hand| Target {
        name: name.to_owned(),
        state: "ready".to_owned(),
        in_hand,
        rate: 9_210.0,
    };
    ClaimPlan {
        stream: request.stream.clone(),
        group: request.group.clone(),
        to: LIVE.to_owned(),
        min_idle_ms: 60_000,
        targets: vec![target(LIVE, 120), target("mailbox-7f3a-4104-1731", 340)],
        items: ids
            .iter()
            .map(|id| PlannedClaim {
                entry: id.clone(),
                owner: GONE.to_owned(),
                idle_ms: 843_000,
                deliveries: 1,
            })
            .collect(),
        absent: Vec::new(),
        more: false,
    }
}

/// What draining a worker would mean when it is the only one.
pub(super) fn drain_plan(model: &Model, worker: &str) -> DrainPlan {
    let worker = model.workers().iter().find(|w| w.name == worker);
    let mut worker = worker.expect("a worker").clone();
    "mailbox".clone_into(&mut worker.info.host);
    DrainPlan {
        others: 0,
        warnings: vec![format!("it is the only {}", worker.info.service)],
        command: format!("HSET comms:workers:drain {} me", worker.name),
        worker,
    }
}
