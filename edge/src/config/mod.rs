mod bounds;
mod default;
mod site;
mod tls;
mod validate;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::access_log::Format as LogFormat;
pub use site::{All, Profile, QueryRule, RuleConfig, SiteConfig, Ttl};

/// How an edge works. Times are written as in `10s`, sizes as in `512 MiB`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address to listen on. Default `127.0.0.1:8081`.
    pub listen: SocketAddr,
    /// Address to listen on for TLS, HTTP/2 and HTTP/1.1 by ALPN; or `off`. Default `off`.
    #[serde(with = "crate::off")]
    pub tls_listen: Option<SocketAddr>,
    /// PEM files of certificates, each with its chain, leaf first. Which one is shown is
    /// decided by the name that a client asks for (SNI); the first if none fits. Default
    /// none.
    pub tls_cert: Vec<PathBuf>,
    /// PEM files of their private keys, in the same order. Default none.
    pub tls_key: Vec<PathBuf>,
    /// Longest TLS handshake. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub tls_handshake_timeout: Duration,
    /// Unix socket by which a later process of the same user takes over the listening
    /// sockets, while this one ends what it answers; or `off`. Default `off`.
    #[serde(with = "crate::off")]
    pub take_over: Option<PathBuf>,
    /// URL of the origin: `http://host[:port]` or `https://host[:port]`. Default
    /// `http://127.0.0.1:8080`.
    pub origin: String,
    /// URLs of origins that all have the same, in place of `origin`: the first is asked
    /// while it is well, then the next. Default none.
    pub origins: Vec<String>,
    /// How `origins` share the requests, a number for each. Default none: the first that
    /// is well gets all.
    pub origin_weights: Vec<u32>,
    /// Name of the place this edge stands in: `a–z`, `0–9`, `-`. Default `local`.
    pub pop: String,
    /// What of a client's request goes up to `origin`, which is not Weir's: `cache` or
    /// `passthrough`. Default `cache`.
    pub profile: Profile,
    /// Lifetime of answers of `origin` that state none, in percent of the time since they
    /// were last modified; 0 stores none of them. Default 0.
    pub heuristic: u8,
    /// Stores answers of `origin` with `Set-Cookie` too, if they state their lifetime; all
    /// clients then get the same cookie. Default false.
    pub store_cookies: bool,
    /// Longest body of a client's request that is passed on; a longer one gets 413.
    /// Default 64 MiB.
    pub request_max: ByteSize,
    /// Requests with a body that go up to one site's origins at one time, beside its fetches;
    /// more wait as for a fetch. Default 64.
    pub uploads_max: usize,
    /// Web sites, each with its own origins. Default none: `origin` serves all hosts.
    pub site: Vec<SiteConfig>,

    /// Memory for stored answers, bodies, headers and index. Default 512 MiB.
    pub ram: ByteSize,
    /// Longest body that is stored whole; longer ones are passed on. Default 64 MiB.
    pub object_max: ByteSize,
    /// A range that is not stored is fetched in aligned blocks of this length, 4 KiB to
    /// 64 MiB, which are stored one by one; 0: the whole object is. Default 1 MiB.
    pub block: ByteSize,
    /// Memory for bodies that are being fetched and will be stored. Default 128 MiB.
    pub fill_ram: ByteSize,
    /// Folder for stored answers, which outlive a restart there; made if it is missing,
    /// and for one process alone. Default none: answers are stored in memory only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<PathBuf>,
    /// Disk for them, in whole blocks of 4 KiB, headers included. Default 2 GiB.
    pub disk: ByteSize,
    /// Longest wait for the disk until an answer begins; then the origin is asked.
    /// Default 500 ms.
    #[serde(with = "humantime_serde")]
    pub disk_wait: Duration,
    /// Where a body of unknown length outgrows `object_max` while several read it: who
    /// falls further behind than this is cut. Default 8 MiB.
    pub fill_window: ByteSize,
    /// Fetches from the origin at one time. Default 256.
    pub fetches_max: usize,
    /// Longest wait for one of them to end, then 503. Default 5 s.
    #[serde(with = "humantime_serde")]
    pub fetch_wait: Duration,
    /// Requests that may wait for, or read, one fetch; more get 503. Default 4096.
    pub waiters_max: usize,

    /// PEM file of the authorities that vouch for origins with `https`. Default empty:
    /// those that browsers trust.
    pub origin_ca: String,
    /// How long an origin's addresses are used before its name is looked up again.
    /// Default 30 s.
    #[serde(with = "humantime_serde")]
    pub origin_dns_keep: Duration,
    /// Requests that one origin answers at one time; held ones are not counted. Default
    /// 256.
    pub origin_requests_max: usize,
    /// Longest wait for one of them to end, then another origin is asked. Default 1 s.
    #[serde(with = "humantime_serde")]
    pub origin_wait: Duration,
    /// Failures in a row after which an origin is not asked for a while: no sane answer in
    /// time, or 502, 503, 504. No connection is one too many at once. Default 5.
    pub eject_failures: u32,
    /// And the share of failures among at least 20 requests within 10 s, above 0 and at
    /// most 1. Default 0.5.
    pub eject_ratio: f64,
    /// How long it is not asked the first time, doubled each time it is not well after
    /// that, and up to half of it less by chance; then one request finds out. The last
    /// origin that is left is kept out only while no connection can be made, and never
    /// longer. At least 100 ms. Default 1 s.
    #[serde(with = "humantime_serde")]
    pub eject_time: Duration,
    /// Longest such time. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub eject_time_max: Duration,
    /// Path that origins are asked for to see whether they are well: an error twice in a
    /// row, and an origin is not asked until it answers again. Default empty: not done.
    pub health_path: String,
    /// How often, at least 100 ms. Default 5 s.
    #[serde(with = "humantime_serde")]
    pub health_every: Duration,
    /// Whether redirects of the origin are followed here, up to 5; else clients get them.
    /// Default false.
    pub follow_redirects: bool,
    /// Where they may lead to, `host` or `host:port`; others are passed on. Default none.
    pub redirect_hosts: Vec<String>,
    /// Requests that the origin holds at one time, by `_HLS_msn` or `wait` in the query;
    /// more wait as for a fetch. Default 1024.
    pub held_max: usize,
    /// Longest wait for the head of such an answer. Default 30 s, three times the longest
    /// segment's length.
    #[serde(with = "humantime_serde")]
    pub held_timeout: Duration,
    /// Longest wait for a connection to the origin, name and TLS included. Default 3 s.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Longest wait for the head of the origin's answer, connecting and retries
    /// included; half of what is left where another origin can be asked after it. Default
    /// 8 s, the shortest of the players' own.
    #[serde(with = "humantime_serde")]
    pub first_byte_timeout: Duration,
    /// Longest silence of the origin inside a body. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub body_idle_timeout: Duration,
    /// How long an unused connection to the origin is kept. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub pool_idle_timeout: Duration,
    /// How many unused ones are kept. Default 64.
    pub pool_idle_max: usize,
    /// While the origin can't be reached: how long past its freshness an object is
    /// served that does not forbid it (`must-revalidate`). Default 10 min.
    #[serde(with = "humantime_serde")]
    pub stale_if_unreachable: Duration,

    /// Threads that serve connections, each those that it was given; 0 is one for each
    /// core. Default 0.
    pub threads: usize,
    /// Connections of clients at one time; more get 503. Default 10000.
    pub connections_max: usize,
    /// Longest time for a request's header to arrive, and on a new connection for the
    /// first byte. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub header_read_timeout: Duration,
    /// What the kernel keeps of an answer until a client has it; 0 is what the kernel finds
    /// best, which is right for clients far away. Some 256 KiB saves time of the processor where
    /// all clients are near, as behind a balancer on the same machine. Default 0.
    pub send_buffer: ByteSize,
    /// How long a connection is kept without a request. Default 60 s.
    #[serde(with = "humantime_serde")]
    pub keep_alive_idle: Duration,
    /// Requests on one connection of HTTP/1; it is closed after the last. Default 100000.
    pub connection_requests_max: u64,
    /// Longest header of a request, first line included, at least 8 KiB; more gets 431.
    /// Default 16 KiB.
    pub header_len_max: ByteSize,
    /// Most fields in the header of a request; more gets 431. Default 64.
    pub header_fields_max: usize,
    /// Longest path and query, bytes; more gets 414. Default 4096.
    pub target_len_max: usize,
    /// A client that takes no byte for this long is cut, and one that sends none of a body
    /// that goes up gets 408. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub client_stall_timeout: Duration,
    /// Bytes per second that a client must take of an answer that waits for it, over
    /// `client_rate_window`, or it is cut; of HTTP/2 also of each stream, over a piece of it;
    /// and send of a body that goes up. 0 is no such limit. Default 1 KiB.
    pub client_rate_min: ByteSize,
    /// Default 60 s.
    #[serde(with = "humantime_serde")]
    pub client_rate_window: Duration,
    /// Connections of one client at one time; more get 429, under TLS nothing. A client is
    /// an address, of IPv6 a /64. 0 is no limit. Default 1024.
    pub client_connections_max: usize,
    /// New connections of one client per second, of which those of 4 s may come at once;
    /// more get 429, under TLS nothing. 0 is no limit. Default 256.
    pub client_connection_rate: u32,
    /// Requests of one client per second, of which those of 4 s may come at once; more get
    /// 429. 0 is no limit. Default 4096.
    pub client_request_rate: u32,
    /// Requests of one client per second that are refused for their key, or the lack of one, of
    /// which those of 4 s may come at once; more get 429 in place of 401 or 403. 0 is no limit.
    /// Default 10.
    pub client_refusal_rate: u32,
    /// Whether clients on loopback are limited too. Default false.
    pub client_limits_loopback: bool,
    /// HTTP/2: streams of one connection at one time. Default 100.
    pub h2_streams_max: u32,
    /// HTTP/2: streams that a client may reset within 10 s; more end the connection.
    /// Default 200.
    pub h2_resets_max: u32,
    /// HTTP/2: how often a silent client is asked whether it is there; 0 is never.
    /// Default 30 s.
    #[serde(with = "humantime_serde")]
    pub h2_ping_interval: Duration,
    /// How long running answers may take to end at shutdown. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,

    /// Address of the admin listener, which takes purges and explains, never the viewers';
    /// or `off`. Default `off`.
    pub admin_listen: String,
    /// File of the token that it wants; made, with a new one, if it is not there. Default
    /// none, which `admin_listen` does not work without.
    pub admin_token_file: PathBuf,
    /// File to which each request is logged; `-` is standard output. Default none.
    pub access_log: PathBuf,
    /// How a line of it is written: `json`, or `combined`, as Apache does. Default `json`.
    pub access_log_format: LogFormat,

    /// Verified keys that are remembered, about 1 KiB each. Default 16384.
    pub keys_max: usize,
    /// Names that this edge goes by: a key that is for certain audiences (`aud`) must be for
    /// one of them. Default none.
    pub keys_audience: Vec<String>,
    /// File of secrets by which a site mints keys that play (HS256): a JSON Web Key Set of
    /// `oct` keys. Default none.
    pub keys_shared_file: PathBuf,
    /// How long the origin may hold the edge's question for new keys. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub keys_wait: Duration,
    /// Longest pause before that question is repeated after a fault. Default 5 s.
    #[serde(with = "humantime_serde")]
    pub keys_retry_max: Duration,
    /// Fetches the beginning of what the origin publishes, before a viewer asks. Default
    /// true.
    pub warm: bool,
    /// Assets whose answer "a key is needed" is remembered, for one second each.
    /// Default 10000.
    pub refusals_max: usize,
}
