//! What groups that aren't ours lose: a stream of ours is trimmed when its own group has handled the entries,
//! whoever else still wants them. Counted from what a look has read anyway.

use super::{
    GroupView, PartitionView, StreamView,
    pending::id_order,
    wording::{count, entries},
};

/// Entries that a group hasn't read and that ours doesn't keep for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Loss {
    /// Trimmed, or before our trim point and trimmed with the next look of a worker.
    gone: u64,
    /// Still pending for ours.
    soon: u64,
    at_least: bool,
}

/// What a group that isn't ours loses of a stream, in words; `None` when it keeps up with ours.
pub(super) fn loss(stage: &StreamView, group: &str) -> Option<String> {
    let mut loss = Loss::default();
    for part in &stage.partitions {
        let named = |name: &str| part.groups.iter().find(|g| g.name == name);
        // Without its own group a stream isn't trimmed.
        if let (Some(ours), Some(theirs)) = (named(&stage.group), named(group)) {
            let here = of_partition(part, ours, theirs);
            loss.gone += here.gone;
            loss.soon += here.soon;
            loss.at_least |= here.at_least;
        }
    }
    let at_least = if loss.at_least { "at least " } else { "" };
    let (gone, soon) = (loss.gone, loss.soon);
    let went = format!(
        "{at_least}{} were trimmed before it read them",
        entries(gone)
    );
    match (gone, soon) {
        (0, 0) => None,
        (_, 0) => Some(went),
        (0, _) => Some(format!(
            "{at_least}{} that it hasn't read will be trimmed when ours has handled them",
            entries(soon)
        )),
        _ => Some(format!(
            "{went}, {at_least}{} more will be when ours has handled them",
            count(soon)
        )),
    }
}

fn of_partition(part: &PartitionView, ours: &GroupView, theirs: &GroupView) -> Loss {
    let at = id_order(&theirs.last_delivered_id);
    if at >= id_order(&part.last_generated_id) {
        return Loss::default();
    }
    let all_unread = part.length == 0 || at < id_order(&part.first_id);
    let unread = if all_unread {
        part.length
    } else {
        theirs.backlog.count.min(part.length)
    };
    // Redis doesn't count the reads of a group that hasn't read yet.
    let read = theirs.entries_read.or((at == (0, 0)).then_some(0));
    let trimmed = match read.filter(|_| all_unread) {
        Some(read) => part.entries_added.saturating_sub(read + part.length),
        None => 0,
    };
    // What ours has read and this group hasn't.
    let behind = match ours.backlog.at_least {
        true => 0,
        false => unread.saturating_sub(ours.backlog.count),
    };
    let (now, soon) = match ours.pending {
        0 => (behind, 0),
        _ => (0, behind),
    };
    Loss {
        gone: trimmed + now,
        soon,
        at_least: !all_unread && theirs.backlog.at_least,
    }
}

/// What a group wouldn't get that reads on from this position, for it was trimmed already; `None`: nothing.
pub(super) fn missed(part: &PartitionView, from: &str) -> Option<String> {
    let trimmed = part.entries_added.saturating_sub(part.length);
    let first = match part.length {
        0 => id_order(&part.last_generated_id),
        _ => id_order(&part.first_id),
    };
    if from == "$" || trimmed == 0 || id_order(from) >= first {
        return None;
    }
    let n = count(trimmed);
    Some(match part.length {
        0 => format!("all {n} so far were trimmed: it begins with the next one"),
        _ => format!(
            "that is behind {}, before which {n} were trimmed: it begins there",
            part.first_id
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Backlog;

    fn group(name: &str, last: &str, pending: u64, unread: u64, read: Option<u64>) -> GroupView {
        GroupView {
            name: name.to_owned(),
            last_delivered_id: last.to_owned(),
            pending,
            entries_read: read,
            backlog: Backlog {
                count: unread,
                at_least: false,
            },
            ..GroupView::default()
        }
    }

    /// Ten entries were added, `1-1` to `10-1`; those from `first` on are there.
    fn part(first: u64, groups: Vec<GroupView>) -> PartitionView {
        PartitionView {
            exists: true,
            length: 11 - first,
            entries_added: 10,
            first_id: if first > 10 {
                String::new()
            } else {
                format!("{first}-1")
            },
            last_generated_id: "10-1".to_owned(),
            groups,
            ..PartitionView::default()
        }
    }

    fn said(parts: Vec<PartitionView>) -> Option<String> {
        let stage = StreamView {
            group: "ours".to_owned(),
            partitions: parts,
            ..StreamView::default()
        };
        loss(&stage, "theirs")
    }

    #[test]
    fn what_was_trimmed_and_what_will_be_is_counted_and_who_keeps_up_is_left_alone() {
        let ours = |last: u64, pending| {
            group("ours", &format!("{last}-1"), pending, 10 - last, Some(last))
        };
        let theirs = |last: u64| group("theirs", &format!("{last}-1"), 0, 10 - last, Some(last));
        // Caught up, as far as ours, and before ours.
        assert_eq!(said(vec![part(5, vec![ours(10, 6), theirs(10)])]), None);
        assert_eq!(said(vec![part(5, vec![ours(7, 3), theirs(7)])]), None);
        assert_eq!(said(vec![part(5, vec![ours(7, 3), theirs(9)])]), None);
        // Trimmed and empty, but read before.
        assert_eq!(said(vec![part(11, vec![ours(10, 0), theirs(10)])]), None);
        // Behind ours, which still holds what lies between.
        assert_eq!(
            said(vec![part(5, vec![ours(10, 6), theirs(7)])]).as_deref(),
            Some("3 entries that it hasn't read will be trimmed when ours has handled them")
        );
        // Ours holds nothing: they go with the next trim. Trimmed already: no longer there to be counted.
        for first in [5, 8, 9, 11] {
            assert_eq!(
                said(vec![part(first, vec![ours(10, 0), theirs(7)])]).as_deref(),
                Some("3 entries were trimmed before it read them"),
                "{first}"
            );
        }
        // Both, over two partitions; nothing is trimmed where our group isn't.
        let both = vec![
            part(9, vec![ours(10, 2), group("theirs", "0-0", 0, 2, None)]),
            part(1, vec![theirs(2)]),
        ];
        assert_eq!(
            said(both).as_deref(),
            Some(
                "8 entries were trimmed before it read them, 2 more will be when ours has handled them"
            )
        );
    }

    #[test]
    fn a_position_behind_what_was_trimmed_is_told_with_how_much_that_was() {
        let text = |first, from| missed(&part(first, Vec::new()), from);
        assert_eq!(text(1, "0"), None, "nothing was trimmed");
        assert_eq!(
            (text(5, "$"), text(5, "5-1"), text(11, "10-1")),
            (None, None, None)
        );
        assert_eq!(
            text(5, "0").as_deref(),
            Some("that is behind 5-1, before which 4 were trimmed: it begins there")
        );
        assert_eq!(
            text(11, "3-0").as_deref(),
            Some("all 10 so far were trimmed: it begins with the next one")
        );
    }
}
