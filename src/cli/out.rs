//! Where verbs print: tables without borders, or JSON.

use std::io::{self, Write};

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

pub(super) struct Out {
    pub(super) json: bool,
}

impl Out {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) fn line(&self, text: impl AsRef<str>) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_ref().as_bytes())?;
        out.write_all(b"\n")?;
        Ok(())
    }

    /// Said of a deed that stands though the audit doesn't have it.
    pub(super) fn audited(&self, audited: bool) -> Result<()> {
        match audited {
            true => Ok(()),
            false => self.line("it was not written to the audit"),
        }
    }

    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<()> {
        io::stdout().lock().write_all(bytes)?;
        Ok(())
    }

    pub(super) fn json(&self, value: &impl Serialize) -> Result<()> {
        self.line(serde_json::to_string_pretty(value)?)
    }

    /// A heading that starts with `>` is a number's: right-aligned.
    pub(super) fn table(&self, headings: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
        self.line(table(headings, rows))
    }
}

fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table.set_header(headings.iter().map(|h| h.trim_start_matches('>')));
    for row in rows {
        table.add_row(
            row.iter()
                .map(|cell| Cell::new(super::super::ops::wording::clean(cell))),
        );
    }
    for (index, heading) in headings.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if heading.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_the_right_and_nothing_trails() {
        let rows = vec![
            vec!["a".to_owned(), "7".to_owned(), "x".to_owned()],
            vec!["longer\u{1b}".to_owned(), "1000".to_owned(), String::new()],
        ];
        insta::assert_snapshot!(table(&["NAME", ">COUNT", "NOTE"], rows), @r"
        NAME     COUNT  NOTE
        a            7  x
        longer·   1000
        ");
    }
}
