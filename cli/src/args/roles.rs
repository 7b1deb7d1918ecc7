//! The roles, and all of them at once.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use bytesize::ByteSize;

use super::value::{address, size};

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
pub(crate) struct OriginArgs {
    /// Address of uploads, delivery and API [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR", value_parser = address)]
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

/// What `weir edge --help` ends with.
const EDGE_MORE: &str = "\
All else stands in the settings file, section [edge], which weir.example.toml lists whole:
sites and their rules, limits, the access log, and the listener that takes `weir purge` and
`weir explain` (admin_listen and admin_token_file; not --admin, which has the metrics).
A setting is a variable too: WEIR_EDGE__ACCESS_LOG=access.log sets edge.access_log.

  weir edge --origin http://127.0.0.1:3000 --profile passthrough --heuristic 10";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EDGE_MORE)]
pub(crate) struct EdgeArgs {
    /// Address of viewers [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of viewers that come by TLS; it needs --tls-cert and --tls-key [default: off].
    #[arg(long, value_name = "ADDR", value_parser = address)]
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
    /// Base URL of the origin, http:// or https:// [default: http://127.0.0.1:8080].
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,
    /// File with the join token of Weir's origin. Without it the edge is a plain cache.
    #[arg(long, value_name = "FILE")]
    pub(crate) join_file: Option<PathBuf>,
    /// Name of the location, in headers and metrics [default: local].
    #[arg(long, value_name = "NAME")]
    pub(crate) pop: Option<String>,
    /// Memory for stored answers [default: 512MiB].
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) ram: Option<ByteSize>,
    /// Folder for stored answers, which outlive a restart there [default: none].
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Disk for them, in --cache-dir [default: 2GiB].
    #[arg(long, value_name = "SIZE", value_parser = size)]
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

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AdminArgs {
    /// Address of /metrics, /healthz and /readyz, never the viewers' [default: 127.0.0.1:9090; "off" for none].
    #[arg(id = "admin", long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
}
