//! Statements over many rows. They come in a few fixed sizes only, so that each connection keeps them
//! prepared.

use std::fmt::Write as _;

use super::open::Dialect;

/// The sizes, greatest first.
pub(super) const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// Cuts `rows` into pieces of those sizes, the greatest that fits first; none is left over.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// `(lead, place, …), (…)`: `rows` rows of `columns` values each, which are bound first, row by row. `lead`
/// begins each row; `@1` and `@2` in it stand for two values that all rows share, bound last.
///
/// The rows' places are `?` on SQLite: those have no name. sqlx looks every parameter's name up before it
/// binds it, which SQLite does by walking through all names, so that with `$1` to `$1536` two thirds of
/// the time went there.
pub(super) fn values(dialect: Dialect, rows: usize, columns: usize, lead: &str) -> String {
    let bound = rows * columns;
    let lead = lead
        .replace("@1", &format!("${}", bound + 1))
        .replace("@2", &format!("${}", bound + 2));
    let mut text = String::with_capacity(rows * (columns * 7 + lead.len() + 4));
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        text.push_str(&lead);
        for column in 0..columns {
            if column > 0 {
                text.push_str(", ");
            }
            match dialect {
                Dialect::Sqlite => text.push('?'),
                Dialect::Postgres => {
                    let _ = write!(text, "${}", row * columns + column + 1);
                }
            }
        }
        text.push(')');
    }
    text
}

/// `$first, …`: a list of `count` placeholders.
pub(super) fn list(count: usize, first: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    places.join(", ")
}

/// `items`, filled up with its last one to the next of the fixed sizes: for `IN`, where repeating one
/// changes nothing. `items` must not be empty, nor longer than the greatest size.
pub(super) fn padded(items: &[i64]) -> impl Iterator<Item = i64> + '_ {
    let size = SIZES
        .into_iter()
        .rev()
        .find(|size| *size >= items.len())
        .unwrap_or(items.len());
    let last = items.last().copied();
    let fill = size - items.len();
    items
        .iter()
        .copied()
        .chain(last.into_iter().cycle().take(fill))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_the_fixed_sizes_and_lose_nothing() {
        let rows: Vec<usize> = (0..603).collect();
        let sizes: Vec<usize> = pieces(&rows).map(<[usize]>::len).collect();
        assert_eq!(sizes, [256, 256, 64, 16, 4, 4, 1, 1, 1]);
        let joined: Vec<usize> = pieces(&rows).flatten().copied().collect();
        assert_eq!(joined, rows);
    }

    #[test]
    fn placeholders_are_counted_through() {
        let postgres = values(Dialect::Postgres, 2, 2, "@1, @2, ");
        assert_eq!(postgres, "($5, $6, $1, $2), ($5, $6, $3, $4)");
        let sqlite = values(Dialect::Sqlite, 2, 2, "@1, @2, ");
        assert_eq!(sqlite, "($5, $6, ?, ?), ($5, $6, ?, ?)");
        assert_eq!(list(3, 2), "$2, $3, $4");
    }

    #[test]
    fn a_list_is_filled_up_with_its_last_item() {
        assert_eq!(padded(&[7, 8]).collect::<Vec<_>>(), [7, 8, 8, 8]);
        assert_eq!(padded(&[7]).collect::<Vec<_>>(), [7]);
    }
}
