//! What the console writes to the terminal: colours as the terminal has them, the clipboard, and no log.

use std::time::Duration;

use super::{claims::run, console_with};
use crate::support::{RedisServer, Terminal};

/// A colour that was set, by how it is written (ECMA-48 SGR, and xterm's 38 and 48).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    /// 30–37, 40–47, 90–97, 100–107
    Named(u16),
    Indexed(u16),
    True,
}

/// Every colour that was set, in the order of writing.
fn colours(output: &str) -> Vec<Colour> {
    let pattern = regex::Regex::new("\u{1b}\\[([0-9;:]*)m").expect("a pattern");
    let mut found = Vec::new();
    for sequence in pattern.captures_iter(output) {
        let mut numbers = sequence[1]
            .split([';', ':'])
            .map(|n| n.parse().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                30..=37 | 40..=47 | 90..=97 | 100..=107 => found.push(Colour::Named(number)),
                38 | 48 | 58 => match numbers.next() {
                    Some(5) => found.push(Colour::Indexed(numbers.next().expect("an index"))),
                    Some(2) => {
                        found.push(Colour::True);
                        assert_eq!(numbers.by_ref().take(3).count(), 3, "{sequence:?}");
                    }
                    other => panic!("{other:?} in {sequence:?}"),
                },
                _ => {}
            }
        }
    }
    found
}

/// A console that has shown a list, its second row selected, the palette and the help.
fn looked_around(variables: &[(&str, &str)], args: &[&str]) -> Terminal {
    let redis = RedisServer::start(&[]);
    let mut connection = redis::Client::open(redis.url())
        .and_then(|client| client.get_connection())
        .expect("Redis answers");
    for stream in ["bills", "orders"] {
        let _: String = run(&mut connection, &format!("XADD {stream} * n 1"));
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut all = vec!["--all-streams"];
    all.extend(args);
    let mut terminal = console_with(&redis.url(), dir.path(), &all, variables);
    terminal.until_contains("● live");
    for (keys, shows) in [
        (":", "▸ create"),
        ("\x1b", "c create"),
        ("?", "Keys"),
        ("\x1b", "c create"),
        ("3", "▸ bills"),
        ("j", "▸ orders"),
    ] {
        terminal.press(keys);
        terminal.until(shows, Duration::from_secs(20), |screen| {
            let open = screen.contains("╭─");
            screen.contains(shows) && open == [":", "?"].contains(&keys)
        });
    }
    terminal
}

#[test]
fn no_color_means_none_and_the_selection_is_bold_and_has_its_symbol() {
    for (variables, args) in [
        (&[("NO_COLOR", "1")][..], &[][..]),
        (
            &[("NO_COLOR", "1"), ("COLORTERM", "truecolor")],
            &["--theme", "light"],
        ),
        (&[], &["--theme", "none"]),
    ] {
        let terminal = looked_around(variables, args);
        assert_eq!(colours(&terminal.output()), [], "{variables:?} {args:?}");
        assert!(terminal.is_bold("▸ orders"), "{}", terminal.screen());
        assert!(!terminal.is_bold("  bills"), "{}", terminal.screen());
    }
}

#[test]
fn colours_are_those_that_the_terminal_says_it_has() {
    let few = |colour: &Colour| matches!(colour, Colour::Indexed(..16) | Colour::Named(_));
    let many = |colour: &Colour| matches!(colour, Colour::Indexed(16..256));
    let all = |colour: &Colour| *colour == Colour::True;
    type Fits<'a> = &'a dyn Fn(&Colour) -> bool;
    let terminals: [(&[(&str, &str)], Fits<'_>); 6] = [
        (&[("TERM", "xterm")], &few),
        (&[("TERM", "xterm"), ("NO_COLOR", "")], &few),
        (&[("TERM", "xterm-256color")], &many),
        (&[("TERM", "screen-256color")], &many),
        (&[("COLORTERM", "truecolor")], &all),
        (&[("TERM", "xterm"), ("COLORTERM", "24bit")], &all),
    ];
    for (variables, fits) in terminals {
        for theme in ["dark", "light"] {
            let terminal = looked_around(variables, &["--theme", theme]);
            let found = colours(&terminal.output());
            assert!(found.len() > 20, "{variables:?}: {found:?}");
            let wrong = found.iter().find(|colour| !fits(colour));
            assert_eq!(wrong, None, "{variables:?} {theme}");
        }
    }
}

#[test]
fn y_hands_the_id_to_the_terminals_clipboard() {
    let mut terminal = looked_around(&[], &[]);
    assert!(!terminal.output().contains("\u{1b}]52;"));
    terminal.press("y");
    terminal.until_contains("copied orders");
    // "orders" in base64 (RFC 4648), as OSC 52 wants it.
    let copies: Vec<_> = terminal
        .output()
        .match_indices("\u{1b}]52;")
        .map(|m| m.0)
        .collect();
    let [at] = copies[..] else {
        panic!("{copies:?}")
    };
    assert!(terminal.output()[at..].starts_with("\u{1b}]52;c;b3JkZXJz\u{7}"));
}

#[test]
fn logs_go_to_a_file_and_never_to_the_screen() {
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let variables = [("COMMS_LOG", "trace")];
    let mut terminal = console_with(&redis.url(), dir.path(), &[], &variables);
    terminal.until_contains("● live");
    redis.kill();
    terminal.until_contains("Redis is away");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    let path = dir.path().join("logs/comms-tui.log");
    let log = std::fs::read_to_string(&path).expect("a log");
    let output = terminal.output();
    let (mut lines, mut traces) = (0, 0);
    for line in log.lines().filter(|line| line.starts_with("20")) {
        let (at, rest) = line.split_once(' ').expect("a time and a message");
        assert!(!output.contains(at), "on the screen: {line}");
        assert!(!line.contains('\u{1b}'), "for no terminal: {line}");
        lines += 1;
        traces += usize::from(rest.contains("TRACE"));
    }
    assert!(lines > 0 && traces > 0, "all levels are there: {log:?}");
    for level in ["TRACE ", "DEBUG ", " WARN "] {
        assert!(!output.contains(level), "{level}");
    }
}
