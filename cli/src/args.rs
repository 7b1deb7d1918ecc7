//! The command line.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use bytesize::ByteSize;
use clap::{Parser, Subcommand};

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
    /// Package a file into a folder, without a server.
    Package(PackageArgs),
    /// Write a published version into a folder, as plain files.
    Export(ExportArgs),
    /// Watch a stream with virtual players, and check it.
    Play(PlayArgs),
    /// Hold a stream, or a folder with one, against the rules of HLS, DASH and CMAF.
    Validate(ValidateArgs),
    /// Valet keys.
    #[command(subcommand)]
    Key(KeyCommand),
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
    /// Look whether this machine has what Weir needs.
    Doctor(DoctorArgs),
    /// Start a program that can do only what it is told: how workers start ffmpeg.
    #[command(hide = true)]
    Jail(JailArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Video to take in; without it, that of the last time, else a generated one.
    #[arg(long, value_name = "FILE")]
    pub(crate) video: Option<PathBuf>,
    /// Folder for everything the demo keeps.
    #[arg(long, value_name = "DIR", default_value = "weir-data")]
    pub(crate) data_dir: PathBuf,
    /// Port of the origin, on 127.0.0.1.
    #[arg(long, default_value_t = 8080)]
    pub(crate) origin_port: u16,
    /// Port of the edge fra.
    #[arg(long, default_value_t = 8081)]
    pub(crate) fra_port: u16,
    /// Port of the edge sin.
    #[arg(long, default_value_t = 8082)]
    pub(crate) sin_port: u16,
    /// Port of metrics, on 127.0.0.1.
    #[arg(long, default_value_t = 9090)]
    pub(crate) admin_port: u16,
    /// Address of the edges; 0.0.0.0 lets other machines watch.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) edge_ip: IpAddr,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PackageArgs {
    /// The video, or sound.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Folder for the playlists, the MPD and the tracks; new or empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Heights of the renditions, pixels of the shorter side [default: 1080,720,480,360].
    #[arg(long, value_name = "HEIGHTS", value_delimiter = ',')]
    pub(crate) ladder: Vec<u32>,
    /// What it is encoded in: h264 (with AAC), and hevc, av1 or opus besides [default:
    /// h264].
    #[arg(
        long,
        value_name = "CODECS",
        value_delimiter = ',',
        conflicts_with = "copy"
    )]
    pub(crate) codecs: Vec<wire::Codec>,
    /// Choose bit rates by what the file is: samples of it are encoded first, and each
    /// rendition gets as many bits as worker.quality_target needs, never more than without.
    #[arg(long, conflicts_with = "copy")]
    pub(crate) per_title: bool,
    /// Give each H.264 rendition an average bit rate, two thirds of its ceiling, rather than
    /// a quality: all of the file is looked at first.
    #[arg(long, conflicts_with_all = ["copy", "per_title"])]
    pub(crate) two_pass: bool,
    /// Length of a segment, seconds, 2 to 10 [default: 4].
    #[arg(long, value_name = "SECONDS")]
    pub(crate) segment: Option<f64>,
    /// How many spans of the file are encoded at once [default: one more than worker.spans].
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Publish the file's own streams as they are; encode and decode nothing, so that
    /// there is no poster, no storyboard and no list of chapters.
    #[arg(long, conflicts_with_all = ["ladder", "no_copy"])]
    pub(crate) copy: bool,
    /// Encode all renditions, also where the file's own streams could be published.
    #[arg(long)]
    pub(crate) no_copy: bool,
    /// Encrypt by `cbcs` with the keys of this file: a line `[video|audio] KEY-ID:KEY` each,
    /// in hexadecimal.
    #[arg(long, value_name = "FILE", group = "cbcs")]
    pub(crate) key_file: Option<PathBuf>,
    /// The same with keys that this key server gives, asked by the name of the output folder.
    #[arg(long, value_name = "URL", group = "cbcs")]
    pub(crate) key_server: Option<String>,
    /// Address of a ClearKey licence server, for the manifests.
    #[arg(long, value_name = "URL", requires = "cbcs")]
    pub(crate) license_url: Option<String>,
    /// Address of a key's 16 bytes, which HLS then names in place of ClearKey; `{kid}` in it
    /// becomes the key's id.
    #[arg(long, value_name = "URL", requires = "cbcs")]
    pub(crate) key_url: Option<String>,
    /// Besides, write a copy for HLS alone into the folder `aes`, its segments encrypted whole
    /// by AES-128 with the key of this file: 16 bytes, or 32 hexadecimal digits.
    #[arg(long, value_name = "FILE", requires = "aes128_url")]
    pub(crate) aes128_key: Option<PathBuf>,
    /// Where players of that copy get the key's 16 bytes.
    #[arg(long, value_name = "URL", requires = "aes128_key")]
    pub(crate) aes128_url: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The asset; or an address that plays it, key included, at an origin or an edge.
    #[arg(value_name = "ASSET|URL")]
    pub(crate) asset: String,
    /// Folder for the files; new, empty, or what an export of this version left.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OriginArgs {
    /// Address of uploads, delivery and API [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Folder of catalogue, blobs and secrets [default: weir-data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Anyone who reaches the (loopback) listener may upload.
    #[arg(long)]
    pub(crate) open_uploads: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WorkerArgs {
    /// Base URL of the origin [default: http://127.0.0.1:8080].
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,
    /// File with the origin's join token (the origin writes it: <data-dir>/join-token).
    #[arg(long, value_name = "FILE")]
    pub(crate) join_file: PathBuf,
    /// Folder for sources being packaged.
    #[arg(long, value_name = "DIR")]
    pub(crate) work_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EdgeArgs {
    /// Address of viewers [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of viewers that come by TLS.
    #[arg(long, value_name = "ADDR")]
    pub(crate) tls_listen: Option<SocketAddr>,
    /// PEM file of a certificate and its chain; repeat it for more names.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Vec<PathBuf>,
    /// PEM file of its private key; as often, in the same order.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Vec<PathBuf>,
    /// Unix socket: takes over from the edge that is there, and lets the next one do so.
    #[arg(long, value_name = "PATH")]
    pub(crate) take_over: Option<PathBuf>,
    /// Base URL of the origin [default: http://127.0.0.1:8080].
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,
    /// File with the origin's join token. Without it the edge is a plain cache.
    #[arg(long, value_name = "FILE")]
    pub(crate) join_file: Option<PathBuf>,
    /// Name of the location, in headers and metrics.
    #[arg(long, value_name = "NAME")]
    pub(crate) pop: Option<String>,
    /// Memory for stored bodies, such as 512MiB.
    #[arg(long, value_name = "SIZE")]
    pub(crate) ram: Option<ByteSize>,
    /// Folder for stored bodies, which outlive a restart there.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Disk for them, such as 2GiB.
    #[arg(long, value_name = "SIZE", requires = "cache_dir")]
    pub(crate) disk: Option<ByteSize>,
    /// What of a client's request goes up, on a plain cache: GET and HEAD with no fields, or
    /// all that may pass a proxy [default: cache].
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<Profile>,
    /// Lifetime of answers that state none, in percent of the time since they were last
    /// modified [default: 0, none].
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    pub(crate) heuristic: Option<u8>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// See `edge::Profile`.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Profile {
    Cache,
    Passthrough,
}

impl From<Profile> for edge::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Cache => Self::Cache,
            Profile::Passthrough => Self::Passthrough,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct AdminArgs {
    /// Address of /metrics, /healthz and /readyz, never the viewers' [default: 127.0.0.1:9090; "off" for none].
    #[arg(id = "admin", long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UploadArgs {
    /// The video.
    pub(crate) file: PathBuf,
    /// Base URL of the origin.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) origin: String,
    /// Key or admin token that opens uploads, where the origin asks for one.
    #[arg(long, env = "WEIR_UPLOAD_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Base URL of the edge to print the watch page at [default: the origin's].
    #[arg(long, value_name = "URL")]
    pub(crate) edge: Option<String>,
    /// Stay until it is packaged.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Give up when the origin has not answered, or has taken nothing, for this long.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) patience: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlayArgs {
    /// Address of a multivariant or media playlist.
    pub(crate) url: String,
    /// How many players at once.
    #[arg(long, default_value_t = 1)]
    pub(crate) players: u32,
    /// Seconds to watch; all of it where absent.
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Load as fast as it comes, without waiting for the picture.
    #[arg(long)]
    pub(crate) fast: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Longest wait for a stream that is not yet playable.
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) wait: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ValidateArgs {
    /// Address of master.m3u8 or manifest.mpd (the other is read too), or a folder with them.
    #[arg(value_name = "URL|DIR")]
    pub(crate) target: String,
    /// Read this many segments of each track, its first and its last; all where absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) sample: Option<u32>,
    /// Print the findings as JSON.
    #[arg(long)]
    pub(crate) json: bool,
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
    /// Take a key back, at every edge.
    Revoke {
        /// The key, or its jti.
        key: String,
        #[command(flatten)]
        operator: OperatorArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TextCommand {
    /// Add subtitles to an asset that is ready; players get them at their next load.
    Add(TextAddArgs),
    /// Take subtitles away again.
    Remove(RemoveArgs),
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
    /// Its language, such as de or pt-BR.
    #[arg(long, value_name = "TAG")]
    pub(crate) language: String,
    /// Its name in players' menus [default: what the language calls itself].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Players play it without being asked.
    #[arg(long)]
    pub(crate) default: bool,
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
pub(crate) struct TextAddArgs {
    /// The asset's id.
    pub(crate) asset: wire::AssetId,
    /// The subtitles: WebVTT, SubRip, SSA or ASS.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Their language, such as de or pt-BR.
    #[arg(long, value_name = "TAG")]
    pub(crate) language: String,
    /// Their name in players' menus [default: what the language calls itself].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only what must be read to follow, such as a foreign sign.
    #[arg(long)]
    pub(crate) forced: bool,
    /// Players show them without being asked.
    #[arg(long)]
    pub(crate) default: bool,
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

#[derive(Debug, clap::Args)]
pub(crate) struct OperatorArgs {
    /// Base URL of the origin.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) origin: String,
    /// File with the origin's admin token.
    #[arg(long, value_name = "FILE", default_value = "weir-data/admin-token")]
    pub(crate) admin_file: PathBuf,
}

/// As `packager::jail::Rules` writes them.
#[derive(Debug, clap::Args)]
pub(crate) struct JailArgs {
    /// File that it may read, or folder with all that is below.
    #[arg(long, value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) read: Vec<PathBuf>,
    /// The one folder that it may write to; without it, it writes no file.
    #[arg(long, value_name = "DIR", allow_hyphen_values = true)]
    pub(crate) write: Option<PathBuf>,
    /// Address space, bytes.
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory: u64,
    /// Longest file that it may write, bytes.
    #[arg(long, value_name = "BYTES")]
    pub(crate) file_max: u64,
    /// Processor time, seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) cpu: Option<u64>,
    /// Go on where the kernel lacks landlock or seccomp.
    #[arg(long)]
    pub(crate) best_effort: bool,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Folder whose disk to look at.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data_dir: PathBuf,
    /// Ports that should be free.
    #[arg(long, value_delimiter = ',', default_values_t = [8080, 8081, 8082, 9090])]
    pub(crate) ports: Vec<u16>,
    /// An origin to compare clocks with.
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Args::command().debug_assert();
    }
}
