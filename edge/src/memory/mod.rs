//! Memory of its own for large bodies.
//!
//! A body whose length is known gets all of its memory at once, in [runs](run) of pages
//! of 2 MiB: written there once, as it comes, it is read there by all who wait and by
//! whoever asks later. What goes is given to the next body, or back to the kernel.

mod intake;
mod page;
mod pages;
mod run;
mod units;

pub(crate) use intake::{Growth, Intake};

use std::sync::Arc;

use self::{pages::Pages, run::Run};
use crate::held::Held;

/// Shorter bodies come from the allocator, which has no use for whole pages. Chosen: in runs
/// of whole units a body wastes 8 KiB in the mean, of this 6 %.
const LEN_MIN: u64 = 128 << 10;
/// Less memory than this has no place for whole pages either, bytes. Chosen.
const RAM_MIN: u64 = 64 << 20;
/// Longest run, bytes: what of a stored body is sent as one piece. Chosen.
pub(crate) const RUN_MAX: u64 = 1 << 20;

/// Where stored bodies are kept, and how much of them there is.
pub(crate) struct Memory {
    pages: Option<Arc<Pages>>,
    held: Held,
}

impl Memory {
    /// For an edge that may use so many bytes.
    pub(crate) fn new(ram_bytes: u64) -> Self {
        Self {
            pages: (ram_bytes >= RAM_MIN).then(Arc::default),
            held: Held::default(),
        }
    }

    /// Counts bodies in memory.
    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// What bodies take beyond their length, bytes.
    pub(crate) fn rounding(&self) -> u64 {
        self.pages.as_ref().map_or(0, |pages| pages.rounding())
    }

    /// For a body of which so many bytes will come.
    pub(crate) fn intake(&self, len: Option<u64>) -> Intake {
        let runs = len.and_then(|len| self.runs(len)).unwrap_or_default();
        Intake::new(runs, self.held.clone())
    }

    /// Room for a body of `len` bytes; `None` where the allocator is to be asked instead.
    fn runs(&self, len: u64) -> Option<Vec<Run>> {
        let pages = self.pages.as_ref().filter(|_| len >= LEN_MIN)?;
        let mut left = len;
        let mut runs = Vec::with_capacity(len.div_ceil(RUN_MAX) as usize);
        while left > 0 {
            let run = pages.take(left.min(RUN_MAX) as usize)?;
            left -= run.len() as u64;
            runs.push(run);
        }
        Some(runs)
    }
}
