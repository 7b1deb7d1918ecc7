use std::{
    collections::VecDeque,
    io::{self, ErrorKind::TimedOut},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Mutex, MutexGuard},
};

use tokio::{
    sync::Mutex as Turn,
    time::{Duration, Instant, timeout},
};
use tracing::warn;

use super::{error::Fault, place::Place};

/// Addresses that are kept of one name. Chosen: more are never tried.
const ADDRESSES_MAX: usize = 16;
/// How long addresses are still used when the name can't be looked up any more. Chosen:
/// name servers fail more often than origins move.
const STALE_MAX: Duration = Duration::from_secs(3600);
/// Longest wait for a name server while older addresses can be used, and pause after a
/// look-up that failed then. Chosen: a new connection in six waits, and not for long.
const LOOK_UP_WAIT: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(5);

pub(super) type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks a name up: the system's resolver, in tests another.
pub(super) type LookUp = Box<dyn Fn(String, u16) -> Looking + Send + Sync>;

/// An origin's name and the addresses that it had a moment ago.
pub(crate) struct Name {
    host: String,
    port: u16,
    keep: Duration,
    look_up: LookUp,
    known: Mutex<Option<Known>>,
    /// One look-up at a time.
    turn: Turn<()>,
}

struct Known {
    addresses: VecDeque<SocketAddr>,
    /// When they were looked up.
    at: Instant,
    /// When they are to be looked up again; `None` for what is an address itself.
    again: Option<Instant>,
}

impl Name {
    /// `keep` is how long addresses are used before the name is looked up again.
    pub(crate) fn new(place: &Place, keep: Duration) -> Self {
        Self::with(
            place,
            keep,
            Box::new(|host, port| Box::pin(system(host, port))),
        )
    }

    pub(super) fn with(place: &Place, keep: Duration, look_up: LookUp) -> Self {
        let (host, port) = (place.host().to_owned(), place.port);
        let literal = host.parse::<IpAddr>().ok().map(|ip| Known {
            addresses: VecDeque::from([SocketAddr::new(ip, port)]),
            at: Instant::now(),
            again: None,
        });
        Self {
            host,
            port,
            keep,
            look_up,
            known: Mutex::new(literal),
            turn: Turn::new(()),
        }
    }

    /// The addresses to try, in order; at least one.
    pub(crate) async fn addresses(&self) -> Result<Vec<SocketAddr>, Fault> {
        if let Some(addresses) = self.current() {
            return Ok(addresses);
        }
        let _turn = self.turn.lock().await;
        // Another may have looked it up while this one waited.
        if let Some(addresses) = self.current() {
            return Ok(addresses);
        }
        let found = (self.look_up)(self.host.clone(), self.port);
        let found = match self.has_old() {
            // Whoever connects gives up on a silent name server later than that: it would
            // never come to them.
            true => timeout(LOOK_UP_WAIT, found)
                .await
                .unwrap_or_else(|_| Err(io::Error::new(TimedOut, "no answer came in time"))),
            false => found.await,
        };
        self.take(found)
    }

    fn has_old(&self) -> bool {
        let known = self.lock();
        known
            .as_ref()
            .is_some_and(|old| old.at.elapsed() < STALE_MAX)
    }

    /// A connection came about: this address is the first to be tried next time.
    pub(crate) fn worked(&self, address: SocketAddr) {
        let mut known = self.lock();
        let Some(known) = known.as_mut() else { return };
        let at = known.addresses.iter().position(|it| *it == address);
        if let Some(at) = at.filter(|at| *at > 0) {
            known.addresses.remove(at);
            known.addresses.push_front(address);
        }
    }

    fn current(&self) -> Option<Vec<SocketAddr>> {
        let known = self.lock();
        let known = known.as_ref()?;
        let holds = known.again.is_none_or(|again| Instant::now() < again);
        holds.then(|| known.addresses.iter().copied().collect())
    }

    fn take(&self, found: io::Result<Vec<SocketAddr>>) -> Result<Vec<SocketAddr>, Fault> {
        let now = Instant::now();
        let mut known = self.lock();
        let why = match found {
            Ok(mut found) if !found.is_empty() => {
                found.truncate(ADDRESSES_MAX);
                let first = known.as_ref().and_then(|old| old.addresses.front());
                if let Some(at) = found.iter().position(|it| Some(it) == first) {
                    found[..=at].rotate_right(1);
                }
                *known = Some(Known {
                    addresses: found.iter().copied().collect(),
                    at: now,
                    again: Some(now + self.keep),
                });
                return Ok(found);
            }
            Ok(_) => "it has no address".to_owned(),
            Err(error) => error.to_string(),
        };
        match known.as_mut() {
            Some(old) if now.saturating_duration_since(old.at) < STALE_MAX => {
                warn!(host = self.host, why, "an origin's name can't be looked up");
                old.again = Some(now + AGAIN);
                Ok(old.addresses.iter().copied().collect())
            }
            _ => Err(Fault::Name(why)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().expect("no holder panics")
    }
}

async fn system(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// A look-up for tests, which answers as told.
#[cfg(test)]
pub(crate) fn scripted(
    answer: impl Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
) -> LookUp {
    let answer = std::sync::Arc::new(answer);
    Box::new(move |_, _| {
        let answer = answer.clone();
        Box::pin(async move { answer() })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures_util::future::join_all;

    use super::*;

    const KEEP: Duration = Duration::from_secs(30);

    fn address(n: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], 80))
    }

    fn name(answer: impl Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Name {
        let place = Place::parse("http://o.example").unwrap();
        Name::with(&place, KEEP, scripted(answer))
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_looked_up_once_for_many_and_again_when_its_time_is_over() {
        let looked = Arc::new(AtomicUsize::new(0));
        let counted = looked.clone();
        let name = name(move || {
            let times = counted.fetch_add(1, Ordering::Relaxed);
            Ok(vec![address(times as u8)])
        });
        let found = join_all((0..10).map(|_| name.addresses())).await;
        assert!(found.iter().all(|it| *it == Ok(vec![address(0)])));
        tokio::time::advance(KEEP).await;
        assert_eq!(name.addresses().await, Ok(vec![address(1)]));
        assert_eq!(looked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn known_addresses_outlive_their_name_server_for_an_hour() {
        let fails = Arc::new(AtomicUsize::new(0));
        let failing = fails.clone();
        let name = name(move || match failing.load(Ordering::Relaxed) {
            0 => Ok(vec![address(1)]),
            _ => Err(io::Error::other("no server")),
        });
        assert!(name.addresses().await.is_ok());
        fails.store(1, Ordering::Relaxed);
        tokio::time::advance(STALE_MAX - AGAIN).await;
        assert_eq!(name.addresses().await, Ok(vec![address(1)]));
        tokio::time::advance(AGAIN).await;
        let why = Fault::Name("no server".to_owned());
        assert_eq!(name.addresses().await, Err(why));
    }

    #[tokio::test(start_paused = true)]
    async fn known_addresses_outlive_a_name_server_that_says_nothing() {
        let asked = AtomicUsize::new(0);
        let place = Place::parse("http://o.example").unwrap();
        let once = move |_, _| -> Looking {
            match asked.fetch_add(1, Ordering::Relaxed) {
                0 => Box::pin(async { Ok(vec![address(1)]) }),
                _ => Box::pin(std::future::pending()),
            }
        };
        let name = Name::with(&place, KEEP, Box::new(once));
        assert!(name.addresses().await.is_ok());
        tokio::time::advance(KEEP).await;
        let began = Instant::now();
        assert_eq!(name.addresses().await, Ok(vec![address(1)]));
        assert_eq!(name.addresses().await, Ok(vec![address(1)]));
        assert_eq!(began.elapsed(), LOOK_UP_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn the_address_that_worked_is_tried_first() {
        let name = name(|| Ok((0..40).map(address).collect()));
        assert_eq!(name.addresses().await.unwrap().len(), ADDRESSES_MAX);
        name.worked(address(2));
        let order = name.addresses().await.unwrap();
        assert_eq!(order[..4], [2, 0, 1, 3].map(address));
        tokio::time::advance(KEEP).await;
        assert_eq!(name.addresses().await.unwrap()[..4], order[..4]);
    }

    #[tokio::test]
    async fn an_address_is_never_looked_up() {
        let place = Place::parse("http://[::1]:81").unwrap();
        let name = Name::with(&place, KEEP, scripted(|| Err(io::Error::other("asked"))));
        assert_eq!(
            name.addresses().await,
            Ok(vec!["[::1]:81".parse().unwrap()])
        );
    }
}
