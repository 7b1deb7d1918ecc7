//! What is asked of addresses outside of the fleet.

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
