//! A list with columns, as data: its rows, which of them are shown and in which order, the selected
//! one, and the marked ones. Selection and marks are by id, so that they stay when the list moves.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{column::Column, filter::Filter, row::Row, view::text::width};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sort {
    pub column: usize,
    pub descending: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    /// Places in `rows` that pass the filter, in order.
    shown: Vec<usize>,
    /// The widest text of each column so far: it grows and never shrinks, so that columns stand still.
    widest: Vec<usize>,
    selected: Option<String>,
    /// Where the selection was among those shown, for when its row is gone.
    at: usize,
    /// The first row on the screen.
    top: usize,
    /// The newest row stays selected, as in a log that is followed.
    pub follows: bool,
    pub marks: BTreeSet<String>,
    pub sort: Option<Sort>,
    pub filter: Filter,
    pub faults_only: bool,
    /// Places of the columns that aren't wanted.
    pub hidden: Vec<usize>,
}

impl Table {
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn len(&self) -> usize {
        self.shown.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    pub(super) fn top(&self) -> usize {
        self.top
    }

    pub(super) fn widest(&self, column: usize) -> usize {
        self.widest.get(column).copied().unwrap_or(0)
    }

    /// The rows on the screen from `top` on.
    pub(super) fn visible(&self, height: usize) -> impl Iterator<Item = (usize, &Row)> {
        let shown = self.shown.iter().enumerate().skip(self.top).take(height);
        shown.filter_map(|(n, row)| Some((n, self.rows.get(*row)?)))
    }

    pub(super) fn at(&self) -> Option<usize> {
        (!self.shown.is_empty()).then(|| self.at.min(self.shown.len() - 1))
    }

    pub(super) fn selected(&self) -> Option<&Row> {
        self.rows.get(*self.shown.get(self.at()?)?)
    }

    /// The marked rows that are shown, or else the selected one.
    pub(super) fn chosen(&self) -> Vec<&Row> {
        if self.marks.is_empty() {
            return self.selected().into_iter().collect();
        }
        self.in_order()
            .filter(|row| self.marks.contains(&row.id))
            .collect()
    }

    pub(super) fn in_order(&self) -> impl Iterator<Item = &Row> {
        self.shown.iter().filter_map(|row| self.rows.get(*row))
    }

    /// Takes new rows in; marks of rows that are gone go.
    pub(super) fn fill(&mut self, rows: Vec<Row>, columns: &[Column]) {
        self.rows = rows;
        if !self.marks.is_empty() {
            let left: BTreeSet<&str> = self.rows.iter().map(|r| r.id.as_str()).collect();
            self.marks.retain(|mark| left.contains(mark.as_str()));
        }
        self.widest.resize(columns.len(), 0);
        for (n, column) in columns.iter().enumerate() {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(n));
            // Bytes bound the width from above, so that most texts needn't be measured.
            for cell in cells {
                if cell.text.len() > self.widest[n] && self.widest[n] < column.most {
                    self.widest[n] = self.widest[n].max(width(&cell.text));
                }
            }
        }
        self.arrange(columns);
    }

    /// Filters and sorts anew, and finds the selection again.
    pub(super) fn arrange(&mut self, columns: &[Column]) {
        let passes = |row: &Row| row.passes(&self.filter, self.faults_only, columns);
        self.shown = (0..self.rows.len())
            .filter(|n| passes(&self.rows[*n]))
            .collect();
        if let Some(sort) = self.sort {
            let rows = &self.rows;
            self.shown.sort_by(|a, b| {
                let order = compare(&rows[*a], &rows[*b], sort.column);
                if sort.descending {
                    order.reverse()
                } else {
                    order
                }
            });
        }
        let found = self.selected.as_ref().filter(|_| !self.follows);
        let found = found.and_then(|id| self.in_order().position(|row| row.id == *id));
        let last = self.shown.len().saturating_sub(1);
        match found {
            Some(at) => self.at = at,
            None if self.follows => self.at = last,
            None => self.at = self.at.min(last),
        }
        self.selected = self.selected().map(|row| row.id.clone());
    }

    pub(super) fn select(&mut self, at: usize) {
        self.at = at.min(self.shown.len().saturating_sub(1));
        self.selected = self.selected().map(|row| row.id.clone());
    }

    /// Moves the selection; the ends hold it.
    pub(super) fn step(&mut self, by: isize) {
        if let Some(at) = self.at() {
            self.select(at.saturating_add_signed(by));
            self.follows &= by > 0;
        }
    }

    /// Scrolls as little as needed to have the selection among `height` rows.
    pub(super) fn keep_in_view(&mut self, height: usize) {
        let height = height.max(1);
        let Some(at) = self.at() else {
            self.top = 0;
            return;
        };
        self.top = self
            .top
            .min(at)
            .max((at + 1).saturating_sub(height))
            .min(self.shown.len().saturating_sub(height));
    }

    pub(super) fn mark(&mut self) {
        let id = self.selected().map(|row| row.id.clone());
        if let Some(id) = id
            && !self.marks.remove(&id)
        {
            self.marks.insert(id);
        }
        self.step(1);
    }

    /// Marks from the nearest marked row above, or else below, to the selected one.
    pub(super) fn mark_range(&mut self) {
        let Some(at) = self.at() else { return };
        let ids: Vec<&str> = self.in_order().map(|row| row.id.as_str()).collect();
        let is_marked = |n: &usize| self.marks.contains(ids[*n]);
        let above = (0..at).rev().find(is_marked);
        let from = above.or_else(|| (at + 1..ids.len()).find(is_marked));
        let from = from.unwrap_or(at);
        let range = ids[from.min(at)..=from.max(at)].iter();
        let range: Vec<String> = range.map(|id| (*id).to_owned()).collect();
        self.marks.extend(range);
    }

    /// Marks all that are shown; when they are already, unmarks them.
    pub(super) fn mark_all(&mut self) {
        let ids: Vec<String> = self.in_order().map(|row| row.id.clone()).collect();
        if ids.iter().all(|id| self.marks.contains(id)) {
            for id in &ids {
                self.marks.remove(id);
            }
        } else {
            self.marks.extend(ids);
        }
    }

    /// The next column to sort by: as it came, then each column, numbers with the greatest first.
    pub(super) fn sort_next(&mut self, columns: &[Column], reverse: bool) {
        self.sort = match (self.sort, reverse) {
            (Some(sort), true) => Some(Sort {
                descending: !sort.descending,
                ..sort
            }),
            (None, true) => None,
            (sort, false) => {
                let next = sort.map_or(0, |sort| sort.column + 1);
                columns.get(next).map(|column| Sort {
                    column: next,
                    descending: column.right,
                })
            }
        };
        self.arrange(columns);
    }
}

fn compare(a: &Row, b: &Row, column: usize) -> Ordering {
    let (Some(a), Some(b)) = (a.cells.get(column), b.cells.get(column)) else {
        return Ordering::Equal;
    };
    match (a.value, b.value) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.text.cmp(&b.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{column::widths, row::Cell};

    const COLUMNS: [Column; 3] = [
        Column::text("id", 4, 10, 0),
        Column::number("size", 5, 1),
        Column::text("what", 6, 40, 2),
    ];

    fn row(n: usize) -> Row {
        Row {
            id: format!("row {n}"),
            cells: vec![
                Cell::text(format!("{n}")),
                Cell::count((100 - n) as u64),
                Cell::text(if n.is_multiple_of(2) { "even" } else { "odd" }),
            ],
            fault: n.is_multiple_of(3),
            item: n,
        }
    }

    fn table(rows: usize) -> Table {
        let mut table = Table::default();
        table.fill((0..rows).map(row).collect(), &COLUMNS);
        table
    }

    fn ids(table: &Table) -> Vec<usize> {
        table.in_order().map(|row| row.item).collect()
    }

    #[test]
    fn sorting_goes_from_column_to_column_and_back_to_the_order_of_arrival() {
        let mut t = table(4);
        let mut orders = Vec::new();
        for _ in 0..4 {
            t.sort_next(&COLUMNS, false);
            orders.push(ids(&t));
        }
        assert_eq!(
            orders,
            [
                vec![0, 1, 2, 3],
                vec![0, 1, 2, 3],
                vec![0, 2, 1, 3],
                vec![0, 1, 2, 3]
            ]
        );
        assert_eq!(t.sort, None);
        t.sort_next(&COLUMNS, false);
        t.sort_next(&COLUMNS, true);
        assert_eq!(ids(&t), [3, 2, 1, 0]);
    }

    #[test]
    fn a_filter_and_faults_only_narrow_the_list_and_the_selection_stays_on_its_row() {
        let mut t = table(12);
        t.select(6);
        t.filter = Filter::new("even", &["id", "size", "what"]);
        t.arrange(&COLUMNS);
        assert_eq!(ids(&t), [0, 2, 4, 6, 8, 10]);
        assert_eq!(t.selected().map(|r| r.item), Some(6));
        t.faults_only = true;
        t.arrange(&COLUMNS);
        assert_eq!(ids(&t), [0, 6]);
        assert_eq!(t.selected().map(|r| r.item), Some(6));
    }

    #[test]
    fn marks_by_row_by_range_and_all_that_are_shown() {
        let mut t = table(10);
        t.mark();
        t.select(4);
        t.mark_range();
        assert_eq!(t.marks.len(), 5);
        t.filter = Filter::new("odd", &["id", "size", "what"]);
        t.arrange(&COLUMNS);
        t.mark_all();
        assert_eq!(t.marks.len(), 8);
        assert_eq!(t.chosen().len(), 5, "what a filter hides isn't acted on");
        t.mark_all();
        assert_eq!(t.marks.len(), 3);
        t.fill(vec![row(0)], &COLUMNS);
        assert_eq!(t.marks.len(), 1, "marks go with their rows");
    }

    #[test]
    fn the_selection_is_always_in_view() {
        let mut t = table(100);
        for (to, top) in [(0, 0), (9, 0), (10, 1), (99, 90), (95, 90), (50, 50)] {
            t.select(to);
            t.keep_in_view(10);
            assert_eq!(t.top(), top, "{to}");
        }
        t.fill(vec![row(1)], &COLUMNS);
        t.keep_in_view(10);
        assert_eq!((t.top(), t.at()), (0, Some(0)));
    }

    #[test]
    fn a_followed_list_keeps_its_newest_row() {
        let mut t = table(3);
        t.follows = true;
        t.fill((0..9).map(row).collect(), &COLUMNS);
        assert_eq!(t.at(), Some(8));
        t.step(-1);
        t.fill((0..12).map(row).collect(), &COLUMNS);
        assert_eq!(t.at(), Some(7));
    }

    #[test]
    fn columns_never_take_more_than_there_is() {
        let t = table(5);
        for room in 0..80 {
            let cells = widths(&COLUMNS, &t, room);
            let shown = cells.iter().filter(|c| **c > 0).count();
            let total = cells.iter().sum::<usize>() + shown.saturating_sub(1);
            assert!(total <= room.max(1), "{room}: {cells:?}");
        }
        assert_eq!(widths(&COLUMNS, &t, 80), [4, 5, 6]);
        assert_eq!(widths(&COLUMNS, &t, 12), [4, 5, 0]);
    }
}
