//! What is on disk, what is to be, and what is to be no more.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use super::{folder::Draft, index::Index, name::Name, seen::Seen};

/// Deletions that wait. Only a start's scan holds them up; past this many, what it has
/// not found yet is deleted.
const GONE_MAX: usize = 1 << 18;

/// What stands where. A name is in one of `index`, `writing` and `gone`, or unknown.
pub(super) struct State {
    pub(super) index: Index,
    pub(super) seen: Seen,
    /// Waits to be written, or is being.
    pub(super) writing: HashMap<Name, Waiting>,
    pub(super) queue: VecDeque<Name>,
    pub(super) queued_bytes: u64,
    /// To be deleted. Nothing is looked up under these names.
    pub(super) gone: HashSet<Name>,
    pub(super) to_delete: Vec<Name>,
    pub(super) stage: Stage,
    /// The writer does not take anything until its disk is well again.
    pub(super) ailing: bool,
    pub(super) closing: Option<Instant>,
}

/// How much of the folder is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A file may be there that the index lacks.
    Scanning,
    /// It may as well be one that was replaced since: it is to be deleted.
    Overtaken,
    Known,
}

pub(super) struct Waiting {
    pub(super) draft: Draft,
    /// Answers from disk so far.
    pub(super) hits: u8,
    pub(super) queued: bool,
}

impl State {
    pub(super) fn new(disk_bytes: u64) -> Self {
        Self {
            index: Index::new(),
            seen: Seen::new(disk_bytes),
            writing: HashMap::new(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            gone: HashSet::new(),
            to_delete: Vec::new(),
            stage: Stage::Scanning,
            ailing: false,
            closing: None,
        }
    }

    /// Makes sure that nothing is found under a name; whether something was known to be.
    pub(super) fn forget(&mut self, name: Name) -> bool {
        let indexed = self.index.remove(name);
        let waited = self.writing.remove(&name);
        if let Some(waiting) = waited.as_ref().filter(|waiting| waiting.queued) {
            self.queued_bytes -= waiting.draft.object.len();
            self.queue.retain(|other| *other != name);
        }
        if indexed || self.stage == Stage::Scanning {
            self.delete(name);
        }
        indexed || waited.is_some()
    }

    pub(super) fn delete(&mut self, name: Name) {
        if self.gone.len() >= GONE_MAX && self.stage == Stage::Scanning {
            self.stage = Stage::Overtaken;
        }
        let is_full = self.gone.len() >= GONE_MAX && self.stage != Stage::Known;
        if !is_full && self.gone.insert(name) {
            self.to_delete.push(name);
        }
    }

    /// What is to be written next.
    pub(super) fn next_write(&mut self) -> Option<(Name, Draft)> {
        let name = self.queue.pop_front()?;
        let waiting = self.writing.get_mut(&name)?;
        waiting.queued = false;
        self.queued_bytes -= waiting.draft.object.len();
        Some((name, waiting.draft.clone()))
    }

    /// Drops what waits to be written.
    pub(super) fn give_up(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.writing.retain(|_, waiting| !waiting.queued);
    }

    /// Nothing is known of another folder.
    pub(super) fn start_over(&mut self) {
        self.index.clear();
        self.gone.clear();
        self.to_delete.clear();
        self.stage = Stage::Scanning;
    }
}
