//! The help as a whole, and the table of actions that it is made of.

use crate::console::{
    action::{ACTIONS, Scope},
    fixture,
    keymap::{Keymap, is_deliberate},
};

#[test]
fn the_help_in_full() {
    let model = fixture::working();
    let lines = super::help::lines(&model.setting.keys, &model.setting.theme);
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("help_in_full", lines.join("\n"));
    let named = lines.join("\n");
    for action in ACTIONS {
        assert!(named.contains(action.help), "{}", action.name);
    }
}

/// Names are what `[console.keys]` binds, so that a change of one breaks somebody's settings.
#[test]
fn every_action_with_its_name_its_keys_and_what_guards_it() {
    let map = Keymap::default();
    let mut lines = Vec::new();
    for scope in Scope::ALL {
        lines.push(format!("{scope:?}"));
        for action in ACTIONS.iter().filter(|a| a.scope == scope) {
            let keys: Vec<String> = map.of(action).iter().map(|k| k.name()).collect();
            let guard = match (action.dangerous, action.mutates) {
                (true, _) => "asks",
                (false, true) => "changes",
                (false, false) => "looks",
            };
            let line = format!(
                "  {:<18} {:<16} {guard:<8} {}",
                action.name,
                keys.join(" "),
                action.label
            );
            lines.push(line.trim_end().to_owned());
            let is_safe = !action.dangerous || map.of(action).iter().all(|k| is_deliberate(*k));
            assert!(is_safe, "{}", action.name);
        }
    }
    insta::assert_snapshot!("actions", lines.join("\n"));
}
