//! The entries of one stream or of a part of it, page by page.

use super::{
    Listing,
    entry::{Fields, recipient_of, summary},
    plural,
};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    fetch::PAGE,
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{
    id_order,
    wording::{clock, parse_duration},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Entries {
    pub stream: String,
    /// The newest first, else the oldest first.
    pub newest: bool,
    pub range: Range,
    /// Where each page after the first began; the last one is shown.
    pub pages: Vec<String>,
}

/// A part of a stream: ids, or the milliseconds of some; an empty one is open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::console) struct Range {
    pub from: String,
    pub to: String,
}

impl Range {
    /// `FROM`, `FROM..TO` or `..TO`: ids, their milliseconds, or how long ago (`90s`, `5m`, `2h`).
    pub(in crate::console) fn parse(text: &str, now_ms: Option<u64>) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, ""));
        let range = Self {
            from: place(from.trim(), now_ms)?,
            to: place(to.trim(), now_ms)?,
        };
        let ends = !range.to.is_empty();
        // Milliseconds alone end with their last entry.
        let end_ms = id_order(&range.to).0;
        let backwards = match range.to.contains('-') {
            true => id_order(&range.to) < id_order(&range.from),
            false => end_ms < id_order(&range.from).0,
        };
        if ends && backwards {
            return Err(format!("{text:?} ends before it begins"));
        }
        Ok(range)
    }
}

fn place(text: &str, now_ms: Option<u64>) -> Result<String, String> {
    let is_id =
        text.split('-').count() <= 2 && text.split('-').all(|part| part.parse::<u64>().is_ok());
    match (parse_duration(text), now_ms) {
        _ if text.is_empty() || is_id => Ok(text.to_owned()),
        (Ok(ago_ms), Some(now_ms)) => Ok(now_ms.saturating_sub(ago_ms).to_string()),
        _ => Err(format!("{text:?} is no id and no time like 90s, 5m or 2h")),
    }
}

impl Entries {
    pub(in crate::console) fn of(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            newest: true,
            range: Range::default(),
            pages: Vec::new(),
        }
    }
}

static COLUMNS: [Column; 4] = [
    Column::text("id", 15, 24, 0),
    Column::text("at", 8, 8, 2),
    Column::text("type", 10, 24, 1),
    Column::text("what", 20, 300, 0),
];

impl Listing for Entries {
    fn name(&self) -> &'static str {
        "entries"
    }

    fn title(&self) -> String {
        format!("{} entries", self.stream)
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        let Range { from, to } = self.range.clone();
        let (begin, to) = if self.newest { (to, from) } else { (from, to) };
        Some(Query::Entries {
            stream: self.stream.clone(),
            newest: self.newest,
            from: self.pages.last().cloned().unwrap_or(begin),
            to,
        })
    }

    fn every_ms(&self) -> Option<u64> {
        // What is being read stands still; the newest are looked for again with `r`.
        None
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Entries(entries)) = data else {
            return Vec::new();
        };
        let rows = entries.iter().enumerate();
        rows.map(|(item, entry)| {
            let kind = entry.fields.iter().find(|(name, _)| name == "type");
            let at_ms = entry.id.split('-').next().and_then(|ms| ms.parse().ok());
            Row {
                id: entry.id.clone(),
                item,
                fault: false,
                cells: vec![
                    Cell::text(&entry.id),
                    Cell::text(clock(at_ms.unwrap_or(0))).dim(),
                    kind.map_or_else(Cell::none, |(_, kind)| Cell::text(kind)),
                    Cell::text(summary(Some(&entry.fields))).dim().private(),
                ],
            }
        })
        .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let Some(Data::Entries(entries)) = &page.feed.data else {
            return None;
        };
        let entry = entries.get(row.item)?;
        Some(Place::Fields(Fields::new(&entry.id, &entry.fields)))
    }

    fn recipient(&self, page: &Page, row: &Row) -> Option<(i64, i64)> {
        let Some(Data::Entries(entries)) = &page.feed.data else {
            return None;
        };
        recipient_of(Some(&entries.get(row.item)?.fields))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Entries)
    }

    fn empty(&self) -> (String, Tint) {
        ("no entry is there".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "entry", "entries")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let mut words = Vec::new();
        let loaded = page.table.rows().len();
        if !page.table.filter.is_empty() && loaded >= PAGE {
            words.push("only what is loaded is filtered, n loads the next".to_owned());
        }
        let order = if self.newest { "newest" } else { "oldest" };
        words.push(format!("{order} first"));
        match (self.range.from.as_str(), self.range.to.as_str()) {
            ("", "") => {}
            (from, "") => words.push(format!("from {from}")),
            ("", to) => words.push(format!("up to {to}")),
            (from, to) => words.push(format!("from {from} to {to}")),
        }
        if !self.pages.is_empty() {
            words.push(format!("page {}", self.pages.len() + 1));
        }
        Some(words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{console::filter::Filter, ops::StreamEntry};

    #[test]
    fn a_range_is_typed_as_ids_as_milliseconds_or_as_how_long_ago() {
        let now_ms = Some(1_731_000_000_000);
        let range = |text| Range::parse(text, now_ms).map(|r| (r.from, r.to));
        let ok = |from: &str, to: &str| Ok((from.to_owned(), to.to_owned()));
        assert_eq!(range("5-1"), ok("5-1", ""));
        assert_eq!(range("5-1..7-0"), ok("5-1", "7-0"));
        assert_eq!(range("..7"), ok("", "7"));
        assert_eq!(range(""), ok("", ""));
        assert_eq!(range("10m .. 5m"), ok("1730999400000", "1730999700000"));
        assert_eq!(
            range("10m..1730999700000-3"),
            ok("1730999400000", "1730999700000-3")
        );
        // The milliseconds of the beginning are the end too: all their entries.
        assert_eq!(range("5-9..5"), ok("5-9", "5"));
        for wrong in ["soon", "5m..soon", "1-2-3", "5m..10m", "5-9..5-8", "6..5"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
        assert!(Range::parse("5m", None).is_err(), "nobody knows the time");
    }

    #[test]
    fn a_filter_of_a_full_page_says_that_more_may_match() {
        let entry = |n: usize| StreamEntry {
            id: format!("{n}-1"),
            fields: vec![("data".to_owned(), "x".to_owned())],
        };
        let model = crate::console::fixture::working();
        let said = |n: usize, filter: &str| {
            let entries = Entries::of("orders");
            let mut page = Page::new(1, Place::Entries(entries.clone()));
            let data = Data::Entries((0..n).map(entry).collect());
            let rows = entries.rows(&model, Some(&data));
            page.table.filter = Filter::new(filter, &["id"]);
            page.table.fill(rows, &COLUMNS);
            entries.remark(&page)
        };
        let all = Some("newest first".to_owned());
        assert_eq!((said(PAGE, ""), said(PAGE - 1, "no")), (all.clone(), all));
        assert_eq!(
            said(PAGE, "no").as_deref(),
            Some("only what is loaded is filtered, n loads the next, newest first")
        );
    }
}
