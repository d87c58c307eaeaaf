//! Users: in from a file, out to one, looked at, set inactive.

use std::{collections::HashMap, hash::BuildHasher, io::Read};

use csv::{Position, StringRecord};
use serde::{Deserialize, Serialize};

use super::{Ops, OpsError};
use crate::{
    mail::check_address,
    store::{Imported, ImportedUser, User, UserStatus, folded},
};

/// Rows written in one transaction.
const BATCH: usize = 1_024;
/// RFC 5321 4.5.3.1.3: a path has at most 256 characters, with its brackets.
const LONGEST_ADDRESS: usize = 254;
const LONGEST_NAME: usize = 200;
/// What a file may have; an export has all of them, and the last two are only looked over.
const COLUMNS: [&str; 6] = [
    "email",
    "first_name",
    "last_name",
    "status",
    "id",
    "created_at",
];

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BadRow {
    /// Of the file, from 1; the headings are line 1.
    pub line: u64,
    pub reason: String,
}

/// What became of a file. Every row is in one of the counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImportReport {
    pub read: u64,
    #[serde(flatten)]
    pub done: Imported,
    pub bad: u64,
}

impl Ops {
    /// Takes users from a CSV file whose first line names its columns: `email`, and if wanted `first_name`,
    /// `last_name`, `status`. Who is there already, by the address, is changed. Row by row: a million rows
    /// take no more memory than their addresses' hashes. `bad` is told of each row that is not taken,
    /// `progress` of each batch.
    ///
    /// # Errors
    /// When the headings are wrong, the file can't be read, or SQL is away; what was written stays, and the
    /// import may be repeated.
    pub async fn import_users(
        &self,
        file: impl Read,
        mut bad: impl FnMut(BadRow),
        mut progress: impl FnMut(&ImportReport),
    ) -> Result<ImportReport, OpsError> {
        self.may_write()?;
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(file);
        let columns = Columns::of(reader.headers().map_err(unreadable)?)?;
        let store = self.database.get().await?;
        let mut report = ImportReport::default();
        let mut lines = HashMap::new();
        let hashes = std::hash::RandomState::new();
        let mut batch = Vec::with_capacity(BATCH);
        let mut record = StringRecord::new();
        loop {
            let before = reader.position().clone();
            let user = match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => columns.user(&record),
                Err(error) if is_of_the_file(&error) => return Err(unreadable(error)),
                Err(error) => Err(wrong_row(&error)),
            };
            report.read += 1;
            let line = record_line(&record, &before);
            let user = user.and_then(|user| {
                match lines.insert(hashes.hash_one(folded(&user.email)), line) {
                    None => Ok(user),
                    Some(first) => Err(format!("its address is in line {first} already")),
                }
            });
            match user {
                Ok(user) => batch.push(user),
                Err(reason) => {
                    report.bad += 1;
                    bad(BadRow { line, reason });
                }
            }
            if batch.len() == BATCH {
                report.done += store.import_users(&batch).await?;
                batch.clear();
                progress(&report);
            }
        }
        report.done += store.import_users(&batch).await?;
        let after = format!(
            "{} new, {} changed, {} bad",
            report.done.new, report.done.changed, report.bad
        );
        self.record("users.import", &[], String::new(), after, &[])
            .await;
        Ok(report)
    }

    /// Makes `count` users when there are none; answers how many were made, and how many there are.
    ///
    /// # Errors
    /// When SQL is away.
    pub async fn generate_users(&self, count: u64) -> Result<(u64, i64), OpsError> {
        self.may_write()?;
        let store = self.database.get().await?;
        let made = store.seed_users(count).await?;
        let all = store.count_users().await?;
        if made > 0 {
            let after = format!("{made} new, {all} in all");
            self.record("users.generate", &[], String::new(), after, &[])
                .await;
        }
        Ok((made, all))
    }

    /// A page of users in the order of their ids, after `after`.
    ///
    /// # Errors
    /// When SQL is away.
    pub async fn users(
        &self,
        status: Option<UserStatus>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<User>, OpsError> {
        let store = self.database.get().await?;
        Ok(store.list_users(status, after, limit).await?)
    }

    /// The user of that id, or with that address.
    ///
    /// # Errors
    /// When there is none.
    pub async fn user(&self, who: &str) -> Result<User, OpsError> {
        let store = self.database.get().await?;
        let found = match who.parse() {
            Ok(id) => store.user(id).await?,
            Err(_) => store.user_of(who).await?,
        };
        found.ok_or_else(|| OpsError::NotFound(format!("there is no user {who}")))
    }

    /// Who is inactive gets no mail of a campaign.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn set_user_status(&self, who: &str, status: UserStatus) -> Result<User, OpsError> {
        self.may_write()?;
        let before = self.user(who).await?;
        let store = self.database.get().await?;
        store.set_user_status(before.id, status).await?;
        let ids = [before.id.to_string()];
        let (was, is) = (before.status.to_string(), status.to_string());
        self.record("users.set-status", &ids, was, is, &[]).await;
        Ok(User { status, ..before })
    }
}

/// Where in a row each column is.
struct Columns {
    email: usize,
    first_name: Option<usize>,
    last_name: Option<usize>,
    status: Option<usize>,
}

impl Columns {
    fn of(headings: &StringRecord) -> Result<Self, OpsError> {
        let invalid = |text: String| Err(OpsError::Invalid(text));
        let clean = |heading: &str| heading.trim_start_matches('\u{feff}').to_lowercase();
        let headings: Vec<String> = headings.iter().map(clean).collect();
        if let Some(other) = headings.iter().find(|h| !COLUMNS.contains(&h.as_str())) {
            let known = COLUMNS.join(", ");
            return invalid(format!(
                "line 1: there is no column {other:?}, there are {known}"
            ));
        }
        if let Some(twice) = COLUMNS
            .iter()
            .find(|name| headings.iter().filter(|h| h == name).count() > 1)
        {
            return invalid(format!("line 1: the column {twice:?} is there twice"));
        }
        let place = |name: &str| headings.iter().position(|heading| heading == name);
        let Some(email) = place("email") else {
            return invalid("line 1: the column \"email\" is missing".to_owned());
        };
        Ok(Self {
            email,
            first_name: place("first_name"),
            last_name: place("last_name"),
            status: place("status"),
        })
    }

    fn user(&self, row: &StringRecord) -> Result<ImportedUser, String> {
        let field = |place: usize| row.get(place).unwrap_or("");
        let email = field(self.email);
        if email.is_empty() {
            return Err("it has no address".to_owned());
        }
        if email.len() > LONGEST_ADDRESS || check_address(email).is_err() {
            return Err(format!("{email:?} is no address"));
        }
        let name = |place: Option<usize>| match place.map(field) {
            Some(name) if name.chars().count() > LONGEST_NAME => {
                Err(format!("a name has more than {LONGEST_NAME} characters"))
            }
            Some(name) if name.chars().any(char::is_control) => {
                Err("a name holds control characters".to_owned())
            }
            name => Ok(name.map(str::to_owned)),
        };
        let status = match self.status.map(field).filter(|status| !status.is_empty()) {
            Some(word) => Some(word.parse().map_err(|error| format!("status: {error}"))?),
            None => None,
        };
        Ok(ImportedUser {
            email: email.to_owned(),
            first_name: name(self.first_name)?,
            last_name: name(self.last_name)?,
            status,
        })
    }
}

/// The line on which a row begins; of one that couldn't be read, the one after the row before.
fn record_line(record: &StringRecord, before: &Position) -> u64 {
    record
        .position()
        .filter(|at| at.byte() >= before.byte())
        .map_or(before.line(), Position::line)
}

fn is_of_the_file(error: &csv::Error) -> bool {
    matches!(error.kind(), csv::ErrorKind::Io(_))
}

fn wrong_row(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("it has {len} fields, expected {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

fn unreadable(error: csv::Error) -> OpsError {
    if is_of_the_file(&error) {
        return OpsError::Failed(anyhow::Error::new(error).context("the file can't be read"));
    }
    OpsError::Invalid(format!("line 1: {}", wrong_row(&error)))
}
