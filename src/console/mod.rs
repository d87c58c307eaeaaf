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
//! a `dialog::Confirm` with it; `change::make` calls `ops` and says what became of each id. Typing the
//! count above 100, Cancel in focus, read-only and "Redis is away" are done for it. Where `ops` has a plan,
//! the question is opened with `ConfirmStage::Planning`, and the plan is what is confirmed (`update/letters.rs`).

mod action;
mod change;
mod claimed;
mod clipboard;
mod column;
mod data;
mod dialog;
mod fetch;
mod filter;
#[cfg(test)]
mod fixture;
mod form;
mod geometry;
mod history;
mod input;
mod keymap;
mod message;
mod model;
mod place;
mod planned;
mod row;
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
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{Receiver, channel},
    time::sleep_until,
};
use tokio_util::task::TaskTracker;

pub use settings::{DEFAULTS, Settings};
pub use theme::ThemeChoice;

use crate::{config, ops::Ops};
use message::{Cmd, Msg};
use model::{Model, Setting};

/// Messages that may wait; more, and the senders do.
const WAITING: usize = 256;

/// Runs the console until it is left. `open` connects to a server of `[console.profiles]`, or to the one
/// of the command line; `first` is the name of that one, if it has one.
///
/// # Errors
/// When the terminal can't be taken or written to.
pub async fn run(
    open: impl Fn(Option<&str>) -> Result<Arc<Ops>>,
    first: Option<&str>,
    settings: &Settings,
    all_streams: bool,
) -> Result<()> {
    let ops = open(None)?;
    let (keys, events) = channel(WAITING);
    let mut sitting = Sitting {
        started: Instant::now(),
        signals: Signals::new()?,
        screen: terminal::Screen::enter()?,
        events,
        changes: TaskTracker::new(),
    };
    terminal::listen(keys);
    let model = |ops: &Ops, name: Option<&str>| {
        let setting = setting(ops, name, settings, all_streams)?;
        anyhow::Ok(Model::new(setting))
    };
    let result = sitting.sit(open, model(&ops, first)?, ops, model).await;
    sitting.leave().await;
    result
}

/// What stays while one server after the other is looked at.
struct Sitting {
    started: Instant,
    signals: Signals,
    screen: terminal::Screen,
    events: Receiver<Msg>,
    /// Changes under way, on whatever server.
    changes: TaskTracker,
}

impl Sitting {
    /// Each server has a model and replies of its own, so that nothing of another one is shown.
    async fn sit(
        &mut self,
        open: impl Fn(Option<&str>) -> Result<Arc<Ops>>,
        mut model: Model,
        mut ops: Arc<Ops>,
        model_of: impl Fn(&Ops, Option<&str>) -> Result<Model>,
    ) -> Result<()> {
        let size = self.screen.terminal.size()?;
        model.size = (size.width, size.height);
        loop {
            let (sender, mut replies) = channel(WAITING);
            let fetcher = fetch::Fetcher::new(Arc::clone(&ops), sender, self.changes.clone());
            loop {
                let Some(name) = self.turn(&mut model, &mut replies, &fetcher).await? else {
                    return Ok(());
                };
                match open(Some(&name)) {
                    Ok(other) => {
                        // A lock goes along: to unlock is a decision of its own.
                        other.set_read_only(other.read_only() || model.setting.read_only);
                        let mut fresh = model_of(&other, Some(&name))?;
                        (fresh.size, fresh.screen) = (model.size, model.screen);
                        (ops, model) = (other, fresh);
                        break;
                    }
                    Err(error) => {
                        let why = Msg::NotSwitched(format!("{error:#}"));
                        update::update(&mut model, self.now_ms(), why);
                    }
                }
            }
        }
    }

    /// Gives the terminal back and waits for changes under way, however long they take: what is cut off has
    /// no outcome and no line in the audit. A signal ends the wait; not SIGHUP, which comes twice when a
    /// terminal is closed.
    async fn leave(self) {
        let Self {
            screen,
            changes,
            mut signals,
            ..
        } = self;
        drop(screen);
        changes.close();
        if !changes.is_empty() {
            let text = "waiting for the changes under way; ctrl-c leaves them without an outcome";
            // Nobody may be there to read it any more.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
        tokio::select! {
            () = changes.wait() => {}
            _ = signals.terminate.recv() => {}
            _ = signals.interrupt.recv() => {}
        }
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Until it is left, or another server is wanted: then its name comes back.
    async fn turn(
        &mut self,
        model: &mut Model,
        replies: &mut Receiver<Msg>,
        fetcher: &fetch::Fetcher,
    ) -> Result<Option<String>> {
        loop {
            if std::mem::take(&mut model.changed) {
                let terminal = &mut self.screen.terminal;
                terminal.draw(|frame| view::draw(model, frame))?;
            }
            let wake_ms = update::next_wake_ms(model).min(self.now_ms() + 3_600_000);
            let wake = self.started + Duration::from_millis(wake_ms);
            let signals = &mut self.signals;
            let mut msg = tokio::select! {
                Some(msg) = self.events.recv() => Some(msg),
                Some(msg) = replies.recv() => Some(msg),
                () = sleep_until(wake.into()) => Some(Msg::Tick),
                _ = signals.terminate.recv() => return Ok(None),
                _ = signals.hang_up.recv() => return Ok(None),
                _ = signals.interrupt.recv() => return Ok(None),
                _ = signals.stop.recv() => {
                    self.screen.suspend()?;
                    Some(Msg::Redraw)
                }
                // Continued by somebody else than our own suspend: the screen is no longer what we drew.
                _ = signals.resume.recv() => {
                    self.screen.start_over()?;
                    Some(Msg::Redraw)
                }
            };
            // Everything that has come is taken in before the next drawing.
            while let Some(next) = msg {
                if matches!(next, Msg::Resize(..)) {
                    // Between two drawings it may have been smaller and be as large as before again: what it
                    // shows is lost, though its size is what we know.
                    self.screen.start_over()?;
                }
                for cmd in update::update(model, self.now_ms(), next) {
                    match cmd {
                        Cmd::Quit => return Ok(None),
                        Cmd::Switch(name) => return Ok(Some(name)),
                        Cmd::Suspend => {
                            self.screen.suspend()?;
                            model.changed = true;
                        }
                        Cmd::Copy(text) => clipboard::copy(&text)?,
                        other => fetcher.start(other),
                    }
                }
                let more = self.events.try_recv();
                msg = more.or_else(|_| replies.try_recv()).ok();
            }
        }
    }
}

fn setting(
    ops: &Ops,
    name: Option<&str>,
    settings: &Settings,
    all_streams: bool,
) -> Result<Setting> {
    let choice = if config::no_color() {
        ThemeChoice::None
    } else {
        settings.theme.unwrap_or(ThemeChoice::Dark)
    };
    let depth = if config::has_true_color() {
        theme::Depth::True
    } else if config::has_many_colors() {
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
        profile: name.map_or_else(|| ops.config().profile.to_string(), str::to_owned),
        servers: settings.servers(),
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
