//! Takes the terminal, and gives it back however the console ends.

use std::io::{self, Stdout, Write, stdout};

use anyhow::{Context, Result};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::{Hide, Show},
        event::{
            self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste,
            EnableMouseCapture, Event,
        },
        execute,
        terminal::{
            Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
            disable_raw_mode, enable_raw_mode,
        },
    },
};
use tokio::sync::mpsc::Sender;

use super::message::Msg;

/// The terminal while it is ours.
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// # Errors
    /// When this is no terminal.
    pub(super) fn enter() -> Result<Self> {
        restore_on_panic();
        take().context("cannot take the terminal")?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        Ok(Self { terminal })
    }

    /// Gives the terminal to the shell, stops this process, and takes it again on SIGCONT.
    pub(super) fn suspend(&mut self) -> Result<()> {
        give_back();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)
            .context("cannot stop")?;
        // Here SIGCONT has come.
        take().context("cannot take the terminal again")?;
        self.start_over()
    }

    /// Empties the screen, so that the next drawing draws all of it. `Terminal::clear` would ask the
    /// terminal where the cursor is, and the answer would go to the thread that reads the keys.
    pub(super) fn start_over(&mut self) -> Result<()> {
        execute!(stdout(), Clear(ClearType::All))?;
        self.terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(
        stdout(),
        EnterAlternateScreen,
        SetTitle("comms"),
        EnableBracketedPaste,
        EnableMouseCapture,
        Hide
    )
}

/// Harmless when the terminal isn't ours; nothing can be done when it fails.
fn give_back() {
    let _ = execute!(
        stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
    let _ = stdout().flush();
}

/// A panic anywhere ends the console: first the terminal, then the message, then the process, for
/// the loop would go on drawing over both.
fn restore_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        report(panic);
        std::process::exit(101);
    }));
}

/// Reads the keyboard on a thread of its own until nobody listens.
pub(super) fn listen(messages: Sender<Msg>) {
    std::thread::spawn(move || {
        loop {
            let msg = match event::read() {
                Ok(Event::Key(key)) => Msg::Key(key),
                Ok(Event::Paste(text)) => Msg::Paste(text),
                Ok(Event::Mouse(mouse)) => Msg::Mouse(mouse),
                Ok(Event::Resize(columns, rows)) => Msg::Resize(columns, rows),
                Ok(_) => continue,
                Err(_) => return,
            };
            if messages.blocking_send(msg).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        sync::{Arc, Mutex},
        time::{Duration, Instant},
    };

    use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};

    use super::*;
    use crate::{config::Layers, console::Settings, ops::Ops};

    /// Not a test by itself: what the one below runs in a terminal. It is the console as `comms-tui` runs
    /// it, but for the connection to another server, which panics.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a terminal of its own"]
    async fn a_console_that_panics() {
        let profiles = "[profiles.other]\nredis_url = 'redis://127.0.0.1:1'";
        let settings = Settings::read(&profiles.parse().expect("TOML")).expect("valid");
        let mut layers = Layers::defaults(None);
        let nobody = "redis://127.0.0.1:1".to_owned();
        layers.set("redis_url", nobody, "test").expect("a setting");
        let config = layers.build().expect("valid");
        let open = |name: Option<&str>| match name {
            None => Ok(Arc::new(Ops::open(&config, false)?)),
            Some(_) => panic!("something unforeseen"),
        };
        let ended = crate::console::run(open, None, &settings, false).await;
        unreachable!("it ended otherwise: {ended:?}");
    }

    fn mode(master: &dyn MasterPty) -> String {
        let mode = master.get_termios();
        format!("{:?}", mode.map(|m| (m.local_flags, m.input_flags)))
    }

    #[test]
    fn a_panic_of_the_running_console_gives_the_terminal_back_before_it_says_why() {
        let pair = native_pty_system()
            .openpty(PtySize::default())
            .expect("a terminal");
        let before = mode(pair.master.as_ref());
        let mut command = CommandBuilder::new(std::env::current_exe().expect("this test"));
        let name = "console::terminal::tests::a_console_that_panics";
        command.args(["--exact", name, "--ignored", "--nocapture"]);
        let mut output = pair.master.try_clone_reader().expect("its output");
        let mut keys = pair.master.take_writer().expect("its input");
        let mut child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let copy = Arc::clone(&bytes);
        let read = std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            // Ends with an error when the terminal has nobody any more.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                copy.lock().expect("whole").extend_from_slice(&buffer[..n]);
            }
        });
        let said = || String::from_utf8_lossy(&bytes.lock().expect("whole")).into_owned();
        let begin = Instant::now();
        while !said().contains("is away") {
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_ne!(mode(pair.master.as_ref()), before, "it has the terminal");
        keys.write_all(b"@other\r").expect("it reads");
        assert_eq!(child.wait().expect("its end").exit_code(), 101);
        assert_eq!(mode(pair.master.as_ref()), before);
        drop((keys, pair.master));
        read.join().expect("what it wrote");
        let said = said();
        let at = |sequence: &str| {
            said.find(sequence)
                .unwrap_or_else(|| panic!("{sequence:?}"))
        };
        let why = at("something unforeseen");
        // Screen, mouse, pasting and cursor: on and off again, all before the message.
        for (on, off) in [
            ("\u{1b}[?1049h", "\u{1b}[?1049l"),
            ("\u{1b}[?1000h", "\u{1b}[?1000l"),
            ("\u{1b}[?1006h", "\u{1b}[?1006l"),
            ("\u{1b}[?2004h", "\u{1b}[?2004l"),
            ("\u{1b}[?25l", "\u{1b}[?25h"),
        ] {
            let off = said[..why].rfind(off).unwrap_or_else(|| panic!("{off:?}"));
            assert!(at(on) < off, "{said:?}");
        }
        let left = &said[why..];
        assert!(
            !left.contains("\u{1b}["),
            "nothing is drawn after it: {left:?}"
        );
    }
}
