//! Draws the model and changes nothing. A frame is a header, the screen's body, a line for what just
//! happened, and the keys that are valid now; a question lies over the body.

mod campaigns;
mod claim;
mod create;
mod diagnosis;
mod frame;
mod help;
mod narrow;
mod outcome;
mod pending;
mod pipeline;
mod popup;
mod stage;
#[cfg(test)]
mod tests;
mod text;
mod widgets;
mod workers;

use ratatui::{Frame, layout::Rect};

use super::{
    dialog::Dialog,
    model::{Link, Model, Screen},
    theme::Theme,
};
use text::Canvas;

/// Below this, one column.
const LEAST: (u16, u16) = (60, 15);

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let mut canvas = Canvas::new(frame.buffer_mut());
    let theme = &model.setting.theme;
    if area.width < LEAST.0 || area.height < LEAST.1 {
        narrow::draw(model, &mut canvas, area);
    } else {
        frame::header(model, &mut canvas, area);
        let body = Rect {
            x: area.x + 1,
            y: area.y + 3,
            width: area.width - 2,
            height: area.height - 5,
        };
        let theme = body_theme(model);
        match (model.screen, &model.status.data) {
            (_, None) => frame::nothing_yet(model, &mut canvas, body),
            (Screen::Pipeline, Some(status)) => {
                pipeline::draw(model, status, &theme, &mut canvas, body);
            }
            (Screen::Pending, Some(_)) => pending::draw(model, &theme, &mut canvas, body),
            (Screen::Workers, Some(_)) => workers::draw(model, &theme, &mut canvas, body),
        }
        frame::footer(model, &mut canvas, area);
    }
    match &model.dialog {
        None => {}
        Some(Dialog::Help { scroll }) => help::draw(theme, *scroll, &mut canvas, area),
        Some(Dialog::Create(form)) => create::draw(theme, form, &mut canvas, area),
        Some(Dialog::Claim(dialog)) => claim::draw(theme, dialog, &mut canvas, area),
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
