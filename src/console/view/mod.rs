//! Draws the model and changes nothing. A frame is a header, the screen's body, a line for what just
//! happened, and the keys that are valid now; a question lies over the body.

#[cfg(test)]
mod answers;
mod ascii;
mod campaigns;
mod claim;
mod confirm;
mod create;
mod diagnosis;
mod frame;
mod help;
#[cfg(test)]
mod help_tests;
#[cfg(test)]
mod hostile_tests;
mod list;
mod narrow;
mod outcome;
mod palette;
mod pipeline;
mod popup;
#[cfg(test)]
mod question_tests;
mod stage;
#[cfg(test)]
mod style_tests;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod typing;
mod widgets;

use ratatui::{Frame, layout::Rect};

use super::{
    dialog::Dialog,
    geometry,
    model::{Link, Model},
    theme::Theme,
};
pub(super) use frame::tab_spans;
pub(super) use narrow::AROUND as NARROW_AROUND;
use text::Canvas;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let mut canvas = Canvas::new(frame.buffer_mut());
    let theme = &model.setting.theme;
    if geometry::is_narrow(area) {
        narrow::draw(model, &mut canvas, area);
    } else {
        frame::header(model, &mut canvas, area);
        body(model, &mut canvas, geometry::body(area));
        frame::footer(model, &mut canvas, area);
    }
    match &model.dialog {
        None => {}
        Some(Dialog::Help { scroll }) => help::draw(model, *scroll, &mut canvas, area),
        Some(Dialog::Palette(palette)) => palette::draw(model, palette, theme, &mut canvas, area),
        Some(Dialog::Create(form)) => create::draw(theme, form, model.unmasked, &mut canvas, area),
        Some(Dialog::Claim(dialog)) => claim::draw(theme, dialog, &mut canvas, area),
        Some(Dialog::Confirm(confirm)) => {
            confirm::draw(theme, confirm, model.now_ms, &mut canvas, area);
        }
    }
    if model.setting.ascii {
        ascii::translate(frame.buffer_mut());
    }
}

fn body(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = body_theme(model);
    match (model.page().place.listing(), model.shown_status()) {
        (_, None) => frame::nothing_yet(model, canvas, area),
        (None, Some(status)) => pipeline::draw(model, status, &theme, canvas, area),
        (Some(listing), Some(_)) => list::draw(model, listing, &theme, canvas, area),
    }
}

/// Data of a server that is away recedes, and what lies behind a question.
fn body_theme(model: &Model) -> Theme {
    match model.link {
        _ if model.dialog.is_some() => model.setting.theme.faded(),
        Link::Away { .. } => model.setting.theme.faded(),
        _ => model.setting.theme,
    }
}
