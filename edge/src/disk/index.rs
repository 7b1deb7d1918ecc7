//! What is on disk, in few bytes each.

use std::collections::HashMap;

use super::name::Name;
use crate::sieve::{Item, Place, SLOT_WEIGHT, Sieve};

/// What an object costs in memory, bytes: its entry, and its place in the map with the
/// room that a map keeps free. Estimated.
const ENTRY_WEIGHT: u64 = size_of::<Entry>() as u64 + SLOT_WEIGHT + 2 * 24;

/// Objects whose index takes no more than so many bytes: what it has room for doubles as it
/// grows.
pub(crate) fn len_max(bytes: u64) -> usize {
    usize::try_from(bytes / ENTRY_WEIGHT / 2).unwrap_or(usize::MAX)
}

struct Entry {
    name: Name,
    /// Counts what is written: an object's successor under its name is another.
    turn: u32,
    /// Asked for since the hand came by.
    visited: bool,
    /// Its body was found right since this process began.
    checked: bool,
    hits: u8,
}

impl Item for Entry {
    fn take_visit(&mut self) -> bool {
        std::mem::take(&mut self.visited)
    }
}

/// What is known of an object on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) turn: u32,
    /// Its body need not be checked.
    pub(crate) checked: bool,
    /// Answers so far, this one included.
    pub(crate) hits: u8,
}

/// Objects by name, and how many blocks of disk they take.
pub(crate) struct Index {
    queue: Sieve<Entry>,
    places: HashMap<Name, Place>,
    turn: u32,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            queue: Sieve::new(),
            places: HashMap::new(),
            turn: 0,
        }
    }

    pub(crate) fn holds(&self, name: Name) -> bool {
        self.places.contains_key(&name)
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Disk taken, in blocks.
    pub(crate) fn blocks(&self) -> u64 {
        self.queue.size()
    }

    /// What it takes in memory, bytes.
    pub(crate) fn weight(&self) -> u64 {
        self.queue.capacity().max(self.places.capacity()) as u64 * ENTRY_WEIGHT
    }

    /// Notes an answer from disk.
    pub(crate) fn hit(&mut self, name: Name) -> Option<Known> {
        let entry = self.entry(name)?;
        entry.visited = true;
        entry.hits = entry.hits.saturating_add(1);
        Some(Known {
            turn: entry.turn,
            checked: entry.checked,
            hits: entry.hits,
        })
    }

    /// Notes that an object is needed; whether it is here.
    pub(crate) fn visit(&mut self, name: Name) -> bool {
        let entry = self.entry(name);
        entry.map(|entry| entry.visited = true).is_some()
    }

    /// Whether what was found under this name still stands there.
    pub(crate) fn still(&mut self, name: Name, turn: u32) -> bool {
        self.entry(name).is_some_and(|entry| entry.turn == turn)
    }

    /// Its body was read whole, and is right.
    pub(crate) fn check(&mut self, name: Name, turn: u32) {
        if let Some(entry) = self.entry(name).filter(|entry| entry.turn == turn) {
            entry.checked = true;
        }
    }

    fn entry(&mut self, name: Name) -> Option<&mut Entry> {
        let place = *self.places.get(&name)?;
        self.queue.get_mut(place)
    }

    /// Adds what was written, or found, after so many answers; what had this name goes.
    pub(crate) fn insert(&mut self, name: Name, blocks: u64, hits: u8) {
        self.remove(name);
        self.turn = self.turn.wrapping_add(1);
        let entry = Entry {
            name,
            turn: self.turn,
            visited: false,
            checked: false,
            hits,
        };
        let place = self.queue.push(entry, blocks);
        self.places.insert(name, place);
    }

    /// Forgets an object; whether it was here.
    pub(crate) fn remove(&mut self, name: Name) -> bool {
        let place = self.places.remove(&name);
        place.is_some_and(|place| self.queue.remove(place).is_some())
    }

    /// Forgets all; no object that comes is taken for one that was here.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            turn: self.turn,
            ..Self::new()
        };
    }

    /// Takes out what is needed least.
    pub(crate) fn evict(&mut self) -> Option<Name> {
        let name = self.queue.evict()?.name;
        self.places.remove(&name);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_not_what_was_found_before() {
        let (mut index, name) = (Index::new(), Name::of("/x"));
        index.insert(name, 1, 0);
        let before = index.hit(name).unwrap();
        index.insert(name, 2, 0);
        assert!(!index.still(name, before.turn));
        index.check(name, before.turn);
        let after = index.hit(name).unwrap();
        assert_eq!((after.checked, after.hits, index.blocks()), (false, 1, 2));
        index.check(name, after.turn);
        assert!(index.hit(name).unwrap().checked);
    }

    #[test]
    fn an_object_costs_about_a_hundred_bytes_of_memory() {
        let mut index = Index::new();
        (0..10_000).for_each(|n| index.insert(Name::of(&n.to_string()), 1, 0));
        let each = index.weight() / 10_000;
        assert!((90..240).contains(&each), "{each}");
    }
}
