//! What a row of a list says, as data.

use super::{column::Column, filter::Filter};
use crate::ops::wording::clean;

/// What a cell means; a theme makes a style of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tint {
    #[default]
    Text,
    Title,
    Dim,
    Accent,
    Good,
    Warn,
    Bad,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cell {
    pub text: String,
    pub tint: Tint,
    /// What it is sorted by, where that isn't its text.
    pub value: Option<f64>,
    /// It may hold addresses, which are masked unless asked for.
    pub private: bool,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: clean(&text.into()),
            ..Self::default()
        }
    }

    pub(super) fn number(text: impl Into<String>, value: f64) -> Self {
        Self {
            value: Some(value),
            ..Self::text(text)
        }
    }

    pub(super) fn count(n: u64) -> Self {
        Self::number(crate::ops::wording::count(n), n as f64)
    }

    /// Nothing to say.
    pub(super) fn none() -> Self {
        Self::number("–", -1.0).tint(Tint::Dim)
    }

    pub(super) fn tint(mut self, tint: Tint) -> Self {
        self.tint = tint;
        self
    }

    pub(super) fn dim(self) -> Self {
        self.tint(Tint::Dim)
    }

    pub(super) fn private(mut self) -> Self {
        self.private = true;
        self
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Row {
    /// Unlike that of any other row, and the same when the row comes again.
    pub id: String,
    pub cells: Vec<Cell>,
    /// Something is wrong with it: `!` shows only these.
    pub fault: bool,
    /// Its place in what was fetched.
    pub item: usize,
}

impl Row {
    /// It is shown under that filter.
    pub(super) fn passes(&self, filter: &Filter, faults_only: bool, columns: &[Column]) -> bool {
        if faults_only && !self.fault {
            return false;
        }
        if filter.is_empty() {
            return true;
        }
        let headings: Vec<&str> = columns.iter().map(|c| c.heading).collect();
        filter.passes(&headings, self.cells.iter().map(|c| c.text.as_str()))
    }

    /// What one of its columns says, counted from 0.
    pub(super) fn text(&self, column: usize) -> String {
        self.cells
            .get(column)
            .map_or_else(String::new, |cell| cell.text.clone())
    }
}
