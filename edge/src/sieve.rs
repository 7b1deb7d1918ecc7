//! What goes when room is needed.
//!
//! A queue in order of arrival, and a hand that walks it from its oldest end: it passes
//! over what was asked for since it came by last, and takes what was not (SIEVE, NSDI
//! 2024). What is asked for once and never again leaves soon, and pushes nothing out.

/// No slot.
const NONE: u32 = u32::MAX;
/// What a slot costs beside its item, bytes.
pub(crate) const SLOT_WEIGHT: u64 = 24;

/// What stands in the queue.
pub(crate) trait Item {
    /// Whether it was asked for since this was called last.
    fn take_visit(&mut self) -> bool;
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u32);

struct Slot<T> {
    /// `None` where the slot is free.
    item: Option<T>,
    size: u64,
    newer: u32,
    older: u32,
}

/// See the module.
pub(crate) struct Sieve<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    hand: u32,
    size: u64,
}

impl<T: Item> Sieve<T> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            hand: NONE,
            size: 0,
        }
    }

    /// The sum of all sizes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Slots that memory is taken for.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.slots.get_mut(place.0 as usize)?.item.as_mut()
    }

    pub(crate) fn push(&mut self, item: T, size: u64) -> Place {
        let slot = Slot {
            item: Some(item),
            size,
            newer: NONE,
            older: self.newest,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).expect("fewer objects than fit in 100 GiB")
            }
        };
        match self.newest {
            NONE => self.oldest = at,
            newest => self.slots[newest as usize].newer = at,
        }
        self.newest = at;
        self.size += size;
        Place(at)
    }

    pub(crate) fn remove(&mut self, Place(at): Place) -> Option<T> {
        let slot = self.slots.get_mut(at as usize)?;
        let item = slot.item.take()?;
        let (newer, older, size) = (slot.newer, slot.older, slot.size);
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
        if self.hand == at {
            self.hand = newer;
        }
        self.size -= size;
        self.free.push(at);
        Some(item)
    }

    /// Takes out what is needed least. The hand goes round twice at most, so that what is
    /// asked for all the time can't keep it.
    pub(crate) fn evict(&mut self) -> Option<T> {
        let rounds = 2 * (self.slots.len() - self.free.len());
        for _ in 0..rounds {
            let at = self.under_hand();
            let slot = self.slots.get_mut(at as usize)?;
            self.hand = slot.newer;
            if !slot.item.as_mut()?.take_visit() {
                return self.remove(Place(at));
            }
        }
        self.remove(Place(self.under_hand()))
    }

    fn under_hand(&self) -> u32 {
        match self.hand {
            NONE => self.oldest,
            hand => hand,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Letter(char, bool);

    impl Item for Letter {
        fn take_visit(&mut self) -> bool {
            std::mem::take(&mut self.1)
        }
    }

    fn letters(all: &str) -> (Sieve<Letter>, Vec<Place>) {
        let mut sieve = Sieve::new();
        let places = all.chars().map(|c| sieve.push(Letter(c, false), 1));
        let places = places.collect();
        (sieve, places)
    }

    fn next(sieve: &mut Sieve<Letter>) -> char {
        sieve.evict().unwrap().0
    }

    #[test]
    fn what_was_asked_for_is_passed_over_once() {
        let (mut sieve, places) = letters("abcd");
        for at in [0, 2] {
            sieve.get_mut(places[at]).unwrap().1 = true;
        }
        let gone: String = (0..4).map(|_| next(&mut sieve)).collect();
        assert_eq!(gone, "bdac");
        assert!(sieve.evict().is_none());
    }

    #[test]
    fn what_comes_while_the_hand_walks_stands_at_the_far_end() {
        let (mut sieve, places) = letters("abc");
        sieve.get_mut(places[0]).unwrap().1 = true;
        assert_eq!(next(&mut sieve), 'b');
        sieve.push(Letter('d', false), 1);
        let gone: String = (0..3).map(|_| next(&mut sieve)).collect();
        assert_eq!(gone, "cda");
    }

    #[test]
    fn what_is_always_asked_for_goes_in_the_end() {
        struct Eager;
        impl Item for Eager {
            fn take_visit(&mut self) -> bool {
                true
            }
        }
        let mut sieve = Sieve::new();
        sieve.push(Eager, 1);
        assert!(sieve.evict().is_some() && sieve.size() == 0);
    }

    proptest! {
        #[test]
        fn sizes_add_up_whatever_comes_and_goes(steps in prop::collection::vec((0..3_u8, 0..9_u64), 0..99)) {
            let (mut sieve, mut places) = (Sieve::new(), Vec::new());
            let mut here = std::collections::HashMap::new();
            for (n, (step, size)) in (0_u32..).zip(steps) {
                let letter = char::from_u32('a' as u32 + n).unwrap();
                match step {
                    0 => {
                        places.push((letter, sieve.push(Letter(letter, size > 4), size)));
                        here.insert(letter, size);
                    }
                    1 if !places.is_empty() => {
                        let (letter, place) = places.remove(size as usize % places.len());
                        if here.remove(&letter).is_some() {
                            prop_assert_eq!(sieve.remove(place).unwrap().0, letter);
                        }
                    }
                    _ => {
                        let gone = sieve.evict().map(|letter| letter.0);
                        prop_assert_eq!(gone.is_none(), here.is_empty());
                        gone.map(|letter| here.remove(&letter));
                        places.retain(|(letter, _)| here.contains_key(letter));
                    }
                }
                prop_assert_eq!(sieve.size(), here.values().sum::<u64>());
            }
        }
    }
}
