//! What a configuration must be.

use super::Config;
use crate::{EdgeError, admin, upstream};

/// Least that hyper's read buffer takes, bytes.
const HEADER_LEN_MIN: u64 = 8 << 10;

/// More is memory for nothing, at any pace and distance. Chosen.
const SEND_BUFFER_MAX: u64 = 16 << 20;

/// Most threads that make sense, however many cores there are. Chosen.
const THREADS_MAX: usize = 1024;

/// Lengths of a block that work, bytes. Chosen: each block costs a request and about 1 KiB
/// of index; each answer may hold two in memory.
const BLOCK_LENS: std::ops::RangeInclusive<u64> = 4 << 10..=64 << 20;

impl Config {
    /// Checks what can be checked before a socket opens.
    ///
    /// # Errors
    /// The first fault found.
    pub fn validate(&self) -> Result<(), EdgeError> {
        upstream::validate(self)?;
        if self.pop.parse::<wire::TrackId>().is_err() {
            return Err(EdgeError::Pop(self.pop.clone()));
        }
        admin::address(self)?;
        self.bounds()?;
        let limit = |good: bool, key, why| {
            let bad = EdgeError::Limit { key, why };
            if good { Ok(()) } else { Err(bad) }
        };
        let header_len_max = self.header_len_max.as_u64();
        let small = u64::from(u32::MAX);
        limit(
            header_len_max >= HEADER_LEN_MIN,
            "header_len_max",
            "the least is 8 KiB",
        )?;
        limit(
            self.send_buffer.as_u64() <= SEND_BUFFER_MAX,
            "send_buffer",
            "it must be at most 16 MiB",
        )?;
        limit(
            self.heuristic <= 100,
            "heuristic",
            "it is a percentage, at most 100",
        )?;
        for site in &self.site {
            site.validate()?;
            upstream::validate(&upstream::of_site(self, site))?;
        }
        limit(
            self.object_max.as_u64() < small,
            "object_max",
            "it must be under 4 GiB",
        )?;
        let block = self.block.as_u64();
        limit(
            block == 0 || BLOCK_LENS.contains(&block),
            "block",
            "it must be 0 for none, or 4 KiB to 64 MiB",
        )?;
        let disk_min = crate::disk::BYTES_MIN;
        limit(
            self.cache_dir.is_none() || self.disk.as_u64() >= disk_min,
            "disk",
            "the least is 16 MiB; for none, leave cache_dir out",
        )?;
        limit(
            self.fetches_max > 0,
            "fetches_max",
            "nothing could be fetched",
        )?;
        limit(
            self.fetches_max < (small >> 4) as usize,
            "fetches_max",
            "it is too large",
        )?;
        limit(
            self.waiters_max > 0,
            "waiters_max",
            "nothing could be fetched",
        )?;
        self.tls()?;
        limit(
            self.h2_streams_max > 0,
            "h2_streams_max",
            "nothing could be asked",
        )?;
        limit(
            self.connection_requests_max > 0,
            "connection_requests_max",
            "nothing could be asked",
        )?;
        limit(
            self.threads <= THREADS_MAX,
            "threads",
            "the most is 1024; 0 is one for each core",
        )?;
        limit(
            self.connections_max > 0,
            "connections_max",
            "nobody could connect",
        )?;
        limit(
            self.connections_max < (small >> 4) as usize,
            "connections_max",
            "it is too large",
        )
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        Config::default().validate().unwrap();
    }

    #[test]
    fn an_origin_that_cannot_be_fetched_from_is_refused_with_the_reason() {
        for (url, why) in [
            ("ftp://o", "https"),
            ("o:80", "http://"),
            ("http://o/base", "path"),
            ("http://me@o", "user"),
            ("", "URL"),
        ] {
            let config = Config {
                origin: url.to_owned(),
                ..Config::default()
            };
            let said = config.validate().unwrap_err().to_string();
            assert!(said.contains(why), "{url}: {said}");
        }
    }

    #[test]
    fn a_block_is_off_or_of_a_length_that_works() {
        for (block, good) in [(0, true), (1 << 20, true), (4095, false), (1 << 27, false)] {
            let config = Config {
                block: ByteSize::b(block),
                ..Config::default()
            };
            assert_eq!(config.validate().is_ok(), good, "{block}");
        }
    }

    #[test]
    fn more_threads_than_any_machine_has_cores_are_refused() {
        for (threads, good) in [(0, true), (1024, true), (1025, false)] {
            let config = Config {
                threads,
                ..Config::default()
            };
            assert_eq!(config.validate().is_ok(), good, "{threads}");
        }
    }

    #[test]
    fn a_pop_that_would_break_a_header_is_refused() {
        let config = Config {
            pop: "fra\", x".to_owned(),
            ..Config::default()
        };
        assert!(matches!(config.validate(), Err(EdgeError::Pop(_))));
    }
}
