//! Campaigns beside how far their fan-out has come.

use serde::Serialize;

use super::{CampaignView, Ops, OpsError};
use crate::queue::inspect::{self, FlowView};

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CampaignRow {
    #[serde(flatten)]
    pub view: CampaignView,
    /// How many recipients it will have; an estimate until the fan-out has ended.
    pub total: Option<i64>,
}

impl CampaignRow {
    /// Recipients whose outcome is known.
    pub fn closed(&self) -> i64 {
        let v = &self.view;
        v.accepted + v.failed + v.suppressed + v.cancelled + v.in_doubt
    }

    /// 0 to 1; `None` while the total isn't known.
    pub fn progress(&self) -> Option<f64> {
        let total = self.total.filter(|t| *t > 0)?;
        Some((self.closed() as f64 / total as f64).clamp(0.0, 1.0))
    }

    pub fn is_active(&self) -> bool {
        matches!(self.view.status.as_str(), "running" | "scheduled")
    }
}

/// While the fan-out runs, what is queued so far is scaled by how much of the audience it has passed.
pub fn total_of(view: &CampaignView, flow: &FlowView) -> Option<i64> {
    if flow.complete || matches!(view.status.as_str(), "finished" | "cancelled") {
        return Some(view.queued);
    }
    if flow.audience == 0 {
        return None;
    }
    if flow.cursor == 0 {
        return i64::try_from(flow.audience).ok();
    }
    let share = flow.cursor.min(flow.audience) as f64 / flow.audience as f64;
    Some((view.queued as f64 / share).round() as i64)
}

impl Ops {
    /// The newest campaigns, with progress.
    ///
    /// # Errors
    /// When SQL or Redis is away.
    pub async fn campaigns(&self, limit: usize) -> Result<Vec<CampaignRow>, OpsError> {
        let mut rows = Vec::new();
        for view in self.list(limit).await? {
            rows.push(self.row(view).await?);
        }
        Ok(rows)
    }

    /// One campaign, with progress.
    ///
    /// # Errors
    /// When SQL or Redis is away, or there is none of that id.
    pub async fn campaign(&self, id: i64) -> Result<CampaignRow, OpsError> {
        let view = self.show(id).await?;
        self.row(view).await
    }

    /// How far a campaign has come, whose counters are at hand.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn row(&self, view: CampaignView) -> Result<CampaignRow, OpsError> {
        let total = if matches!(view.status.as_str(), "finished" | "cancelled") {
            Some(view.queued)
        } else {
            let flow = inspect::flow(&self.redis, &view.id.to_string()).await?;
            total_of(&view, &flow)
        };
        Ok(CampaignRow { view, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_scaled_until_the_fan_out_has_ended() {
        let view = CampaignView {
            status: "running".to_owned(),
            queued: 250,
            ..CampaignView::default()
        };
        let mut flow = FlowView {
            audience: 1_000,
            ..FlowView::default()
        };
        assert_eq!(total_of(&view, &flow), Some(1_000));
        flow.cursor = 500;
        assert_eq!(total_of(&view, &flow), Some(500));
        flow.complete = true;
        assert_eq!(total_of(&view, &flow), Some(250));
        assert_eq!(total_of(&view, &FlowView::default()), None);
    }
}
