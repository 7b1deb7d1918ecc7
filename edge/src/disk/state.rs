//! What is on disk, what is to be, and what is to be no more.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use super::{folder::Draft, index::Index, name::Name, seen::Seen};

/// Deletions that wait of what may be there. Past this many, what is not known yet when they
/// are done is deleted.
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
    /// How many were put there so far.
    pub(super) deletions: u64,
    pub(super) stage: Stage,
    pub(super) full: Option<Full>,
    /// The writer does not take anything until its disk is well again.
    pub(super) ailing: bool,
    pub(super) closing: Option<Instant>,
    /// The writer has ended, or is about to.
    pub(super) stopped: bool,
}

/// The file system had no more room, though the budget has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Full {
    /// What objects may take until then, in blocks.
    pub(super) blocks: u64,
    pub(super) until: Instant,
}

/// How much of the folder is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A file may be there that the index lacks.
    Scanning,
    /// The same; but what it lacks is to be deleted: it may have been replaced since, or is of
    /// an earlier version of the format.
    Overtaken,
    /// It is not ours now.
    Away,
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
            deletions: 0,
            stage: Stage::Scanning,
            full: None,
            ailing: false,
            closing: None,
            stopped: false,
        }
    }

    /// How many blocks there is room for, of those that are allowed.
    pub(super) fn room(&self, allowed: u64) -> u64 {
        let full = self.full.filter(|full| Instant::now() < full.until);
        full.map_or(allowed, |full| full.blocks.min(allowed))
    }

    /// Makes sure that nothing is found under a name; whether something was known to be.
    pub(super) fn forget(&mut self, name: Name) -> bool {
        let indexed = self.index.remove(name);
        let waited = self.writing.remove(&name);
        if let Some(waiting) = waited.as_ref().filter(|waiting| waiting.queued) {
            self.queued_bytes -= waiting.draft.object.len();
            self.queue.retain(|other| *other != name);
        }
        let being_written = waited.as_ref().is_some_and(|waiting| !waiting.queued);
        if indexed || being_written {
            self.delete(name);
        } else if matches!(self.stage, Stage::Scanning | Stage::Away) {
            self.delete_unknown(name);
        }
        indexed || waited.is_some()
    }

    /// Has a file deleted.
    pub(super) fn delete(&mut self, name: Name) {
        if self.gone.insert(name) {
            self.to_delete.push(name);
            self.deletions += 1;
        }
    }

    /// What is to be deleted now, and how many that makes with all before.
    pub(super) fn take_deletions(&mut self) -> (Vec<Name>, u64) {
        (std::mem::take(&mut self.to_delete), self.deletions)
    }

    /// Whether what is removed will be deleted soon.
    pub(super) fn deletes(&self) -> bool {
        !self.ailing && !self.stopped
    }

    /// Tries again to delete what could not be.
    pub(super) fn delete_again(&mut self) {
        let left: Vec<_> = std::mem::take(&mut self.gone).into_iter().collect();
        // Those that wait are among them.
        self.to_delete.clear();
        left.into_iter().for_each(|name| self.delete(name));
    }

    /// Has a file deleted that may be there. Where too many are, all that is not known yet
    /// goes.
    fn delete_unknown(&mut self, name: Name) {
        if self.gone.len() < GONE_MAX {
            self.delete(name);
        } else if self.stage == Stage::Scanning {
            self.stage = Stage::Overtaken;
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

    /// A folder is there of which nothing is known yet. What is `outdated` in it goes, and what
    /// was removed meanwhile.
    pub(super) fn enter(&mut self, outdated: bool) {
        self.index.clear();
        self.stage = match outdated || self.gone.len() >= GONE_MAX {
            true => Stage::Overtaken,
            false => Stage::Scanning,
        };
    }

    /// The folder is not ours to look into.
    pub(super) fn leave(&mut self) {
        self.index.clear();
        self.stage = Stage::Away;
    }
}
