//! What is read line by line: a name, and a text that is broken at the edge.

use crate::console::{
    model::Model,
    row::{Cell, Row},
};

/// Cells of a row that are no text: edges, pointer, the space between two columns.
const BESIDE: usize = 5;

/// Cells for the text beside names of `names` cells.
pub(super) fn room(model: &Model, names: usize) -> usize {
    usize::from(model.size.0)
        .saturating_sub(names + BESIDE)
        .max(20)
}

/// A row for each line that `wrap` makes of a text; the name stands beside the first.
pub(super) fn rows(
    lines: Vec<(&'static str, String)>,
    wrap: impl Fn(&str) -> Vec<String>,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, text) in lines {
        for (n, line) in wrap(&text).into_iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            rows.push(Row {
                id: rows.len().to_string(),
                cells: vec![Cell::text(name).dim(), Cell::text(line).private()],
                fault: false,
                item: rows.len(),
            });
        }
    }
    rows
}
