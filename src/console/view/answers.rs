//! For tests: answers what the console asks, with one text wherever a text comes from outside.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::console::{
    data::{Data, Query},
    fixture,
    message::{Cmd, Failure, Msg},
    model::Model,
    samples,
    update::update,
};
use crate::ops::{
    Ahead, CampaignRow, ClaimOutcome, ClaimPlan, ClaimReport, ClaimRequest, Claimed, DeadAction,
    DeadDetails, DeadLetter, DeadPlan, DrainPlan, GroupPlan, GroupVerb, Letter, LetterId,
    PendingEntry, PlannedEnd, PlannedId, PlannedLetter, Preview, RetryPlan, SettlePlan,
    SettleRequest, Which, Worker, grouped,
};

/// In a way of keys: the text is pasted.
pub(super) const PASTE: char = '¶';
const RIGHT: char = '→';

pub(super) struct Outside<'a> {
    pub text: &'a str,
    /// What a question asks of the outside fails, with the text as the reason.
    pub fails: bool,
}

impl Outside<'_> {
    /// A pipeline in which everything is called that.
    pub(super) fn model(&self) -> Model {
        let mut model = fixture::working();
        let status = model.status.data.as_mut().expect("there");
        status.overview.server.version = self.t();
        status.overview.stages[1].stream = self.t();
        status.overview.stages[1].group = self.t();
        for worker in status.overview.workers.iter_mut().step_by(2) {
            worker.name = self.t();
            worker.info.service = self.t();
            worker.info.state = self.t();
            worker.info.note = self.t();
        }
        status.findings[0].text = self.t();
        status.findings[1].next = self.t();
        model.campaigns.data = Some(self.campaigns());
        model.setting.servers = vec![self.t(), "staging".to_owned()];
        model
    }

    /// Presses keys one by one; each finds everything answered.
    pub(super) fn press(&self, model: &mut Model, keys: &str) {
        for c in keys.chars() {
            let code = match c {
                PASTE => {
                    let cmds = update(model, model.now_ms, Msg::Paste(self.t()));
                    self.answer_all(model, cmds);
                    continue;
                }
                RIGHT => KeyCode::Right,
                '\t' => KeyCode::Tab,
                '\n' => KeyCode::Enter,
                c => KeyCode::Char(c),
            };
            let cmds = update(model, model.now_ms, Msg::Key(KeyEvent::from(code)));
            self.answer_all(model, cmds);
        }
    }

    /// The look at the page that is shown fails; what it showed before stays.
    pub(super) fn fail_page(&self, model: &mut Model) {
        let page = model.page_mut();
        let (page, generation) = (page.number, fixture::begin(&mut page.feed));
        let result = Err(self.failure());
        let msg = Msg::Page {
            page,
            generation,
            result,
        };
        update(model, model.now_ms, msg);
    }

    fn t(&self) -> String {
        self.text.to_owned()
    }

    fn failure(&self) -> Failure {
        Failure {
            away: false,
            text: self.t(),
        }
    }

    fn or<T>(&self, answer: T) -> Result<T, Failure> {
        if self.fails {
            Err(self.failure())
        } else {
            Ok(answer)
        }
    }

    fn dead_plan(&self, ids: Vec<LetterId>) -> DeadPlan {
        let item = |(n, id): (usize, LetterId)| PlannedLetter {
            letter: Letter::from(DeadLetter {
                partition: id.partition.unwrap_or(0),
                id: id.id,
                reason: self.t(),
                ..DeadLetter::default()
            }),
            action: match n % 2 {
                0 => DeadAction::Append {
                    kind: self.t(),
                    counted: false,
                },
                _ => DeadAction::Not {
                    why: self.t(),
                    over: true,
                },
            },
            edited: Some(self.t()),
        };
        DeadPlan {
            items: ids.into_iter().enumerate().map(item).collect(),
            absent: vec![self.t()],
            more: false,
        }
    }

    fn answer_all(&self, model: &mut Model, mut cmds: Vec<Cmd>) {
        while let Some(cmd) = cmds.pop() {
            if let Some(msg) = self.answer(cmd) {
                cmds.extend(update(model, model.now_ms, msg));
            }
        }
    }

    fn answer(&self, cmd: Cmd) -> Option<Msg> {
        Some(match cmd {
            Cmd::Ask {
                page,
                generation,
                query,
            } => Msg::Page {
                page,
                generation,
                result: Ok(self.data(&query)),
            },
            Cmd::CountAudience { dialog } => Msg::Audience(dialog, self.or(100_000)),
            Cmd::ListTemplates { dialog } => Msg::Templates(dialog, vec![self.t()]),
            Cmd::LookAhead { dialog, when } => {
                let ahead = Ahead {
                    words: self.t(),
                    next: vec![self.t(), self.t()],
                };
                Msg::Ahead(dialog, when, self.or(ahead))
            }
            Cmd::Preview { dialog, user, .. } => {
                let mail = Preview {
                    to: self.t(),
                    subject: self.t(),
                    text: self.t(),
                    html: Some(self.t()),
                };
                Msg::Previewed(dialog, user, self.or(mail))
            }
            Cmd::TestWords { dialog, .. } => Msg::TestSent(dialog, self.or(7)),
            Cmd::Create { dialog, .. } => Msg::Created(dialog, Err(self.failure())),
            Cmd::PlanClaim {
                dialog,
                part,
                request,
            } => Msg::Planned {
                dialog,
                part,
                plan: self.or(self.plan(&request)),
            },
            Cmd::PlanClaimAll {
                dialog,
                part,
                request,
                ..
            } => {
                let id = |e: PendingEntry| PlannedId {
                    source: e.source,
                    id: e.id,
                };
                let which = Which::Entries(fixture::held().into_iter().map(id).collect());
                let request = ClaimRequest { which, ..request };
                Msg::Planned {
                    dialog,
                    part,
                    plan: self.or(self.plan(&request)),
                }
            }
            Cmd::Claim { dialog, plans } => {
                let reports = plans.iter().map(|plan| self.or(self.report(plan)));
                Msg::Claimed(dialog, reports.collect())
            }
            Cmd::LookAfterClaim { dialog, .. } => Msg::ClaimLeft(dialog, self.or(1)),
            Cmd::PlanGroup {
                dialog,
                stream,
                group,
                verb,
            } => Msg::GroupPlanned(dialog, self.or(self.group_plan(stream, group, verb))),
            Cmd::PlanLetters { dialog, filter, .. } => {
                Msg::LettersPlanned(dialog, self.or(self.dead_plan(filter.ids)))
            }
            Cmd::PlanDrain { dialog, .. } => {
                let mut worker = fixture::working().workers()[0].clone();
                worker.name = self.t();
                worker.info.host = self.t();
                let plan = DrainPlan {
                    worker,
                    others: 1,
                    warnings: vec![self.t()],
                    command: self.t(),
                };
                Msg::DrainPlanned(dialog, self.or(plan))
            }
            Cmd::Change { dialog, .. } => {
                let outcomes = vec![(self.t(), self.t(), true), (self.t(), self.t(), false)];
                Msg::Changed(dialog, self.or(outcomes))
            }
            other => return self.answer_plan(other),
        })
    }

    /// What is read before a change is asked about.
    fn answer_plan(&self, cmd: Cmd) -> Option<Msg> {
        Some(match cmd {
            Cmd::PlanRetry { dialog, users, .. } => {
                let users = if users.is_empty() { vec![7] } else { users };
                let plan = RetryPlan {
                    name: self.t(),
                    status: self.t(),
                    ..samples::retry_plan(users)
                };
                Msg::RetryPlanned(dialog, self.or(plan))
            }
            Cmd::PlanSettle { dialog, requests } => {
                let plans = requests.iter().map(|request| self.settle_plan(request));
                Msg::SettlePlanned(dialog, self.or(plans.collect()))
            }
            Cmd::PlanLetters { dialog, filter, .. } => {
                let mut plan = samples::dead_plan(&filter);
                let why = self.t();
                for item in plan.items.iter_mut().step_by(2) {
                    item.letter = self.letters().remove(0);
                    item.edited = Some(self.t());
                    let why = why.clone();
                    item.action = DeadAction::Not { why, over: true };
                }
                plan.absent.push(why);
                Msg::LettersPlanned(dialog, self.or(plan))
            }
            Cmd::PlanDrain { dialog, worker } => {
                let mut plan = DrainPlan {
                    worker: Worker::default(),
                    others: 0,
                    warnings: vec![self.t()],
                    command: self.t(),
                };
                plan.worker.name = worker;
                plan.worker.info.service = self.t();
                plan.worker.info.host = self.t();
                Msg::DrainPlanned(dialog, self.or(plan))
            }
            _ => return None,
        })
    }

    fn settle_plan(&self, request: &SettleRequest) -> SettlePlan {
        let ids = match &request.which {
            Which::Entries(ids) => ids.as_slice(),
            other => panic!("the console asks for entries, not {other:?}"),
        };
        let item = |id: &PlannedId| PlannedEnd {
            entry: id.clone(),
            owner: self.t(),
            idle_ms: 843_000,
            deliveries: 9,
            what: self.t(),
        };
        SettlePlan {
            verb: request.verb,
            stream: self.t(),
            group: self.t(),
            min_idle_ms: 60_000,
            items: ids.iter().map(item).collect(),
            absent: vec![self.t()],
            more: true,
            after: "They count as failed.",
            commands: vec![self.t()],
        }
    }

    fn plan(&self, request: &ClaimRequest) -> ClaimPlan {
        let mut plan = fixture::plan(request);
        plan.stream = self.t();
        plan.group = self.t();
        plan.targets[0].name = self.t();
        plan.targets[0].state = self.t();
        plan.to = self.t();
        for item in plan.items.iter_mut().step_by(2) {
            item.owner = self.t();
            item.entry.id = self.t();
            item.entry.source.key = self.t();
        }
        plan
    }

    fn report(&self, plan: &ClaimPlan) -> ClaimReport {
        let outcomes = [
            ClaimOutcome::Claimed,
            ClaimOutcome::Taken { by: self.t() },
            ClaimOutcome::NotTried { reason: self.t() },
            ClaimOutcome::Unknown,
        ];
        let results = plan.items.iter().zip(outcomes.into_iter().cycle());
        ClaimReport {
            group: self.t(),
            to: self.t(),
            results: results
                .map(|(item, outcome)| Claimed {
                    entry: item.entry.clone(),
                    outcome,
                })
                .collect(),
            audited: false,
        }
    }

    fn group_plan(&self, stream: String, group: String, verb: GroupVerb) -> GroupPlan {
        GroupPlan {
            stream,
            group,
            verb,
            sources: Vec::new(),
            before: vec![self.t()],
            warnings: vec![self.t()],
            commands: vec![self.t()],
        }
    }

    fn campaigns(&self) -> Vec<CampaignRow> {
        let mut rows = fixture::campaigns();
        rows[0].view.name = self.t();
        rows[1].view.status = self.t();
        rows[1].view.reason = Some(self.t());
        rows
    }

    fn spoil(&self, entry: &mut PendingEntry) {
        entry.consumer = self.t();
        entry.group = self.t();
        entry.id = self.t();
        entry.source.stream = self.t();
        let mail = serde_json::json!({"v": 1, "user": 7, "email": format!("{}@b.c", self.text)});
        let data = if entry.deliveries > 1 {
            mail.to_string()
        } else {
            self.t()
        };
        let fields = [(self.t(), self.t()), ("data".to_owned(), data)];
        entry.fields = Some(fields.to_vec());
    }

    fn letters(&self) -> Vec<Letter> {
        let mut letters = samples::letters(6);
        for letter in letters.iter_mut().step_by(2) {
            let mut dead = letter.letter.clone();
            dead.stream = self.t();
            dead.kind = self.t();
            dead.data = self.t();
            dead.reason = self.t();
            dead.raw = dead.raw.map(|_| self.t());
            *letter = Letter::from(dead);
        }
        letters
    }

    fn data(&self, query: &Query) -> Data {
        match query {
            Query::Stuck { .. } => {
                let mut stuck = fixture::stuck(12);
                for stuck in stuck.entries.iter_mut().step_by(2) {
                    self.spoil(&mut stuck.entry);
                }
                Data::Stuck(stuck)
            }
            Query::Held { .. } => {
                let mut held = fixture::held();
                held.iter_mut().step_by(2).for_each(|e| self.spoil(e));
                Data::Held(held)
            }
            Query::Entries { .. } => {
                let mut entries = fixture::entries();
                for entry in entries.iter_mut().step_by(2) {
                    entry.id = self.t();
                    let kind = ("type".to_owned(), self.t());
                    entry.fields = vec![kind, (self.t(), self.t())];
                }
                Data::Entries(entries)
            }
            Query::Campaigns => Data::Campaigns(self.campaigns()),
            Query::Letters(_) => Data::Letters(self.letters()),
            Query::DeadGroups => Data::DeadGroups(grouped(&self.letters()), true),
            Query::Letter { .. } => Data::Letter(Box::new(DeadDetails {
                letter: self.letters().remove(0),
                delivery: None,
            })),
            Query::Streams(_) => {
                let mut table = fixture::streams();
                table.lines[0].name = self.t();
                Data::Streams(table)
            }
            Query::Groups { stream } => {
                let mut groups = fixture::groups();
                groups[0].stream = stream.clone();
                groups[0].group.name = self.t();
                groups[0].group.last_delivered_id = self.t();
                groups[0].group.lag = None;
                groups[0].group.consumers[0].name = self.t();
                Data::Groups(groups)
            }
            Query::Inbox { .. } => {
                let mut mails = fixture::mails(4);
                mails[0].subject = self.t();
                mails[1].to = vec![self.t(), self.t()];
                mails[2].date = self.t();
                mails[3].from = self.t();
                Data::Inbox(mails)
            }
            Query::Mail { .. } => {
                let mut mail = fixture::mail();
                mail.message.subject = self.t();
                mail.message.from = self.t();
                mail.body.text = self.t();
                mail.body.html = format!("<p>{}", self.text);
                Data::Mail(Box::new(mail))
            }
            Query::Log { .. } => {
                let lines = [self.t(), format!("2026-01-02 WARN {}", self.text)];
                Data::Log(lines.to_vec())
            }
            other => self.stored(other),
        }
    }

    /// What comes from SQL or Vault.
    fn stored(&self, query: &Query) -> Data {
        let mut data = match query {
            Query::Campaign { .. } => samples::campaign(),
            Query::Failed { .. } => samples::failed(),
            Query::Trace { .. } => samples::trace(),
            Query::Report { .. } => samples::report(),
            Query::Deliveries { .. } => samples::deliveries(),
            Query::Schedules => samples::schedules(),
            Query::Schedule { .. } => samples::schedule(),
            Query::Audit => samples::audit(),
            _ => samples::secrets(),
        };
        match &mut data {
            Data::Campaign(view, failures) => {
                view.name = self.t();
                view.subject = self.t();
                view.reason = Some(self.t());
                view.template = Some(self.t());
                failures.groups[0].cause = self.t();
            }
            Data::Failed(deliveries) => {
                deliveries[0].owner = self.t();
                deliveries[0].answer = Some(self.t());
                deliveries[0].message_id = self.t();
                deliveries[0].history[0].answer = self.t();
            }
            Data::Trace(trace) => {
                trace.steps[1].what = self.t();
                trace.now = self.t();
            }
            Data::Report(report) => {
                report.campaign.name = self.t();
                report.answers[0].example = Some(self.t());
                report.slowest_domains[0].domain = self.t();
            }
            Data::Deliveries(all) => {
                all[0].address = Some(self.t());
                all[1].delivery.answer = Some(self.t());
            }
            Data::Schedules(all) => {
                all[0].name = self.t();
                all[1].cron_words = self.t();
                all[2].tz = self.t();
            }
            Data::Schedule(detail) => {
                detail.view.name = self.t();
                detail.view.cron = self.t();
                detail.view.cron_words = self.t();
                detail.view.reason = Some(self.t());
                detail.view.template = Some(self.t());
                detail.view.next[0] = self.t();
                detail.history[0].outcome = self.t();
            }
            Data::Audit(entries) => {
                entries[0].who = self.t();
                entries[0].what = self.t();
                entries[1].ids = self.t();
                entries[1].before = self.t();
                entries[1].after = self.t();
                entries[2].command = self.t();
            }
            Data::Secrets(secrets) => {
                secrets.addr = self.t();
                secrets.state = self.t();
                secrets.paths[0].service = self.t();
                secrets.paths[1].values.insert(self.t(), self.t());
            }
            _ => {}
        }
        data
    }
}
