use std::collections::HashSet;

use super::{
    super::{
        CampaignStatus, Created, FireOutcome, InDoubt, Judged, MisfirePolicy, NewSchedule,
        Schedule, ScheduleStatus, Store, Words, fire_id,
    },
    new_campaign, on_both,
};
use crate::schedule::Due;

fn new_schedule(name: &str) -> NewSchedule {
    NewSchedule {
        name: name.to_owned(),
        cron: "* * * * *".to_owned(),
        zone: "UTC".to_owned(),
        misfire: MisfirePolicy::All,
        misfire_cap: 3,
        words: Words {
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: String::new(),
            template: Some(("winter".to_owned(), 2)),
            variables: "{\"a\":1}".to_owned(),
        },
        in_doubt: InDoubt::Hold,
        idempotency_key: None,
        body_hash: String::new(),
    }
}

fn name(schedule: &Schedule, planned: i64) -> String {
    format!("{} at {planned}", schedule.name)
}

/// Fires for the planned time, and goes on 60 s later.
fn one(schedule: &Schedule) -> Judged {
    let planned = schedule.next_at_ms.unwrap();
    Judged::Due(Due {
        fire: vec![planned],
        skipped: None,
        next: Some(planned + 60_000),
    })
}

async fn campaigns_of(store: &Store, schedule: i64) -> Vec<i64> {
    let all = store.campaigns(1_000, None).await.unwrap();
    let mut planned: Vec<i64> = all
        .iter()
        .filter(|c| c.schedule_id == Some(schedule))
        .map(|c| c.start_at_ms.unwrap())
        .collect();
    planned.sort_unstable();
    planned
}

on_both! {
    async fn a_planned_time_becomes_one_campaign_and_the_next_planned_time(db) {
        let store = db.open().await;
        store.seed_users(7).await.unwrap();
        let new = new_schedule("news");
        let schedule = store.add_schedule(&new, 60_000).await.unwrap().row().unwrap();
        assert_eq!((schedule.status, schedule.next_at_ms), (ScheduleStatus::Active, Some(60_000)));
        assert_eq!(schedule.words, new.words);
        assert_eq!(store.next_due().await.unwrap(), Some(60_000));
        assert!(store.fire_due(59_999, 2, one, name).await.unwrap().fires.is_empty());

        let fired = store.fire_due(60_005, 2, one, name).await.unwrap();
        assert_eq!(fired.fires.len(), 1);
        let campaign = store.campaign(fired.fires[0].campaign_id.unwrap()).await.unwrap().unwrap();
        assert_eq!((campaign.name.as_str(), campaign.status), ("news at 60000", CampaignStatus::Running));
        assert_eq!((campaign.audience, campaign.in_doubt), (7, InDoubt::Hold));
        assert_eq!(campaign.idempotency_key, Some(fire_id(schedule.id, 60_000)));
        assert_eq!(campaign.template, Some(("winter".to_owned(), 2)));
        assert_eq!((campaign.start_at_ms, campaign.schedule_id), (Some(60_000), Some(schedule.id)));
        let partitions: Vec<u32> = store.open_outbox().await.unwrap().iter().map(|row| row.partition).collect();
        assert_eq!(partitions, [0, 1]);
        assert_eq!(store.next_due().await.unwrap(), Some(120_000));
        assert_eq!(store.fires(schedule.id, 9).await.unwrap(), fired.fires);
        let last = store.last_fires(1, schedule.id).await.unwrap();
        assert_eq!(last, [(fired.fires[0].clone(), Some(CampaignStatus::Running))]);
        assert_eq!(store.last_fires(schedule.id + 1, 99).await.unwrap(), []);
        assert!(store.fire_due(60_005, 2, one, name).await.unwrap().fires.is_empty());

        assert_eq!(store.prune_fires(60_005, 10).await.unwrap(), 0);
        assert_eq!(store.prune_fires(60_006, 10).await.unwrap(), 1);
        assert!(store.fires(schedule.id, 9).await.unwrap().is_empty());
        assert_eq!(store.next_due().await.unwrap(), Some(120_000));
    }

    async fn a_planned_time_that_comes_up_again_makes_no_second_campaign(db) {
        let store = db.open().await;
        let schedule = store.add_schedule(&new_schedule("news"), 60_000).await.unwrap().row().unwrap();
        store.fire_due(60_000, 1, one, name).await.unwrap();
        // An edit that read the schedule before it fired writes the old planned time back.
        let edited = store.edit_schedule(schedule.id, 1, &new_schedule("other"), 60_000).await.unwrap().unwrap();
        assert_eq!((edited.revision, edited.next_at_ms), (2, Some(60_000)));
        assert!(store.fire_due(60_000, 1, one, name).await.unwrap().fires.is_empty());
        assert_eq!(campaigns_of(&store, schedule.id).await, [60_000]);
        assert_eq!(store.next_due().await.unwrap(), Some(120_000));
        assert_eq!(store.edit_schedule(schedule.id, 1, &new_schedule("late"), 0).await.unwrap(), None);
    }

    async fn several_schedulers_at_once_start_each_planned_time_once(db) {
        let store = db.open().await;
        let mut ids = Vec::new();
        for n in 0..300 {
            ids.push(store.add_schedule(&new_schedule(&format!("s{n}")), 60_000).await.unwrap().row().unwrap().id);
        }
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let store = db.open().await;
            tasks.push(tokio::spawn(async move {
                let mut started = Vec::new();
                for minute in 1..=4 {
                    loop {
                        let fired = store.fire_due(minute * 60_000, 1, one, name).await.unwrap();
                        started.extend(fired.fires.iter().map(|f| (f.schedule_id, f.planned_at_ms)));
                        // Rows that another has locked are passed over: until none is due.
                        if store.next_due().await.unwrap().unwrap() > minute * 60_000 { break }
                    }
                }
                started
            }));
        }
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        let distinct: HashSet<_> = all.iter().copied().collect();
        assert_eq!((all.len(), distinct.len()), (1_200, 1_200));
        for id in ids {
            let fires = store.fires(id, 9).await.unwrap();
            let planned: Vec<i64> = fires.iter().map(|fire| fire.planned_at_ms).collect();
            assert_eq!(planned, [240_000, 180_000, 120_000, 60_000]);
        }
        assert_eq!(store.campaigns(2_000, None).await.unwrap().len(), 1_200);
        assert_eq!(store.next_due().await.unwrap(), Some(300_000));
    }

    async fn left_out_times_are_written_down_and_a_rule_without_a_time_ends(db) {
        let store = db.open().await;
        let schedule = store.add_schedule(&new_schedule("news"), 60_000).await.unwrap().row().unwrap();
        let last = |_: &Schedule| Judged::Due(Due { fire: vec![180_000], skipped: Some((60_000, 120_000)), next: None });
        store.fire_due(200_000, 1, last, name).await.unwrap();
        let fires = store.fires(schedule.id, 9).await.unwrap();
        let outcomes: Vec<_> = fires.iter().map(|f| (f.planned_at_ms, f.until_ms, f.outcome)).collect();
        assert_eq!(outcomes, [(180_000, 180_000, FireOutcome::Started), (60_000, 120_000, FireOutcome::Skipped)]);
        let ended = store.schedule(schedule.id).await.unwrap().unwrap();
        assert_eq!((ended.status, ended.next_at_ms), (ScheduleStatus::Ended, None));
        assert_eq!(store.next_due().await.unwrap(), None);
    }

    async fn a_rule_that_cant_be_read_pauses_its_schedule_only(db) {
        let store = db.open().await;
        let bad = store.add_schedule(&new_schedule("bad"), 60_000).await.unwrap().row().unwrap();
        let good = store.add_schedule(&new_schedule("good"), 60_000).await.unwrap().row().unwrap();
        let judge = |s: &Schedule| if s.name == "bad" { Judged::Broken("no such zone".to_owned()) } else { one(s) };
        let fired = store.fire_due(60_000, 1, judge, name).await.unwrap();
        assert_eq!(fired.fires[0].schedule_id, good.id);
        let paused = store.schedule(bad.id).await.unwrap().unwrap();
        assert_eq!((paused.status, paused.reason.as_deref()), (ScheduleStatus::Paused, Some("no such zone")));
    }

    async fn a_schedule_is_paused_resumed_run_and_removed(db) {
        let store = db.open().await;
        let id = store.add_schedule(&new_schedule("news"), 60_000).await.unwrap().row().unwrap().id;
        let paused = store.pause_schedule(id, Some("by ann")).await.unwrap().unwrap();
        assert_eq!((paused.status, paused.next_at_ms), (ScheduleStatus::Paused, None));
        assert_eq!(store.pause_schedule(id, None).await.unwrap(), None);
        assert_eq!(store.next_due().await.unwrap(), None);
        let asked = store.fire_now(id, None, 1, name).await.unwrap().unwrap();
        assert_eq!(asked.status, CampaignStatus::Running);
        assert_eq!(store.fires(id, 1).await.unwrap()[0].outcome, FireOutcome::Asked);
        let active = store.resume_schedule(id, 180_000).await.unwrap().unwrap();
        assert_eq!((active.status, active.next_at_ms), (ScheduleStatus::Active, Some(180_000)));
        assert_eq!(store.resume_schedule(id, 0).await.unwrap(), None);
        assert!(store.remove_schedule(id).await.unwrap());
        assert!(!store.remove_schedule(id).await.unwrap());
        assert_eq!(store.fire_now(id, None, 1, name).await.unwrap(), None);
        assert!(store.campaign(asked.id).await.unwrap().is_some(), "its campaigns stay");
        let next = store.add_schedule(&new_schedule("next"), 60_000).await.unwrap().row().unwrap().id;
        assert!(next > id, "an id is never used again");
    }

    async fn a_request_that_is_repeated_makes_one_schedule_and_one_campaign(db) {
        let store = db.open().await;
        let mut new = new_schedule("news");
        (new.idempotency_key, new.body_hash) = (Some("k".to_owned()), "a".to_owned());
        let Created::New(first) = store.add_schedule(&new, 60_000).await.unwrap() else { panic!("not new") };
        let (one, two) = tokio::join!(store.add_schedule(&new, 90_000), store.add_schedule(&new, 90_000));
        for again in [one, two] {
            assert_eq!(again.unwrap(), Created::Replayed(first.clone()));
        }
        new.body_hash = "b".to_owned();
        assert_eq!(store.add_schedule(&new, 60_000).await.unwrap(), Created::KeyReused);
        assert_eq!(store.schedules(10, 0).await.unwrap(), std::slice::from_ref(&first));

        let run = async |key: &str| store.fire_now(first.id, Some(key), 1, name).await.unwrap().unwrap().id;
        let (one, two) = tokio::join!(run("k"), run("k"));
        assert_eq!((one, run("k").await), (two, two));
        assert_ne!(run("another").await, one);
        assert_eq!(store.campaigns(10, None).await.unwrap().len(), 2);
        assert_eq!(store.fires(first.id, 10).await.unwrap().len(), 2);
    }

    async fn a_scheduled_campaign_starts_at_its_time_with_the_users_of_then(db) {
        let store = db.open().await;
        let mut new = new_campaign(Some("winter"));
        new.start_at_ms = Some(60_000);
        let Created::New(campaign) = store.create_campaign(&new, 2).await.unwrap() else { panic!("new") };
        assert_eq!((campaign.status, campaign.started_at_ms), (CampaignStatus::Scheduled, None));
        assert!(store.open_outbox().await.unwrap().is_empty());
        assert!(store.unmirrored().await.unwrap().is_empty(), "Redis need not know yet");
        assert_eq!(store.next_due().await.unwrap(), Some(60_000));
        store.seed_users(9).await.unwrap();
        assert!(store.fire_due(59_999, 2, one, name).await.unwrap().started.is_empty());
        let fired = store.fire_due(60_001, 2, one, name).await.unwrap();
        assert_eq!(fired.started, [(campaign.id, 60_000)]);
        let running = store.campaign(campaign.id).await.unwrap().unwrap();
        assert_eq!((running.status, running.audience, running.revision), (CampaignStatus::Running, 9, 2));
        assert_eq!(store.open_outbox().await.unwrap().len(), 2);
        assert!(store.fire_due(60_001, 2, one, name).await.unwrap().started.is_empty());
        assert_eq!(store.next_due().await.unwrap(), None);

        new.idempotency_key = None;
        let Created::New(other) = store.create_campaign(&new, 2).await.unwrap() else { panic!("new") };
        let cancelled = store.set_status(other.id, &[CampaignStatus::Scheduled], CampaignStatus::Cancelled, None).await.unwrap();
        assert!(cancelled.is_some());
        assert!(store.fire_due(60_001, 2, one, name).await.unwrap().started.is_empty());
    }
}
