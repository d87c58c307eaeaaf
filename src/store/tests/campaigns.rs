use super::{
    super::{CampaignStatus, Created, OutboxKind},
    campaign, new_campaign, on_both,
};
use crate::queue::Tally;

on_both! {
    async fn a_campaign_is_accepted_once(db) {
        let store = db.open().await;
        store.seed_users(42).await.unwrap();
        let new = new_campaign(Some("key"));
        let Created::New(first) = store.create_campaign(&new, 3).await.unwrap() else {
            panic!("the key is new")
        };
        assert_eq!((first.audience, first.status, first.revision), (42, CampaignStatus::Running, 1));
        assert_eq!(store.open_outbox().await.unwrap().len(), 3);
        assert_eq!(
            store.create_campaign(&new, 3).await.unwrap(),
            Created::Replayed(first.clone())
        );
        let other = super::super::NewCampaign { body_hash: "other".to_owned(), ..new };
        assert_eq!(store.create_campaign(&other, 3).await.unwrap(), Created::KeyReused);
        assert_eq!(store.open_outbox().await.unwrap().len(), 3);
        assert_eq!(store.campaign(first.id).await.unwrap(), Some(first));
        assert_ne!(campaign(&store).await, campaign(&store).await, "without a key each is new");
    }

    async fn a_status_changes_only_from_the_expected_one(db) {
        use CampaignStatus::{Cancelled, Finished, Paused, Running};
        let store = db.open().await;
        let id = campaign(&store).await;
        let paused = store.set_status(id, &[Running], Paused, Some("half failed")).await.unwrap().unwrap();
        assert_eq!((paused.status, paused.revision, paused.reason.as_deref()), (Paused, 2, Some("half failed")));
        assert_eq!(store.set_status(id, &[Running], Paused, None).await.unwrap(), None);
        assert_eq!(store.set_status(id, &[], Paused, None).await.unwrap(), None);
        let cancelled = store.set_status(id, &[Running, Paused], Cancelled, None).await.unwrap().unwrap();
        assert!(cancelled.finished_at_ms.is_some() && cancelled.reason.is_none());
        let totals = Tally { queued: 9, cancelled: 9, ..Tally::default() };
        assert!(store.write_totals(id, &totals).await.unwrap());
        let row = store.campaign(id).await.unwrap().unwrap();
        assert_eq!((row.queued, row.cancelled, row.revision), (9, 9, 3));
        assert_eq!(store.campaigns_in(&[Cancelled, Finished]).await.unwrap(), [row]);
        assert!(store.campaigns_in(&[Running]).await.unwrap().is_empty());
        assert_eq!(store.live_campaigns(0).await.unwrap().len(), 1);
        assert!(store.live_campaigns(i64::MAX).await.unwrap().is_empty(), "it was cancelled before");
    }

    async fn a_campaign_finishes_at_the_revision_that_was_seen(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        let totals = Tally { queued: 5, accepted: 3, failed: 1, in_doubt: 1, ..Tally::default() };
        assert!(!store.write_totals(id, &totals).await.unwrap(), "it still runs");
        assert!(!store.finish_campaign(id, 2, &totals).await.unwrap());
        assert!(!store.finish_campaign(id, 1, &totals).await.unwrap(), "its fan-out is open");
        let row = store.open_outbox().await.unwrap().remove(0);
        assert!(store.close_outbox(&row).await.unwrap());
        assert!(store.finish_campaign(id, 1, &totals).await.unwrap());
        assert!(!store.finish_campaign(id, 1, &totals).await.unwrap());
        let row = store.campaign(id).await.unwrap().unwrap();
        assert_eq!((row.status, row.revision), (CampaignStatus::Finished, 2));
        assert_eq!((row.queued, row.accepted, row.failed, row.in_doubt_count), (5, 3, 1, 1));
        assert!(row.finished_at_ms.is_some());
    }

    async fn redis_is_told_until_it_has_heard_the_last_revision(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        store.set_status(id, &[CampaignStatus::Running], CampaignStatus::Paused, None).await.unwrap();
        store.mark_mirrored(id, 1).await.unwrap();
        assert_eq!(store.unmirrored().await.unwrap()[0].mirrored_revision, 1);
        store.mark_mirrored(id, 2).await.unwrap();
        store.mark_mirrored(id, 1).await.unwrap();
        assert!(store.unmirrored().await.unwrap().is_empty());
    }

    async fn an_outbox_row_opened_again_is_not_closed_by_an_old_look(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        let row = store.open_outbox().await.unwrap().remove(0);
        assert_eq!((row.campaign_id, row.partition, row.kind), (id, 0, OutboxKind::Fanout));
        store.mark_published(&row).await.unwrap();
        assert!(store.open_outbox().await.unwrap()[0].published_at_ms.is_some());
        let epoch = store.campaign(id).await.unwrap().unwrap().epoch;
        let again = store.reconcile_campaign(id, epoch, &[0], 1).await.unwrap().unwrap();
        assert_eq!((again.epoch, again.revision), (epoch + 1, 2));
        assert_eq!(store.reconcile_campaign(id, epoch, &[0], 1).await.unwrap(), None);
        assert!(!store.close_outbox(&row).await.unwrap());
        let row = store.open_outbox().await.unwrap().remove(0);
        assert_eq!(row.published_at_ms, None);
        assert!(store.close_outbox(&row).await.unwrap());
        assert!(store.open_outbox().await.unwrap().is_empty());
    }

    async fn campaigns_are_listed_from_the_newest(db) {
        let store = db.open().await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(campaign(&store).await);
        }
        let page = store.campaigns(2, None).await.unwrap();
        assert_eq!(page.iter().map(|c| c.id).collect::<Vec<_>>(), [ids[2], ids[1]]);
        let page = store.campaigns(2, Some(ids[1])).await.unwrap();
        assert_eq!(page.iter().map(|c| c.id).collect::<Vec<_>>(), [ids[0]]);
    }
}

#[tokio::test]
async fn an_error_of_opening_names_the_setting_and_no_password() {
    use super::super::Store;
    for (url, part) in [
        ("mysql://u:secret@h/d", "sqlite: or postgres:"),
        ("postgres://u:secret@127.0.0.1:1/d", "127.0.0.1:1/d"),
        ("sqlite::memory:", "name a file"),
        ("sqlite://", "names no file"),
        ("sqlite:///proc/nowhere/comms.db", "/proc/nowhere/comms.db"),
    ] {
        let error = format!("{:#}", Store::open(url, false).await.unwrap_err());
        assert!(
            error.contains("COMMS_DATABASE_URL") && error.contains(part),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}
