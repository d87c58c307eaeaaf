//! PostgreSQL for tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use super::process::{Server, directory, eventually, find, free_port, is_root};

/// Where Debian, Fedora and Homebrew put the server's programs, which aren't on PATH.
const PLACES: &[&str] = &[
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
    "/usr/lib/postgresql/14/bin",
    "/usr/pgsql-16/bin",
    "/opt/homebrew/opt/postgresql@16/bin",
];

/// A cluster of the test's own, which it may kill and restart.
pub struct PostgresServer(Server);

impl PostgresServer {
    pub fn start() -> Self {
        let bin = bin();
        let (dir, port) = (directory("postgres"), free_port());
        let data = dir.join("data").display().to_string();
        let sockets = dir.display().to_string();
        if is_root() {
            let given = Command::new("chown").arg("nobody").arg(&dir).status();
            assert!(given.expect("chown runs").success(), "chown of {sockets}");
        }
        let (program, mut args) = unprivileged(&bin.join("initdb"));
        args.extend(["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync"].map(str::to_owned));
        let made = Command::new(program)
            .args(args)
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let (program, mut args) = unprivileged(&bin.join("postgres"));
        let number = port.to_string();
        args.extend(
            [
                "-D",
                &data,
                "-p",
                &number,
                "-k",
                &sockets,
                "-h",
                "127.0.0.1",
            ]
            .map(str::to_owned),
        );
        // No fsync: what a test kills is the process, and the kernel keeps what it wrote.
        args.extend(["-c", "fsync=off", "-c", "max_connections=200"].map(str::to_owned));
        let server = Self(Server::start(&program, args, dir, port));
        server.wait_until_ready();
        server
    }

    /// The port answers while the log is still replayed. `postmaster.pid` is what pg_ctl waits for too; one
    /// that a killed server left behind says ready as well, so its first line must be this process.
    fn wait_until_ready(&self) {
        eventually(Duration::from_secs(20), "PostgreSQL to be ready", || {
            let lines = self.lock_file();
            lines.first().map(String::as_str) == Some(self.0.pid())
                && lines.get(7).map(String::as_str) == Some("ready")
        });
    }

    /// The lines of `postmaster.pid`, none while there is no such file.
    fn lock_file(&self) -> Vec<String> {
        let file = self.0.dir().join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// As superuser, to the database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.0.port())
    }

    /// SIGKILL to the postmaster. Its backends outlive it for a moment, and none starts on the same files while
    /// they hold its shared memory: returns when they are gone.
    pub fn kill(&self) {
        let lines = self.lock_file();
        let segment = lines.get(6).and_then(|line| line.split_whitespace().nth(1));
        let segment = segment.expect("the lock file names the shared memory");
        self.0.kill();
        eventually(Duration::from_secs(10), "the end of the backends", || {
            !held(segment)
        });
    }

    pub fn restart(&mut self) {
        self.0.restart();
        self.wait_until_ready();
    }
}

/// Whether some process is attached to that segment of System V shared memory, as Linux tells it:
/// `key shmid perms size cpid lpid nattch …`.
fn held(segment: &str) -> bool {
    let all = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    all.lines().any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        columns.next() == Some(segment) && columns.nth(4) != Some("0")
    })
}

/// The superuser's URL of the cluster that all tests share.
pub fn postgres_url() -> String {
    static SHARED: OnceLock<PostgresServer> = OnceLock::new();
    match std::env::var("COMMS_TEST_POSTGRES_URL") {
        Ok(url) if !url.is_empty() => url,
        _ => SHARED.get_or_init(PostgresServer::start).url(),
    }
}

/// Makes an empty database for one test and returns its URL.
pub async fn postgres_database() -> String {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
    let url = postgres_url();
    let name = super::unique("db");
    let mut connection = sqlx::PgConnection::connect(&url)
        .await
        .expect("PostgreSQL answers");
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .expect("a database is made");
    let (server, _) = url.rsplit_once('/').expect("a URL has a path");
    format!("{server}/{name}")
}

fn bin() -> PathBuf {
    match std::env::var_os("COMMS_TEST_PG_BIN").filter(|dir| !dir.is_empty()) {
        Some(dir) => dir.into(),
        None => find("COMMS_TEST_PG_INITDB", &["initdb"], PLACES)
            .parent()
            .expect("a file has a directory")
            .to_owned(),
    }
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> (PathBuf, Vec<String>) {
    if !is_root() {
        return (program.to_owned(), Vec::new());
    }
    let args = [
        "--reuid",
        "nobody",
        "--regid",
        "nogroup",
        "--clear-groups",
        "--",
    ];
    let mut args = args.map(str::to_owned).to_vec();
    args.push(program.display().to_string());
    ("setpriv".into(), args)
}
