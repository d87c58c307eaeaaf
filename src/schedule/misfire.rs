//! What becomes of times that nobody was there for.

use super::Rule;

/// At most so many times are made up for at once.
pub const MAX_CAP: u32 = 100;

/// The policy of a schedule for times that passed while no scheduler ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// One start, planned for the last of them, stands for all.
    Once,
    /// Each is made up for; of more than this, the last ones.
    All(u32),
}

/// What is to be done about a schedule now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// The planned times to start for, the earliest first.
    pub fire: Vec<i64>,
    /// The first and the last time that were left out.
    pub skipped: Option<(i64, i64)>,
    /// The next planned time; `None` when the rule is over.
    pub next: Option<i64>,
}

/// Judges a schedule whose next planned time is `planned`, at `now`. Less than `grace_ms` ago is late, not
/// missed: then it starts whatever the policy says. The work is bounded by the cap, however long ago
/// `planned` was.
pub fn due(rule: &Rule, planned: i64, now: i64, grace_ms: i64, policy: Misfire) -> Due {
    if planned > now {
        return Due {
            next: Some(planned),
            ..Due::default()
        };
    }
    // The newest first. The planned time stands even if the zone's rules have changed since.
    let newest = rule.last_until(now);
    let mut times = std::iter::successors(newest, |at| rule.last_until(at - 1))
        .take_while(|at| *at > planned)
        .chain([planned])
        .peekable();
    let is_late = |at: i64| now - at < grace_ms;
    let most = match policy {
        _ if is_late(planned) => MAX_CAP,
        Misfire::Skip => MAX_CAP,
        Misfire::Once => 1,
        Misfire::All(cap) => cap.clamp(1, MAX_CAP),
    };
    let mut fire = Vec::new();
    while let Some(at) =
        times.next_if(|at| fire.len() < most as usize && (policy != Misfire::Skip || is_late(*at)))
    {
        fire.push(at);
    }
    fire.reverse();
    Due {
        fire,
        skipped: times.next().map(|last| (planned, last)),
        next: rule.next_after(now),
    }
}
