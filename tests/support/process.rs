//! A real server of one's own: started, killed, restarted, and gone when the test process is.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use rand::RngExt;

use rustix::process::{Pid, Signal, kill_process};

/// Holds the server as its child and waits for the end of its own input, which comes when the test process
/// ends, however it ends. Then it ends the server and removes its directory.
const KEEPER: &str = r#"
dir=$1; shift
"$@" >>"$dir/log" 2>&1 </dev/null &
echo $!
cat >/dev/null
kill -TERM $! 2>/dev/null || kill -INT $! 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 $! 2>/dev/null || break; sleep 0.1; done
kill -KILL $! 2>/dev/null
wait
rm -rf "$dir"
"#;

/// A command line that can be run again after the server was killed.
pub struct Server {
    program: PathBuf,
    args: Vec<String>,
    dir: PathBuf,
    port: u16,
    keeper: Child,
    pid: String,
}

impl Server {
    /// `args` may name `dir` and `port`. Returns when the port answers.
    pub fn start(program: &Path, args: Vec<String>, dir: PathBuf, port: u16) -> Self {
        let (keeper, pid) = spawn(program, &args, &dir);
        let server = Self {
            program: program.to_owned(),
            args,
            dir,
            port,
            keeper,
            pid,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if begin.elapsed() > Duration::from_secs(20) {
                let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                panic!(
                    "{} doesn't answer; it logged:\n{log}",
                    self.program.display()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id, as text.
    pub fn pid(&self) -> &str {
        &self.pid
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Sends a signal by its name: `STOP` makes a server silent, `CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        let signal = match name {
            "STOP" => Signal::STOP,
            "CONT" => Signal::CONT,
            "TERM" => Signal::TERM,
            "INT" => Signal::INT,
            "KILL" => Signal::KILL,
            other => panic!("no signal {other} is sent to servers"),
        };
        let pid = self.pid.parse().ok().and_then(Pid::from_raw);
        kill_process(pid.expect("the id of a process"), signal)
            .unwrap_or_else(|error| panic!("signal {name} to {}: {error}", self.pid));
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) {
        self.signal("KILL");
        eventually(Duration::from_secs(10), "the end of the server", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_err()
        });
    }

    /// Starts it again after [`Server::kill`], on the same port and with the same files.
    pub fn restart(&mut self) {
        // The old keeper would remove the directory: it is killed, not told.
        self.keeper.kill().expect("the keeper runs");
        self.keeper.wait().expect("the keeper ends");
        // A port is closed before its process is gone, and PostgreSQL doesn't start while the id that its lock
        // file names exists, be it as a zombie.
        let old = Path::new("/proc").join(&self.pid);
        eventually(
            Duration::from_secs(10),
            "the end of the old process",
            || !old.exists(),
        );
        (self.keeper, self.pid) = spawn(&self.program, &self.args, &self.dir);
        self.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn spawn(program: &Path, args: &[String], dir: &Path) -> (Child, String) {
    let mut keeper = Command::new("sh")
        .args(["-c", KEEPER, "keeper"])
        .arg(dir)
        .arg(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Out of reach of Ctrl-C: the end of the test process is what ends it.
        .process_group(0)
        .spawn()
        .expect("sh runs");
    let mut pid = String::new();
    BufReader::new(keeper.stdout.take().expect("piped"))
        .read_line(&mut pid)
        .expect("the keeper says the server's id");
    (keeper, pid.trim().to_owned())
}

/// A port that nobody listens on, and that no other call is given: below those that the kernel gives to
/// outgoing connections, so that a server that was killed gets its port again.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(|e| e.into_inner());
    loop {
        let port = rand::rng().random_range(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
            return port;
        }
    }
}

/// A directory that lasts until its server's keeper removes it.
pub fn directory(name: &str) -> PathBuf {
    tempfile::Builder::new()
        .prefix(&format!("comms-test-{name}-"))
        .tempdir()
        .expect("a temporary directory")
        .keep()
}

/// Waits until `condition` holds, and fails when it doesn't within `limit`.
pub fn eventually(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < limit,
            "waited {limit:?} in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The program that `variable` names, or the first of `names` on PATH or in `places`.
pub fn find(variable: &str, names: &[&str], places: &[&str]) -> PathBuf {
    if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
        return path.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = Vec::new();
    for name in names {
        candidates.extend(std::env::split_paths(&path).map(|dir| dir.join(name)));
        candidates.extend(places.iter().map(|dir| Path::new(dir).join(name)));
    }
    candidates
        .into_iter()
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{names:?} not found; ./test.sh gets it, or set {variable}"))
}

/// PostgreSQL and smtp-sink want to run as someone else then.
pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout.trim_ascii() == b"0"
}
