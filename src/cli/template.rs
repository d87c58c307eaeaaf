//! `template …`: words under a name.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Answer, Out, words::WordsArgs};
use crate::ops::{NewTemplate, Ops, Preview};

#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// Keep words under a name; other words make the next version
    #[command(after_help = "Examples:
  comms-tui template create winter --subject '{{ first_name }}, it is winter' --html-file winter.html
  comms-tui template create sale --subject Sale --text-file sale.txt --var discount=20

HTML may begin with {% extends \"base.html\" %} and fill {% block content %}; without a text file the text
is made from it. --var values are for trying it, and aren't kept.")]
    Create {
        name: String,
        #[command(flatten)]
        words: WordsArgs,
    },
    /// The last version of each
    #[command(after_help = "Example:\n  comms-tui template list")]
    List,
    /// The words of one: its last version, or NAME@VERSION
    #[command(after_help = "Example:\n  comms-tui template show winter@2")]
    Show { template: String },
    /// As a user would get it
    #[command(after_help = "Examples:
  comms-tui template preview winter --user 17
  comms-tui template preview winter --html > winter.html")]
    Preview(PreviewArgs),
    /// Send one mail of it to an address, as a user would get it
    #[command(
        after_help = "Example:\n  comms-tui template test-send winter --to ann@example.com --user 17"
    )]
    TestSend {
        template: String,
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// Whose fields are filled in; the first user's when missing
        #[arg(long, value_name = "ID")]
        user: Option<i64>,
        #[command(flatten)]
        words: WordsArgs,
    },
    /// Try it on 50 users; exit code 1 when it fails for one
    #[command(after_help = "Example:\n  comms-tui template check winter --var discount=20")]
    Check {
        template: String,
        #[command(flatten)]
        words: WordsArgs,
    },
}

#[derive(Debug, Args)]
pub struct PreviewArgs {
    pub template: String,
    /// The first user when missing
    #[arg(long, value_name = "ID")]
    pub user: Option<i64>,
    /// Only the HTML
    #[arg(long)]
    pub html: bool,
    #[command(flatten)]
    pub words: WordsArgs,
}

pub(super) async fn run(ops: &Ops, command: &TemplateCommand, out: &Out) -> Result<Answer> {
    match command {
        TemplateCommand::Create { name, words } => create(ops, name, words, out).await,
        TemplateCommand::List => list(ops, out).await,
        TemplateCommand::Show { template } => show(ops, template, out).await,
        TemplateCommand::Preview(args) => {
            let mut asked = args.words.asked()?;
            asked.template = Some(args.template.clone());
            preview(&ops.preview(None, &asked, args.user).await?, args.html, out)
        }
        TemplateCommand::TestSend {
            template,
            to,
            user,
            words,
        } => {
            let mut asked = words.asked()?;
            asked.template = Some(template.clone());
            let mail = ops.test_words(None, &asked, to, *user).await?;
            test_sent(mail, to, out)
        }
        TemplateCommand::Check { template, words } => {
            let mut asked = words.asked()?;
            asked.template = Some(template.clone());
            let users = ops.check_words(&asked).await?;
            if out.json {
                out.json(&serde_json::json!({ "users": users }))?;
            } else {
                out.line(format!("{template} is right for all of {users} users"))?;
            }
            Ok(Answer::Yes)
        }
    }
}

pub(super) fn test_sent(mail: i64, to: &str, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(&serde_json::json!({ "mail": mail }))?;
    } else {
        out.line(format!("mail {mail} to {to} is queued"))?;
    }
    Ok(Answer::Yes)
}

async fn create(ops: &Ops, name: &str, words: &WordsArgs, out: &Out) -> Result<Answer> {
    let asked = words.asked()?;
    let saved = ops
        .create_template(NewTemplate {
            name: name.to_owned(),
            subject: asked.subject.unwrap_or_default(),
            text: asked.text.unwrap_or_default(),
            html: asked.html.unwrap_or_default(),
            variables: asked.variables.unwrap_or_default(),
        })
        .await?;
    if out.json {
        out.json(&saved)?;
    } else {
        out.line(format!("{}@{} is kept", saved.name, saved.version))?;
    }
    Ok(Answer::Yes)
}

async fn list(ops: &Ops, out: &Out) -> Result<Answer> {
    let templates = ops.templates().await?;
    if out.json {
        out.json(&templates)?;
    } else if templates.is_empty() {
        out.line("no template yet: comms-tui template create --help")?;
    } else {
        let parts = |text: &str, html: &str| match (text.is_empty(), html.is_empty()) {
            (false, false) => "text, HTML",
            (true, _) => "HTML",
            (false, true) => "text",
        };
        let rows = templates
            .iter()
            .map(|t| {
                vec![
                    t.name.clone(),
                    t.version.to_string(),
                    parts(&t.text, &t.html).to_owned(),
                    t.subject.clone(),
                ]
            })
            .collect();
        out.table(&["NAME", ">VERSION", "PARTS", "SUBJECT"], rows)?;
    }
    Ok(Answer::Yes)
}

async fn show(ops: &Ops, reference: &str, out: &Out) -> Result<Answer> {
    let template = ops.template(reference).await?;
    if out.json {
        out.json(&template)?;
        return Ok(Answer::Yes);
    }
    out.line(format!("{}@{}", template.name, template.version))?;
    out.line(format!("subject: {}", template.subject))?;
    for (part, words) in [("text", &template.text), ("html", &template.html)] {
        if !words.is_empty() {
            out.line(format!("\n--- {part}\n{}", words.trim_end()))?;
        }
    }
    Ok(Answer::Yes)
}

fn preview(preview: &Preview, only_html: bool, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(preview)?;
    } else if only_html {
        out.line(preview.html.as_deref().unwrap_or(""))?;
    } else {
        out.line(format!(
            "To: {}\nSubject: {}\n",
            preview.to, preview.subject
        ))?;
        out.line(preview.text.trim_end())?;
    }
    Ok(Answer::Yes)
}
