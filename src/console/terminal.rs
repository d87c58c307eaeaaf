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
