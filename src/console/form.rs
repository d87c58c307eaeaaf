//! The form of a campaign: what it says, and when it starts: now, at a time, or again and again. Then it
//! makes a schedule, and shows one that is edited.

use crate::ops::{
    Ahead, AskedSchedule, AskedWords, NewCampaign, Preview, ScheduleView, When, variable,
};

use super::{dialog::TYPED_ABOVE, input::Input, message::Order};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    Template,
    Subject,
    Variables,
    Policy,
    Start,
    At,
    Cron,
    Zone,
    Misfire,
    Typed,
    Cancel,
    Preview,
    Create,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Now,
    At,
    /// By a cron expression.
    Again,
}

impl Start {
    const ALL: [Self; 3] = [Self::Now, Self::At, Self::Again];
}

/// What becomes of missed times, as `ops` calls it.
pub(super) const MISFIRES: [&str; 3] = ["once", "skip", "all"];

#[derive(Debug, Clone, PartialEq)]
pub(super) struct CampaignForm {
    pub number: u64,
    pub name: Input,
    /// 0: the built-in words, or those that a schedule has; else one of `templates`.
    pub template: usize,
    pub templates: Vec<String>,
    pub subject: Input,
    /// `name=value; name=value`.
    pub variables: Input,
    /// In doubt: hold instead of resend.
    pub hold: bool,
    pub start: Start,
    pub at: Input,
    pub cron: Input,
    pub zone: Input,
    /// A place in [`MISFIRES`].
    pub misfire: usize,
    /// What was asked last about its times, and the answer.
    pub when: Option<(When, Option<Result<Ahead, String>>)>,
    pub typed: Input,
    /// How many people it would reach.
    pub audience: Option<Result<u64, String>>,
    pub focus: Field,
    /// Sent and not answered yet.
    pub sending: bool,
    pub error: Option<String>,
    pub idempotency_key: String,
    /// The schedule that is edited, as it was.
    pub edited: Option<Box<ScheduleView>>,
    pub preview: Option<PreviewPane>,
}

/// A mail as one user would get it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PreviewPane {
    pub user: i64,
    pub mail: Option<Result<Preview, String>>,
    pub scroll: u16,
    /// What became of the mail that was sent to try it, and whether that is good.
    pub said: Option<(String, bool)>,
}

impl CampaignForm {
    pub(super) fn new(number: u64, session: &str) -> Self {
        let empty = Input::default;
        Self {
            number,
            name: empty(),
            template: 0,
            templates: Vec::new(),
            subject: empty(),
            variables: empty(),
            hold: false,
            start: Start::Now,
            at: empty(),
            cron: empty(),
            zone: Input::new("UTC"),
            misfire: 0,
            when: None,
            typed: empty(),
            audience: None,
            focus: Field::Name,
            sending: false,
            error: None,
            // One form is one campaign or schedule, however often it is sent.
            idempotency_key: format!("console-{session}-{number}"),
            edited: None,
            preview: None,
        }
    }

    /// Filled with a schedule, to change it.
    pub(super) fn edit(number: u64, session: &str, view: &ScheduleView) -> Self {
        let misfire = MISFIRES.iter().position(|m| *m == view.misfire);
        Self {
            name: Input::new(view.name.clone()),
            subject: Input::new(view.subject.clone()),
            hold: view.in_doubt_policy == "hold",
            start: Start::Again,
            cron: Input::new(view.cron.clone()),
            zone: Input::new(view.tz.clone()),
            misfire: misfire.unwrap_or(0),
            edited: Some(Box::new(view.clone())),
            ..Self::new(number, session)
        }
    }

    /// The number must be typed before so many are mailed. Who edits a schedule mails nobody.
    pub(super) fn must_type(&self) -> Option<u64> {
        match self.audience {
            Some(Ok(n)) if n > TYPED_ABOVE && self.edited.is_none() => Some(n),
            _ => None,
        }
    }

    /// The fields in the order of Tab.
    pub(super) fn fields(&self) -> Vec<Field> {
        use Field::{
            At, Cancel, Create, Cron, Misfire, Name, Policy, Subject, Template, Typed, Variables,
            Zone,
        };
        let mut fields = vec![Name, Subject, Template, Variables, Policy];
        if self.edited.is_none() {
            fields.push(Field::Start);
        }
        match self.start {
            Start::Now => {}
            Start::At => fields.extend([At, Zone]),
            Start::Again => fields.extend([Cron, Zone, Misfire]),
        }
        if self.must_type().is_some() {
            fields.push(Typed);
        }
        fields.extend([Cancel, Field::Preview, Create]);
        fields
    }

    pub(super) fn input(&mut self) -> Option<&mut Input> {
        Some(match self.focus {
            _ if self.sending || self.preview.is_some() => return None,
            Field::Name => &mut self.name,
            Field::Subject => &mut self.subject,
            Field::Variables => &mut self.variables,
            Field::At => &mut self.at,
            Field::Cron => &mut self.cron,
            Field::Zone => &mut self.zone,
            Field::Typed => &mut self.typed,
            _ => return None,
        })
    }

    /// The next or the previous value of a choice; false when the focus is on none.
    pub(super) fn choose(&mut self, by: isize) -> bool {
        let turn = |at: usize, of: usize| (at as isize + by).rem_euclid(of as isize) as usize;
        match self.focus {
            Field::Template => self.template = turn(self.template, self.templates.len() + 1),
            Field::Policy => self.hold = !self.hold,
            Field::Misfire => self.misfire = turn(self.misfire, MISFIRES.len()),
            Field::Start => {
                let at = Start::ALL.iter().position(|s| *s == self.start);
                self.start = Start::ALL[turn(at.unwrap_or(0), Start::ALL.len())];
            }
            _ => return false,
        }
        true
    }

    /// What is to be said about its times; `None`: now, or nothing is typed yet.
    pub(super) fn wanted(&self) -> Option<When> {
        let typed = |input: &Input| Some(input.text().trim().to_owned()).filter(|t| !t.is_empty());
        let zone = typed(&self.zone).unwrap_or_else(|| "UTC".to_owned());
        match self.start {
            Start::Now => None,
            Start::At => typed(&self.at).map(|at| When::At(at, zone)),
            Start::Again => typed(&self.cron).map(|cron| When::Cron(cron, zone)),
        }
    }

    /// Why it can't be created yet.
    pub(super) fn obstacle(&self) -> Option<String> {
        if self.name.text().trim().is_empty() {
            return Some("give it a name".to_owned());
        }
        match (self.start, self.wanted(), &self.when) {
            (Start::Now, ..) => {}
            (Start::At, None, _) => return Some("say when: 2027-01-05T09:00".to_owned()),
            (Start::Again, None, _) => return Some("say when: 0 9 * * mon".to_owned()),
            (_, _, Some((_, Some(Err(error))))) => return Some(error.clone()),
            _ => {}
        }
        if self.edited.is_some() {
            return None;
        }
        match &self.audience {
            None => return Some("the audience is still being counted".to_owned()),
            Some(Err(error)) => return Some(format!("the audience is not known: {error}")),
            Some(Ok(0)) => return Some("nobody would get it: the audience is empty".to_owned()),
            Some(Ok(_)) => {}
        }
        let n = self.must_type()?;
        (!self.typed.is_number(n)).then(|| format!("type {n} to confirm"))
    }

    pub(super) fn words(&self) -> Result<AskedWords, String> {
        let subject = self.subject.text().trim();
        let as_it_was = self
            .edited
            .as_ref()
            .is_some_and(|was| was.subject == subject);
        let template = self.template.checked_sub(1);
        Ok(AskedWords {
            template: template.and_then(|at| self.templates.get(at).cloned()),
            subject: Some(subject.to_owned()).filter(|s| !s.is_empty() && !as_it_was),
            variables: variables(self.variables.text())?,
            ..AskedWords::default()
        })
    }

    /// What `ops` is asked for.
    pub(super) fn order(&self) -> Result<Order, String> {
        let in_doubt = if self.hold { "hold" } else { "resend" }.to_owned();
        let name = self.name.text().trim().to_owned();
        let words = self.words()?;
        let (at, tz) = match self.wanted() {
            Some(When::Cron(cron, tz)) => {
                let asked = AskedSchedule {
                    name: Some(name),
                    cron: Some(cron),
                    tz: Some(tz),
                    misfire: MISFIRES.get(self.misfire).map(|&word| word.to_owned()),
                    misfire_cap: None,
                    in_doubt: Some(in_doubt),
                    words,
                    idempotency_key: Some(self.idempotency_key.clone()),
                };
                let id = self.edited.as_ref().map(|was| was.id);
                return Ok(Order::Schedule(id, Box::new(asked)));
            }
            Some(When::At(at, tz)) => (Some(at), Some(tz)),
            None => (None, None),
        };
        Ok(Order::Campaign(Box::new(NewCampaign {
            name,
            words,
            at,
            tz,
            in_doubt,
            idempotency_key: Some(self.idempotency_key.clone()),
        })))
    }
}

/// `name=value; name=value`; `None` when there are none.
fn variables(text: &str) -> Result<Option<serde_json::Map<String, serde_json::Value>>, String> {
    let pairs = text.split(';').map(str::trim).filter(|p| !p.is_empty());
    let pairs: Vec<_> = pairs.map(variable).collect::<Result<_, _>>()?;
    Ok((!pairs.is_empty()).then(|| pairs.into_iter().collect()))
}
