//! What a replay would do, letter by letter.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    super::{Ops, OpsError},
    DeadAction, DeadFilter, DeadPlan, Letter, LetterId, PlannedLetter,
};
use crate::{
    event::{CampaignTurn, EmailRequested, Event, NotificationRequested, Unreadable, parse},
    queue::Entry,
    store::DeliveryStatus,
};

const PAGE: usize = 1_000;

impl Ops {
    /// Looks at letters as they are now, and at what the ledger says. `edited` is the data to send instead;
    /// only with one letter.
    ///
    /// # Errors
    /// When Redis or the database is away, or the edited data can't be read by the letter's stage.
    pub async fn plan_replay(
        &self,
        filter: &DeadFilter,
        edited: Option<&str>,
    ) -> Result<DeadPlan, OpsError> {
        let found = self.named_letters(filter).await?;
        let mut plan = DeadPlan {
            absent: absent(filter, &found.letters),
            more: found.more,
            items: Vec::new(),
        };
        if edited.is_some() && found.letters.len() > 1 {
            return Err(OpsError::Invalid(
                "edited data goes with one letter only: name it with its stream and --id"
                    .to_owned(),
            ));
        }
        let mut readable = Vec::with_capacity(found.letters.len());
        for letter in found.letters {
            let event = read(&letter, edited);
            if let (Some(_), Err(unreadable)) = (edited, &event) {
                return Err(OpsError::Invalid(unreadable.reason.clone()));
            }
            if let (Some(before), Ok((_, Some(after)))) = (letter.user(), &event)
                && before != *after
            {
                return Err(OpsError::Invalid(format!(
                    "the letter is user {before}'s; the data names {after}"
                )));
            }
            readable.push((letter, event));
        }
        let ledger = self.ledger_of(&readable).await?;
        for (letter, event) in readable {
            let action = match event {
                Err(unreadable) => DeadAction::Not {
                    why: format!("it can't be read: {}", unreadable.reason),
                    over: false,
                },
                Ok((kind, user)) => action(&letter, kind, user, &ledger),
            };
            plan.items.push(PlannedLetter {
                letter,
                action,
                edited: edited.map(str::to_owned),
            });
        }
        Ok(plan)
    }

    /// The letters that would be dropped.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn plan_drop(&self, filter: &DeadFilter) -> Result<DeadPlan, OpsError> {
        let found = self.named_letters(filter).await?;
        Ok(DeadPlan {
            absent: absent(filter, &found.letters),
            more: found.more,
            items: found
                .letters
                .into_iter()
                .map(|letter| PlannedLetter {
                    letter,
                    action: DeadAction::Not {
                        why: "dropped".to_owned(),
                        over: true,
                    },
                    edited: None,
                })
                .collect(),
        })
    }

    /// Statuses in the ledger by campaign and user.
    async fn ledger_of(
        &self,
        letters: &[(Letter, Readable)],
    ) -> Result<HashMap<(i64, i64), DeliveryStatus>, OpsError> {
        let mut users: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (letter, event) in letters {
            if let (Some(campaign), Ok((_, Some(user)))) = (letter.campaign(), event) {
                users.entry(campaign).or_default().push(*user);
            }
        }
        let mut ledger = HashMap::new();
        for (campaign, users) in users {
            let store = self.database.get().await?;
            for page in users.chunks(PAGE) {
                for (user, status) in store.statuses_of(campaign, page).await? {
                    ledger.insert((campaign, user), status);
                }
            }
        }
        Ok(ledger)
    }
}

/// The type of its event, and whom it is for.
type Readable = Result<(&'static str, Option<i64>), Unreadable>;

/// Reads a letter as its stage would. With edited data its type is the stage's, whatever it was.
fn read(letter: &Letter, edited: Option<&str>) -> Readable {
    fn event<E: Event>(entry: &mut Entry, edited: bool) -> Result<E, Unreadable> {
        if edited {
            entry.kind = E::TYPE.to_owned();
        }
        parse(entry)
    }
    let letter = &letter.letter;
    let mut entry = Entry {
        kind: letter.kind.clone(),
        data: edited.unwrap_or(&letter.data).to_owned(),
        ..Entry::default()
    };
    let edited = edited.is_some();
    match letter.stream.as_str() {
        CampaignTurn::STREAM => {
            event::<CampaignTurn>(&mut entry, edited).map(|_| (CampaignTurn::TYPE, None))
        }
        NotificationRequested::STREAM => event::<NotificationRequested>(&mut entry, edited)
            .map(|event| (NotificationRequested::TYPE, Some(event.user))),
        _ => event::<EmailRequested>(&mut entry, edited)
            .map(|event| (EmailRequested::TYPE, Some(event.user))),
    }
}

fn action(
    letter: &Letter,
    kind: &'static str,
    user: Option<i64>,
    ledger: &HashMap<(i64, i64), DeliveryStatus>,
) -> DeadAction {
    let append = |counted| DeadAction::Append {
        kind: kind.to_owned(),
        counted,
    };
    let Some(user) = user else {
        // A turn counts nobody; one that was taken already is only acknowledged.
        return append(false);
    };
    let Some(campaign) = letter.campaign() else {
        return DeadAction::Not {
            why: format!("{:?} is no campaign", letter.letter.flow),
            over: false,
        };
    };
    let requeue = |unwritten| DeadAction::Requeue {
        campaign,
        user,
        unwritten,
    };
    match ledger.get(&(campaign, user)) {
        Some(DeliveryStatus::Failed) => requeue(false),
        Some(status) => DeadAction::Not {
            why: format!("the ledger says {status}"),
            over: settles(*status),
        },
        None if letter.letter.counted => requeue(true),
        None => append(campaign > 0),
    }
}

/// The recipient has the mail, or it is on its way in a later round: nothing is left to decide.
pub(super) fn settles(status: DeliveryStatus) -> bool {
    !status.is_closed() || status == DeliveryStatus::Accepted
}

fn absent(filter: &DeadFilter, letters: &[Letter]) -> Vec<String> {
    let there: HashSet<LetterId> = letters
        .iter()
        .flat_map(|l| [l.id(), LetterId::anywhere(&l.letter.id)])
        .collect();
    let gone = filter.ids.iter().filter(|id| !there.contains(id));
    gone.map(LetterId::to_string).collect()
}
