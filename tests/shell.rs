//! What shells and `man` are told of the verbs and their options, by the commands that print it.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_comms-tui"))
        .args(args)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// All that a pattern finds, by its first group.
fn found<'a>(text: &'a str, pattern: &str) -> BTreeSet<&'a str> {
    let pattern = regex::Regex::new(pattern).expect("a pattern");
    let all = pattern.captures_iter(text);
    all.filter_map(|found| Some(found.get(1)?.as_str()))
        .collect()
}

/// Each verb with what bash completes after it; `help` and what it knows of the others left out.
fn verbs(bash: &str) -> BTreeMap<String, Vec<&str>> {
    let pattern = |text: &str| regex::Regex::new(text).expect("a pattern");
    // The names of verbs by those of the functions, the upper ones first.
    let mut names = BTreeMap::from([("comms__tui", "comms-tui".to_owned())]);
    let found = pattern(r#"(?m)^ +(comms__tui\w*),(\S+)\)\n +cmd="(\w+)"$"#);
    for (_, [upper, verb, function]) in found.captures_iter(bash).map(|c| c.extract()) {
        if let Some(upper) = names.get(upper).filter(|_| verb != "help") {
            names.insert(function, format!("{upper} {verb}"));
        }
    }
    let mut verbs = BTreeMap::new();
    let found = pattern(r#"(?m)^ +(comms\w+)\)\n +opts="(.*)"$"#);
    for (_, [function, after]) in found.captures_iter(bash).map(|c| c.extract()) {
        if let Some(name) = names.get(function) {
            let after = after.split(' ').filter(|word| *word != "help");
            verbs.insert(name.clone(), after.collect());
        }
    }
    assert_eq!(verbs.len(), names.len(), "each has its words");
    verbs
}

#[test]
fn every_verb_with_its_options_as_bash_completes_them() {
    let bash = printed(&["completions", "bash"]);
    let verbs = verbs(&bash);
    let lines = verbs.iter().map(|(verb, after)| {
        // What every verb takes is said once.
        let everywhere = [
            "-h",
            "--help",
            "--redis",
            "--profile",
            "--read-only",
            "--json",
        ];
        let own = after
            .iter()
            .filter(|word| verb == "comms-tui" || !everywhere.contains(word));
        let own: Vec<&str> = own.copied().collect();
        format!("{verb}: {}", own.join(" ")).trim_end().to_owned()
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    for (verb, after) in &verbs {
        for word in ["--help", "--redis", "--profile", "--read-only", "--json"] {
            assert!(after.contains(&word), "{verb} {word}");
        }
    }
}

#[test]
fn bash_completes_with_the_script() {
    for (typed, wanted) in [
        ("camp", "campaign"),
        ("campaign cr", "create"),
        ("campaign create --na", "--name"),
        ("dead rep", "replay"),
        ("completions fi", "fish"),
    ] {
        let script = format!(
            r#"source /dev/stdin; COMP_WORDS=(comms-tui {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _comms__tui comms-tui "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
            echo "${{COMPREPLY[@]}}""#
        );
        let tui = env!("CARGO_BIN_EXE_comms-tui");
        let output = Command::new("bash")
            .args([
                "--norc",
                "-c",
                &format!("\"$0\" completions bash | {{ {script}\n}}"),
                tui,
            ])
            .output()
            .expect("bash runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.trim(), wanted, "{typed}: {output:?}");
    }
}

#[test]
fn zsh_fish_and_the_manual_know_the_same_verbs_and_options() {
    let bash = printed(&["completions", "bash"]);
    let verbs = verbs(&bash);
    let words: BTreeSet<&str> = verbs.values().flatten().copied().collect();
    let options: BTreeSet<&str> = words.iter().filter_map(|w| w.strip_prefix("--")).collect();
    let named: BTreeSet<&str> = verbs.keys().filter_map(|v| v.rsplit(' ').next()).collect();
    let named: BTreeSet<&str> = named.into_iter().filter(|v| *v != "comms-tui").collect();

    let zsh = printed(&["completions", "zsh"]);
    assert!(zsh.starts_with("#compdef comms-tui\n"));
    assert_eq!(found(&zsh, r"'(?:\(.*\))?\*?--([a-z-]+)[=\[]"), options);
    let of_zsh = found(&zsh, r"(?m)^'([a-z-]+):");
    assert_eq!(&of_zsh - &BTreeSet::from(["help"]), named);

    let fish = printed(&["completions", "fish"]);
    assert_eq!(found(&fish, r"(?m)^complete .*? -l ([a-z-]+)"), options);
    let of_fish = found(&fish, r#" -f -a "([a-z-]+)""#);
    assert_eq!(&of_fish - &BTreeSet::from(["help"]), named);

    let man = printed(&["man"]);
    let plain = man.replace('\\', "");
    let headings = found(&plain, r"(?m)^\.SH (COMMS-TUI [A-Z -]+)$");
    let wanted: BTreeSet<String> = verbs.keys().map(|verb| verb.to_uppercase()).collect();
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    assert_eq!(headings, &wanted - &BTreeSet::from(["COMMS-TUI"]));
    for option in options {
        assert!(
            plain.contains(&format!("--{option}")),
            "man has no --{option}"
        );
    }
}

#[test]
fn the_settings_of_the_console_with_their_defaults() {
    insta::assert_snapshot!(printed(&["config", "print-default"]));
}
