//! stub
use std::sync::Arc;
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ThemeChoice {
    Dark,
    Light,
    None,
}
pub async fn run(_ops: Arc<crate::ops::Ops>, _theme: Option<ThemeChoice>) -> anyhow::Result<()> {
    Ok(())
}
