use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    health::{Circumstances, Failure, Health, Rules},
    peer::Peer,
};

/// Origins that have the same, and which of them is asked.
pub(crate) struct Group {
    peers: Vec<Arc<Peer>>,
    /// One for each; empty: the first that is in gets all.
    weights: Vec<u32>,
    rules: Rules,
    health: Mutex<Vec<Health>>,
}

impl Group {
    pub(crate) fn new(peers: Vec<Arc<Peer>>, weights: Vec<u32>, rules: Rules) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            health: Mutex::new(peers.iter().map(|_| Health::new(now)).collect()),
            peers,
            weights,
            rules,
        })
    }

    pub(crate) fn peers(&self) -> &[Arc<Peer>] {
        &self.peers
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Which of them are asked now.
    pub(crate) fn states(&self) -> Vec<bool> {
        self.lock().iter().map(Health::is_in).collect()
    }

    /// The one to ask next, besides those that were tried. If checks alone keep all out,
    /// they may be what is wrong.
    pub(crate) fn pick(self: &Arc<Self>, tried: &[usize]) -> Option<Pick> {
        let now = Instant::now();
        let mut health = self.lock();
        let mut these = untried(&health, tried, |it| it.takes(now));
        if these.is_empty() {
            these = untried(&health, tried, Health::is_down);
        }
        let at = choose(&these, &self.weights, fastrand::f64())?;
        let trial = health[at].send();
        Some(self.picked(at, trial))
    }

    /// The one to ask what it may hold for long: never as a trial, for which all others
    /// would wait. If none is in, any, though it may be gone.
    pub(crate) fn pick_to_wait(self: &Arc<Self>, tried: &[usize]) -> Option<Pick> {
        let health = self.lock();
        let mut these = untried(&health, tried, Health::is_in);
        if these.is_empty() {
            these = untried(&health, tried, |_| true);
            fastrand::shuffle(&mut these);
        }
        let at = choose(&these, &self.weights, fastrand::f64())?;
        Some(self.picked(at, false))
    }

    /// This one, whatever its state.
    pub(crate) fn picked(self: &Arc<Self>, at: usize, trial: bool) -> Pick {
        Pick {
            ticket: Ticket {
                group: self.clone(),
                at,
            },
            trial,
            open: trial,
        }
    }

    /// Whether there is one more to ask.
    pub(crate) fn takes(&self, tried: &[usize]) -> bool {
        let now = Instant::now();
        !untried(&self.lock(), tried, |it| it.takes(now)).is_empty()
    }

    fn change<T>(&self, at: usize, change: impl FnOnce(&mut Health, Circumstances) -> T) -> T {
        let mut health = self.lock();
        let mut others = health.iter().enumerate().filter(|(other, _)| *other != at);
        let circumstances = Circumstances {
            alone: !others.any(|(_, it)| it.is_in()),
            chance: fastrand::f64(),
            now: Instant::now(),
        };
        let was_in = health[at].is_in();
        let done = change(&mut health[at], circumstances);
        let is_in = health[at].is_in();
        drop(health);
        let peer = &self.peers[at];
        peer.counts.out(!is_in);
        match (was_in, is_in) {
            (true, false) => warn!(origin = %peer.place, "kept out"),
            (false, true) => info!(origin = %peer.place, "asked again"),
            _ => {}
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Health>> {
        self.health.lock().expect("no holder panics")
    }
}

fn untried(health: &[Health], tried: &[usize], wanted: impl Fn(&Health) -> bool) -> Vec<usize> {
    let all = health.iter().enumerate();
    let these = all.filter(|(at, it)| !tried.contains(at) && wanted(it));
    these.map(|(at, _)| at).collect()
}

/// The first, or by chance (0 to 1) as their weights are.
fn choose(these: &[usize], weights: &[u32], chance: f64) -> Option<usize> {
    let weight = |at: usize| weights.get(at).map_or(0.0, |it| f64::from(*it));
    let mut left = chance * these.iter().map(|at| weight(*at)).sum::<f64>();
    let heavy = these.iter().find(|at| {
        left -= weight(**at);
        left < 0.0
    });
    heavy.or(these.first()).copied()
}

/// An origin that is about to be asked. Dropped without a word, it has said nothing of
/// the origin.
pub(crate) struct Pick {
    ticket: Ticket,
    /// This request finds out how the origin is.
    trial: bool,
    open: bool,
}

/// Where an answer came from.
#[derive(Clone)]
pub(crate) struct Ticket {
    group: Arc<Group>,
    at: usize,
}

impl Pick {
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.ticket.group.peers[self.ticket.at]
    }

    pub(crate) fn group(&self) -> &Group {
        &self.ticket.group
    }

    pub(crate) fn at(&self) -> usize {
        self.ticket.at
    }

    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket.clone()
    }

    pub(crate) fn succeeded(mut self) {
        self.open = false;
        let trial = self.trial;
        self.change(|health, at| health.succeeded(trial, at.now));
    }

    pub(crate) fn failed(mut self, failure: Failure) {
        self.open = false;
        self.peer().counts.failures.increment(1);
        let (trial, rules) = (self.trial, &self.ticket.group.rules);
        self.change(|health, at| health.failed(failure, trial, rules, at));
    }

    /// It is well, whatever it was thought to be.
    pub(crate) fn recovered(mut self) {
        self.open = false;
        self.change(|health, at| health.recovered(at.now));
    }

    pub(crate) fn check_failed(mut self) {
        self.open = false;
        self.change(|health, _| health.check_failed());
    }

    fn change<T>(&self, change: impl FnOnce(&mut Health, Circumstances) -> T) -> T {
        self.ticket.group.change(self.ticket.at, change)
    }
}

impl Drop for Pick {
    fn drop(&mut self) {
        if self.open {
            self.change(|health, at| health.gave_up(at.now));
        }
    }
}

impl Ticket {
    /// A new connection came about.
    pub(crate) fn connected(&self) {
        self.group
            .change(self.at, |health, at| health.connected(at.now));
    }

    /// So many bytes of the answer's body came.
    pub(crate) fn came(&self, len: usize) {
        let counts = &self.group.peers[self.at].counts;
        counts.received.increment(len as u64);
    }

    /// The answer ended before its end.
    pub(crate) fn cut(&self) {
        let pick = self.group.picked(self.at, false);
        pick.failed(Failure::Answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_weights_the_first_is_chosen() {
        for chance in [0.0, 0.5, 0.999] {
            assert_eq!(choose(&[1, 2], &[], chance), Some(1));
        }
        assert_eq!(choose(&[], &[1, 2], 0.5), None);
    }

    #[test]
    fn weights_share_requests_among_those_that_are_in() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut counts = [0_u32; 3];
        for _ in 0..10_000 {
            let at = choose(&[0, 2], &[3, 5, 1], random.f64()).unwrap();
            counts[at] += 1;
        }
        assert!((7_300..7_700).contains(&counts[0]) && counts[1] == 0);
    }

    #[test]
    fn one_without_weight_is_asked_when_no_other_is_in() {
        assert_eq!(choose(&[0, 1], &[0, 1], 0.0), Some(1));
        assert_eq!(choose(&[0], &[0, 1], 0.0), Some(0));
    }
}
