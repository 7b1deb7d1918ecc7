//! What an operator can set.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::Network;

/// How workers call addresses outside of the fleet that somebody named.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Networks that may be called though they are not public, such as `10.0.0.0/8`; of a
    /// NAT64 (`64:ff9b::/96`) the IPv4 address within counts besides. Default none.
    pub allow: Vec<Network>,
    /// Ports that may be called. Default 80 and 443.
    pub ports: Vec<u16>,
    /// PEM file of the authorities that are trusted; empty: those that browsers trust. Default
    /// empty.
    pub ca_file: PathBuf,
    /// Most redirects that one request follows. Default 5.
    pub redirects_max: u32,
    /// Longest wait for a connection to one address. Default 5 s.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Longest wait for the head of an answer, connecting included. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// Longest silence inside a body. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// How many files that a URL names are fetched at once; 0: by other workers. Each takes
    /// 16 MiB of memory. Default 2.
    pub fetches: usize,
    /// Longest time of one request for such a file. Default 12 h.
    #[serde(with = "humantime_serde")]
    pub fetch_timeout: Duration,
    /// How many webhooks are called at once; 0: by other workers. Default 8.
    pub deliveries: usize,
    /// Longest time of one such call. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub delivery_timeout: Duration,
}

/// More redirects than anybody follows (Fetch, §4.4).
const REDIRECTS_MAX: u32 = 20;

/// Chosen: 1 GiB of memory.
const AT_ONCE_MAX: usize = 64;

impl Config {
    /// What of it can't be, in words, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let waits = [
            self.connect_timeout,
            self.answer_timeout,
            self.idle_timeout,
            self.fetch_timeout,
            self.delivery_timeout,
        ];
        let fault = if self.ports.is_empty() || self.ports.contains(&0) {
            "ports must name at least one, of 1 to 65535"
        } else if self.redirects_max > REDIRECTS_MAX {
            "redirects_max must be 0 to 20"
        } else if self.fetches.max(self.deliveries) > AT_ONCE_MAX {
            "fetches and deliveries must be 0 to 64"
        } else if waits.iter().any(Duration::is_zero) {
            "each timeout must be longer than 0s"
        } else {
            return None;
        };
        Some(format!("outward.{fault}"))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            ports: vec![80, 443],
            ca_file: PathBuf::new(),
            redirects_max: 5,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            fetches: 2,
            fetch_timeout: Duration::from_secs(12 * 3600),
            deliveries: 8,
            delivery_timeout: Duration::from_secs(15),
        }
    }
}
