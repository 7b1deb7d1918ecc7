//! What an operator can set.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use wire::{Codec, Encryption, Lead, RateControl};

use crate::DatabaseUrl;

/// Settings of an origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of uploads, delivery and the API. Default 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// Folder of catalogue, blobs and secrets. Default `weir-data`.
    pub data_dir: PathBuf,
    /// PostgreSQL that has the catalogue, `postgres://user@host[:port]/name`: many origins may
    /// have the same. Its password may stand in it, or in `PGPASSWORD`, or in `~/.pgpass`.
    /// Empty: a file in `data_dir`. Default empty.
    pub database: DatabaseUrl,
    /// File of the token by which workers and edges join; seen from `data_dir`. Made at
    /// first start, readable by its owner. Default `join-token`.
    pub join_file: PathBuf,
    /// `weir origin` has a worker of its own that publishes sources' own streams, where
    /// players can play them; it needs no ffmpeg. Default true.
    pub copies: bool,
    /// Anyone who reaches the listener may upload. Refused unless the listener is on
    /// loopback. Default false.
    pub open_uploads: bool,
    /// Longest upload. Default 64 GiB.
    pub upload_max: ByteSize,
    /// An upload without news for this long is dropped. Default 24 h.
    #[serde(with = "humantime_serde")]
    pub upload_expires: Duration,
    /// Longest silence within the body of an upload. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub upload_idle: Duration,
    /// Free space that no upload or segment may use. Default 1 GiB.
    pub disk_floor: ByteSize,
    /// Length of a segment, 2 to 10 s. Default 4 s.
    #[serde(with = "humantime_serde")]
    pub segment: Duration,
    /// Heights of the renditions, pixels; those above the source's are left out.
    /// Default 1080, 720, 480, 360.
    pub ladder: Vec<u32>,
    /// Publish sources' own streams as they are, where players can play them. Default
    /// true.
    pub publish_source: bool,
    /// Whether the lowest rendition is encoded by itself, ahead of the others: `auto`
    /// (beside a published source, and where it is longer than 20 s), `on` or `off`.
    /// Viewers can start sooner, and all costs one more decode. Default `auto`.
    pub lead: Lead,
    /// What is encoded: `h264` (with AAC) always; `hevc`, `av1` and `opus` besides, as a
    /// choice for players that have them. Default h264.
    pub codecs: Vec<Codec>,
    /// How many segments of each track edges fetch once it is published, before a viewer
    /// asks; 0: none. Default 3.
    pub warm_segments: u32,
    /// Choose bit rates by what a source is: samples of it are encoded, and each rendition
    /// gets as many bits as `worker.quality_target` needs, never more than without. Default
    /// false.
    pub per_title: bool,
    /// How audio and video of what is uploaded from now on are encrypted, with keys of its own
    /// for each version: `none`; `cbcs`; or `aes-128`, with which there is HLS and no DASH.
    /// Default none.
    pub encryption: Encryption,
    /// Address, `http://host[:port][/path]`, of the key server that workers ask for the
    /// keys; empty: the origin makes them at random. Default empty.
    pub key_server: String,
    /// What decides how many bits H.264 gets: `crf`, a quality under a ceiling, or
    /// `two-pass`, an average of two thirds of the ceiling, for which all is looked at
    /// first. The lead is `crf` all the same. Default `crf`.
    pub rate_control: RateControl,
    /// A job goes to another worker this long after its worker's last word. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// How often a job is tried. Default 5.
    pub attempts_max: u32,
    /// Bytes that nothing names any more, such as those of a deleted asset, stay this
    /// long: longer than a lease, and than anyone reads them. At least a lease.
    /// Default 25 h.
    #[serde(with = "humantime_serde")]
    pub gc_grace: Duration,
    /// Requests of workers and edges that may wait for news at once. Default 1,024.
    pub waiters_max: usize,
    /// Life of a key that plays, unless asked otherwise. Default 12 h.
    #[serde(with = "humantime_serde")]
    pub key_ttl: Duration,
    /// How long a new signing key is told to edges before it signs, at least 1 min: longer
    /// than any of them is without news. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub key_overlap: Duration,
    /// Names that the origin goes by: a key that is for certain audiences (`aud`) must be for
    /// one of them. Default none.
    pub keys_audience: Vec<String>,
    /// File of secrets by which a site mints keys that play (HS256): a JSON Web Key Set of
    /// `oct` keys. Default none.
    pub keys_shared_file: PathBuf,
    /// Open connections. Default 4,096.
    pub connections_max: usize,
    /// Time to finish what runs after SIGTERM. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// Where blobs are kept: a section of its own in a file of settings.
    #[serde(skip)]
    pub store: store::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("weir-data"),
            database: DatabaseUrl::default(),
            join_file: PathBuf::from("join-token"),
            copies: true,
            open_uploads: false,
            upload_max: ByteSize::gib(64),
            upload_expires: Duration::from_secs(24 * 3600),
            upload_idle: Duration::from_secs(30),
            disk_floor: ByteSize::gib(1),
            segment: Duration::from_secs(4),
            ladder: vec![1080, 720, 480, 360],
            publish_source: true,
            lead: Lead::Auto,
            codecs: vec![Codec::H264],
            warm_segments: 3,
            per_title: false,
            encryption: Encryption::None,
            key_server: String::new(),
            rate_control: RateControl::Crf,
            lease: Duration::from_secs(10),
            attempts_max: 5,
            gc_grace: Duration::from_secs(25 * 3600),
            waiters_max: 1024,
            key_ttl: Duration::from_secs(12 * 3600),
            key_overlap: Duration::from_secs(600),
            keys_audience: Vec::new(),
            keys_shared_file: PathBuf::new(),
            connections_max: 4096,
            drain: Duration::from_secs(10),
            store: store::Config::default(),
        }
    }
}

impl Config {
    /// Where the join token is. An absolute `join_file` stands for itself.
    #[must_use]
    pub fn join_path(&self) -> PathBuf {
        self.data_dir.join(&self.join_file)
    }

    /// Where the operator's token is.
    #[must_use]
    pub fn admin_path(&self) -> PathBuf {
        self.data_dir.join("admin-token")
    }

    /// Everything in it that can't be, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |good: bool, fault: &str| {
            if !good {
                faults.push(format!("origin.{fault}"));
            }
        };
        expect(
            self.database.is_empty() || self.database.is_postgres(),
            "database must be postgres://user[:password]@host[:port]/name, or empty for a file",
        );
        expect(
            (2.0..=10.0).contains(&self.segment.as_secs_f64()),
            "segment must be 2s to 10s",
        );
        expect(
            !self.ladder.is_empty(),
            "ladder must name at least one height",
        );
        expect(
            self.ladder
                .iter()
                .all(|height| (64..=4320).contains(height)),
            "ladder's heights must be 64 to 4320",
        );
        let codecs = Codec::fault(&self.codecs);
        expect(codecs.is_none(), codecs.unwrap_or_default());
        let by_average = self.rate_control == RateControl::TwoPass;
        expect(
            !(self.per_title && by_average),
            "per_title and rate_control two-pass: choose one",
        );
        let encrypts = self.encryption != Encryption::None;
        expect(
            self.encryption.fault(&self.codecs).is_none(),
            "encryption: cbcs encrypts h264, with AAC, and hevc alone",
        );
        expect(
            encrypts || self.key_server.is_empty(),
            "key_server needs an encryption",
        );
        expect(
            self.key_server.is_empty() || is_http(&self.key_server),
            "key_server must be http://host[:port][/path], with neither user nor query: \
             TLS is not spoken yet, and who uploads may be told the address",
        );
        expect(
            (1..=600).contains(&self.lease.as_secs()),
            "lease must be 1s to 10m",
        );
        expect(
            self.gc_grace >= self.lease,
            "gc_grace must not be shorter than lease",
        );
        expect(
            (60..=30 * 24 * 3600).contains(&self.key_overlap.as_secs()),
            "key_overlap must be 1m to 30days: edges must hear of a signing key before it signs",
        );
        expect(self.attempts_max > 0, "attempts_max must be at least 1");
        expect(
            !self.open_uploads || self.listen.ip().is_loopback(),
            "open_uploads needs a listener on loopback: elsewhere uploads need a key",
        );
        faults.extend(self.store.faults());
        faults
    }
}

fn is_http(url: &str) -> bool {
    let uri: Result<http::Uri, _> = url.parse();
    uri.is_ok_and(|uri| {
        let host = uri.authority().map(|authority| authority.as_str());
        let plain = host.is_some_and(|host| !host.contains('@')) && uri.query().is_none();
        uri.scheme_str() == Some("http") && plain
    })
}
