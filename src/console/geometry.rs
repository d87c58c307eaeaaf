//! Where things lie on the terminal: the same for drawing, for scrolling and for the mouse. Pure.

use ratatui::layout::Rect;

use super::{model::Model, place::Page};

/// Below this, one column.
pub(super) const LEAST: (u16, u16) = (60, 15);

/// Header, tabs and a blank line above; a notice and the keys below.
const ABOVE: u16 = 3;
const BELOW: u16 = 2;

pub(super) fn is_narrow(area: Rect) -> bool {
    area.width < LEAST.0 || area.height < LEAST.1
}

/// What lies between header and footer.
pub(super) fn body(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        y: area.y + ABOVE,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(ABOVE + BELOW),
    }
}

/// The parts of a list, from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListParts {
    /// The path that led here; no height on the first level.
    pub path: Rect,
    pub headings: Rect,
    pub rows: Rect,
    pub sum: Rect,
    pub detail: Rect,
}

/// `deep`: below the first level. `detail`: lines wanted for the selected row.
pub(super) fn list(body: Rect, deep: bool, detail: u16) -> ListParts {
    let mut top = 0;
    let mut take = |wanted: u16| {
        let height = wanted.min(body.height - top);
        let part = Rect {
            y: body.y + top,
            height,
            ..body
        };
        top += height;
        part
    };
    let path = take(if deep { 2 } else { 0 });
    let headings = take(1);
    let left = body.height - path.height - headings.height;
    let below = if detail > 0 { detail + 1 } else { 0 };
    let rows = take(left.saturating_sub(1 + below));
    let sum = take(1);
    take(u16::from(detail > 0));
    let detail = take(detail);
    ListParts {
        path,
        headings,
        rows,
        sum,
        detail,
    }
}

/// The parts of a page's list on this terminal; `None` where it is drawn otherwise.
pub(super) fn parts(model: &Model, page: &Page) -> Option<ListParts> {
    let listing = page.place.listing()?;
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    if is_narrow(area) {
        return None;
    }
    let body = body(area);
    let deep = model.depth() > 1;
    Some(list(body, deep, listing.detail_height(body.height)))
}

/// Rows of a list on the screen.
pub(super) fn list_height(model: &Model, page: &Page) -> usize {
    match parts(model, page) {
        Some(parts) => usize::from(parts.rows.height),
        None => usize::from(model.size.1.saturating_sub(super::view::NARROW_AROUND)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_list_lie_below_each_other_and_within_the_body() {
        for height in 0..60 {
            for deep in [false, true] {
                for detail in 0..9 {
                    let body = Rect::new(1, 3, 78, height);
                    let parts = list(body, deep, detail);
                    let all = [
                        parts.path,
                        parts.headings,
                        parts.rows,
                        parts.sum,
                        parts.detail,
                    ];
                    for pair in all.windows(2) {
                        assert!(pair[0].bottom() <= pair[1].y, "{height} {parts:?}");
                    }
                    assert!(all.iter().all(|p| p.bottom() <= body.bottom()), "{parts:?}");
                }
            }
        }
    }
}
