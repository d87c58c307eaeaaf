//! The columns of a list, and how wide they are.

use super::{table::Table, view::text::width};

/// A column: its heading, how wide it may be, and which ones give way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub heading: &'static str,
    pub least: usize,
    pub most: usize,
    pub right: bool,
    /// 0 stays always; the highest is left out first.
    pub rank: u8,
}

impl Column {
    pub(super) const fn text(heading: &'static str, least: usize, most: usize, rank: u8) -> Self {
        Self {
            heading,
            least,
            most,
            right: false,
            rank,
        }
    }

    pub(super) const fn number(heading: &'static str, least: usize, rank: u8) -> Self {
        Self {
            heading,
            least,
            most: 24,
            right: true,
            rank,
        }
    }
}

/// So wide a column that always stays may become before others are left out for it.
const MUST_HAVE: usize = 28;

/// The cells that each column gets of `room`, one space between them; 0: left out.
pub(super) fn widths(columns: &[Column], table: &Table, room: usize) -> Vec<usize> {
    let wanted = |n: usize| {
        let column = &columns[n];
        let natural = table.widest(n).max(width(column.heading));
        natural.clamp(column.least, column.most.max(column.least))
    };
    let total = |cells: &[usize]| {
        let shown = cells.iter().filter(|c| **c > 0).count();
        cells.iter().sum::<usize>() + shown.saturating_sub(1)
    };
    // A column that always stays is worth more than one that may be left out.
    let least = |(n, column): (usize, &Column)| match column.rank {
        _ if table.hidden.contains(&n) => 0,
        0 => wanted(n).min(column.least.max(MUST_HAVE)),
        _ => column.least,
    };
    let mut cells: Vec<usize> = columns.iter().enumerate().map(least).collect();
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|n| columns[*n].rank);
    for n in order.iter().rev().filter(|n| columns[**n].rank > 0) {
        if total(&cells) > room {
            cells[*n] = 0;
        }
    }
    // Those that stay always give way together.
    while total(&cells) > room {
        let Some(most) = (0..cells.len())
            .filter(|n| cells[*n] > 1)
            .max_by_key(|n| cells[*n])
        else {
            break;
        };
        cells[most] -= 1;
    }
    for n in order {
        let spare = room.saturating_sub(total(&cells));
        if cells[n] > 0 {
            cells[n] += wanted(n).saturating_sub(cells[n]).min(spare);
        }
    }
    cells
}
