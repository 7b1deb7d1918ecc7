//! What an origin stores.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Hold folder and bucket against the catalogue, also of an origin that runs: what nothing
    /// names, what is missing, what has another length.
    Fsck(FsckArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct FsckArgs {
    /// Delete what nothing names, once it is older than origin.gc_grace.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Read every blob that has a checksum, and compare.
    #[arg(long)]
    pub(crate) read: bool,
    /// Folder of the origin's data [default: weir-data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}
