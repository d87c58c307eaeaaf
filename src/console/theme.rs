//! Colours and what they mean. Screens name a meaning, never a colour.

use clap::ValueEnum;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    Dark,
    Light,
    /// No colours at all
    None,
}

/// How many colours the terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Sixteen,
    Many,
}

/// Styles by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Theme {
    pub text: Style,
    /// Labels, units, what is known anyway.
    pub dim: Style,
    /// Rules and empty parts.
    pub faint: Style,
    pub title: Style,
    pub accent: Style,
    pub badge: Style,
    pub good: Style,
    pub warn: Style,
    pub bad: Style,
    /// Laid over a selected row; a symbol stands beside it in every theme.
    pub selected: Style,
    /// The stages, in the order of the flow.
    pub stages: [Style; 3],
}

impl Theme {
    pub(super) fn new(choice: ThemeChoice, depth: Depth) -> Self {
        match (choice, depth) {
            (ThemeChoice::Dark, Depth::Sixteen) => Self::coloured(&Palette {
                dim: 7,
                faint: 8,
                accent: 14,
                on_accent: 0,
                good: 10,
                warn: 11,
                bad: 9,
                selected: 4,
                stages: [14, 12, 13],
            }),
            (ThemeChoice::Light, Depth::Sixteen) => Self::coloured(&Palette {
                dim: 8,
                faint: 7,
                accent: 6,
                on_accent: 15,
                good: 2,
                warn: 3,
                bad: 1,
                selected: 14,
                stages: [6, 4, 5],
            }),
            (ThemeChoice::Dark, Depth::Many) => Self::coloured(&Palette {
                dim: 246,
                faint: 240,
                accent: 80,
                on_accent: 16,
                good: 114,
                warn: 215,
                bad: 204,
                selected: 237,
                stages: [80, 111, 177],
            }),
            (ThemeChoice::Light, Depth::Many) => Self::coloured(&Palette {
                dim: 243,
                faint: 250,
                accent: 30,
                on_accent: 231,
                good: 28,
                warn: 130,
                bad: 161,
                selected: 254,
                stages: [30, 26, 91],
            }),
            (ThemeChoice::None, _) => Self::plain(),
        }
    }

    fn coloured(palette: &Palette) -> Self {
        let fg = |index: u8| Style::new().fg(Color::Indexed(index));
        let bold = Modifier::BOLD;
        Self {
            text: Style::new(),
            dim: fg(palette.dim),
            faint: fg(palette.faint),
            title: Style::new().add_modifier(bold),
            accent: fg(palette.accent),
            badge: fg(palette.on_accent)
                .bg(Color::Indexed(palette.accent))
                .add_modifier(bold),
            good: fg(palette.good),
            warn: fg(palette.warn),
            bad: fg(palette.bad),
            selected: Style::new()
                .bg(Color::Indexed(palette.selected))
                .add_modifier(bold),
            stages: palette.stages.map(fg),
        }
    }

    /// Under NO_COLOR crossterm cancels attributes where a colour is set, so none is.
    fn plain() -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let plain = Style::new();
        Self {
            text: plain,
            dim: plain,
            faint: plain,
            title: bold,
            accent: bold,
            badge: bold,
            good: plain,
            warn: bold,
            bad: bold,
            selected: bold,
            stages: [plain; 3],
        }
    }

    /// Data that is old: everything recedes.
    pub(super) fn faded(&self) -> Self {
        let faint = self.faint;
        Self {
            text: faint,
            dim: faint,
            title: faint.add_modifier(Modifier::BOLD),
            accent: faint,
            badge: faint,
            good: faint,
            warn: faint,
            bad: faint,
            stages: [faint; 3],
            ..*self
        }
    }

    pub(super) fn stage(&self, index: usize) -> Style {
        self.stages[index % self.stages.len()]
    }
}

struct Palette {
    dim: u8,
    faint: u8,
    accent: u8,
    on_accent: u8,
    good: u8,
    warn: u8,
    bad: u8,
    selected: u8,
    stages: [u8; 3],
}
