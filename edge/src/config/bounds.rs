//! Times and counts that would work against their own purpose.

use std::time::Duration;

use super::Config;
use crate::EdgeError;

/// Least memory to store answers in, and to take them in, bytes. Chosen: some small objects.
const RAM_MIN: u64 = 64 << 10;
/// Longest header of a request that is taken, bytes. Chosen: a thousand times a browser's, and
/// each connection may hold one.
const HEADER_LEN_MAX: u64 = 1 << 20;
/// Longest wait. Chosen: what is longer is a mistake.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);
/// Longest time that something stale is of use. Chosen: as far as RFC 9111 §4.2.2 lets one
/// speak of freshness in practice.
const STALE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

impl Config {
    /// Checks them.
    ///
    /// # Errors
    /// The first fault found.
    pub(super) fn bounds(&self) -> Result<(), EdgeError> {
        for (key, time) in self.waits() {
            limit(!time.is_zero(), key, "0 would end everything at once")?;
        }
        for (key, time) in self.waits().into_iter().chain(self.pauses()) {
            limit(time <= WAIT_MAX, key, "it must be at most a day")?;
        }
        limit(
            self.stale_if_unreachable <= STALE_MAX,
            "stale_if_unreachable",
            "it must be at most a year",
        )?;
        for (key, size) in [("ram", self.ram), ("fill_ram", self.fill_ram)] {
            let enough = size.as_u64() >= RAM_MIN;
            limit(enough, key, "the least is 64 KiB: nothing could be stored")?;
        }
        limit(
            self.fill_window.as_u64() > 0,
            "fill_window",
            "0 would cut every reader but the fastest",
        )?;
        limit(
            self.header_len_max.as_u64() <= HEADER_LEN_MAX,
            "header_len_max",
            "the most is 1 MiB",
        )?;
        for (key, most) in [
            ("header_fields_max", self.header_fields_max),
            ("target_len_max", self.target_len_max),
        ] {
            limit(most > 0, key, "nothing could be asked")?;
        }
        Ok(())
    }

    /// Waits for what always takes some time.
    fn waits(&self) -> [(&'static str, Duration); 11] {
        [
            ("tls_handshake_timeout", self.tls_handshake_timeout),
            ("connect_timeout", self.connect_timeout),
            ("first_byte_timeout", self.first_byte_timeout),
            ("held_timeout", self.held_timeout),
            ("body_idle_timeout", self.body_idle_timeout),
            ("header_read_timeout", self.header_read_timeout),
            ("client_stall_timeout", self.client_stall_timeout),
            ("client_rate_window", self.client_rate_window),
            ("disk_wait", self.disk_wait),
            // The origin would be asked without end.
            ("keys_wait", self.keys_wait),
            ("keys_retry_max", self.keys_retry_max),
        ]
    }

    /// Times that may be none.
    fn pauses(&self) -> [(&'static str, Duration); 5] {
        [
            ("fetch_wait", self.fetch_wait),
            ("pool_idle_timeout", self.pool_idle_timeout),
            ("keep_alive_idle", self.keep_alive_idle),
            ("h2_ping_interval", self.h2_ping_interval),
            ("drain", self.drain),
        ]
    }
}

fn limit(good: bool, key: &'static str, why: &'static str) -> Result<(), EdgeError> {
    let bad = EdgeError::Limit { key, why };
    if good { Ok(()) } else { Err(bad) }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        let refused = config.validate().err();
        refused.map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn a_wait_that_would_end_everything_at_once_or_never_is_refused() {
        let none = Duration::ZERO;
        let ages = Duration::MAX;
        assert!(refused(|it| it.connect_timeout = none).contains("connect_timeout"));
        assert!(refused(|it| it.keys_wait = none).contains("keys_wait"));
        assert!(refused(|it| it.client_rate_window = none).contains("client_rate_window"));
        assert!(refused(|it| it.disk_wait = none).contains("disk_wait"));
        assert!(refused(|it| it.drain = ages).contains("drain"));
        assert!(refused(|it| it.body_idle_timeout = ages).contains("at most a day"));
        assert!(refused(|it| it.stale_if_unreachable = ages).contains("at most a year"));
        let may_be_none = |it: &mut Config| {
            (it.drain, it.fetch_wait, it.h2_ping_interval) = (none, none, none);
            (it.stale_if_unreachable, it.pool_idle_timeout) = (none, none);
        };
        assert_eq!(refused(may_be_none), "");
    }

    #[test]
    fn memory_in_which_nothing_fits_is_refused() {
        for bytes in [0, 65_535] {
            assert!(refused(|it| it.ram = ByteSize(bytes)).contains("ram"));
            assert!(refused(|it| it.fill_ram = ByteSize(bytes)).contains("fill_ram"));
        }
        assert!(refused(|it| it.fill_window = ByteSize(0)).contains("fill_window"));
    }

    #[test]
    fn a_request_of_no_length_or_of_any_is_refused() {
        assert!(refused(|it| it.header_fields_max = 0).contains("header_fields_max"));
        assert!(refused(|it| it.target_len_max = 0).contains("target_len_max"));
        assert!(refused(|it| it.header_len_max = ByteSize::mib(2)).contains("the most is 1 MiB"));
    }
}
