//! What the origin has: each object changes now and then, and its tag says which bytes it has.

use std::time::Duration;

use tokio::time::Instant;

/// Objects.
pub(crate) const COUNT: u64 = 400;
/// How long an object stays the same.
const LIVES: Duration = Duration::from_secs(45);

/// One state of one object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) id: u64,
    pub(crate) generation: u64,
}

impl Object {
    pub(crate) fn now(id: u64, began: Instant) -> Self {
        // Not all at once.
        let shifted = began.elapsed() + LIVES.mul_f64(id as f64 / COUNT as f64);
        let generation = shifted.as_secs() / LIVES.as_secs();
        Self { id, generation }
    }

    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let (id, generation) = tag.trim_matches('"').split_once('-')?;
        Some(Self {
            id: id.parse().ok()?,
            generation: generation.parse().ok()?,
        })
    }

    pub(crate) fn tag(self) -> String {
        format!("\"{}-{}\"", self.id, self.generation)
    }

    /// From 100 bytes to 5 MB, large ones rare.
    pub(crate) fn len(self) -> u64 {
        let spread = self.id * 7919 % 100;
        let base = match spread {
            0..50 => 100 + spread * 97,
            50..90 => 20_000 + spread * 1_500,
            _ => 1_000_000 + (spread - 90) * 450_000,
        };
        base + self.generation % 13
    }

    /// The byte at an offset: differs between objects, states and neighbours.
    pub(crate) fn byte(self, offset: u64) -> u8 {
        let mixed = (offset ^ (self.id << 32) ^ (self.generation << 48))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 56) as u8
    }

    pub(crate) fn bytes(self, range: std::ops::Range<u64>) -> Vec<u8> {
        range.map(|offset| self.byte(offset)).collect()
    }
}
