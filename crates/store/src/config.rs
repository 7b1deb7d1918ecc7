//! What an operator can set.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::BlobKey;

/// Where blobs are kept. Credentials are not set here: they come from where AWS's programs
/// have them, such as `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, `~/.aws/credentials`,
/// or the role of a machine or pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// S3 bucket that keeps blobs; it must be there. Empty: they are files below
    /// `origin.data_dir`. Default empty.
    pub bucket: String,
    /// Base URL of the S3 server, such as `https://s3.example.com`. Empty: AWS's own.
    /// Default empty.
    pub endpoint: String,
    /// Region that requests are signed for. Default us-east-1.
    pub region: String,
    /// What every object's name starts with, before a `/`: parts of a-z, 0-9, `-`, `_` and
    /// inner `.`, joined by `/`. Default empty.
    pub prefix: String,
    /// The bucket stands in the path of a URL, not in its host: what most servers but AWS's
    /// want. Default false.
    pub path_style: bool,
    /// Longest wait for a connection. Default 3 s.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Longest wait for the answer to one request, the time to send up to 64 MiB included.
    /// Default 60 s.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// Longest silence inside a body that is read. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// How often a request is sent that gets no answer, or 429, or a server's error; pauses
    /// between grow from up to 0.1 s to up to 5 s, at random. Default 5.
    pub attempts_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            endpoint: String::new(),
            region: "us-east-1".to_owned(),
            prefix: String::new(),
            path_style: false,
            connect_timeout: Duration::from_secs(3),
            answer_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(10),
            attempts_max: 5,
        }
    }
}

impl Config {
    /// Everything in it that can't be, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |good: bool, fault: &str| {
            if !good {
                faults.push(format!("store.{fault}"));
            }
        };
        let is_set = !self.bucket.is_empty();
        expect(
            !is_set || cfg!(feature = "s3"),
            "bucket needs a weir with S3: cargo build --release --package cli --features s3",
        );
        expect(
            is_set || (self.endpoint.is_empty() && self.prefix.is_empty()),
            "endpoint and prefix need a bucket",
        );
        let is_http = ["http://", "https://"];
        expect(
            self.endpoint.is_empty() || is_http.iter().any(|it| self.endpoint.starts_with(it)),
            "endpoint must be http://host[:port] or https://host[:port]",
        );
        expect(!self.region.is_empty(), "region must not be empty");
        expect(
            self.prefix.is_empty() || self.prefix.parse::<BlobKey>().is_ok(),
            "prefix must be parts of a-z, 0-9, '-', '_' and inner '.', joined by '/'",
        );
        let waits = [self.connect_timeout, self.answer_timeout, self.idle_timeout];
        expect(
            waits.iter().all(|wait| !wait.is_zero()),
            "connect_timeout, answer_timeout and idle_timeout must be longer than 0",
        );
        expect(
            (1..=20).contains(&self.attempts_max),
            "attempts_max must be 1 to 20",
        );
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_is_told() {
        assert_eq!(Config::default().faults(), [""; 0]);
        let bad = Config {
            endpoint: "s3.example.com".to_owned(),
            region: String::new(),
            prefix: "/a".to_owned(),
            idle_timeout: Duration::ZERO,
            attempts_max: 0,
            ..Config::default()
        };
        let faults = bad.faults().join("; ");
        for setting in [
            "endpoint",
            "region",
            "prefix",
            "idle_timeout",
            "attempts_max",
        ] {
            assert!(faults.contains(setting), "{setting}: {faults}");
        }
    }

    #[test]
    fn a_bucket_needs_s3() {
        let config = Config {
            bucket: "b".to_owned(),
            ..Config::default()
        };
        assert_eq!(config.faults().is_empty(), cfg!(feature = "s3"));
    }
}
