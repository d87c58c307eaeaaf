//! What the screens of campaigns, dead letters, audit and secrets show in tests.

use std::collections::BTreeMap;

use super::{data::Data, fixture};
use crate::ops::{
    Ahead, AuditEntry, CampaignReport, CampaignView, DeadAction, DeadDetails, DeadFilter,
    DeadLetter, DeadPlan, Delivery, DeliveryStatus, FailureGroup, Failures, FireView, Letter,
    PlannedLetter, Preview, ScheduleDetail, ScheduleView, SecretPath, SecretsStatus, Step, Trace,
    grouped,
};

const AT_MS: i64 = 1_699_999_200_000;

pub(super) fn campaign() -> Data {
    let view = CampaignView {
        id: 8,
        name: "Winter sale, second wave".to_owned(),
        status: "running".to_owned(),
        balanced: true,
        queued: 80_000,
        accepted: 61_204,
        failed: 214,
        retrying: 41,
        in_flight: 18_541,
        rate: 17_900.0,
        eta_s: Some(3),
        subject: "{{ first_name }}, it is winter".to_owned(),
        in_doubt_policy: "resend".to_owned(),
        created_at: "2026-01-01T12:00:00Z".to_owned(),
        ..CampaignView::default()
    };
    Data::Campaign(Box::new(view), failures())
}

pub(super) fn failures() -> Failures {
    let group = |code, cause: &str, count| FailureGroup {
        status: DeliveryStatus::Failed,
        code,
        cause: cause.to_owned(),
        count,
    };
    Failures {
        groups: vec![
            group(Some(550), "5.1.1 <…>: no such user here", 201),
            group(Some(452), "4.2.2 <…>: mailbox full", 12),
            group(None, "no answer", 1),
        ],
        more: false,
    }
}

pub(super) fn deliveries() -> Data {
    let one = |user: i64| {
        let failed = user % 3 == 0;
        let mut delivery = delivery(user);
        if !failed {
            delivery.status = DeliveryStatus::Accepted;
            delivery.code = Some(250);
            delivery.answer = Some(format!("2.0.0 queued as 4Z{user}"));
        }
        crate::ops::Addressed {
            address: Some(format!("ann.lee.{user}@example.com")),
            delivery,
        }
    };
    Data::Deliveries((1..9).map(one).collect())
}

pub(super) fn report() -> Data {
    let Data::Campaign(campaign, _) = campaign() else {
        unreachable!("it is one");
    };
    let answers = |status, code, number, example: &str| crate::store::Answers {
        status,
        code,
        number,
        example: Some(example.to_owned()),
    };
    let domain = |domain: &str, accepted, mean_ms, longest_ms| crate::store::DomainTimes {
        domain: domain.to_owned(),
        accepted,
        mean_ms,
        longest_ms,
    };
    Data::Report(Box::new(CampaignReport {
        campaign: *campaign,
        accepted_rate: Some(17_900.0),
        first_ms: Some(180),
        half_ms: Some(1_760),
        last_ms: Some(3_420),
        again: 41,
        answers: vec![
            answers(
                DeliveryStatus::Accepted,
                Some(250),
                61_204,
                "2.0.0 queued as 4Z",
            ),
            answers(
                DeliveryStatus::Failed,
                Some(550),
                214,
                "5.1.1 <ann.lee.41@example.com>: no such user here",
            ),
        ],
        slowest_domains: vec![
            domain("example.org", 20_310, 41.0, 1_204),
            domain("example.com", 40_894, 12.0, 803),
        ],
    }))
}

fn schedule_view(id: i64, name: &str, status: &str) -> ScheduleView {
    let start = |day: u8| format!("2023-11-{day} 09:00 +01:00");
    let active = status == "active";
    ScheduleView {
        id,
        name: name.to_owned(),
        status: status.to_owned(),
        reason: (status == "paused").then(|| "paused by ann@mailbox".to_owned()),
        cron: "0 9 * * mon-fri".to_owned(),
        cron_words: "At 09:00, Monday through Friday.".to_owned(),
        tz: "Europe/Berlin".to_owned(),
        misfire: "all".to_owned(),
        misfire_cap: 10,
        subject: "{{ first_name }}, good morning".to_owned(),
        template: Some("winter@3".to_owned()),
        in_doubt_policy: "resend".to_owned(),
        next: if active {
            [15, 16, 17, 20, 21].map(start).to_vec()
        } else {
            Vec::new()
        },
        next_at_ms: active.then_some(1_700_035_200_000),
        last: (id != 3).then(|| fire(0)),
        created_at: "2023-11-01T12:00:00Z".to_owned(),
    }
}

fn fire(n: u8) -> FireView {
    let skipped = n == 2;
    FireView {
        planned: format!("2023-11-{} 09:00 +01:00", 14 - n),
        until: None,
        outcome: if skipped { "skipped" } else { "started" }.to_owned(),
        campaign_id: (!skipped).then_some(8 - i64::from(n)),
        campaign_status: (!skipped).then(|| "finished".to_owned()),
        late_ms: if n == 1 { 63_000 } else { 12 },
    }
}

pub(super) fn schedules() -> Data {
    Data::Schedules(vec![
        schedule_view(1, "Good morning", "active"),
        schedule_view(2, "Grüße aus 漢字", "paused"),
        schedule_view(3, "New Year 2023", "ended"),
    ])
}

pub(super) fn schedule() -> Data {
    Data::Schedule(Box::new(ScheduleDetail {
        view: schedule_view(1, "Good morning", "active"),
        history: (0..4).map(fire).collect(),
    }))
}

pub(super) fn ahead() -> Ahead {
    Ahead {
        words: "At 09:00, on Monday.".to_owned(),
        next: [20, 27]
            .map(|day| format!("2023-11-{day} 09:00 +00:00"))
            .to_vec(),
    }
}

pub(super) fn preview() -> Preview {
    Preview {
        to: "ann.lee.1@example.com".to_owned(),
        subject: "Ann, it is winter in 漢字".to_owned(),
        text: format!("Dear Ann,\n\n{}\n\nYours", "a long line ".repeat(20)),
        html: Some("<p>Dear Ann</p>".repeat(200)),
    }
}

fn delivery(user: i64) -> Delivery {
    let attempt = |attempt: u32| crate::store::Attempt {
        round: 1,
        attempt,
        at_ms: AT_MS + i64::from(attempt) * 31_000,
        code: Some(452),
        answer: format!("4.2.2 <ann.lee.{user}@example.com>: mailbox full"),
    };
    Delivery {
        campaign_id: 8,
        user_id: user,
        channel: "email".to_owned(),
        status: DeliveryStatus::Failed,
        owner: fixture::LIVE.to_owned(),
        attempt: 2,
        round: 1,
        in_doubt_count: 0,
        code: Some(452),
        answer: Some(attempt(2).answer),
        message_id: format!("<8.{user}.email@comms.example.com>"),
        due_at_ms: None,
        created_at_ms: AT_MS,
        updated_at_ms: AT_MS + 62_000,
        moved_from: None,
        history: vec![attempt(1), attempt(2)],
    }
}

pub(super) fn failed() -> Data {
    Data::Failed((41..53).map(delivery).collect())
}

pub(super) fn letters(count: u64) -> Vec<Letter> {
    let mut letters: Vec<Letter> = (0..count)
        .map(|n| {
            let reason =
                format!("refused at RCPT: 452 4.2.2 <ann.lee.{n}@example.com>: mailbox full");
            Letter::from(DeadLetter {
                stream: "email-notification".to_owned(),
                id: format!("1699999262000-{n}"),
                origin_id: format!("1699999200000-{n}"),
                kind: "email.requested".to_owned(),
                flow: "8".to_owned(),
                data: format!(r#"{{"v":1,"user":{n},"email":"ann.lee.{n}@example.com"}}"#),
                attempt: 8,
                round: 1,
                reason,
                at_ms: 1_699_999_262_000,
                counted: true,
                ..DeadLetter::default()
            })
        })
        .collect();
    letters.push(Letter::from(DeadLetter {
        stream: "campaign".to_owned(),
        id: "1699999100000-0".to_owned(),
        reason: "no field \"type\"".to_owned(),
        at_ms: 1_699_999_100_000,
        raw: Some("[[\"hello\",\"world\"]]".to_owned()),
        ..DeadLetter::default()
    }));
    letters
}

/// What a replay of letters would come to: every fourth was accepted meanwhile.
pub(super) fn dead_plan(filter: &DeadFilter) -> DeadPlan {
    let letters = letters(200).into_iter();
    let asked = letters.filter(|letter| filter.ids.contains(&letter.id()));
    let planned = asked.enumerate().map(|(n, letter)| PlannedLetter {
        action: match n % 4 {
            3 => DeadAction::Not {
                why: "the ledger says accepted".to_owned(),
                over: true,
            },
            _ => DeadAction::Requeue {
                campaign: 8,
                user: n as i64,
                unwritten: false,
            },
        },
        letter,
        edited: None,
    });
    DeadPlan {
        items: planned.collect(),
        ..DeadPlan::default()
    }
}

pub(super) fn groups() -> Data {
    Data::DeadGroups(grouped(&letters(12)), false)
}

pub(super) fn letter() -> Data {
    let letter = letters(1).remove(0);
    let delivery = Some(delivery(0));
    Data::Letter(Box::new(DeadDetails { letter, delivery }))
}

pub(super) fn trace() -> Data {
    let step = |after_ms: u64, wait_ms, what: &str| Step {
        at_ms: 1_699_999_200_000 + after_ms,
        wait_ms,
        what: what.to_owned(),
    };
    Data::Trace(Box::new(Trace {
        campaign: None,
        user: 41,
        delivery: Some(delivery(41)),
        entries: Vec::new(),
        letters: Vec::new(),
        steps: vec![
            step(0, 0, "campaign accepted"),
            step(180, 180, "first in the ledger"),
            step(
                31_000,
                30_820,
                "attempt 1 of round 1 failed: 452 4.2.2 <ann.lee.41@example.com>: mailbox full",
            ),
        ],
        now: "waits for its next attempt (email-notification)".to_owned(),
        partial: false,
    }))
}

pub(super) fn audit() -> Data {
    let entry = |n: u64, what: &str, before: &str, after: &str, command: &str| AuditEntry {
        id: format!("1699999200000-{n}"),
        at_ms: 1_699_999_200_000 - n * 60_000,
        who: "ann@mailbox".to_owned(),
        what: what.to_owned(),
        ids: format!("{n}"),
        before: before.to_owned(),
        after: after.to_owned(),
        command: command.to_owned(),
        left_out: 0,
    };
    Data::Audit(vec![
        entry(1, "campaign.retry-failed", "214 failed", "214 queued", ""),
        entry(
            2,
            "claim email-notification email-service",
            "mailbox-7f3a-3990-1731 held 212",
            "mailbox-7f3a-4103-1731 got 212 of 212",
            "XCLAIM {comms:0}:email-notification email-service mailbox-7f3a-4103-1731 60000 1-1",
        ),
        entry(3, "campaign.create", "", "running", ""),
    ])
}

pub(super) fn secrets() -> Data {
    let path = |service: &str, found| SecretPath {
        path: format!("secret/{service}/dev"),
        service: service.to_owned(),
        profile: "dev".to_owned(),
        state: if found { "found" } else { "missing" }.to_owned(),
        found,
        values: match found {
            true => BTreeMap::from(
                ["database_url", "redis_url"].map(|n| (n.to_owned(), "••••••••".to_owned())),
            ),
            false => BTreeMap::new(),
        },
    };
    Data::Secrets(Box::new(SecretsStatus {
        addr: "http://127.0.0.1:8200".to_owned(),
        auth: "token".to_owned(),
        state: "unsealed".to_owned(),
        usable: true,
        token_ttl_s: Some(3_600),
        paths: vec![
            path("campaign-service", true),
            path("email-service", true),
            path("scheduler-service", false),
        ],
    }))
}

/// Those users of campaign 8, each failed in the first round.
pub(super) fn retry_plan(users: Vec<i64>) -> crate::ops::RetryPlan {
    crate::ops::RetryPlan {
        campaign: 8,
        name: "Winter sale, second wave".to_owned(),
        status: "running".to_owned(),
        rounds: [(1, users)].into(),
    }
}
