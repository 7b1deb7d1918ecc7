//! What is asked of addresses outside of the fleet.

use std::path::PathBuf;

use clap::Subcommand;
use wire::{EventKind, JobId, WebhookId};

use super::OperatorArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct IngestArgs {
    /// Address of the file, http:// or https://. A worker reads it, not this machine.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// What to call the asset [default: the file's name].
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Base URL of the edge to print the watch page at [default: the origin's].
    #[arg(long, value_name = "URL")]
    pub(crate) edge: Option<String>,
    /// Stay until it is fetched and packaged.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Call an address when something happens to an asset.
    Add(WebhookAddArgs),
    /// All of them.
    List {
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Call one no more; what is on its way is forgotten.
    Delete(WebhookArgs),
    /// Call a disabled one again, from the next event on.
    Enable(WebhookArgs),
    /// Send one an event of no asset.
    Test(WebhookArgs),
    /// What it was sent, the newest first: how that went, and what is tried again.
    Deliveries(WebhookArgs),
    /// Send it an event once more.
    Redeliver {
        /// The webhook.
        webhook: WebhookId,
        /// The delivery that had the event.
        delivery: JobId,
        #[command(flatten)]
        operator: OperatorArgs,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct WebhookAddArgs {
    /// Address to call, http:// or https://.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Events to tell of, such as asset.ready,asset.failed [default: all].
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', value_parser = event)]
    pub(crate) events: Vec<EventKind>,
    /// File with the secret that calls are signed with, whsec_… [default: a fresh one].
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WebhookArgs {
    /// The webhook.
    pub(crate) webhook: WebhookId,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

fn event(name: &str) -> Result<EventKind, String> {
    let event = serde_json::from_value(name.into());
    event.map_err(|_| {
        "events are asset.created, asset.playable, asset.ready, asset.failed and asset.deleted"
            .to_owned()
    })
}
