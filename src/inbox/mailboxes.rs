//! Which mails are in which mailbox. Most mailboxes of a campaign hold one mail, so that one is cheap.

use std::collections::{HashMap, VecDeque};

use super::counters::Hashed;

/// Hash of a mailbox's name → the numbers of its mails, ascending.
#[derive(Debug, Default)]
pub(super) struct Mailboxes(HashMap<u64, Ids, Hashed>);

#[derive(Debug)]
#[expect(
    clippy::box_collection,
    reason = "a mailbox with one mail costs 24 bytes instead of 40"
)]
enum Ids {
    One(u64),
    Many(Box<VecDeque<u64>>),
}

impl Mailboxes {
    /// `id` is greater than all that the mailbox holds.
    pub(super) fn add(&mut self, mailbox: u64, id: u64) {
        self.0
            .entry(mailbox)
            .and_modify(|ids| ids.push(id))
            .or_insert(Ids::One(id));
    }

    /// False when it wasn't there.
    pub(super) fn take(&mut self, mailbox: u64, id: u64) -> bool {
        let Some(ids) = self.0.get_mut(&mailbox) else {
            return false;
        };
        let (found, empty) = ids.remove(id);
        if empty {
            self.0.remove(&mailbox);
        }
        found
    }

    pub(super) fn holds(&self, mailbox: u64, id: u64) -> bool {
        self.0.get(&mailbox).is_some_and(|ids| match ids {
            Ids::One(only) => *only == id,
            Ids::Many(many) => many.binary_search(&id).is_ok(),
        })
    }

    /// Newest first.
    pub(super) fn newest(&self, mailbox: u64) -> impl Iterator<Item = u64> {
        let (one, many) = match self.0.get(&mailbox) {
            None => (None, None),
            Some(Ids::One(only)) => (Some(*only), None),
            Some(Ids::Many(many)) => (None, Some(many.iter().rev().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Ids {
    fn push(&mut self, id: u64) {
        match self {
            Self::One(first) => *self = Self::Many(Box::new(VecDeque::from([*first, id]))),
            Self::Many(many) => many.push_back(id),
        }
    }

    /// Whether it was there, and whether nothing is left. The oldest goes without moving the others.
    fn remove(&mut self, id: u64) -> (bool, bool) {
        match self {
            Self::One(only) => (*only == id, *only == id),
            Self::Many(many) => {
                let found = many.binary_search(&id);
                if let Ok(at) = found {
                    many.remove(at);
                }
                (found.is_ok(), many.is_empty())
            }
        }
    }
}
