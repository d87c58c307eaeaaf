//! The questions: help, palette, the form of a campaign, claiming entries, and any other change. What they ask
//! about is frozen.

use super::{
    claimed::Outcome, form::CampaignForm, input::Input, message::Change, model::Prompt,
    planned::Sums, row::Tint,
};
use crate::ops::{ClaimPlan, PlannedId};

/// Above this many, the number must be typed.
pub(super) const TYPED_ABOVE: u64 = 100;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Dialog {
    Help { scroll: usize },
    Palette(Palette),
    Create(Box<CampaignForm>),
    Claim(ClaimDialog),
    Confirm(Confirm),
}

/// Every action, found by typing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Palette {
    pub input: Input,
    pub at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfirmField {
    Typed,
    Cancel,
    Do,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ConfirmStage {
    Asking,
    /// What it would do is being looked at: nothing can be confirmed yet.
    Planning,
    /// It can't be done, for the reason in the lines.
    Refused,
    /// Sent and not answered yet; it goes on when the question is closed.
    Working,
    /// What became of each: id, outcome, and whether it is good.
    Done(Vec<(String, String, bool)>),
}

/// The question before any change that has no form of its own. What it is about is in `change`, frozen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Confirm {
    pub number: u64,
    pub title: String,
    /// What will be done, to what, and what follows.
    pub lines: Vec<(String, Tint)>,
    /// The button, and how many it is about: `Pause 3`.
    pub verb: String,
    pub count: u64,
    /// Must be typed; above [`TYPED_ABOVE`] it is the count.
    pub word: Option<String>,
    pub typed: Input,
    pub focus: ConfirmField,
    pub stage: ConfirmStage,
    pub scroll: usize,
    pub error: Option<String>,
    pub change: Change,
    /// When it was sent, ms since the start.
    pub sent_at_ms: u64,
    /// What was typed for it; a plan that is refused gives it back.
    pub prompt: Option<Prompt>,
}

impl Confirm {
    pub(super) fn new(number: u64, title: &str, verb: &str, count: u64, change: Change) -> Self {
        Self {
            number,
            title: title.to_owned(),
            lines: Vec::new(),
            verb: verb.to_owned(),
            count,
            word: must_type(count),
            typed: Input::default(),
            focus: ConfirmField::Cancel,
            stage: ConfirmStage::Asking,
            scroll: 0,
            error: None,
            change,
            sent_at_ms: 0,
            prompt: None,
        }
    }

    /// Its plan is there: what will be done, to how many.
    pub(super) fn planned(&mut self, change: Change, count: u64) {
        self.stage = ConfirmStage::Asking;
        self.change = change;
        self.count = count;
        self.word = must_type(count);
    }

    pub(super) fn refuse(&mut self, why: impl Into<String>) {
        self.stage = ConfirmStage::Refused;
        self.lines.push((why.into(), Tint::Bad));
    }

    pub(super) fn fields(&self) -> Vec<ConfirmField> {
        if self.stage != ConfirmStage::Asking {
            return vec![ConfirmField::Cancel];
        }
        let typed = self.word.iter().map(|_| ConfirmField::Typed);
        typed
            .chain([ConfirmField::Cancel, ConfirmField::Do])
            .collect()
    }

    /// Why it can't be done yet.
    pub(super) fn obstacle(&self) -> Option<String> {
        let word = self.word.as_ref()?;
        let typed = self.typed.text().trim();
        let same = match word.parse() {
            Ok(n) => self.typed.is_number(n),
            Err(_) => typed == word,
        };
        (!same).then(|| format!("type {word} to confirm"))
    }
}

fn must_type(count: u64) -> Option<String> {
    (count > TYPED_ABOVE).then(|| count.to_string())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimField {
    /// The target of that part.
    Target(usize),
    MinIdle,
    Typed,
    Cancel,
    Claim,
}

/// The entries of one group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClaimPart {
    pub stream: String,
    pub group: String,
    /// What was marked; `None`: all that is stuck, frozen when the plan is there.
    pub ids: Option<Vec<PlannedId>>,
    pub plan: Option<Result<ClaimPlan, String>>,
    /// Of the plan.
    pub sums: Sums,
}

impl ClaimPart {
    /// How many entries it is about; `None` while they are being looked for.
    pub(super) fn asked(&self) -> Option<usize> {
        match (&self.ids, &self.plan) {
            (Some(ids), _) => Some(ids.len()),
            (None, Some(Ok(plan))) => Some(plan.items.len()),
            (None, _) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ClaimStage {
    /// The plan is read, or shown.
    Asking,
    /// Sent and not answered yet.
    Working,
    Done {
        outcome: Outcome,
        /// How many of the claimed entries their new owners still hold.
        left: Option<usize>,
        look_at_ms: u64,
        looking: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClaimDialog {
    pub number: u64,
    pub parts: Vec<ClaimPart>,
    pub min_idle_ms: u64,
    pub typed: Input,
    pub focus: ClaimField,
    pub stage: ClaimStage,
    pub scroll: usize,
    pub error: Option<String>,
    /// What was said of the last copying, until the next key that means something.
    pub copied: Option<String>,
}

impl ClaimDialog {
    /// What min-idle can be set to; never 0.
    pub(super) const MIN_IDLE_MS: [u64; 8] = [
        1_000, 5_000, 15_000, 30_000, 60_000, 300_000, 900_000, 3_600_000,
    ];

    pub(super) fn asked(&self) -> usize {
        self.parts.iter().filter_map(ClaimPart::asked).sum()
    }

    /// The plans, once all are there.
    pub(super) fn plans(&self) -> Option<Vec<ClaimPlan>> {
        self.parts
            .iter()
            .map(|part| match &part.plan {
                Some(Ok(plan)) => Some(plan.clone()),
                _ => None,
            })
            .collect()
    }

    /// How many entries would be claimed.
    pub(super) fn planned(&self) -> u64 {
        let parts = self.parts.iter().filter_map(|p| p.plan.as_ref());
        parts.flatten().map(|plan| plan.items.len() as u64).sum()
    }

    pub(super) fn must_type(&self) -> Option<u64> {
        Some(self.planned()).filter(|n| *n > TYPED_ABOVE)
    }

    pub(super) fn fields(&self) -> Vec<ClaimField> {
        if self.stage != ClaimStage::Asking {
            return vec![ClaimField::Cancel];
        }
        let mut fields: Vec<_> = (0..self.parts.len()).map(ClaimField::Target).collect();
        fields.push(ClaimField::MinIdle);
        if self.must_type().is_some() {
            fields.push(ClaimField::Typed);
        }
        fields.extend([ClaimField::Cancel, ClaimField::Claim]);
        fields
    }

    /// Why it can't be done yet.
    pub(super) fn obstacle(&self) -> Option<String> {
        for part in &self.parts {
            match &part.plan {
                None => return Some("the plan is still being made".to_owned()),
                Some(Err(error)) => return Some(error.clone()),
                Some(Ok(plan)) if plan.to.is_empty() => {
                    return Some(format!("no {} is alive: start one first", part.group));
                }
                Some(Ok(_)) => {}
            }
        }
        if self.planned() == 0 {
            return Some("none of them is pending any more".to_owned());
        }
        let n = self.must_type()?;
        (!self.typed.is_number(n)).then(|| format!("type {n} to confirm"))
    }
}
