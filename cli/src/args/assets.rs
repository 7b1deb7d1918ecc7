//! What an operator does with what an origin has.

use std::{path::PathBuf, time::Duration};

use clap::Subcommand;

#[derive(Debug, clap::Args)]
pub(crate) struct OperatorArgs {
    /// Base URL of the origin.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) origin: String,
    /// File with the origin's admin token.
    #[arg(long, value_name = "FILE", default_value = "weir-data/admin-token")]
    pub(crate) admin_file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Ask the origin for a key.
    Mint(MintArgs),
    /// Show what a key says, without checking its signature.
    Inspect {
        /// The key, or an address that holds one.
        key: String,
    },
    /// Take keys back, at every edge.
    Revoke(RevokeArgs),
    /// Have another signing key take the place of the one that signs keys.
    Rotate(RotateArgs),
    /// List the signing keys.
    List(OperatorArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// The new one signs at once, not only when all edges have heard of it
    /// (origin.key_overlap): where the old one's secret is out.
    #[arg(long)]
    pub(crate) now: bool,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// The key, or its jti.
    #[arg(group = "which", required = true)]
    pub(crate) key: Option<String>,
    /// All keys of this subject, which they name as their `sub`.
    #[arg(long, value_name = "NAME", group = "which")]
    pub(crate) subject: Option<String>,
    /// All keys, for this asset.
    #[arg(long, value_name = "ASSET", group = "which")]
    pub(crate) asset: Option<wire::AssetId>,
    /// All keys that this signing key has signed, by its kid.
    #[arg(long, value_name = "KID", group = "which")]
    pub(crate) signer: Option<String>,
    /// Of these only what was issued before this time, such as 2026-11-22T06:00:00Z
    /// [default: until now].
    #[arg(long, value_name = "TIME", conflicts_with = "key", value_parser = humantime::parse_rfc3339_weak)]
    pub(crate) issued_before: Option<std::time::SystemTime>,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MintArgs {
    /// The asset that the key plays.
    #[arg(long, conflicts_with = "upload", required_unless_present = "upload")]
    pub(crate) asset: Option<String>,
    /// A key that uploads.
    #[arg(long)]
    pub(crate) upload: bool,
    /// How long it opens [default: the origin's key_ttl].
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) ttl: Option<Duration>,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TextCommand {
    /// Add subtitles to an asset that is ready; players get them at their next load.
    Add(TextAddArgs),
    /// Take subtitles away again.
    Remove(RemoveArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TextAddArgs {
    /// The asset's id.
    pub(crate) asset: wire::AssetId,
    /// The subtitles: WebVTT, SubRip, SSA or ASS.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) track: TrackArgs,
    /// Only what must be read to follow, such as a foreign sign.
    #[arg(long)]
    pub(crate) forced: bool,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AudioCommand {
    /// Add sound, such as another language, to an asset that is ready. It is encoded first;
    /// players get it at their next load.
    Add(AudioAddArgs),
    /// Take sound away again, all forms of it.
    Remove(RemoveArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AudioAddArgs {
    /// The asset's id.
    pub(crate) asset: wire::AssetId,
    /// The sound, in step with the first picture; of a file with pictures, its sound.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) track: TrackArgs,
    /// It tells what is to be seen, for those who don't see it.
    #[arg(long)]
    pub(crate) describes_video: bool,
    /// Whom it is for, as HLS' CHARACTERISTICS names it.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) characteristics: Vec<String>,
    /// Give up when the origin has not answered, or has taken nothing, for this long.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) patience: Duration,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

/// How players show a track that is added.
#[derive(Debug, clap::Args)]
pub(crate) struct TrackArgs {
    /// Its language, such as de or pt-BR.
    #[arg(long, value_name = "TAG")]
    pub(crate) language: String,
    /// Its name in players' menus [default: what the language calls itself].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Players play it, or show it, without being asked.
    #[arg(long)]
    pub(crate) default: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// The asset's id.
    pub(crate) asset: wire::AssetId,
    /// The track's name in its playlists, such as t2 or a3.
    pub(crate) track: wire::TrackId,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The asset's id.
    pub(crate) asset: wire::AssetId,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}
