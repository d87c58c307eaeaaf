//! The clipboard of the terminal, be it on another machine: OSC 52 of xterm's control sequences
//! (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>).

use std::io::{self, Write, stdout};

use base64::{Engine, engine::general_purpose::STANDARD};

/// Terminals cut off what is longer.
pub(super) const MOST_BYTES: usize = 74_000;

pub(super) fn copy(text: &str) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(sequence(text).as_bytes())?;
    out.flush()
}

fn sequence(text: &str) -> String {
    let mut end = text.len().min(MOST_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(&text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_encoded_so_that_it_cannot_steer_the_terminal() {
        assert_eq!(sequence("17-0"), "\u{1b}]52;c;MTctMA==\u{7}");
        assert!(sequence(&"ß\u{1b}[2J".repeat(50_000)).len() < 100_000);
    }
}
