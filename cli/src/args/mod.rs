//! The command line.

mod assets;
mod library;
mod machine;
mod media;
mod outside;
mod roles;
mod store;
mod value;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use self::{
    assets::{
        AudioAddArgs, AudioCommand, AuditArgs, DeleteArgs, KeyCommand, MintArgs, OperatorArgs,
        RemoveArgs, RevokeArgs, RotateArgs, TextAddArgs, TextCommand,
    },
    library::{
        AssetChange, AssetCommand, AssetListArgs, AssetSetArgs, AssetShowArgs, JobArgs,
        JobsCommand, JobsListArgs,
    },
    machine::{BackupArgs, DoctorArgs, JailArgs, RestoreArgs},
    media::{ExportArgs, PackageArgs, PlayArgs, UploadArgs, ValidateArgs},
    outside::{IngestArgs, WebhookAddArgs, WebhookCommand},
    roles::{AdminArgs, Demo, EdgeArgs, OriginArgs, WorkerArgs},
    store::{FsckArgs, StoreCommand},
};
use crate::{commands, exit};

/// Adaptive HTTP streaming with your own pull CDN.
///
/// Settings come from defaults, then the file (--config, else weir.toml if there is
/// one), then the environment (WEIR_ORIGIN__LISTEN=… sets origin.listen), then flags.
#[derive(Debug, Parser)]
#[command(name = "weir", version, after_help = exit::TABLE, max_term_width = 100)]
pub(crate) struct Args {
    /// Settings file (TOML); see weir.example.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything in one process: origin, a worker, two edges, and a video in.
    Demo(Demo),
    /// Keep uploads and streams, lend jobs, serve.
    Origin(OriginArgs),
    /// Package what the origin lends.
    Worker(WorkerArgs),
    /// Cache in front of an origin.
    Edge(EdgeArgs),
    /// Send a video in, resumably.
    Upload(UploadArgs),
    /// Have a worker fetch a video from where it is on the web.
    Ingest(IngestArgs),
    /// Package a file into a folder, without a server.
    Package(PackageArgs),
    /// Write a published version into a folder, as plain files.
    Export(ExportArgs),
    /// Watch a stream with virtual players, and check it.
    Play(PlayArgs),
    /// Hold a stream, or a folder with one, against the rules of HLS, DASH and CMAF.
    Validate(ValidateArgs),
    /// Assets: list, show, change and delete them.
    #[command(subcommand)]
    Asset(AssetCommand),
    /// Jobs that make assets: list, retry and cancel them.
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Webhooks: who is called when something happens to an asset.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Valet keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// List who did what: keys made and revoked, uploads, deletions.
    Audit(AuditArgs),
    /// Subtitles of published assets.
    #[command(subcommand)]
    Text(TextCommand),
    /// Sound of published assets.
    #[command(subcommand)]
    Audio(AudioCommand),
    /// Take an asset away: what still makes it stops, and its bytes go.
    Delete(DeleteArgs),
    /// Have an edge forget what it stores.
    Purge(commands::PurgeArgs),
    /// What an edge would do with a request, and why.
    Explain(commands::ExplainArgs),
    /// Copy all of an origin that is on this machine, running or not, to a folder.
    Backup(BackupArgs),
    /// Make an origin's data of a backup.
    Restore(RestoreArgs),
    /// What an origin stores.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Look whether this machine has what Weir needs.
    Doctor(DoctorArgs),
    /// Start a program that can do only what it is told: how workers start ffmpeg.
    #[command(hide = true)]
    Jail(JailArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Args::command().debug_assert();
    }
}
