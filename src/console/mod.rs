//! The console: `update` takes messages and is pure, `view` draws the model and only that, `fetch`
//! does what takes time. One table of actions drives keys, footer, help, palette and the gate for
//! mutations.
//!
//! # To add a screen that is a list
//!
//! 1. `screens/NAME.rs`: a struct with what it is about (nothing, or the stream, the id …) that
//!    implements [`screens::Listing`]: its columns, its rows made of the data, where Enter leads.
//!    Selection, marks, sort, filter, scrolling, mouse, masks, path, sum and copying are done for it.
//! 2. `data.rs`: a variant of `Query` for what it asks, and one of `Data` for the answer; `fetch::data`
//!    calls `ops`. A list made of the status needs none of it.
//! 3. `place.rs`: a variant of `Place`, and for a screen with a digit one of `Screen`; `screens::all`,
//!    so that its columns can be chosen in the settings.
//! 4. `action.rs`: `Act::Go` for its digit, and a `Scope` with its own actions if it has any; what they
//!    do is one line each in `update/keys.rs`.
//! 5. `fixture.rs`: sample data, filled in by `working` and `empty`; the snapshots then cover it.
//!
//! # To add a change
//!
//! A variant of `message::Change`, which holds everything it is about, frozen; `update/confirm.rs` opens
//! a `dialog::Confirm` with it; `fetch::make` calls `ops` and says what became of each id. Typing the
//! count above 100, Cancel in focus, read-only and "Redis is away" are done for it.

mod action;
mod clipboard;
mod data;
mod dialog;
mod fetch;
mod filter;
#[cfg(test)]
mod fixture;
mod form;
mod geometry;
mod history;
mod keymap;
mod message;
mod model;
mod place;
#[cfg(test)]
mod samples;
mod screens;
mod settings;
mod table;
mod terminal;
mod theme;
mod trends;
mod update;
mod view;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{Receiver, channel},
    time::sleep_until,
};

pub use settings::{DEFAULTS, Settings};
pub use theme::ThemeChoice;

use crate::{config, ops::Ops};
use message::{Cmd, Msg};
use model::{Model, Setting};

/// Messages that may wait; more, and the senders do.
const WAITING: usize = 256;

/// Runs the console until it is left.
///
/// # Errors
/// When the terminal can't be taken or written to.
pub async fn run(ops: Arc<Ops>, settings: &Settings, all_streams: bool) -> Result<()> {
    let started = Instant::now();
    let mut signals = Signals::new()?;
    let (sender, mut messages) = channel(WAITING);
    let fetcher = fetch::Fetcher::new(Arc::clone(&ops), sender.clone());
    let mut screen = terminal::Screen::enter()?;
    terminal::listen(sender);
    let mut model = Model::new(setting(&ops, settings, all_streams)?);
    let size = screen.terminal.size()?;
    model.size = (size.width, size.height);
    let result = turn(
        &mut screen,
        &mut model,
        &mut messages,
        &fetcher,
        &mut signals,
        started,
    )
    .await;
    drop(screen);
    fetcher.settle().await;
    result
}

async fn turn(
    screen: &mut terminal::Screen,
    model: &mut Model,
    messages: &mut Receiver<Msg>,
    fetcher: &fetch::Fetcher,
    signals: &mut Signals,
    started: Instant,
) -> Result<()> {
    let now_ms = || started.elapsed().as_millis() as u64;
    loop {
        if std::mem::take(&mut model.changed) {
            screen.terminal.draw(|frame| view::draw(model, frame))?;
        }
        let wake_ms = update::next_wake_ms(model).min(now_ms() + 3_600_000);
        let wake = started + Duration::from_millis(wake_ms);
        let mut msg = tokio::select! {
            Some(msg) = messages.recv() => Some(msg),
            () = sleep_until(wake.into()) => Some(Msg::Tick),
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.hang_up.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
            _ = signals.stop.recv() => {
                screen.suspend()?;
                Some(Msg::Redraw)
            }
            // Continued by somebody else than our own suspend: the screen is no longer what we drew.
            _ = signals.resume.recv() => {
                screen.start_over()?;
                Some(Msg::Redraw)
            }
        };
        // Everything that has come is taken in before the next drawing.
        while let Some(next) = msg {
            if matches!(next, Msg::Resize(..)) {
                // Between two drawings it may have been smaller and be as large as before again: what it
                // shows is lost, though its size is what we know.
                screen.start_over()?;
            }
            for cmd in update::update(model, now_ms(), next) {
                match cmd {
                    Cmd::Quit => return Ok(()),
                    Cmd::Suspend => {
                        screen.suspend()?;
                        model.changed = true;
                    }
                    Cmd::Copy(text) => clipboard::copy(&text)?,
                    other => fetcher.start(other),
                }
            }
            msg = messages.try_recv().ok();
        }
    }
}

fn setting(ops: &Ops, settings: &Settings, all_streams: bool) -> Result<Setting> {
    let choice = if config::no_color() {
        ThemeChoice::None
    } else {
        settings.theme.unwrap_or(ThemeChoice::Dark)
    };
    let depth = if config::has_many_colors() {
        theme::Depth::Many
    } else {
        theme::Depth::Sixteen
    };
    let now = jiff::Timestamp::now().as_millisecond();
    Ok(Setting {
        theme: theme::Theme::new(choice, depth),
        ascii: settings.ascii,
        keys: settings.keymap()?,
        read_only: ops.read_only(),
        all_streams,
        address: ops.redis_address(),
        profile: ops.config().profile.to_string(),
        visibility_ms: ops.config().visibility_ms,
        session: format!("{}-{now}", std::process::id()),
        refresh_ms: settings.refresh_ms,
        hidden: settings.hidden()?,
    })
}

/// What the operating system may tell us.
struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    stop: Signal,
    resume: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            stop: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            resume: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }
}
