//! One entry of a stream in full: its fields, a JSON payload decoded line by line.

use super::{Listing, plural, text_lines, trace::Way};
use crate::console::{
    column::Column,
    data::Data,
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
    view::text::{width, wrap},
};

/// More lines of one entry are not shown.
const MOST_LINES: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Fields {
    id: String,
    fields: Vec<(String, String)>,
}

impl Fields {
    pub(in crate::console) fn new(id: &str, fields: &[(String, String)]) -> Self {
        Self {
            id: id.to_owned(),
            fields: fields.to_vec(),
        }
    }
}

static COLUMNS: [Column; 2] = [
    Column::text("field", 6, 30, 0),
    Column::text("value", 10, 400, 0),
];

impl Listing for Fields {
    fn name(&self) -> &'static str {
        "fields"
    }

    fn title(&self) -> String {
        self.id.clone()
    }

    fn every_ms(&self) -> Option<u64> {
        None
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, _data: Option<&Data>) -> Vec<Row> {
        let names = self.fields.iter().map(|(name, _)| width(name)).max();
        let cells = text_lines::room(model, names.unwrap_or(0).clamp(6, 30));
        let mut rows = Vec::new();
        for (name, value) in &self.fields {
            let lines = decoded(value);
            let lines = lines.iter().flat_map(|line| wrap(line, cells));
            for (n, line) in lines.take(MOST_LINES).enumerate() {
                let name = if n == 0 { name.as_str() } else { "" };
                rows.push(Row {
                    id: format!("{} {n}", rows.len()),
                    cells: vec![Cell::text(name).dim(), Cell::text(line).private()],
                    fault: false,
                    item: rows.len(),
                });
            }
        }
        rows.truncate(MOST_LINES);
        rows
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let (campaign, user) = self.recipient(page, row)?;
        Some(Place::Trace(Way { campaign, user }))
    }

    fn recipient(&self, _page: &Page, _row: &Row) -> Option<(i64, i64)> {
        recipient_of(Some(&self.fields))
    }

    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.text(1)
    }

    fn empty(&self) -> (String, Tint) {
        ("it has no fields".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "line", "lines")
    }
}

/// JSON over as many lines as it has members; anything else as it is.
fn decoded(value: &str) -> Vec<String> {
    let json = serde_json::from_str::<serde_json::Value>(value)
        .ok()
        .filter(|json| json.is_object() || json.is_array())
        .and_then(|json| serde_json::to_string_pretty(&json).ok());
    match json {
        Some(pretty) => pretty.lines().map(str::to_owned).collect(),
        None if value.is_empty() => vec![String::new()],
        None => value.lines().map(str::to_owned).collect(),
    }
}

/// Whose message an entry is: campaign (0: none) and user.
pub(in crate::console) fn recipient_of(fields: Option<&[(String, String)]>) -> Option<(i64, i64)> {
    let field = |name: &str| {
        let found = fields?.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    };
    let data: serde_json::Value = serde_json::from_str(field("data")?).ok()?;
    let campaign = match field("flow")? {
        "" => 0,
        flow => flow.parse().ok()?,
    };
    Some((campaign, data.get("user")?.as_i64()?))
}

/// `name=value` for each field.
pub(in crate::console) fn fields_text(fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    fields.join("  ")
}

/// What the entry is about, in a few words. Addresses are masked where it is shown.
pub(in crate::console) fn summary(fields: Option<&[(String, String)]>) -> String {
    let Some(fields) = fields else {
        return "trimmed".to_owned();
    };
    let data = fields.iter().find(|(name, _)| name == "data");
    let json = data.and_then(|(_, data)| serde_json::from_str(data).ok());
    let Some(serde_json::Value::Object(json)) = json else {
        return fields_text(fields);
    };
    let mut words = Vec::new();
    for (name, value) in json.iter().filter(|(name, _)| *name != "v") {
        match value {
            serde_json::Value::Number(n) => words.push(format!("{name} {n}")),
            serde_json::Value::String(s) if s.contains('@') => words.push(s.clone()),
            _ => {}
        }
    }
    // The numbers are ids, and say more than the rest.
    words.sort_by_key(|w| w.contains('@'));
    words.join("  ")
}
