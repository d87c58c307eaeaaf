//! A program in a pseudo-terminal: keys go in, and what a person would see comes out.

use std::{
    io::{Read, Write},
    num::NonZero,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    parser: Arc<Mutex<vt100::Parser>>,
    /// Bytes that have come so far.
    bytes: Arc<Mutex<Vec<u8>>>,
    cooked: String,
}

impl Terminal {
    /// Starts a program in a terminal of (columns, rows), with 256 colours unless the variables say otherwise.
    pub fn start(
        program: &str,
        args: &[&str],
        variables: &[(&str, &str)],
        dir: &Path,
        (columns, rows): (u16, u16),
    ) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let cooked = mode(pair.master.as_ref());
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(dir);
        for gone in ["NO_COLOR", "COLORTERM", "VAULT_ADDR"] {
            command.env_remove(gone);
        }
        command.env("TERM", "xterm-256color");
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(
            cells(rows),
            cells(columns),
            0,
        )));
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut output = pair.master.try_clone_reader().expect("its output");
        let (into, copy) = (Arc::clone(&parser), Arc::clone(&bytes));
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            // Reading fails when the program has ended.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                copy.lock()
                    .expect("unpoisoned")
                    .extend_from_slice(&buffer[..n]);
                into.lock().expect("unpoisoned").process(&buffer[..n]);
            }
        });
        Self {
            keys: pair.master.take_writer().expect("its input"),
            master: pair.master,
            child,
            parser,
            bytes,
            cooked,
        }
    }

    /// Types text; `\r` is Enter, `\t` Tab, `\x1b` Esc.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it reads");
        self.keys.flush().expect("it reads");
    }

    pub fn screen(&self) -> String {
        self.parser.lock().expect("unpoisoned").screen().contents()
    }

    /// Everything that it has written so far, control sequences and all.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("unpoisoned")).into_owned()
    }

    /// Whether all of the first row that shows a text is bold.
    pub fn is_bold(&self, text: &str) -> bool {
        let parser = self.parser.lock().expect("unpoisoned");
        let screen = parser.screen();
        let columns = screen.size().1.get();
        let row = screen.rows(0, columns).position(|row| row.contains(text));
        let row = u16::try_from(row.expect("it is shown")).expect("a row");
        let cells = (0..columns).filter_map(|column| screen.cell(row, column));
        let mut seen = cells.filter(|cell| !cell.contents().trim().is_empty());
        seen.all(vt100::Cell::bold)
    }

    /// What was copied last to the clipboard, by OSC 52.
    pub fn copied(&self) -> Option<String> {
        let bytes = self.bytes.lock().expect("unpoisoned").clone();
        let text = String::from_utf8_lossy(&bytes);
        let (copied, _) = text.rsplit_once("\u{1b}]52;c;")?.1.split_once('\u{7}')?;
        let plain = STANDARD.decode(copied).expect("base64");
        Some(String::from_utf8(plain).expect("text"))
    }

    pub fn written(&self) -> usize {
        self.bytes.lock().expect("unpoisoned").len()
    }

    /// True when the terminal is as it was before the program: the shell's screen, a cursor, cooked input.
    pub fn is_restored(&self) -> bool {
        let parser = self.parser.lock().expect("unpoisoned");
        let screen = parser.screen();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
            && !screen.bracketed_paste()
            && mode(self.master.as_ref()) == self.cooked
    }

    /// Waits until the screen shows something, and says what it shows instead when it doesn't.
    pub fn until(&self, what: &str, limit: Duration, shows: impl Fn(&str) -> bool) -> Duration {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if shows(&screen) {
                return begin.elapsed();
            }
            assert!(
                begin.elapsed() < limit,
                "waited {limit:?} in vain for {what}:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn until_contains(&self, text: &str) -> Duration {
        self.until(text, Duration::from_secs(20), |screen| {
            screen.contains(text)
        })
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.parser
            .lock()
            .expect("unpoisoned")
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).expect("another size");
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    pub fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status();
        assert!(sent.expect("kill runs").success(), "signal {name}");
    }

    /// Its state as in `ps`: R, S, T …
    pub fn state(&self) -> char {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        after.chars().next().unwrap_or('?')
    }

    /// Waits for its end, and returns its exit code.
    pub fn end(&mut self) -> u32 {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status.exit_code();
            }
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "it doesn't end:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a terminal has a size")
}

/// How the terminal treats input, as text that can be compared.
fn mode(master: &(dyn MasterPty + Send)) -> String {
    format!(
        "{:?}",
        master.get_termios().map(|t| (t.local_flags, t.input_flags))
    )
}
