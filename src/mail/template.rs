//! What a campaign says: subject, text and BUILT_IN_HTML, compiled once and rendered for every recipient.

use std::{fmt, sync::Arc};

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};

/// What a template may say of its recipient; nothing else exists in it.
pub const FIELDS: &[&str] = &[
    "first_name",
    "last_name",
    "name",
    "email",
    "user_id",
    "campaign.id",
    "campaign.name",
];

/// The words of a campaign that brings none of its own.
pub const BUILT_IN_SUBJECT: &str = "{{ campaign.name }}: news for you, {{ first_name }}";
pub const BUILT_IN_TEXT: &str = "\
Dear {{ name }},

we have news for you in our campaign \"{{ campaign.name }}\", and you are among the first to know.

Thank you for being with us.

Your campaign team

--
This mail went to {{ email }}, because you are a user of ours.
";
pub const BUILT_IN_HTML: &str = "\
<!doctype html>
<html lang=\"en\">
<body style=\"font-family: sans-serif; color: #222; max-width: 36em; margin: 2em auto\">
<h1 style=\"font-size: 1.3em\">{{ campaign.name }}</h1>
<p>Dear {{ name }},</p>
<p>we have news for you, and you are among the first to know.</p>
<p>Thank you for being with us.</p>
<p>Your campaign team</p>
<p style=\"font-size: 0.8em; color: #777\">This mail went to {{ email }}, because you are a user of ours.</p>
</body>
</html>
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    /// The ending decides on escaping.
    fn file(self) -> &'static str {
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
    /// Counts from 1.
    pub line: Option<usize>,
    pub reason: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template {}", self.part)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for TemplateError {}

impl TemplateError {
    fn new(part: Part, error: &minijinja::Error) -> Self {
        let reason = match (error.kind(), error.detail()) {
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (ErrorKind::UndefinedError, None) => {
                format!("there is no such field, there are {}", FIELDS.join(", "))
            }
            (kind, None) => kind.to_string(),
        };
        Self {
            part,
            line: error.line(),
            reason,
        }
    }
}

/// Whom a mail goes to, and for which campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient<'a> {
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub email: &'a str,
    pub user_id: i64,
    pub campaign_id: &'a str,
    pub campaign_name: &'a str,
}

impl Recipient<'_> {
    /// First and last name, as far as they are known; else the address.
    pub fn name(&self) -> String {
        match (self.first_name.trim(), self.last_name.trim()) {
            ("", "") => self.email.to_owned(),
            (name, "") | ("", name) => name.to_owned(),
            (first, last) => format!("{first} {last}"),
        }
    }
}

/// A mail's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
}

/// A compiled template; clones share it.
#[derive(Debug, Clone)]
pub struct Template {
    environment: Arc<Environment<'static>>,
    has_html: bool,
}

impl Template {
    /// Compiles and checks it. Fields are escaped in the HTML part only.
    ///
    /// # Errors
    /// Names the part, the line, and what is wrong there: syntax, or the field that doesn't exist.
    pub fn compile(subject: &str, text: &str, html: Option<&str>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|file| {
            if file == Part::Html.file() {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        let parts = [
            (Part::Subject, Some(subject)),
            (Part::Text, Some(text)),
            (Part::Html, html),
        ];
        for (part, source) in parts {
            let Some(source) = source else { continue };
            environment
                .add_template_owned(part.file(), source.to_owned())
                .map_err(|e| TemplateError::new(part, &e))?;
            only_known_fields(&environment, part, source)?;
        }
        let template = Self {
            environment: Arc::new(environment),
            has_html: html.is_some(),
        };
        template.check()?;
        Ok(template)
    }

    /// What is sent when a campaign brings no words of its own.
    pub fn built_in() -> Self {
        Self::compile(BUILT_IN_SUBJECT, BUILT_IN_TEXT, Some(BUILT_IN_HTML))
            .expect("the built-in template is valid")
    }

    /// Renders it for a made-up recipient.
    ///
    /// # Errors
    /// As [`Self::render`]; also when the subject is empty, or equal to the text.
    pub fn check(&self) -> Result<(), TemplateError> {
        let rendered = self.render(&Recipient {
            first_name: "Ada",
            last_name: "Lovelace",
            email: "ada.lovelace@example.com",
            user_id: 1,
            campaign_id: "00000000",
            campaign_name: "Sample",
        })?;
        let wrong = |part, reason: &str| {
            Err(TemplateError {
                part,
                line: None,
                reason: reason.to_owned(),
            })
        };
        if rendered.subject.is_empty() {
            return wrong(Part::Subject, "it is empty");
        }
        if rendered.text.trim().is_empty() {
            return wrong(Part::Text, "it is empty");
        }
        Ok(())
    }

    /// # Errors
    /// Names the part and the line that can't be rendered for this recipient.
    pub fn render(&self, recipient: &Recipient<'_>) -> Result<Rendered, TemplateError> {
        let fields = context! {
            first_name => recipient.first_name,
            last_name => recipient.last_name,
            name => recipient.name(),
            email => recipient.email,
            user_id => recipient.user_id,
            campaign => context! { id => recipient.campaign_id, name => recipient.campaign_name },
        };
        let part = |part: Part| {
            self.environment
                .get_template(part.file())
                .and_then(|template| template.render(&fields))
                .map_err(|e| TemplateError::new(part, &e))
        };
        Ok(Rendered {
            subject: one_line(&part(Part::Subject)?),
            text: part(Part::Text)?,
            html: if self.has_html {
                Some(part(Part::Html)?)
            } else {
                None
            },
        })
    }
}

/// A field in a branch that the sample doesn't take would fail for some recipient only.
fn only_known_fields(
    environment: &Environment<'_>,
    part: Part,
    source: &str,
) -> Result<(), TemplateError> {
    let template = environment
        .get_template(part.file())
        .map_err(|e| TemplateError::new(part, &e))?;
    let mut unknown: Vec<String> = template
        .undeclared_variables(true)
        .into_iter()
        .filter(|name| {
            let is_field = FIELDS.contains(&name.as_str()) || name == "campaign";
            !is_field && !environment.globals().any(|(global, _)| global == name)
        })
        .collect();
    unknown.sort();
    let Some(name) = unknown.first() else {
        return Ok(());
    };
    let line = source.lines().position(|line| line.contains(name.as_str()));
    Err(TemplateError {
        part,
        line: line.map(|n| n + 1),
        reason: format!(
            "there is no field {name:?}, there are {}",
            FIELDS.join(", ")
        ),
    })
}

/// Line breaks and other control characters would end the header.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_control())
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVE: Recipient<'_> = Recipient {
        first_name: "Eve",
        last_name: "<b>O'Hara</b>",
        email: "eve@example.com",
        user_id: 7,
        campaign_id: "c1",
        campaign_name: "Tea & Cake",
    };

    #[test]
    fn the_built_in_template_speaks_to_the_recipient() {
        let rendered = Template::built_in().render(&EVE).expect("renders");
        assert_eq!(rendered.subject, "Tea & Cake: news for you, Eve");
        assert!(rendered.text.starts_with("Dear Eve <b>O'Hara</b>,"));
        assert_ne!(rendered.subject, rendered.text);
        let html = rendered.html.expect("has HTML");
        assert!(
            html.contains("Tea &amp; Cake") && html.contains("Eve &lt;b&gt;"),
            "{html}"
        );
    }

    #[test]
    fn every_field_can_be_used() {
        let all: Vec<String> = FIELDS.iter().map(|f| format!("{{{{ {f} }}}}")).collect();
        let template = Template::compile("s", &all.join("|"), None).expect("valid");
        assert_eq!(
            template.render(&EVE).expect("renders").text,
            "Eve|<b>O'Hara</b>|Eve <b>O'Hara</b>|eve@example.com|7|c1|Tea & Cake"
        );
    }

    #[test]
    fn errors_name_part_line_and_field() {
        type Case = (
            &'static str,
            &'static str,
            Option<&'static str>,
            Part,
            usize,
            &'static str,
        );
        let table: &[Case] = &[
            ("{{ nme }}", "t", None, Part::Subject, 1, "\"nme\""),
            (
                "s",
                "a\nb {{ campaign.titel }}",
                None,
                Part::Text,
                2,
                "\"campaign.titel\"",
            ),
            (
                "s",
                "t",
                Some("<p>\n\n{% if x"),
                Part::Html,
                3,
                "syntax error",
            ),
            (
                "s",
                "{% if user_id == 2 %}\n{{ phone }}{% endif %}",
                None,
                Part::Text,
                2,
                "\"phone\"",
            ),
            ("s", "a\n{{ name|shout }}", None, Part::Text, 2, "shout"),
            ("s", "a\n{{ name.last }}", None, Part::Text, 2, "name.last"),
        ];
        for (subject, text, html, part, line, words) in table {
            let error = Template::compile(subject, text, *html).expect_err(text);
            assert_eq!((error.part, error.line), (*part, Some(*line)), "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        let error = Template::compile(" \n ", "t", None).expect_err("empty");
        assert_eq!(error.to_string(), "template subject: it is empty");
    }

    #[test]
    fn loops_and_own_variables_are_allowed() {
        let text =
            "{% set greeting = 'Hi' %}{% for n in range(2) %}{{ greeting }}{{ n }} {% endfor %}";
        let template = Template::compile("s", text, None).expect("valid");
        assert_eq!(template.render(&EVE).expect("renders").text, "Hi0 Hi1 ");
    }

    #[test]
    fn a_subject_cannot_add_headers() {
        let mallory = Recipient {
            first_name: "Mal\r\nBcc: all@example.com",
            ..EVE
        };
        let template = Template::compile("Hi {{ first_name }}\n", "t", None).expect("valid");
        let subject = template.render(&mallory).expect("renders").subject;
        assert_eq!(subject, "Hi Mal Bcc: all@example.com");
    }

    #[test]
    fn a_recipient_without_names_is_called_by_the_address() {
        let nobody = Recipient {
            first_name: "",
            last_name: " ",
            ..EVE
        };
        assert_eq!(nobody.name(), "eve@example.com");
    }
}
