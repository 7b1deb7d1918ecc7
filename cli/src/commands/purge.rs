//! `weir purge`.

use http::Method;
use wire::{PurgeRequest, Purged};

use super::admin::{Admin, EdgeAdminArgs};

#[derive(Debug, clap::Args)]
pub(crate) struct PurgeArgs {
    /// Addresses, whole or from their path on.
    #[arg(value_name = "URL", required_unless_present_any = ["prefixes", "tags"])]
    urls: Vec<String>,
    /// All that begins so; / is all there is.
    #[arg(id = "prefixes", long = "prefix", value_name = "URL")]
    prefixes: Vec<String>,
    /// All that the origin gave this Surrogate-Key or Cache-Tag.
    #[arg(id = "tags", long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Keep it, and ask the origin whether it still holds.
    #[arg(long)]
    soft: bool,
    #[command(flatten)]
    edge: EdgeAdminArgs,
}

pub(super) async fn run(config: &edge::Config, args: PurgeArgs) -> anyhow::Result<()> {
    let admin = Admin::new(config, args.edge)?;
    let request = PurgeRequest {
        urls: args.urls,
        prefixes: args.prefixes,
        tags: args.tags,
        soft: args.soft,
    };
    let body = serde_json::to_vec(&request)?;
    let purged: Purged = admin.ask(Method::POST, "/purge", body.into()).await?;
    println!("{}", said(&purged));
    Ok(())
}
