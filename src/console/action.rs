//! The one table of what can be done: it drives the keys, the footer, the help, the palette and the
//! gate that keeps mutations from happening in read-only mode or while Redis is away.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::{
    dialog::Dialog,
    keymap::{Chord, char, ctrl, key},
    model::{Model, Place, Screen},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    NewSchedule,
    EditSchedule,
    PauseSchedule,
    ResumeSchedule,
    RunSchedule,
    RemoveSchedule,
    Report,
    Deliveries,
    TestSend,
    Claim,
    ClaimAll,
    DeadLetter,
    Acknowledge,
    Pause,
    Resume,
    Cancel,
    RetryFailed,
    Replay,
    Canary,
    Edit,
    Drop,
    CreateGroup,
    SetId,
    DeleteConsumer,
    Drain,
    Trace,
    PauseAll,
    ReadOnly,
    Switch,
    Mark,
    MarkRange,
    MarkAll,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Back,
    Browse,
    Turn,
    From,
    NextPage,
    PreviousPage,
    Filter,
    Sort,
    SortReverse,
    FaultsOnly,
    Freeze,
    Slower,
    Faster,
    Earlier,
    Later,
    Copy,
    Unmask,
    Go(Screen),
    NextScreen,
    PreviousScreen,
    Refresh,
    Palette,
    Help,
    Quit,
    Suspend,
    Close,
    NextField,
    PreviousField,
    Less,
    More,
    Press,
}

/// Where an action is to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Anywhere,
    /// No dialog is open.
    Screens,
    Lists,
    Streams,
    Groups,
    Entries,
    Pending,
    Campaigns,
    Failures,
    Letters,
    Schedules,
    Workers,
    Help,
    Palette,
    Forms,
}

impl Scope {
    /// In the order of the help.
    pub(super) const ALL: [Self; 15] = [
        Self::Screens,
        Self::Lists,
        Self::Streams,
        Self::Groups,
        Self::Entries,
        Self::Pending,
        Self::Campaigns,
        Self::Failures,
        Self::Letters,
        Self::Schedules,
        Self::Workers,
        Self::Palette,
        Self::Forms,
        Self::Help,
        Self::Anywhere,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Anywhere => "Anywhere",
            Self::Screens => "Screens",
            Self::Lists => "Lists",
            Self::Streams => "Streams",
            Self::Groups => "Groups and consumers",
            Self::Entries => "Entries of a stream",
            Self::Pending => "Pending entries",
            Self::Campaigns => "Campaigns",
            Self::Failures => "Failed recipients",
            Self::Letters => "Dead letters",
            Self::Schedules => "Schedules",
            Self::Workers => "Workers",
            Self::Help => "This help",
            Self::Palette => "The palette",
            Self::Forms => "Questions",
        }
    }
}

pub(super) struct Action {
    pub act: Act,
    /// For the palette and for `[console.keys]`.
    pub name: &'static str,
    pub scope: Scope,
    /// None: only in the palette.
    pub keys: &'static [Chord],
    /// One word for the footer; empty: not shown there.
    pub label: &'static str,
    pub help: &'static str,
    /// It changes something in Redis or SQL, or leads there.
    pub mutates: bool,
    /// It is on an uppercase letter, and asks, with Cancel in focus.
    pub dangerous: bool,
}

type Keys = &'static [Chord];
type Text = &'static str;

const fn look(act: Act, name: Text, scope: Scope, keys: Keys, label: Text, help: Text) -> Action {
    Action {
        act,
        name,
        scope,
        keys,
        label,
        help,
        mutates: false,
        dangerous: false,
    }
}

const fn change(act: Act, name: Text, scope: Scope, keys: Keys, label: Text, help: Text) -> Action {
    Action {
        mutates: true,
        ..look(act, name, scope, keys, label, help)
    }
}

const fn danger(act: Act, name: Text, scope: Scope, keys: Keys, label: Text, help: Text) -> Action {
    Action {
        dangerous: true,
        ..change(act, name, scope, keys, label, help)
    }
}

use KeyCode::{BackTab, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Tab, Up};

/// In the order of the footer.
#[rustfmt::skip] // One action a line, as a table.
pub(super) static ACTIONS: &[Action] = &[
    change(Act::Create, "create", Scope::Screens, &[char('c')], "create", "create a campaign"),
    danger(Act::Claim, "claim", Scope::Pending, &[char('C')], "claim", "give the marked or the selected entries to a live consumer"),
    danger(Act::ClaimAll, "claim-all", Scope::Pending, &[char('A')], "claim all", "give all that is stuck and passes the filter to live consumers, listed or not"),
    danger(Act::DeadLetter, "dead-letter", Scope::Pending, &[char('X')], "dead", "put the marked or the selected entries among the dead letters"),
    danger(Act::Acknowledge, "acknowledge", Scope::Pending, &[char('K')], "ack", "acknowledge the marked or the selected entries: they are skipped"),
    danger(Act::Pause, "pause", Scope::Campaigns, &[char('P')], "pause", "start no more of its mails until it is resumed"),
    danger(Act::Resume, "resume", Scope::Campaigns, &[char('U')], "resume", "go on with a paused campaign"),
    danger(Act::RetryFailed, "retry-failed", Scope::Campaigns, &[char('R')], "retry failed", "send again to those for whom it failed"),
    danger(Act::Cancel, "cancel-campaign", Scope::Campaigns, &[char('X')], "cancel", "end it: what was not sent will not be"),
    look(Act::Report, "report", Scope::Campaigns, &[char('i')], "report", "how fast it was, what the servers answered, which domains were slow"),
    look(Act::Deliveries, "deliveries", Scope::Campaigns, &[char('d')], "who got it", "each recipient: status, attempt, time, answer"),
    change(Act::TestSend, "test-send", Scope::Campaigns, &[char('T')], "test", "send one mail of it to an address of yours"),
    change(Act::NewSchedule, "new-schedule", Scope::Schedules, &[char('n')], "new", "campaigns that start again and again"),
    change(Act::EditSchedule, "edit-schedule", Scope::Schedules, &[char('e')], "edit", "change its times or its words"),
    danger(Act::RunSchedule, "run-schedule", Scope::Schedules, &[char('R')], "run now", "start a campaign of it now; the plan stays"),
    danger(Act::PauseSchedule, "pause-schedule", Scope::Schedules, &[char('P')], "pause", "its times pass without a campaign until it is resumed"),
    danger(Act::ResumeSchedule, "resume-schedule", Scope::Schedules, &[char('U')], "resume", "go on with the next time"),
    danger(Act::RemoveSchedule, "remove-schedule", Scope::Schedules, &[char('X')], "remove", "its campaigns stay"),
    danger(Act::RetryFailed, "retry-failed", Scope::Failures, &[char('R')], "retry", "send again to the marked or the selected recipients"),
    danger(Act::Replay, "replay", Scope::Letters, &[char('R')], "replay", "send the marked or the selected letters again, by the ledger"),
    danger(Act::Canary, "canary", Scope::Letters, &[char('O')], "one first", "send one again, and the others only when it was accepted"),
    danger(Act::Edit, "edit", Scope::Letters, &[char('E')], "edit", "change the data of the letter and send it again"),
    danger(Act::Drop, "drop", Scope::Letters, &[char('X')], "drop", "throw the marked or the selected letters away"),
    look(Act::Mark, "mark", Scope::Pending, &[char(' ')], "mark", "mark or unmark the row and go on"),
    look(Act::MarkAll, "mark-all", Scope::Pending, &[char('a')], "all", "mark all that are shown, or none"),
    look(Act::MarkRange, "mark-range", Scope::Pending, &[char('v')], "range", "mark from the nearest mark to here"),
    look(Act::Mark, "mark", Scope::Failures, &[char(' ')], "mark", "mark or unmark the row and go on"),
    look(Act::MarkAll, "mark-all", Scope::Failures, &[char('a')], "all", "mark all that are shown, or none"),
    look(Act::MarkRange, "mark-range", Scope::Failures, &[char('v')], "range", "mark from the nearest mark to here"),
    look(Act::Mark, "mark", Scope::Letters, &[char(' ')], "mark", "mark or unmark the row and go on"),
    look(Act::MarkAll, "mark-all", Scope::Letters, &[char('a')], "all", "mark all that are shown, or none"),
    look(Act::MarkRange, "mark-range", Scope::Letters, &[char('v')], "range", "mark from the nearest mark to here"),
    look(Act::Browse, "entries", Scope::Streams, &[char('e')], "entries", "look at the entries of the stream"),
    look(Act::Browse, "entries", Scope::Groups, &[char('e')], "entries", "look at the entries of the stream"),
    look(Act::Turn, "turn", Scope::Entries, &[char('o')], "order", "the newest first, or the oldest"),
    look(Act::From, "from", Scope::Entries, &[char('f')], "from", "from an id or so long ago, and to another: 10m..5m"),
    look(Act::NextPage, "next-page", Scope::Entries, &[char('n')], "next", "the next page"),
    look(Act::PreviousPage, "previous-page", Scope::Entries, &[char('N')], "", "the page before"),
    danger(Act::Drain, "drain", Scope::Workers, &[char('D')], "drain", "let the worker finish what it has in hand, hand back the rest and end"),
    look(Act::Open, "log", Scope::Workers, &[char('l')], "log", "follow its log, where it runs on this machine"),
    look(Act::Open, "open", Scope::Lists, &[key(Enter), key(Right), char('l')], "open", "look into the row"),
    look(Act::Trace, "trace", Scope::Lists, &[char('t')], "trace", "follow the recipient's message through all stages"),
    look(Act::Filter, "filter", Scope::Lists, &[char('/')], "filter", "show what matches: word !not field:word ^regex$"),
    look(Act::Sort, "sort", Scope::Lists, &[char('s')], "sort", "sort by the next column"),
    look(Act::SortReverse, "sort-reverse", Scope::Lists, &[char('S')], "", "turn the order around"),
    look(Act::Back, "back", Scope::Screens, &[key(Esc), key(Left), char('h')], "back", "one step back: filter, marks, level"),
    look(Act::Help, "help", Scope::Screens, &[char('?')], "help", "all keys"),
    look(Act::Palette, "palette", Scope::Screens, &[char(':')], "palette", "every action, found by typing"),
    look(Act::Quit, "quit", Scope::Screens, &[char('q')], "quit", "leave"),
    danger(Act::CreateGroup, "create-group", Scope::Groups, &[char('N')], "new group", "make a group that reads the stream"),
    danger(Act::SetId, "set-id", Scope::Groups, &[char('I')], "set id", "set what the group has read: it goes on after another id"),
    danger(Act::DeleteConsumer, "delete-consumer", Scope::Groups, &[char('X')], "delete", "remove a consumer that is gone and holds nothing"),
    look(Act::Refresh, "refresh", Scope::Screens, &[char('r')], "refresh", "look again now"),
    look(Act::NextScreen, "next-screen", Scope::Screens, &[key(Tab)], "screens", "the next screen"),
    look(Act::PreviousScreen, "previous-screen", Scope::Screens, &[key(BackTab)], "", "the screen before"),
    look(Act::Up, "up", Scope::Lists, &[key(Up), char('k')], "", "up"),
    look(Act::Down, "down", Scope::Lists, &[key(Down), char('j')], "", "down"),
    look(Act::PageUp, "page-up", Scope::Lists, &[key(PageUp)], "", "one screen up"),
    look(Act::PageDown, "page-down", Scope::Lists, &[key(PageDown)], "", "one screen down"),
    look(Act::First, "first", Scope::Lists, &[key(Home), char('g')], "", "first"),
    look(Act::Last, "last", Scope::Lists, &[key(End), char('G')], "", "last"),
    look(Act::FaultsOnly, "faults-only", Scope::Screens, &[char('!')], "", "only rows with something wrong, or all"),
    look(Act::Freeze, "freeze", Scope::Screens, &[char('p')], "", "stand still, or go on"),
    look(Act::Earlier, "earlier", Scope::Screens, &[char('[')], "", "look back, up to 15 minutes"),
    look(Act::Later, "later", Scope::Screens, &[char(']')], "", "towards the present"),
    look(Act::Faster, "faster", Scope::Screens, &[char('+')], "", "look more often"),
    look(Act::Slower, "slower", Scope::Screens, &[char('-')], "", "look less often"),
    look(Act::Copy, "copy", Scope::Lists, &[char('y')], "", "copy the row's id to the clipboard"),
    look(Act::Unmask, "unmask", Scope::Screens, &[char('m')], "", "show addresses in full, or masked"),
    look(Act::Go(Screen::Pipeline), "pipeline", Scope::Screens, &[char('1')], "", "the pipeline: what flows, what waits, what is wrong"),
    look(Act::Go(Screen::Campaigns), "campaigns", Scope::Screens, &[char('2')], "", "campaigns: how far, what failed and why"),
    look(Act::Go(Screen::Streams), "streams", Scope::Screens, &[char('3')], "", "streams, their groups, consumers and entries"),
    look(Act::Go(Screen::Pending), "pending", Scope::Screens, &[char('4')], "", "pending entries that nobody works on"),
    look(Act::Go(Screen::Dead), "dead", Scope::Screens, &[char('5')], "", "dead letters by cause: look, replay, drop"),
    look(Act::Go(Screen::Schedules), "schedules", Scope::Screens, &[char('6')], "", "schedules: campaigns that start again and again"),
    look(Act::Go(Screen::Inbox), "inbox", Scope::Screens, &[char('7')], "", "the mails that arrived"),
    look(Act::Go(Screen::Workers), "workers", Scope::Screens, &[char('8')], "", "workers: who is alive and how fast"),
    look(Act::Go(Screen::Audit), "audit", Scope::Screens, &[char('9')], "", "what operators did"),
    look(Act::Go(Screen::Secrets), "secrets", Scope::Screens, &[char('0')], "", "what Vault holds for the services"),
    danger(Act::PauseAll, "pause-all", Scope::Screens, &[], "", "pause every running campaign"),
    look(Act::Switch, "server", Scope::Screens, &[char('@')], "", "look at another server of [console.profiles]"),
    look(Act::ReadOnly, "read-only", Scope::Screens, &[], "", "refuse every change from now on, or unlock"),
    look(Act::Up, "help-up", Scope::Help, &[key(Up), char('k')], "", "up"),
    look(Act::Down, "help-down", Scope::Help, &[key(Down), char('j')], "scroll", "down"),
    look(Act::PageUp, "help-page-up", Scope::Help, &[key(PageUp)], "", "ten up"),
    look(Act::PageDown, "help-page-down", Scope::Help, &[key(PageDown)], "", "ten down"),
    look(Act::Close, "help-close", Scope::Help, &[key(Esc), char('?'), char('q')], "close", "close"),
    look(Act::Up, "palette-up", Scope::Palette, &[key(Up)], "", "up"),
    look(Act::Down, "palette-down", Scope::Palette, &[key(Down), key(Tab)], "choose", "down"),
    look(Act::Press, "palette-press", Scope::Palette, &[key(Enter)], "do it", "do what is selected"),
    look(Act::Close, "palette-close", Scope::Palette, &[key(Esc)], "close", "close, nothing is done"),
    look(Act::NextField, "next-field", Scope::Forms, &[key(Tab), key(Down)], "next", "next field"),
    look(Act::PreviousField, "previous-field", Scope::Forms, &[key(BackTab), key(Up)], "", "previous field"),
    look(Act::Less, "less", Scope::Forms, &[key(Left)], "", "the choice before"),
    look(Act::More, "more", Scope::Forms, &[key(Right)], "choose", "the next choice"),
    change(Act::TestSend, "test-send", Scope::Forms, &[char('T')], "test", "send one mail of the preview to an address of yours"),
    look(Act::Down, "form-down", Scope::Forms, &[char('j')], "", "a line down"),
    look(Act::Up, "form-up", Scope::Forms, &[char('k')], "", "a line up"),
    look(Act::PageUp, "form-page-up", Scope::Forms, &[key(PageUp)], "", "scroll up"),
    look(Act::PageDown, "form-page-down", Scope::Forms, &[key(PageDown)], "", "scroll down"),
    look(Act::Copy, "copy-commands", Scope::Forms, &[char('y')], "", "copy the commands of a claim for redis-cli"),
    look(Act::Press, "press", Scope::Forms, &[key(Enter)], "ok", "go on, or press the button"),
    look(Act::Close, "cancel", Scope::Forms, &[key(Esc)], "cancel", "close, nothing is done"),
    look(Act::Quit, "leave", Scope::Anywhere, &[ctrl('c')], "", "leave"),
    look(Act::Suspend, "suspend", Scope::Anywhere, &[ctrl('z')], "", "to the background; fg comes back"),
];

/// The scopes that hold now; the nearest first.
pub(super) fn scopes(model: &Model) -> Vec<Scope> {
    match &model.dialog {
        Some(Dialog::Help { .. }) => vec![Scope::Help, Scope::Anywhere],
        Some(Dialog::Palette(_)) => vec![Scope::Palette, Scope::Anywhere],
        Some(_) => vec![Scope::Forms, Scope::Anywhere],
        None => scopes_of_page(model),
    }
}

/// The scopes of the page, whatever lies over it.
pub(super) fn scopes_of_page(model: &Model) -> Vec<Scope> {
    let mut scopes = Vec::new();
    if let Some(listing) = model.page().place.listing() {
        scopes.extend(listing.scope());
        scopes.push(Scope::Lists);
    }
    scopes.extend([Scope::Screens, Scope::Anywhere]);
    scopes
}

/// The action that a key means now.
pub(super) fn meant_by(model: &Model, event: &KeyEvent) -> Option<&'static Action> {
    let keys = &model.setting.keys;
    scopes(model).into_iter().find_map(|scope| {
        ACTIONS
            .iter()
            .find(|a| a.scope == scope && keys.of(a).iter().any(|k| k.matches(event)))
    })
}

/// It belongs to the page shown, and would do something now: also behind the palette.
pub(super) fn is_valid_here(model: &Model, action: &Action) -> bool {
    is_of_page(model, action) && is_valid(model, action)
}

/// It is to be had on the page shown.
pub(super) fn is_of_page(model: &Model, action: &Action) -> bool {
    scopes_of_page(model).contains(&action.scope)
}

/// It would do something now, where its scope is.
pub(super) fn is_valid(model: &Model, action: &Action) -> bool {
    if action.mutates && model.refusal().is_some() {
        return false;
    }
    let page = model.page();
    match action.act {
        Act::Back => {
            !page.table.filter.is_empty()
                || !page.table.marks.is_empty()
                || model.depth() > 1
                || model.past.is_looked_at()
        }
        Act::Open => page.table.selected().is_some_and(|row| {
            let listing = page.place.listing();
            listing.is_some_and(|l| l.open(model, page, row).is_some())
        }),
        Act::Trace => page.table.selected().is_some_and(|row| {
            let listing = page.place.listing();
            listing.is_some_and(|l| l.recipient(page, row).is_some())
        }),
        Act::TestSend if action.scope == Scope::Forms => {
            matches!(&model.dialog, Some(Dialog::Create(form)) if form.preview.is_some())
        }
        Act::Pause | Act::Resume | Act::Cancel | Act::Report | Act::Deliveries | Act::TestSend => {
            !page.table.is_empty()
        }
        Act::EditSchedule
        | Act::RunSchedule
        | Act::PauseSchedule
        | Act::ResumeSchedule
        | Act::RemoveSchedule => !page.table.is_empty(),
        Act::Drain => page.table.selected().is_some_and(|row| {
            let worker = model.workers().get(row.item);
            worker.is_some_and(|w| w.live && w.info.state != "draining")
        }),
        Act::CreateGroup => matches!(page.place, Place::Groups(_)),
        Act::SetId => matches!(page.place, Place::Groups(_)) && !page.table.is_empty(),
        Act::DeleteConsumer => matches!(page.place, Place::Consumers(_)) && !page.table.is_empty(),
        Act::RetryFailed | Act::Replay | Act::Canary | Act::Edit | Act::Drop => {
            !page.table.is_empty()
        }
        // A filter may be what keeps the list empty.
        Act::Filter | Act::Sort | Act::SortReverse => !page.table.rows().is_empty(),
        Act::Claim | Act::ClaimAll | Act::DeadLetter | Act::Acknowledge => !page.table.is_empty(),
        Act::Mark | Act::MarkAll | Act::MarkRange | Act::Copy => !page.table.is_empty(),
        Act::Up | Act::Down | Act::PageUp | Act::PageDown | Act::First | Act::Last
            if action.scope == Scope::Lists =>
        {
            !page.table.is_empty()
        }
        _ => true,
    }
}

/// What the footer shows: valid now, in the order of the table, each label once.
pub(super) fn footer(model: &Model) -> impl Iterator<Item = &'static Action> {
    let scopes = scopes(model);
    let mut seen = Vec::new();
    ACTIONS
        .iter()
        .filter(move |a| !a.label.is_empty() && scopes.contains(&a.scope))
        .filter(|a| is_valid(model, a))
        .filter(move |a| {
            let new = !seen.contains(&a.act);
            seen.push(a.act);
            new
        })
}

#[cfg(test)]
mod tests {
    use super::super::keymap::{Keymap, is_deliberate};
    use super::*;

    #[test]
    fn a_key_means_one_thing_in_each_scope() {
        assert!(Keymap::new(&std::collections::BTreeMap::new()).is_ok());
    }

    #[test]
    fn every_action_has_a_name_and_a_help_text_and_is_in_the_help() {
        for action in ACTIONS {
            assert!(
                !action.name.is_empty() && !action.help.is_empty(),
                "{:?}",
                action.act
            );
            assert!(Scope::ALL.contains(&action.scope));
        }
    }

    #[test]
    fn what_is_dangerous_is_on_an_uppercase_letter_or_in_the_palette_only() {
        for action in ACTIONS.iter().filter(|a| a.dangerous) {
            assert!(
                action.keys.iter().all(|k| is_deliberate(*k)),
                "{:?}",
                action.act
            );
        }
        for dangerous in ['k', 'd', 'a'] {
            let used = ACTIONS.iter().any(|a| a.keys.contains(&ctrl(dangerous)));
            assert!(!used, "ctrl-{dangerous}");
        }
    }
}
