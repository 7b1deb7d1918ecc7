//! The pages, and what of them is free.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    page::{Area, Page, UNIT},
    run::Run,
    units::{self, Found},
};

/// Pages that are kept though nothing is in them. Chosen: what comes next need not be mapped.
const SPARE_MAX: usize = 4;
/// Pages in which a run is looked for before there is a new one. Chosen: a few µs.
const LOOKS_MAX: usize = 64;
/// Part of all pages that may be free besides, one of so many: if more is, bodies are broken
/// up to fill it, and what goes is given back to the kernel.
const FREE_SHARE: usize = 16;
/// And the least run then, units.
const RUN_MIN: u32 = 4;

/// See the module.
#[derive(Default)]
pub(crate) struct Pages {
    state: Mutex<State>,
    rounding: AtomicU64,
}

#[derive(Default)]
struct State {
    pages: Vec<Option<Entry>>,
    /// Places in `pages` that have none.
    vacant: Vec<u32>,
    /// Pages with a free unit. Taken from the first on, so that the last become empty.
    open: BTreeSet<u32>,
    empty: usize,
    free_units: usize,
}

/// What a body of `len` bytes leaves of its units.
fn rounding(units: Found, len: usize) -> u64 {
    (units.count as usize * UNIT - len) as u64
}

struct Entry {
    page: Page,
    free: u128,
}

impl Pages {
    /// What bodies take beyond their length, as they get whole units, bytes. What is free
    /// besides and still in memory is [`SPARE_MAX`] pages and one part in [`FREE_SHARE`].
    pub(super) fn rounding(&self) -> u64 {
        self.rounding.load(Relaxed)
    }

    /// Memory for `len` bytes, at most a page, or for the first of them; `None` if the kernel
    /// has none.
    pub(super) fn take(self: &Arc<Self>, len: usize) -> Option<Run> {
        let want = u32::try_from(len.div_ceil(UNIT)).ok()?.clamp(1, u128::BITS);
        let mut state = self.lock();
        let (at, units) = match state.find(want) {
            Some(found) => found,
            None => {
                let at = state.add(Page::map()?)?;
                let units = Found {
                    first: 0,
                    count: want,
                };
                (at, units)
            }
        };
        let entry = state.mark(at, units, false)?;
        let len = len.min(units.count as usize * UNIT);
        let area = entry.page.area(units.first as usize * UNIT, len);
        drop(state);
        self.rounding.fetch_add(rounding(units, len), Relaxed);
        Some(Run::new(area, self.clone(), at, units))
    }

    /// Frees what [`Self::take`] gave, which nobody reads any more. Its memory goes back to
    /// the kernel if much is free already.
    #[allow(unsafe_code, reason = "who gives it back was the last to have it")]
    pub(super) fn give_back(&self, at: u32, units: Found, area: &Area) {
        self.rounding
            .fetch_sub(rounding(units, area.len()), Relaxed);
        if self.lock().is_much_free() {
            // SAFETY: so says whoever calls, and it is not marked as free yet.
            unsafe { area.discard() };
        }
        let mut state = self.lock();
        let entry = state.mark(at, units, true);
        let is_empty = entry.is_some_and(|it| it.free == u128::MAX);
        if is_empty && state.empty > SPARE_MAX {
            let gone = state.remove(at);
            drop(state);
            drop(gone);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

impl State {
    /// Free units in one run, as many as are wanted, or fewer where too much is free.
    fn find(&self, want: u32) -> Option<(u32, Found)> {
        let mut longest = None;
        for at in self.open.iter().take(LOOKS_MAX) {
            let found = units::find(self.pages.get(*at as usize)?.as_ref()?.free, want);
            if found.count == want {
                return Some((*at, found));
            }
            let best = longest.map_or(0, |(_, best): (u32, Found)| best.count);
            if found.count > best {
                longest = Some((*at, found));
            }
        }
        longest.filter(|(_, found)| found.count >= RUN_MIN && self.is_much_free())
    }

    fn pages(&self) -> usize {
        self.pages.len() - self.vacant.len()
    }

    fn is_much_free(&self) -> bool {
        let units = |pages: usize| pages * u128::BITS as usize;
        self.free_units > units(SPARE_MAX) + units(self.pages()) / FREE_SHARE
    }

    fn add(&mut self, page: Page) -> Option<u32> {
        let entry = Entry {
            page,
            free: u128::MAX,
        };
        let at = match self.vacant.pop() {
            Some(at) => at,
            None => {
                self.pages.push(None);
                u32::try_from(self.pages.len() - 1).ok()?
            }
        };
        self.pages[at as usize] = Some(entry);
        self.open.insert(at);
        self.empty += 1;
        self.free_units += u128::BITS as usize;
        Some(at)
    }

    /// Marks units as free, or as not.
    fn mark(&mut self, at: u32, units: Found, free: bool) -> Option<&Entry> {
        let entry = self.pages.get_mut(at as usize)?.as_mut()?;
        let was_empty = entry.free == u128::MAX;
        if free {
            entry.free |= units.bits();
            self.free_units += units.count as usize;
        } else {
            entry.free &= !units.bits();
            self.free_units -= units.count as usize;
        }
        match entry.free {
            0 => self.open.remove(&at),
            _ => self.open.insert(at),
        };
        match (was_empty, entry.free == u128::MAX) {
            (true, false) => self.empty -= 1,
            (false, true) => self.empty += 1,
            _ => {}
        }
        Some(entry)
    }

    /// Takes out an empty page.
    fn remove(&mut self, at: u32) -> Option<Entry> {
        let gone = self.pages.get_mut(at as usize)?.take()?;
        self.open.remove(&at);
        self.vacant.push(at);
        self.empty -= 1;
        self.free_units -= u128::BITS as usize;
        Some(gone)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, thread};

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn mapped(pages: &Pages) -> usize {
        pages.lock().pages()
    }

    #[test]
    fn what_goes_is_given_out_again_and_else_given_back() {
        let pages = Arc::<Pages>::default();
        let runs: Vec<_> = (0..40).map(|_| pages.take(1 << 20).unwrap()).collect();
        assert_eq!((mapped(&pages), pages.rounding()), (20, 0));
        drop(runs);
        assert_eq!(mapped(&pages), SPARE_MAX);
        let runs: Vec<_> = (0..8).map(|_| pages.take(1 << 20).unwrap()).collect();
        assert_eq!((mapped(&pages), pages.rounding()), (4, 0));
        drop(runs);
    }

    #[test]
    fn holes_are_filled_once_they_are_many() {
        let pages = Arc::<Pages>::default();
        let mut runs: Vec<_> = (0..128).map(|_| pages.take(256 << 10).unwrap()).collect();
        let mut nth = 0;
        runs.retain(|_| {
            nth += 1;
            nth % 2 == 0
        });
        let run = pages.take(1 << 20).unwrap();
        assert_eq!((run.len(), mapped(&pages)), (256 << 10, 16));
    }

    /// What may be read, what of it could be read before the rest came, and every byte of it.
    type Read = (Bytes, Bytes, u8);

    fn is_right((all, before, byte): &Read) -> bool {
        let right = vec![*byte; all.len()];
        **all == right && **before == right[..before.len()]
    }

    #[test]
    fn nobody_sees_the_bytes_of_others_whoever_writes_and_lets_go_meanwhile() {
        const KEPT_MAX: usize = 150;
        let (pages, kept) = (Arc::<Pages>::default(), Mutex::<VecDeque<Read>>::default());
        let work = |seed: u64| {
            let mut chance = seed;
            for _ in 0..150 {
                chance ^= chance << 13;
                chance ^= chance >> 7;
                chance ^= chance << 17;
                let (byte, len) = (chance as u8, 1 + (chance >> 8) as usize % (300 << 10));
                let mut run = pages.take(len).unwrap();
                let bytes = vec![byte; run.len()];
                run.write(&bytes[..bytes.len() / 2]);
                let before = run.since(0);
                run.write(&bytes[bytes.len() / 2..]);
                let mut all = kept.lock().unwrap();
                all.push_back((run.since(0), before, byte));
                // Mostly of another thread.
                let oldest = all.len().saturating_sub(KEPT_MAX);
                let go: Vec<_> = all.drain(..oldest).collect();
                drop((all, run));
                assert!(go.iter().all(is_right));
            }
        };
        thread::scope(|scope| {
            for seed in 1..5 {
                scope.spawn(move || work(seed));
            }
        });
        let kept = kept.into_inner().unwrap();
        assert!(kept.len() == KEPT_MAX && kept.iter().all(is_right));
        drop(kept);
        assert_eq!((mapped(&pages), pages.rounding()), (SPARE_MAX, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_two_runs_share_a_byte(steps in prop::collection::vec((any::<bool>(), 1..2_usize << 20), 0..60)) {
            let pages = Arc::<Pages>::default();
            let mut runs = std::collections::VecDeque::new();
            for ((take, len), n) in steps.into_iter().zip(0_u8..) {
                if take {
                    let mut run = pages.take(len).unwrap();
                    prop_assert!(run.len() <= len);
                    let bytes = vec![n; run.len()];
                    run.write(&bytes);
                    runs.push_back((run, n));
                } else if let Some((run, n)) = runs.pop_front() {
                    prop_assert!(run.since(0).iter().all(|byte| *byte == n));
                }
                let sum: usize = runs.iter().map(|(run, _)| run.len().div_ceil(UNIT)).sum();
                let free = pages.lock().free_units;
                prop_assert_eq!(sum + free, mapped(&pages) * u128::BITS as usize);
            }
            prop_assert!(runs.iter().all(|(run, n)| run.since(0).iter().all(|byte| byte == n)));
        }
    }
}
