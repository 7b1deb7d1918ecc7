//! What one address may take: connections at one time, new ones, requests, and requests that
//! are refused for their key, per second.
//!
//! An address of IPv6 stands for its /64, which is what one subscriber has (RFC 6177
//! leaves no less to a site). Loopback is not limited unless the config says so: what
//! comes from there is a proxy of one's own, a test or a demo.

pub(crate) mod bucket;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::time::Instant;

use self::bucket::{Bucket, Rate};
use crate::Config;

/// Addresses without a connection that are remembered while their share is not whole
/// again, about 150 bytes each. Chosen; beyond it the oldest shares are forgotten at once.
const ABSENT_MAX: usize = 16_384;
/// How long of its rate an address may spend at once, in seconds. Chosen: a page that
/// opens with many requests is no flood.
const BURST_SECS: u32 = 4;

/// Shares of all addresses.
pub(crate) struct Clients {
    connections_max: usize,
    connecting: Rate,
    asking: Rate,
    refusing: Rate,
    loopback: bool,
    epoch: Instant,
    shares: Mutex<HashMap<IpAddr, Arc<Share>>>,
}

struct Share {
    open: AtomicUsize,
    connecting: Bucket,
    asking: Bucket,
    refusing: Bucket,
}

/// A connection's part in its client's share; given back when dropped.
pub(crate) struct Guest {
    share: Arc<Share>,
    asking: Rate,
    refusing: Rate,
    epoch: Instant,
}

/// The client has too many connections, or opens them too fast.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Clients {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            connections_max: match config.client_connections_max {
                0 => usize::MAX,
                max => max,
            },
            connecting: Rate::new(config.client_connection_rate, BURST_SECS),
            asking: Rate::new(config.client_request_rate, BURST_SECS),
            refusing: Rate::new(config.client_refusal_rate, BURST_SECS),
            loopback: config.client_limits_loopback,
            epoch: Instant::now(),
            shares: Mutex::default(),
        }
    }

    /// Takes in a connection; `None` where nothing is limited.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<Option<Guest>, TooMany> {
        let address = prefix(address);
        let exempt = address.is_loopback() && !self.loopback;
        if exempt || self.is_off() {
            return Ok(None);
        }
        let share = self.share(address);
        let guest = Guest {
            asking: self.asking,
            refusing: self.refusing,
            epoch: self.epoch,
            share,
        };
        let open = guest.share.open.fetch_add(1, Relaxed);
        let now = self.epoch.elapsed();
        if open >= self.connections_max || !guest.share.connecting.take(self.connecting, now) {
            return Err(TooMany);
        }
        Ok(Some(guest))
    }

    fn is_off(&self) -> bool {
        let rates = [self.connecting, self.asking, self.refusing];
        self.connections_max == usize::MAX && rates.iter().all(|rate| rate.is_off())
    }

    fn share(&self, address: IpAddr) -> Arc<Share> {
        let mut shares = self.shares();
        if let Some(share) = shares.get(&address) {
            return share.clone();
        }
        self.tidy(&mut shares);
        let share = Arc::new(Share {
            open: AtomicUsize::new(0),
            connecting: Bucket::default(),
            asking: Bucket::default(),
            refusing: Bucket::default(),
        });
        shares.insert(address, share.clone());
        share
    }

    /// Forgets who is gone, once they are many. Each pass halves at least what it was
    /// called for, so that it costs each new address a constant.
    fn tidy(&self, shares: &mut HashMap<IpAddr, Arc<Share>>) {
        // Connections are bounded apart from this; a map grows by doubling.
        if shares.len() < shares.capacity() || shares.len() < ABSENT_MAX {
            return;
        }
        let now = self.epoch.elapsed();
        shares.retain(|_, share| {
            let buckets = [&share.connecting, &share.asking, &share.refusing];
            share.is_present() || buckets.iter().any(|bucket| bucket.owes(now))
        });
        let absent = shares.values().filter(|share| !share.is_present()).count();
        if absent > ABSENT_MAX / 2 {
            shares.retain(|_, share| share.is_present());
        }
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Share>>> {
        self.shares.lock().expect("no holder panics")
    }
}

impl Share {
    fn is_present(&self) -> bool {
        self.open.load(Relaxed) > 0
    }
}

impl Guest {
    /// Whether the client may make one more request now.
    pub(crate) fn may_ask(&self) -> bool {
        self.asking.is_off() || self.share.asking.take(self.asking, self.epoch.elapsed())
    }

    /// Whether the client may be told once more now why its key is refused.
    pub(crate) fn may_be_refused(&self) -> bool {
        self.share
            .refusing
            .take(self.refusing, self.epoch.elapsed())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.share.open.fetch_sub(1, Relaxed);
    }
}

/// Whom an address stands for.
fn prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn clients(change: impl FnOnce(&mut Config)) -> Clients {
        let mut config = Config {
            client_connections_max: 2,
            client_connection_rate: 0,
            client_request_rate: 1,
            client_refusal_rate: 1,
            ..Config::default()
        };
        change(&mut config);
        Clients::new(&config)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_has_so_many_connections_and_gets_them_back() {
        let clients = clients(|_| {});
        let first = clients.admit(ip("192.0.2.1")).unwrap();
        let _second = clients.admit(ip("192.0.2.1")).unwrap();
        assert!(clients.admit(ip("192.0.2.1")).is_err());
        assert!(clients.admit(ip("192.0.2.2")).is_ok());
        drop(first);
        assert!(clients.admit(ip("192.0.2.1")).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_64_is_one_client_and_a_mapped_address_is_its_own() {
        let clients = clients(|config| config.client_connections_max = 1);
        let _guest = clients.admit(ip("2001:db8:0:1::1")).unwrap();
        assert!(clients.admit(ip("2001:db8:0:1:ffff::9")).is_err());
        assert!(clients.admit(ip("2001:db8:0:2::1")).is_ok());
        let _guest = clients.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert!(clients.admit(ip("192.0.2.1")).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_counted_over_all_connections_of_an_address() {
        let clients = clients(|_| {});
        let one = clients.admit(ip("192.0.2.1")).unwrap().unwrap();
        let two = clients.admit(ip("192.0.2.1")).unwrap().unwrap();
        let asked = (0..10).filter(|n| {
            if n % 2 == 0 {
                one.may_ask()
            } else {
                two.may_ask()
            }
        });
        assert_eq!(asked.count(), BURST_SECS as usize);
        advance(Duration::from_millis(999)).await;
        assert!(!one.may_ask());
        advance(Duration::from_millis(1)).await;
        assert!(two.may_ask() && !one.may_ask());
    }

    #[tokio::test(start_paused = true)]
    async fn new_connections_are_counted_even_if_they_close_at_once() {
        let clients = clients(|config| config.client_connection_rate = 1);
        let opened = (0..10).filter(|_| clients.admit(ip("192.0.2.1")).is_ok());
        assert_eq!(opened.count(), BURST_SECS as usize);
        advance(Duration::from_secs(1)).await;
        assert!(clients.admit(ip("192.0.2.1")).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn loopback_is_limited_only_where_the_config_says_so() {
        for (limited, one) in [(false, "127.0.0.1"), (false, "::1"), (true, "::1")] {
            let clients = clients(|config| config.client_limits_loopback = limited);
            assert_eq!(clients.admit(ip(one)).unwrap().is_some(), limited);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn more_addresses_than_are_remembered_take_no_more_memory() {
        let clients = clients(|_| {});
        let present = clients.admit(ip("192.0.2.1")).unwrap().unwrap();
        while present.may_ask() {}
        for n in 0..4 * ABSENT_MAX as u32 {
            let guest = clients.admit(IpAddr::V4(Ipv4Addr::from_bits(n << 4)));
            guest.unwrap().unwrap().may_ask();
        }
        assert!(clients.shares().len() <= 2 * ABSENT_MAX);
        let again = clients.admit(ip("192.0.2.1")).unwrap().unwrap();
        assert!(!again.may_ask());
    }
}
