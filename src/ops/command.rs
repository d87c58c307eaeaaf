//! What is done or was done, as commands for redis-cli: each can be pasted at its prompt, piped into it, or
//! typed in a shell.

/// Ids in one command: the prompt of redis-cli takes 4,096 bytes.
const IDS: usize = 100;

/// One command; what the prompt would take apart is quoted.
pub(super) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    words.join(" ")
}

/// As many commands as the ids need.
pub(super) fn commands_for(words: &[&str], ids: &[&str]) -> Vec<String> {
    let pages = ids.chunks(IDS);
    pages
        .map(|page| command(words.iter().chain(page).copied()))
        .collect()
}

/// The first of the commands, a line each, that are whole within so many bytes; and how many that leaves out.
pub fn bounded(commands: &[String], most_bytes: usize) -> (String, usize) {
    let mut bytes = 0;
    let fits = commands.iter().take_while(|command| {
        bytes += command.len() + 1;
        bytes <= most_bytes
    });
    let fit = fits.count();
    (commands[..fit].join("\n"), commands.len() - fit)
}

fn quoted(word: &str) -> String {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '{' | '}' | '@' | '/');
    if word == "$" || (!word.is_empty() && word.chars().all(plain)) {
        return word.to_owned();
    }
    if !word.chars().any(|c| c == '\'' || c.is_control()) {
        return format!("'{word}'");
    }
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => quoted += &format!("\\x{:02x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_quotes_has_them() {
        let key = "{comms:0}:email-notification";
        assert_eq!(command(["XDEL", key, "17-0"]), format!("XDEL {key} 17-0"));
        assert_eq!(command(["a b", "", "$"]), "'a b' '' $");
        assert_eq!(command(["it's \"x\"\\\n"]), r#""it's \"x\"\\\x0a""#);
    }

    #[test]
    fn long_lists_are_cut_into_commands_and_an_entry_holds_whole_ones() {
        let ids: Vec<String> = (0..100_000).map(|n| format!("1731000000000-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let all = commands_for(&["XDEL", "key"], &ids);
        assert_eq!(all.len(), 1_000);
        assert!(all.iter().all(|one| one.len() < 4_096));
        let (held, left_out) = bounded(&all, 32_000);
        let lines: Vec<&str> = held.lines().collect();
        assert!(held.len() <= 32_000 && lines.len() > 10);
        assert_eq!(lines.len() + left_out, 1_000);
        assert_eq!(lines, all[..lines.len()]);
        assert_eq!(bounded(&[], 10), (String::new(), 0));
    }
}
