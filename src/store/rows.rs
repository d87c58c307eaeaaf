//! Statements over many rows. They come in a few fixed sizes only, so that each connection keeps them
//! prepared.

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

/// `(tail[0], $n, …), (…)`: `rows` rows of `columns` placeholders each, counted from `first`; each row
/// begins with `lead` (which may use placeholders below `first`).
pub(super) fn values(rows: usize, columns: usize, first: usize, lead: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(rows * (columns * 6 + lead.len() + 4));
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        text.push_str(lead);
        for column in 0..columns {
            if column > 0 {
                text.push_str(", ");
            }
            let _ = write!(text, "${}", first + row * columns + column);
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
        assert_eq!(values(2, 2, 3, "$1, "), "($1, $3, $4), ($1, $5, $6)");
        assert_eq!(list(3, 2), "$2, $3, $4");
    }

    #[test]
    fn a_list_is_filled_up_with_its_last_item() {
        assert_eq!(padded(&[7, 8]).collect::<Vec<_>>(), [7, 8, 8, 8]);
        assert_eq!(padded(&[7]).collect::<Vec<_>>(), [7]);
    }
}
