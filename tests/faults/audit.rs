//! After a campaign: what the ledger says of each recipient, held against what the mail server took.

use std::{collections::HashMap, time::Duration};

use comms::{
    event::STAGES,
    store::{CampaignStatus, Delivery, DeliveryStatus},
};
use redis::AsyncCommands;

use super::arena::Arena;

/// What an audit found, for the bounds that a test knows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Audit {
    /// Mails that somebody got more than once, over the first.
    pub(super) doubled: u64,
    /// How often a mail was in doubt.
    pub(super) doubts: u64,
    /// Recipients that are held in doubt at the end.
    pub(super) held: u64,
}

impl Arena {
    /// Waits for the end of the campaign, and fails unless each recipient got exactly one mail, but for
    /// those of whom the ledger says that they were in doubt.
    pub(super) async fn everybody_once(&self, id: i64, users: u64) -> Audit {
        self.everybody_once_within(id, users, Duration::from_secs(120))
            .await
    }

    pub(super) async fn everybody_once_within(
        &self,
        id: i64,
        users: u64,
        limit: Duration,
    ) -> Audit {
        self.until_status(id, CampaignStatus::Finished, limit).await;
        let audit = self.audit(id, users).await;
        assert_eq!(self.dead_letters().await, Vec::<String>::new());
        audit
    }

    /// The same for a campaign that has ended, whatever is among the dead letters.
    pub(super) async fn audit(&self, id: i64, users: u64) -> Audit {
        let rows = self.ledger(id).await;
        assert_eq!(rows.len() as u64, users, "rows in the ledger");
        let mails = self.mails_of(id);
        let mut audit = Audit::default();
        for row in &rows {
            let got = mails.get(&row.message_id).copied().unwrap_or(0);
            let doubts = row.in_doubt_count;
            let (least, most) = match row.status {
                DeliveryStatus::Accepted => (1, 1 + doubts),
                DeliveryStatus::InDoubt => (0, doubts),
                other => panic!("{other}: {row:?}"),
            };
            assert!(
                (least..=most).contains(&got),
                "{got} mails, expected {least} to {most}: {row:?}"
            );
            audit.doubled += u64::from(got.saturating_sub(1));
            audit.doubts += u64::from(doubts);
            audit.held += u64::from(row.status == DeliveryStatus::InDoubt);
        }
        let known: u64 = mails.values().map(|n| u64::from(*n)).sum();
        let most = users + audit.doubled;
        assert!(
            known <= most,
            "{known} mails, of which the ledger knows {most}"
        );
        let campaign = self.campaign(id).await;
        assert_eq!(campaign.accepted + campaign.in_doubt_count, users as i64);
        assert_eq!(campaign.in_doubt_count, audit.held as i64, "{campaign:?}");
        audit
    }

    pub(super) async fn ledger(&self, id: i64) -> Vec<Delivery> {
        let mut rows: Vec<Delivery> = Vec::new();
        loop {
            let after = rows.last().map_or(0, |row| row.user_id);
            let page = self.store.deliveries(id, None, after, 10_000).await;
            let page = page.expect("SQL answers");
            if page.is_empty() {
                return rows;
            }
            rows.extend(page);
        }
    }

    /// How often each mail of the campaign arrived, by Message-ID; each goes to one address only.
    pub(super) fn mails_of(&self, id: i64) -> HashMap<String, u32> {
        let mut mails = HashMap::new();
        let mut addresses = HashMap::new();
        for ((message_id, recipient), count) in self.smtp.counts() {
            if !message_id.starts_with(&format!("<{id}.")) {
                continue;
            }
            let other = addresses.insert(message_id.clone(), recipient);
            assert_eq!(other, None, "{message_id} went to two addresses");
            mails.insert(message_id, count);
        }
        mails
    }

    /// The reasons of all dead letters.
    pub(super) async fn dead_letters(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let keys = self.client.keys();
        let all = (0..keys.partitions()).flat_map(|p| STAGES.map(|(stream, _)| (p, stream)));
        for (partition, stream) in all {
            let key = keys.dead(partition, stream);
            let letters: Vec<(String, HashMap<String, String>)> = self
                .client
                .commands()
                .xrange_all(key)
                .await
                .expect("Redis answers");
            reasons.extend(letters.into_iter().map(|(_, mut fields)| {
                let reason = fields.remove("reason").unwrap_or_default();
                format!("{stream}: {reason}")
            }));
        }
        reasons
    }
}
