//! Who got a campaign: for each recipient the status, the attempt, the time and the server's answer; Enter
//! traces one.

use super::{Listing, plural, trace::Way};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{Addressed, DeliveryFilter, DeliveryStatus, wording::clock};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Deliveries {
    pub campaign: i64,
}

static COLUMNS: [Column; 7] = [
    Column::number("user", 6, 0),
    Column::text("address", 16, 40, 0),
    Column::text("status", 8, 10, 0),
    Column::number("attempt", 7, 3),
    Column::text("at", 8, 8, 2),
    Column::number("code", 4, 0),
    Column::text("answer", 16, 160, 1),
];

impl Listing for Deliveries {
    fn name(&self) -> &'static str {
        "deliveries"
    }

    fn title(&self) -> String {
        format!("deliveries of campaign {}", self.campaign)
    }

    /// The whole ledger is searched, as far as the ledger knows what is asked for.
    fn query(&self, _model: &Model, page: &Page) -> Option<Query> {
        Some(Query::Deliveries {
            campaign: self.campaign,
            filter: searched(page.table.filter.text()),
        })
    }

    fn every_ms(&self) -> Option<u64> {
        Some(2_000)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Deliveries(deliveries)) = data else {
            return Vec::new();
        };
        let rows = deliveries.iter().enumerate();
        rows.map(|(item, one)| cells(item, one)).collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let (campaign, user) = self.recipient(page, row)?;
        Some(Place::Trace(Way { campaign, user }))
    }

    fn recipient(&self, _page: &Page, row: &Row) -> Option<(i64, i64)> {
        Some((self.campaign, row.id.parse().ok()?))
    }

    fn empty(&self) -> (String, Tint) {
        ("the ledger has nobody like that".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "recipient", "recipients")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let more = page.table.rows().len() >= crate::console::fetch::PAGE;
        more.then(|| "the first; / finds status:failed code:550 @example.com".to_owned())
    }
}

/// The words of a filter that the ledger can search for; the others only choose among what was found.
fn searched(text: &str) -> DeliveryFilter {
    let mut filter = DeliveryFilter::default();
    for word in text.split_whitespace() {
        match word.split_once(':') {
            Some(("status", status)) => filter.status = status.parse().ok(),
            Some(("code", code)) if code.len() == 3 => {
                filter.codes.extend(code.parse::<u16>().ok())
            }
            Some(("user", user)) => filter.users.extend(user.parse::<i64>().ok()),
            Some(("address", address)) => address_of(address, &mut filter),
            None if !word.starts_with('!') => address_of(word, &mut filter),
            _ => {}
        }
    }
    filter
}

/// A whole address, or `@` and a domain.
fn address_of(word: &str, filter: &mut DeliveryFilter) {
    match word.split_once('@') {
        Some(("", domain)) if domain.contains('.') => filter.domains.push(domain.to_owned()),
        Some((_, domain)) if domain.contains('.') => filter.addresses.push(word.to_owned()),
        _ => {}
    }
}

fn cells(item: usize, one: &Addressed) -> Row {
    let delivery = &one.delivery;
    let at = u64::try_from(delivery.updated_at_ms).unwrap_or(0);
    Row {
        id: delivery.user_id.to_string(),
        item,
        fault: delivery.status == DeliveryStatus::Failed,
        cells: vec![
            Cell::number(delivery.user_id.to_string(), delivery.user_id as f64),
            Cell::text(one.address.as_deref().unwrap_or("–")).private(),
            Cell::text(delivery.status.to_string()).tint(tint_of(delivery.status)),
            Cell::count(u64::from(delivery.attempt)).dim(),
            Cell::text(clock(at)).dim(),
            delivery
                .code
                .map_or_else(Cell::none, |code| Cell::count(u64::from(code))),
            Cell::text(delivery.answer.as_deref().unwrap_or("–")).private(),
        ],
    }
}

fn tint_of(status: DeliveryStatus) -> Tint {
    match status {
        DeliveryStatus::Accepted => Tint::Good,
        DeliveryStatus::Failed => Tint::Bad,
        DeliveryStatus::InDoubt | DeliveryStatus::Retrying => Tint::Warn,
        _ => Tint::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_asked_for_what_it_knows() {
        let all = searched("status:failed code:550 @Example.com !later 2.1.0");
        assert_eq!(all.status, Some(DeliveryStatus::Failed));
        assert_eq!(all.codes, [550]);
        assert_eq!(all.domains, ["Example.com"]);
        assert_eq!(
            searched("user:41 a.b@example.com"),
            DeliveryFilter {
                users: vec![41],
                addresses: vec!["a.b@example.com".to_owned()],
                ..DeliveryFilter::default()
            }
        );
        // What is still being typed asks for nothing yet.
        for half in ["status:fai", "code:5", "user:x", "a.b@exam", "@", "!a@b.c"] {
            assert_eq!(searched(half), DeliveryFilter::default(), "{half}");
        }
    }
}
