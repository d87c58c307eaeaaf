//! Which of a campaign's deliveries: the one filter of lists, exports and second thoughts.

use sqlx::{Any, any::AnyArguments, query::Query};

use super::{
    Dialect,
    deliveries::DeliveryStatus,
    import::{folded, folded_column},
    rows::list,
};

/// Which of a campaign's deliveries. What is empty or missing means any; of a list one must fit.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryFilter {
    pub status: Option<DeliveryStatus>,
    /// SMTP codes of the last reply.
    pub codes: Vec<u16>,
    /// Domains of the addresses, without the @; capitals of ASCII don't matter.
    pub domains: Vec<String>,
    /// Whole addresses; capitals of ASCII don't matter.
    pub addresses: Vec<String>,
    /// Users, or single mails.
    pub users: Vec<i64>,
}

/// Fits every delivery.
pub(super) static ANY: DeliveryFilter = DeliveryFilter {
    status: None,
    codes: Vec::new(),
    domains: Vec::new(),
    addresses: Vec::new(),
    users: Vec::new(),
};

/// The ledger with a user's address, or a single mail's.
pub(super) const ADDRESSED: &str = "FROM deliveries d
    LEFT JOIN users u ON d.campaign_id <> 0 AND u.id = d.user_id
    LEFT JOIN mails m ON d.campaign_id = 0 AND m.id = d.user_id";

impl DeliveryFilter {
    /// How many values [`Self::bind`] binds.
    pub(super) fn places(&self) -> usize {
        let lists = self.codes.len() + self.domains.len() + self.addresses.len();
        usize::from(self.status.is_some()) + lists + self.users.len()
    }

    /// The conditions on [`ADDRESSED`], from the place `$next` on. Only what is asked for is in the text: the
    /// planner must see it.
    pub(super) fn conditions(&self, dialect: Dialect, mut next: usize) -> String {
        let address = folded_column(dialect, "COALESCE(u.email, m.address)");
        let mut text = String::new();
        if self.status.is_some() {
            text += &format!(" AND d.status = ${next}");
            next += 1;
        }
        if !self.codes.is_empty() {
            text += &format!(" AND d.code IN ({})", list(self.codes.len(), next));
            next += self.codes.len();
        }
        if !self.domains.is_empty() {
            let each: Vec<String> = (next..next + self.domains.len())
                .map(|n| format!("{address} LIKE ${n} ESCAPE '!'"))
                .collect();
            text += &format!(" AND ({})", each.join(" OR "));
            next += self.domains.len();
        }
        if !self.addresses.is_empty() {
            let places = list(self.addresses.len(), next);
            text += &format!(" AND {address} IN ({places})");
            next += self.addresses.len();
        }
        if !self.users.is_empty() {
            text += &format!(" AND d.user_id IN ({})", list(self.users.len(), next));
        }
        text
    }

    pub(super) fn bind<'q>(
        &self,
        mut query: Query<'q, Any, AnyArguments>,
    ) -> Query<'q, Any, AnyArguments> {
        if let Some(status) = self.status {
            query = query.bind(status.as_str());
        }
        for code in &self.codes {
            query = query.bind(i64::from(*code));
        }
        for domain in &self.domains {
            query = query.bind(format!("%@{}", literally(&folded(domain))));
        }
        for address in &self.addresses {
            query = query.bind(folded(address));
        }
        for user in &self.users {
            query = query.bind(*user);
        }
        query
    }
}

/// Nothing in it stands for something else.
fn literally(text: &str) -> String {
    text.replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_")
}
