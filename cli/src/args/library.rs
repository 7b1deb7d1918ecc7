//! What an operator does with all assets, and with the jobs that make them.

use clap::Subcommand;
use wire::{AssetId, AssetState, Priority};

use super::{DeleteArgs, OperatorArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    /// List assets, the newest first.
    List(AssetListArgs),
    /// Show all that is known of an asset, as JSON.
    Show(AssetShowArgs),
    /// Change what is said of an asset.
    Set(AssetSetArgs),
    /// Take an asset away: what still makes it stops, and its bytes go.
    Delete(DeleteArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AssetListArgs {
    /// Words that are all in the title, or in a tag.
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// Only those with this tag.
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Only those in this state.
    #[arg(long, value_parser = state)]
    pub(crate) state: Option<AssetState>,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// Print JSON, one asset a line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AssetShowArgs {
    /// The asset's id.
    pub(crate) asset: AssetId,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AssetSetArgs {
    /// The asset's id.
    pub(crate) asset: AssetId,
    #[command(flatten)]
    pub(crate) change: AssetChange,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct AssetChange {
    /// What people call it.
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Give it this tag; repeat it for more.
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Take this tag from it; repeat it for more.
    #[arg(long, value_name = "TAG")]
    pub(crate) untag: Vec<String>,
    /// Who may read it: public or keyed. Edges keep what they hold as it was.
    #[arg(long, value_parser = ["public", "keyed"])]
    pub(crate) access: Option<String>,
    /// How soon it is made: high, normal or low.
    #[arg(long)]
    pub(crate) priority: Option<Priority>,
    /// Metadata, NAME=VALUE, where VALUE is JSON or else text; NAME= takes it away.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) meta: Vec<(String, String)>,
}

fn state(text: &str) -> Result<AssetState, String> {
    serde_json::from_value(text.into())
        .map_err(|_| "write packaging, playable, ready or failed".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
