//! Files and streams.

use std::{path::PathBuf, time::Duration};

use super::OperatorArgs;

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
    /// How soon it is made: high (with the admin token), normal or low.
    #[arg(long, default_value_t)]
    pub(crate) priority: wire::Priority,
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
