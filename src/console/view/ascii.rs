//! For fonts without lines, blocks and arrows: each of our symbols becomes a letter as wide as it was. What
//! comes from outside stays as it is.

use ratatui::buffer::Buffer;

pub(super) fn translate(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let plain = match cell.symbol() {
            "╭" | "╮" | "╰" | "╯" => "+",
            "─" | "┄" | "–" | "▁" => "-",
            "━" | "╸" | "‖" => "=",
            "│" | "▏" => "|",
            "▸" | "▶" | "→" | "›" | "≥" => ">",
            "◀" | "←" | "‹" => "<",
            "▲" | "↑" => "^",
            "↓" => "v",
            "▂" | "▃" => ".",
            "▄" | "▅" => ":",
            "▆" | "▇" | "█" => "#",
            "●" | "■" | "✓" => "*",
            "○" | "◌" => "o",
            "✗" => "x",
            "·" => ".",
            "…" => "~",
            "≠" => "!",
            "\u{2009}" => " ",
            _ => continue,
        };
        cell.set_symbol(plain);
    }
}
