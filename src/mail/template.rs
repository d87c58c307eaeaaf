//! What a campaign says: subject, text and HTML, compiled once and rendered for every recipient.
//!
//! An HTML template may fill the blocks of a base layout: `{% extends "base.html" %}`, then `content`, and if
//! wanted `title`, `preheader`, `style`, `footer`. Without a text of its own, a mail's text is made from its
//! HTML.

use std::sync::Arc;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, value::Serde};
use serde_json::Map;

use super::{
    built_in::{BUILT_IN_HTML, BUILT_IN_SUBJECT, BUILT_IN_TEXT},
    filters, locate,
    plain::text_of,
    template_error::{Part, TemplateError},
};

/// The fields below `vars`.
pub type Variables = Map<String, serde_json::Value>;

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

const BASE: &str = "base.html";
const BASE_LAYOUT: &str = include_str!("base.html");
/// Steps that rendering one part may take. A loop over a thousand things takes some thousands.
const FUEL: u64 = 1_000_000;
/// Names that the language brings along inside of blocks and macros.
const LANGUAGE: [&str; 5] = ["super", "self", "loop", "caller", "vars"];

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
    variables: Value,
    has_text: bool,
    has_html: bool,
}

impl Template {
    /// Compiles and checks it. Fields are escaped in the HTML part only. An empty text is made from the
    /// HTML, an empty HTML is none.
    ///
    /// # Errors
    /// Names the part, the place, and what is wrong there: syntax, or the field that doesn't exist.
    pub fn compile(
        subject: &str,
        text: &str,
        html: &str,
        variables: &Variables,
    ) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|file| {
            if file.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        filters::add(&mut environment);
        environment
            .add_template(BASE, BASE_LAYOUT)
            .expect("the base layout is valid");
        let (has_text, has_html) = (!text.is_empty(), !html.is_empty());
        let parts = [
            (Part::Subject, subject, true),
            (Part::Text, text, has_text || !has_html),
            (Part::Html, html, has_html),
        ];
        for (part, source, _) in parts.into_iter().filter(|(_, _, is_there)| *is_there) {
            environment
                .add_template_owned(part.file(), source.to_owned())
                .map_err(|e| TemplateError::new(part, source, &e))?;
            only_known_fields(&environment, part, source, variables)?;
        }
        let template = Self {
            environment: Arc::new(environment),
            variables: Value::from(Serde(variables)),
            has_text: has_text || !has_html,
            has_html,
        };
        template.check()?;
        Ok(template)
    }

    /// What is sent when a campaign brings no words of its own.
    pub fn built_in() -> Self {
        let none = Variables::new();
        Self::compile(BUILT_IN_SUBJECT, BUILT_IN_TEXT, BUILT_IN_HTML, &none)
            .expect("the built-in template is valid")
    }

    /// Renders it for a made-up recipient.
    ///
    /// # Errors
    /// As [`Self::render`]; also when the subject or the text is empty.
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
                place: None,
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
            vars => self.variables.clone(),
        };
        let part = |part: Part| {
            let template = self
                .environment
                .get_template(part.file())
                .map_err(|e| TemplateError::new(part, "", &e))?;
            template
                .render(&fields)
                .map_err(|e| TemplateError::new(part, template.source(), &e))
        };
        let html = match self.has_html {
            true => Some(part(Part::Html)?),
            false => None,
        };
        Ok(Rendered {
            subject: one_line(&part(Part::Subject)?),
            text: match &html {
                Some(html) if !self.has_text => text_of(html),
                _ => part(Part::Text)?,
            },
            html,
        })
    }
}

/// A field in a branch that the sample doesn't take would fail for some recipient only.
fn only_known_fields(
    environment: &Environment<'_>,
    part: Part,
    source: &str,
    variables: &Variables,
) -> Result<(), TemplateError> {
    let template = environment
        .get_template(part.file())
        .map_err(|e| TemplateError::new(part, source, &e))?;
    let is_known = |name: &str| match name.strip_prefix("vars.") {
        Some(variable) => variables.contains_key(variable.split('.').next().unwrap_or(variable)),
        None => {
            FIELDS.contains(&name)
                || name == "campaign"
                || LANGUAGE.contains(&name)
                || environment.globals().any(|(global, _)| global == name)
        }
    };
    let unknown = template.undeclared_variables(true);
    let mut unknown: Vec<String> = unknown.into_iter().filter(|name| !is_known(name)).collect();
    unknown.sort();
    let Some(name) = unknown.first() else {
        return Ok(());
    };
    let own = variables.keys().map(|name| format!("vars.{name}"));
    let known: Vec<String> = FIELDS.iter().map(|f| (*f).to_owned()).chain(own).collect();
    Err(TemplateError {
        part,
        place: locate::field(source, name),
        reason: format!("there is no field {name:?}, there are {}", known.join(", ")),
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
        let template = compile("s", &all.join("|"), "").expect("valid");
        assert_eq!(
            template.render(&EVE).expect("renders").text,
            "Eve|<b>O'Hara</b>|Eve <b>O'Hara</b>|eve@example.com|7|c1|Tea & Cake"
        );
    }

    fn compile(subject: &str, text: &str, html: &str) -> Result<Template, TemplateError> {
        Template::compile(subject, text, html, &Variables::new())
    }

    #[test]
    fn errors_name_part_line_column_and_field() {
        let table = [
            ("{{ nme }}", "t", "", "subject, line 1, column 4", "\"nme\""),
            (
                "s",
                "a\nb {{ campaign.titel }}",
                "",
                "text, line 2, column 6",
                "\"campaign.titel\"",
            ),
            (
                "s",
                "t",
                "<p>\n\n{% if x",
                "html, line 3, column",
                "syntax error",
            ),
            (
                "s",
                "{% if user_id == 2 %}\n{{ phone }}{% endif %}",
                "",
                "text, line 2, column 4",
                "\"phone\"",
            ),
            (
                "s",
                "a\n é {{ name|shout }}",
                "",
                "text, line 2, column",
                "shout",
            ),
            (
                "s",
                "a\n{{ name.last }}",
                "",
                "text, line 2, column 4",
                "name.last",
            ),
            (
                "s",
                "{{ vars.total }}",
                "",
                "text, line 1, column 4",
                "\"vars.total\"",
            ),
            (
                "s",
                "a\n{{ 'x'|date }}",
                "",
                "text, line 2, column",
                "no date",
            ),
            (
                "s",
                "t",
                "{% extends \"base.html\" %}\n{% block content %}{{ nme }}{% endblock %}",
                "html, line 2, column 23",
                "\"nme\"",
            ),
            (
                "s",
                "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                "",
                "text",
                "too long",
            ),
        ];
        for (subject, text, html, place, words) in table {
            let error = compile(subject, text, html).expect_err(text).to_string();
            assert!(error.starts_with(&format!("template {place}")), "{error}");
            assert!(error.contains(words), "{error}");
        }
        let error = compile(" \n ", "t", "").expect_err("empty");
        assert_eq!(error.to_string(), "template subject: it is empty");
    }

    #[test]
    fn variables_and_filters_say_what_people_expect() {
        let variables = serde_json::json!({
            "total": 1234567.5, "day": "2027-01-05", "at_ms": 0, "note": "a <b>\nc", "items": ["x", "y"], "title": "Long words",
        });
        let serde_json::Value::Object(variables) = variables else {
            unreachable!("an object")
        };
        let text = "{{ vars.total|number(2) }} {{ vars.total|number(1, '.', ',') }} {{ vars.day|date('%d.%m.%Y') }} \
                    {{ vars.at_ms|date }} {{ vars.items|join(', ') }} {{ vars.title|truncate(5) }} \
                    {{ first_name|upper }} {{ vars.title|urlencode }} {{ (vars.total if user_id > 9 else 3)|number }}";
        let html = "{% extends 'base.html' %}{% block content %}{{ vars.note|nl2br }} {{ vars.note }}{% endblock %}";
        let template = Template::compile("s", text, html, &variables).expect("valid");
        let rendered = template.render(&EVE).expect("renders");
        assert_eq!(
            rendered.text,
            "1,234,567.50 1.234.567,5 05.01.2027 1970-01-01 x, y Long… EVE Long%20words 3"
        );
        let html = rendered.html.expect("has HTML");
        assert!(html.contains("a &lt;b&gt;<br>\nc a &lt;b&gt;\nc"), "{html}");
        assert!(
            html.contains("eve@example.com") && html.contains("max-width: 600px"),
            "the layout is around it"
        );
    }

    #[test]
    fn without_a_text_the_html_makes_one() {
        let html = "{% extends 'base.html' %}{% block preheader %}Psst{% endblock %}
            {% block content %}<p>Dear {{ name }},</p><p>see <a href='https://x.example'>this</a></p>{% endblock %}";
        let rendered = compile("s", "", html)
            .expect("valid")
            .render(&EVE)
            .expect("renders");
        assert_eq!(
            rendered.text,
            "Dear Eve <b>O'Hara</b>,\n\nsee this (https://x.example)\n\nThis mail went to eve@example.com, because you \
             are a user of ours.\n"
        );
        let error = compile("s", "", "<p></p>").expect_err("nothing to read");
        assert_eq!(error.to_string(), "template text: it is empty");
    }

    #[test]
    fn loops_and_own_variables_are_allowed() {
        let text =
            "{% set greeting = 'Hi' %}{% for n in range(2) %}{{ greeting }}{{ n }} {% endfor %}";
        let template = compile("s", text, "").expect("valid");
        assert_eq!(template.render(&EVE).expect("renders").text, "Hi0 Hi1 ");
    }

    #[test]
    fn a_subject_cannot_add_headers() {
        let mallory = Recipient {
            first_name: "Mal\r\nBcc: all@example.com",
            ..EVE
        };
        let template = compile("Hi {{ first_name }}\n", "t", "").expect("valid");
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
