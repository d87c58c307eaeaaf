//! The table of settings, and what is near to a name that is none.

/// Every setting: its name, its default, what it is. The README's table is made from the same words.
pub const SETTINGS: &[(&str, &str, &str)] = &[
    ("profile", "dev", "dev or prod"),
    (
        "redis_url",
        "redis://127.0.0.1:6379",
        "redis, rediss or unix",
    ),
    (
        "database_url",
        "sqlite://.comms/comms.db",
        "sqlite or postgres",
    ),
    (
        "smtp_url",
        "smtp://127.0.0.1:2500",
        "smtp://user:pass@host:port, smtps, ?tls=required",
    ),
    (
        "inbox_url",
        "http://127.0.0.1:9000",
        "where the mails can be looked at",
    ),
    (
        "inbox_smtp_addr",
        "127.0.0.1:2500",
        "where the development inbox takes mails",
    ),
    (
        "inbox_bytes",
        "256000000",
        "how many bytes of mails the development inbox keeps",
    ),
    (
        "http_addr",
        "",
        "where this process answers HTTP; each service has its default",
    ),
    (
        "api_token",
        "",
        "bearer token of the HTTP services; required in prod",
    ),
    (
        "key_prefix",
        "comms",
        "prefix of every Redis key, without braces",
    ),
    (
        "partitions",
        "1",
        "how many Redis Cluster slots share the load; fixed once data exists",
    ),
    ("users", "100000", "users made when the table is empty"),
    ("lanes", "32", "SMTP connections of one email-service"),
    ("batch", "1000", "entries that a worker has in hand at most"),
    (
        "window",
        "20000",
        "mails of one campaign between fan-out and outcome",
    ),
    (
        "retry_window",
        "200000",
        "mails of one campaign waiting for a retry or parked",
    ),
    (
        "visibility_ms",
        "60000",
        "how long a live consumer may hold an entry untouched, ms",
    ),
    (
        "presence_ms",
        "5000",
        "after how long without a heartbeat a process counts as gone, ms",
    ),
    (
        "max_hold_ms",
        "900000",
        "how long a consumer renews its claim on an entry, ms",
    ),
    (
        "reclaim",
        "auto",
        "auto, or manual: stuck entries wait for the operator",
    ),
    (
        "retry_base_ms",
        "",
        "first retry delay, ms; 30000, in dev 1000",
    ),
    (
        "retry_cap_ms",
        "",
        "longest retry delay, ms; 3600000, in dev 60000",
    ),
    (
        "retry_attempts",
        "8",
        "attempts per recipient before it counts as failed",
    ),
    (
        "from",
        "Comms <campaigns@example.com>",
        "sender of the mails",
    ),
    (
        "message_id_domain",
        "comms.example.com",
        "right-hand side of every Message-ID",
    ),
    (
        "sqlite_sync",
        "normal",
        "normal (safe when a process dies) or full (safe when the power fails)",
    ),
    (
        "retention_days",
        "90",
        "how long deliveries and dead letters are kept",
    ),
    ("log", "info", "log filter, as in RUST_LOG"),
    ("log_format", "text", "text or json"),
];

pub(super) fn variable(name: &str) -> String {
    format!("COMMS_{}", name.to_uppercase())
}

pub(super) fn nearest(name: &str) -> &'static str {
    let names = SETTINGS.iter().map(|s| s.0);
    names
        .min_by_key(|known| distance(known, name))
        .unwrap_or("redis_url")
}

/// The complaint about a variable `COMMS_…` that is no setting; those of scripts and tests are fine.
pub(super) fn misspelt(variable_name: &str) -> Option<String> {
    const OTHERS: [&str; 5] = ["state_dir", "start_", "soak", "test_", "bench_"];
    let name = variable_name.strip_prefix("COMMS_")?.to_lowercase();
    let known = SETTINGS.iter().any(|s| s.0 == name) || OTHERS.iter().any(|o| name.starts_with(o));
    let nearest = variable(nearest(&name));
    (!known).then(|| format!("{variable_name} is no setting, did you mean {nearest}?"))
}

/// Levenshtein distance, for "did you mean".
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitution = corner + usize::from(ca != *cb);
            corner = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
