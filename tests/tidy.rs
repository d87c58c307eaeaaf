//! Reads the sources and keeps the borders between the modules.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A line of code that is neither a comment nor inside a test.
struct Line {
    file: String,
    number: usize,
    text: String,
}

fn files(dir: &str, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let for_tests = stem == "tests" || stem.starts_with("test_");
        if path.is_dir() && !for_tests {
            files(&path.display().to_string(), into);
        } else if path
            .extension()
            .is_some_and(|end| end == "rs" || end == "lua")
            && !for_tests
        {
            into.push(path);
        }
    }
}

fn code_of(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).expect("a source file is text");
    let comment = if path.extension().is_some_and(|end| end == "lua") {
        "--"
    } else {
        "//"
    };
    let mut lines = Vec::new();
    // Inside an item for tests: the line that ends it.
    let mut test_until: Option<String> = None;
    let mut test_next = false;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let indent = &line[..line.len() - line.trim_start().len()];
        if let Some(end) = &test_until {
            if line == end {
                test_until = None;
            }
        } else if trimmed == "#[cfg(test)]" || trimmed == "#[test]" {
            test_next = true;
        } else if test_next && !trimmed.starts_with('#') {
            test_next = false;
            if trimmed.ends_with('{') || trimmed.ends_with('(') {
                test_until = Some(format!("{indent}}}"));
            }
        } else if !trimmed.starts_with(comment) && !trimmed.is_empty() {
            lines.push(Line {
                file: path.display().to_string(),
                number: index + 1,
                text: line.to_owned(),
            });
        }
    }
    lines
}

/// The code below `dirs`, without the files whose path contains one of `except`.
fn code(dirs: &[&str], except: &[&str]) -> Vec<Line> {
    let mut paths = Vec::new();
    for dir in dirs {
        files(dir, &mut paths);
    }
    paths.sort();
    paths
        .iter()
        .filter(|path| {
            !except
                .iter()
                .any(|part| path.to_string_lossy().contains(part))
        })
        .flat_map(|path| code_of(path))
        .collect()
}

fn nothing_in(lines: &[Line], forbidden: &[&str], rule: &str) {
    let found: Vec<String> = lines
        .iter()
        .filter(|line| forbidden.iter().any(|word| line.text.contains(word)))
        .map(|line| format!("{}:{}: {}", line.file, line.number, line.text.trim()))
        .collect();
    assert!(found.is_empty(), "{rule}\n{}", found.join("\n"));
}

#[test]
fn workers_do_not_know_redis() {
    let workers = code(&["workers"], &[]);
    assert!(!workers.is_empty());
    nothing_in(
        &workers,
        &["redis::", "use redis"],
        "only the queue talks to Redis",
    );
}

#[test]
fn the_queue_knows_nothing_of_ours() {
    let queue = code(&["src/queue"], &[]);
    assert!(!queue.is_empty());
    let modules = [
        "event",
        "store",
        "mail",
        "worker",
        "http",
        "config",
        "secrets",
        "telemetry",
        "ops",
        "cli",
        "console",
        "inbox",
    ];
    let paths: Vec<String> = modules
        .iter()
        .map(|name| format!("crate::{name}"))
        .collect();
    let mut forbidden: Vec<&str> = paths.iter().map(String::as_str).collect();
    forbidden.extend(["campaign", "notification", "email", "outbox", "user_id"]);
    nothing_in(
        &queue,
        &forbidden,
        "the queue knows no event, table or module of ours",
    );
}

#[test]
fn sql_is_in_the_store_only() {
    let rest = code(&["src", "workers"], &["src/store"]);
    // The errors of sqlx may pass through: who waits for the database looks at them.
    let sql = [
        "sqlx::query",
        "sqlx::raw_sql",
        "SELECT ",
        "INSERT INTO",
        "DELETE FROM",
        "CREATE TABLE",
    ];
    nothing_in(&rest, &sql, "SQL belongs in src/store/");
}

#[test]
fn keys_are_made_in_one_file() {
    let rest = code(&["src", "workers"], &["queue/keys.rs"]);
    // A key is {PREFIX:P}:name: in a format string its closing brace is doubled, in Lua it is quoted.
    nothing_in(
        &rest,
        &["}}}:", "'}:", "\"}:"],
        "Redis keys are made in src/queue/keys.rs",
    );
}

#[test]
fn the_environment_is_read_in_one_file() {
    let rest = code(&["src", "workers"], &["src/config/environment.rs"]);
    nothing_in(
        &rest,
        &["env::var"],
        "only src/config/environment.rs reads the environment",
    );
}

#[test]
fn update_and_view_of_the_console_are_pure() {
    let console = code(&["src/console"], &[]);
    let pure: Vec<Line> = console
        .into_iter()
        .filter(|line| {
            ["update", "view", "/screens/", "/widgets/"]
                .iter()
                .any(|part| line.file.contains(part))
        })
        .collect();
    let io = [
        "async ", ".await", "tokio", "std::fs", "std::net", "std::io", "redis::", "File::",
    ];
    nothing_in(&pure, &io, "update and view of the console do no I/O");
}

#[test]
fn only_the_edges_print() {
    // A worker prints why it can't start, in src/worker/mod.rs, cli.rs what was asked for.
    let rest = code(&["src"], &["src/cli", "src/main.rs", "src/worker/mod.rs"]);
    let print = ["println!", "print!(", "eprintln!", "eprint!("];
    nothing_in(
        &rest,
        &print,
        "print in src/cli.rs and at the edge of main, log elsewhere",
    );
    let workers = code(&["workers"], &[]);
    nothing_in(
        &workers,
        &["    println!", " print!("],
        "a worker prints to stderr only",
    );
}
