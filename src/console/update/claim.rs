//! Claiming: the ids are frozen when the question is asked, each group of them has its plan, each id
//! its outcome, and then the new owners are watched at their work.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::super::{
    action::Act,
    claimed::Outcome,
    clipboard,
    dialog::{ClaimDialog, ClaimField, ClaimPart, ClaimStage, Dialog},
    input::Input,
    message::{Cmd, Failure, Wanted},
    model::{Model, Page, Place, Tone},
    planned::Sums,
    row::Row,
    screens::{held::held_of, pending::stuck_of},
};
use super::{feeds, notify};
use crate::ops::{
    ClaimPlan, ClaimReport, ClaimRequest, PendingEntry, PlannedId, Which, bounded,
    wording::{count, entries},
};

/// How often the new owners are looked at, ms.
const LOOK_MS: u64 = 500;

/// The pending entry of a row, in Pending or below a consumer.
fn entry_of<'a>(page: &'a Page, row: &Row) -> Option<&'a PendingEntry> {
    let stuck = stuck_of(page, row).map(|stuck| &stuck.entry);
    stuck.or_else(|| held_of(page, row))
}

/// The marked or the selected entries, by stream and group.
pub(super) fn chosen(model: &Model) -> BTreeMap<(String, String), Vec<PlannedId>> {
    let page = model.page();
    let rows = page.table.chosen();
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in rows.into_iter().filter_map(|row| entry_of(page, row)) {
        let group = (entry.source.stream.clone(), entry.group.clone());
        groups.entry(group).or_default().push(PlannedId {
            source: entry.source.clone(),
            id: entry.id.clone(),
        });
    }
    groups
}

pub(super) fn open(model: &mut Model) -> Vec<Cmd> {
    let parts = chosen(model)
        .into_iter()
        .map(|((stream, group), ids)| part(stream, group, Some(ids)));
    let parts: Vec<ClaimPart> = parts.collect();
    let plan = |dialog, part, request, _: &Model| Cmd::PlanClaim {
        dialog,
        part,
        request,
    };
    ask(model, parts, plan)
}

/// All that is stuck in the groups that are listed, whether it is listed or not, as far as it passes the
/// filter of the list.
pub(super) fn open_all(model: &mut Model) -> Vec<Cmd> {
    let page = model.page();
    let entries = page.table.in_order().filter_map(|row| entry_of(page, row));
    let groups: BTreeSet<_> = entries
        .map(|entry| (entry.source.stream.clone(), entry.group.clone()))
        .collect();
    let parts = groups
        .into_iter()
        .map(|(stream, group)| part(stream, group, None));
    let parts: Vec<ClaimPart> = parts.collect();
    let plan = |dialog, part, request, model: &Model| Cmd::PlanClaimAll {
        dialog,
        part,
        request,
        wanted: wanted(model),
    };
    ask(model, parts, plan)
}

/// Redis is back: a plan that could not be made is asked for again, about the same entries, for the list
/// stands still behind the question.
pub(super) fn ask_again(model: &mut Model) -> Vec<Cmd> {
    let Some(Dialog::Claim(dialog)) = &model.dialog else {
        return Vec::new();
    };
    let failed = dialog.parts.iter().any(|p| matches!(p.plan, Some(Err(_))));
    if dialog.stage != ClaimStage::Asking || !failed {
        return Vec::new();
    }
    match dialog.parts.iter().all(|part| part.ids.is_none()) {
        true => open_all(model),
        false => open(model),
    }
}

fn wanted(model: &Model) -> Wanted {
    let page = model.page();
    let consumer = match &page.place {
        Place::Held(held) => Some(held.consumer.clone()),
        _ => None,
    };
    Wanted {
        consumer,
        filter: page.table.filter.clone(),
        faults_only: model.faults_only,
        visibility_ms: model.setting.visibility_ms,
    }
}

fn part(stream: String, group: String, ids: Option<Vec<PlannedId>>) -> ClaimPart {
    ClaimPart {
        stream,
        group,
        ids,
        plan: None,
        sums: Sums::default(),
    }
}

/// Opens the question; its plans are asked for.
fn ask(
    model: &mut Model,
    parts: Vec<ClaimPart>,
    plan: impl Fn(u64, usize, ClaimRequest, &Model) -> Cmd,
) -> Vec<Cmd> {
    if parts.is_empty() {
        return Vec::new();
    }
    model.dialogs += 1;
    let number = model.dialogs;
    let min_idle_ms = model.setting.visibility_ms.max(1);
    let request = |part: &ClaimPart| ClaimRequest {
        stream: part.stream.clone(),
        group: part.group.clone(),
        to: None,
        min_idle_ms: Some(min_idle_ms),
        which: Which::Entries(part.ids.clone().unwrap_or_default()),
    };
    let numbered = parts.iter().enumerate();
    let cmds = numbered
        .map(|(n, part)| plan(number, n, request(part), model))
        .collect();
    model.dialog = Some(Dialog::Claim(ClaimDialog {
        number,
        parts,
        min_idle_ms,
        typed: Input::default(),
        focus: ClaimField::Cancel,
        stage: ClaimStage::Asking,
        scroll: 0,
        error: None,
        copied: None,
    }));
    cmds
}

pub(super) fn act(model: &mut Model, act: Act) -> Vec<Cmd> {
    let refusal = model.refusal();
    let Some(Dialog::Claim(dialog)) = &mut model.dialog else {
        return Vec::new();
    };
    dialog.copied = None;
    match act {
        // What has the focus comes into view again.
        Act::NextField => (dialog.focus, dialog.scroll) = (neighbour(dialog, 1), 0),
        Act::PreviousField => (dialog.focus, dialog.scroll) = (neighbour(dialog, -1), 0),
        Act::Copy if dialog.stage == ClaimStage::Asking => return copy(dialog),
        Act::Less => choose(dialog, -1),
        Act::More => choose(dialog, 1),
        Act::Press => match dialog.focus {
            ClaimField::Cancel => model.dialog = None,
            ClaimField::Claim => return send(dialog, refusal),
            _ => dialog.focus = neighbour(dialog, 1),
        },
        _ => {}
    }
    Vec::new()
}

fn neighbour(dialog: &ClaimDialog, by: isize) -> ClaimField {
    let fields = dialog.fields();
    let here = fields.iter().position(|f| *f == dialog.focus).unwrap_or(0);
    let there = (here as isize + by).rem_euclid(fields.len() as isize);
    fields[there as usize]
}

/// The neighbouring choice of the field with the focus.
fn choose(dialog: &mut ClaimDialog, by: isize) {
    match dialog.focus {
        ClaimField::Target(part) => {
            if let Some(Ok(plan)) = dialog.parts.get_mut(part).and_then(|p| p.plan.as_mut())
                && !plan.targets.is_empty()
            {
                let here = plan
                    .targets
                    .iter()
                    .position(|t| t.name == plan.to)
                    .unwrap_or(0);
                let there = (here as isize + by).rem_euclid(plan.targets.len() as isize);
                plan.to.clone_from(&plan.targets[there as usize].name);
            }
            if let Some(part) = dialog.parts.get_mut(part) {
                part.count();
            }
        }
        ClaimField::MinIdle => {
            let steps = ClaimDialog::MIN_IDLE_MS;
            let min = if by > 0 {
                steps.into_iter().find(|ms| *ms > dialog.min_idle_ms)
            } else {
                steps.into_iter().rev().find(|ms| *ms < dialog.min_idle_ms)
            };
            dialog.min_idle_ms = min.unwrap_or(dialog.min_idle_ms);
            for part in &mut dialog.parts {
                if let Some(Ok(plan)) = &mut part.plan {
                    plan.min_idle_ms = dialog.min_idle_ms;
                }
                part.count();
            }
        }
        ClaimField::Cancel | ClaimField::Claim => dialog.focus = neighbour(dialog, by),
        ClaimField::Typed => {}
    }
}

/// The commands of all plans, as many as a clipboard takes.
fn copy(dialog: &mut ClaimDialog) -> Vec<Cmd> {
    let plans: Vec<&ClaimPlan> = dialog.known_plans().collect();
    if plans.len() < dialog.parts.len() || plans.iter().any(|p| p.to.is_empty()) {
        dialog.error = dialog.obstacle();
        return Vec::new();
    }
    let commands: Vec<String> = plans.into_iter().flat_map(ClaimPlan::commands).collect();
    let (text, left_out) = bounded(&commands, clipboard::MOST_BYTES);
    let all = count(commands.len() as u64);
    dialog.copied = Some(match (left_out, commands.len()) {
        (0, 1) => "copied the command for redis-cli".to_owned(),
        (0, _) => format!("copied {all} commands for redis-cli"),
        (n, _) => {
            let copied = count((commands.len() - n) as u64);
            format!("copied {copied} of {all} commands; claim --dry-run prints all")
        }
    });
    vec![Cmd::Copy(text)]
}

fn send(dialog: &mut ClaimDialog, refusal: Option<&str>) -> Vec<Cmd> {
    if let Some(obstacle) = refusal.map(str::to_owned).or_else(|| dialog.obstacle()) {
        dialog.error = Some(obstacle);
        return Vec::new();
    }
    let Some(plans) = dialog.plans() else {
        return Vec::new();
    };
    dialog.stage = ClaimStage::Working;
    dialog.focus = ClaimField::Cancel;
    dialog.error = None;
    vec![Cmd::Claim {
        dialog: dialog.number,
        plans: plans.into_iter().filter(|p| !p.items.is_empty()).collect(),
    }]
}

fn open_dialog(model: &mut Model, number: u64) -> Option<&mut ClaimDialog> {
    match &mut model.dialog {
        Some(Dialog::Claim(dialog)) if dialog.number == number => Some(dialog),
        _ => None,
    }
}

pub(super) fn planned(
    model: &mut Model,
    number: u64,
    part: usize,
    plan: Result<ClaimPlan, Failure>,
) -> Vec<Cmd> {
    let Some(dialog) = open_dialog(model, number) else {
        return Vec::new();
    };
    let min_idle_ms = dialog.min_idle_ms;
    if let Some(part) = dialog.parts.get_mut(part) {
        part.plan = Some(plan.map_err(|f| f.text).map(|mut plan| {
            plan.min_idle_ms = min_idle_ms;
            plan
        }));
        part.count();
    }
    model.changed = true;
    Vec::new()
}

pub(super) fn claimed(
    model: &mut Model,
    number: u64,
    results: Vec<Result<ClaimReport, Failure>>,
) -> Vec<Cmd> {
    let now_ms = model.now_ms;
    model.changed = true;
    model.page_mut().table.marks.clear();
    let results = results.into_iter().map(|r| r.map_err(|f| f.text));
    let outcome = Outcome::new(results.collect());
    let Some(dialog) = open_dialog(model, number) else {
        // It was closed meanwhile; the audit has the outcome, and this line the sum.
        let (got, all) = (outcome.claimed, outcome.ids());
        let sum = format!("{} of {} claimed", count(got as u64), entries(all as u64));
        let failed = outcome.reports.iter().find_map(|r| r.as_ref().err());
        let (tone, text) = match failed {
            Some(error) => (Tone::Bad, format!("{sum}; {error}")),
            None if got < all => (Tone::Bad, sum),
            None => (Tone::Good, sum),
        };
        notify(model, tone, text);
        return feeds::refresh(model);
    };
    dialog.scroll = 0;
    dialog.stage = ClaimStage::Done {
        outcome,
        left: None,
        look_at_ms: now_ms,
        looking: false,
    };
    let mut cmds = look_after(model);
    cmds.extend(feeds::refresh(model));
    cmds
}

/// Asks whether the claimed entries are being worked off, until they are.
pub(super) fn look_after(model: &mut Model) -> Vec<Cmd> {
    let now_ms = model.now_ms;
    let away = model.is_away();
    let Some(Dialog::Claim(dialog)) = &mut model.dialog else {
        return Vec::new();
    };
    let ClaimStage::Done {
        outcome,
        left,
        look_at_ms,
        looking,
    } = &mut dialog.stage
    else {
        return Vec::new();
    };
    if *left == Some(0) || outcome.claimed == 0 || away {
        *look_at_ms = u64::MAX;
        return Vec::new();
    }
    if *looking || *look_at_ms > now_ms {
        return Vec::new();
    }
    *looking = true;
    vec![Cmd::LookAfterClaim {
        dialog: dialog.number,
        reports: Arc::clone(&outcome.reports),
    }]
}

pub(super) fn left(model: &mut Model, number: u64, count: Result<usize, Failure>) -> Vec<Cmd> {
    let now_ms = model.now_ms;
    let Some(dialog) = open_dialog(model, number) else {
        return Vec::new();
    };
    if let ClaimStage::Done {
        left,
        look_at_ms,
        looking,
        ..
    } = &mut dialog.stage
    {
        *looking = false;
        // The more there are, the dearer the look.
        *look_at_ms = now_ms + LOOK_MS + count.as_ref().map_or(0, |left| *left as u64 / 10);
        let before = *left;
        if let Ok(count) = count {
            *left = Some(count);
        }
        model.changed |= before != *left;
    }
    Vec::new()
}
