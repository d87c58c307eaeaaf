//! What is wrong with a template.

use std::fmt;

use minijinja::ErrorKind;

use super::{
    locate::{self, Place},
    template::FIELDS,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    /// The ending decides on escaping.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "text.txt",
            Self::Html => "body.html",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        })
    }
}

/// Which part of a template is wrong, where and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    pub part: Part,
    pub place: Option<Place>,
    pub reason: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template {}", self.part)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for TemplateError {}

impl TemplateError {
    /// `source` is the part's.
    pub(super) fn new(part: Part, source: &str, error: &minijinja::Error) -> Self {
        let kind = error.kind();
        let reason = match (kind, error.detail()) {
            (ErrorKind::OutOfFuel, _) => "it takes too long; does a loop end?".to_owned(),
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (ErrorKind::UndefinedError, None) => {
                format!("there is no such field, there are {}", FIELDS.join(", "))
            }
            (kind, None) => kind.to_string(),
        };
        let is_ours = error.name().is_none_or(|name| name == part.file());
        let at = error
            .range()
            .map(|range| locate::place(source, range.start));
        let line = error.line().map(|line| Place { line, column: 1 });
        Self {
            part,
            place: at.or(line).filter(|_| is_ours),
            reason,
        }
    }
}
