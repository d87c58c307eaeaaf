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

/// How many colours the terminal has: 16, 256, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Sixteen,
    Many,
    True,
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
        match choice {
            ThemeChoice::Dark => Self::coloured(&DARK, depth),
            ThemeChoice::Light => Self::coloured(&LIGHT, depth),
            ThemeChoice::None => Self::plain(),
        }
    }

    fn coloured(palette: &Palette, depth: Depth) -> Self {
        let fg = |hue: Hue| Style::new().fg(hue.at(depth));
        let bold = Modifier::BOLD;
        Self {
            text: Style::new(),
            dim: fg(palette.dim),
            faint: fg(palette.faint),
            title: Style::new().add_modifier(bold),
            accent: fg(palette.accent),
            badge: fg(palette.on_accent)
                .bg(palette.accent.at(depth))
                .add_modifier(bold),
            good: fg(palette.good),
            warn: fg(palette.warn),
            bad: fg(palette.bad),
            selected: Style::new()
                .bg(palette.selected.at(depth))
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
    dim: Hue,
    faint: Hue,
    accent: Hue,
    on_accent: Hue,
    good: Hue,
    warn: Hue,
    bad: Hue,
    selected: Hue,
    stages: [Hue; 3],
}

/// For a black or nearly black background.
static DARK: Palette = Palette {
    dim: Hue(0x95_99_a3, 7),
    faint: Hue(0x58_5b_63, 8),
    accent: Hue(0x5f_d2_d2, 14),
    on_accent: Hue(0x00_00_00, 0),
    good: Hue(0x84_d2_88, 10),
    warn: Hue(0xf5_b0_5f, 11),
    bad: Hue(0xf7_68_8c, 9),
    selected: Hue(0x37_3a_42, 4),
    stages: [
        Hue(0x5f_d2_d2, 14),
        Hue(0x84_ae_fa, 12),
        Hue(0xd0_8a_f5, 13),
    ],
};

/// For a white or nearly white background.
static LIGHT: Palette = Palette {
    dim: Hue(0x6a_6e_76, 8),
    faint: Hue(0xb6_b9_bf, 7),
    accent: Hue(0x00_6a_6e, 6),
    on_accent: Hue(0xff_ff_ff, 15),
    good: Hue(0x00_6b_1e, 2),
    warn: Hue(0x8f_50_00, 3),
    bad: Hue(0xcc_0f_4e, 1),
    selected: Hue(0xe2_e5_ea, 14),
    stages: [Hue(0x00_6a_6e, 6), Hue(0x14_5c_cc, 4), Hue(0x8a_1c_a8, 5)],
};

/// A colour, and which of the sixteen stands for it: what those look like is the user's choice, so the
/// nearest can't be computed.
#[derive(Clone, Copy)]
struct Hue(u32, u8);

impl Hue {
    fn at(self, depth: Depth) -> Color {
        let [_, r, g, b] = self.0.to_be_bytes();
        match depth {
            Depth::Sixteen => Color::Indexed(self.1),
            Depth::Many => Color::Indexed(nearest([r, g, b])),
            Depth::True => Color::Rgb(r, g, b),
        }
    }
}

/// The nearest of the 240 that every terminal with 256 colours shows alike: a cube with six steps a side,
/// and 24 greys.
fn nearest(wanted: [u8; 3]) -> u8 {
    let distance = |of: [u8; 3]| -> u32 {
        let each = wanted.iter().zip(of);
        each.map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    (16..=255)
        .min_by_key(|index| distance(shown(*index)))
        .unwrap_or_default()
}

/// What a terminal with 256 colours shows for one from 16 on.
fn shown(index: u8) -> [u8; 3] {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match index {
        232.. => [8 + 10 * (index - 232); 3],
        _ => {
            let n = usize::from(index.saturating_sub(16));
            [STEPS[n / 36], STEPS[n / 6 % 6], STEPS[n % 6]]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, relative luminance.
    fn luminance(colour: Color) -> f64 {
        let [r, g, b] = match colour {
            Color::Rgb(r, g, b) => [r, g, b],
            Color::Indexed(index) => shown(index),
            other => panic!("{other:?}"),
        }
        .map(|byte| {
            let share = f64::from(byte) / 255.0;
            match share <= 0.040_45 {
                true => share / 12.92,
                false => ((share + 0.055) / 1.055).powf(2.4),
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(a: Color, b: Color) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn what_is_to_be_read_can_be_read() {
        let grounds = [
            (ThemeChoice::Dark, [0x00_00_00, 0x1c_1c_1c]),
            (ThemeChoice::Light, [0xff_ff_ff, 0xf8_f8_f4]),
        ];
        for (choice, grounds) in grounds {
            for depth in [Depth::Many, Depth::True] {
                let theme = Theme::new(choice, depth);
                let read = [
                    theme.dim,
                    theme.accent,
                    theme.good,
                    theme.warn,
                    theme.bad,
                    theme.stages[1],
                    theme.stages[2],
                ];
                for ink in read.map(|style| style.fg.expect("a colour")) {
                    for ground in grounds {
                        let ground = Hue(ground, 0).at(Depth::True);
                        let contrast = contrast(ink, ground);
                        assert!(contrast >= 4.5, "{choice:?} {depth:?} {ink:?} {contrast}");
                    }
                    let selected = theme.selected.bg.expect("a colour");
                    let contrast = contrast(ink, selected);
                    assert!(contrast >= 3.0, "{choice:?} selected {ink:?} {contrast}");
                }
                let badge = (theme.badge.fg.zip(theme.badge.bg)).expect("colours");
                assert!(contrast(badge.0, badge.1) >= 4.5, "{choice:?}");
            }
        }
    }

    #[test]
    fn of_256_colours_the_nearest_is_taken() {
        for index in 16..=255 {
            let same = nearest(shown(index));
            assert_eq!(shown(same), shown(index));
        }
        assert_eq!(nearest([0x5f, 0xd2, 0xd2]), 80);
    }

    #[test]
    fn the_sixteen_tell_apart_what_has_different_meanings() {
        for choice in [ThemeChoice::Dark, ThemeChoice::Light] {
            let theme = Theme::new(choice, Depth::Sixteen);
            let inks = [theme.dim, theme.faint, theme.good, theme.warn, theme.bad].map(|s| s.fg);
            for (n, ink) in inks.iter().enumerate() {
                assert!(!inks[n + 1..].contains(ink), "{choice:?} {ink:?}");
                assert_ne!(*ink, theme.selected.bg, "{choice:?}: not to be read");
            }
        }
    }
}
