//! The one thread that changes the folder.

use std::{io, io::ErrorKind, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    BLOCK, Disk, OBJECT_SHARE, Stage,
    folder::{Draft, Encoded, Folder, Refused},
    health::Change,
    name::Name,
    state::{Full, State},
};

/// How long a file system that was full is held to have no more room for objects than they
/// took, less one part of so many. Chosen: others may free some, and each try costs a write.
const FULL_KEPT: Duration = Duration::from_secs(60);
const SLACK_SHARE: u64 = 64;

/// What to do next.
enum Task {
    /// And how many that makes with all before.
    Delete(Vec<Name>, u64),
    Write(Name, Draft),
    /// The folder was ailing, and is to be looked at again.
    Retry,
    Stop,
}

/// Runs until the disk is closed; lets go of the folder then. Without one it is found first.
pub(crate) fn run(disk: &Disk, mut folder: Option<Folder>) {
    match &folder {
        Some(folder) => disk.scan(folder),
        None => disk.state().ailing = true,
    }
    loop {
        match (disk.next(), &folder) {
            (Task::Stop, _) => break,
            (Task::Delete(names, count), Some(folder)) => {
                disk.delete_removed(folder, names, count);
            }
            (Task::Write(name, draft), Some(folder)) => disk.store(folder, name, &draft),
            (_, _) => disk.retry(&mut folder),
        }
    }
    drop(folder);
    disk.released.send_replace(true);
}

impl Disk {
    fn next(&self) -> Task {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if state.closing.is_some_and(|until| now >= until) {
                break;
            }
            if !state.ailing && !state.to_delete.is_empty() {
                let (names, count) = state.take_deletions();
                return Task::Delete(names, count);
            }
            if !state.ailing
                && let Some((name, draft)) = state.next_write()
            {
                return Task::Write(name, draft);
            }
            if state.closing.is_some() {
                break;
            }
            if !state.ailing {
                state = self.wake.wait(state).expect("no holder panics");
                continue;
            }
            let pause = self.writes.pause_left(now);
            if pause.is_zero() {
                return Task::Retry;
            }
            let waited = self.wake.wait_timeout(state, pause);
            state = waited.expect("no holder panics").0;
        }
        state.stopped = true;
        Task::Stop
    }

    /// Finds out what is in the folder.
    fn scan(&self, folder: &Folder) {
        let began = Instant::now();
        let scanned = folder.scan(|name, len| {
            let goes_on = self.take_in(name, len);
            // Who removes something meanwhile waits for that.
            let (removed, count) = self.state().take_deletions();
            self.delete_removed(folder, removed, count);
            goes_on
        });
        let mut state = self.state();
        state.stage = Stage::Known;
        let (objects, bytes) = (state.index.len(), state.index.blocks() * BLOCK);
        drop(state);
        self.metrics.size(bytes, objects);
        match scanned {
            Ok(()) => {
                info!(dir = ?self.dir, objects, bytes, took = ?began.elapsed(), "the cache's disk is known");
            }
            Err(error) => self.write_failed(&error),
        }
    }

    /// Takes in what a scan found; whether it is to go on.
    fn take_in(&self, name: Name, len: u64) -> bool {
        let mut state = self.state();
        let known = state.index.holds(name) || state.gone.contains(&name);
        match state.stage {
            _ if known => {}
            Stage::Overtaken => state.delete(name),
            _ => state.index.insert(name, len.div_ceil(BLOCK), 0),
        }
        for name in self.excess(&mut state, 0) {
            state.delete(name);
        }
        state.closing.is_none()
    }

    /// What must go before `blocks` more fit.
    fn excess(&self, state: &mut State, blocks: u64) -> Vec<Name> {
        let (mut names, room) = (Vec::new(), state.room(self.blocks_max));
        let index = &mut state.index;
        while index.blocks() + blocks > room || index.len() > self.objects_max {
            let Some(name) = index.evict() else { break };
            self.metrics.evictions.increment(1);
            names.push(name);
        }
        names
    }

    /// Deletes what was removed; who waits for that is told.
    fn delete_removed(&self, folder: &Folder, names: Vec<Name>, count: u64) {
        if !names.is_empty() {
            self.delete(folder, names);
            self.deleted.send_replace(count);
        }
    }

    fn delete(&self, folder: &Folder, names: Vec<Name>) {
        for name in names {
            match folder.unlink(name) {
                Ok(()) => drop(self.state().gone.remove(&name)),
                Err(error) => {
                    self.metrics.write_faults.increment(1);
                    debug!(%name, %error, "can't delete a file of the cache");
                    // What is still there must not be found.
                    self.state().gone.insert(name);
                }
            }
        }
    }

    fn store(&self, folder: &Folder, name: Name, draft: &Draft) {
        let file = draft.encode();
        let blocks = file.len().div_ceil(BLOCK);
        let written = self.put(folder, name, &file);
        self.settle(name, draft, blocks, written.is_ok());
        match written {
            Ok(()) => {
                self.metrics.writes.increment(1);
                self.metrics.written.increment(file.len());
                self.write_succeeded();
            }
            Err(error) => self.write_failed(&error),
        }
        self.gauge();
    }

    /// Writes a file; what is needed least makes room for it.
    fn put(&self, folder: &Folder, name: Name, file: &Encoded<'_>) -> io::Result<()> {
        let blocks = file.len().div_ceil(BLOCK);
        self.make_room(folder, blocks);
        let written = folder.write(name, file);
        match &written {
            Err(error) if is_full(error) && self.is_smaller(blocks, error) => {
                self.make_room(folder, blocks);
                folder.write(name, file)
            }
            _ => written,
        }
    }

    fn make_room(&self, folder: &Folder, blocks: u64) {
        let too_much = self.excess(&mut self.state(), blocks);
        self.delete(folder, too_much);
    }

    /// Takes what is there for all that there is room for, as others fill the file system too;
    /// whether so many blocks fit into that.
    fn is_smaller(&self, blocks: u64, error: &io::Error) -> bool {
        let mut state = self.state();
        let taken = state.index.blocks();
        let room = taken - taken.div_ceil(SLACK_SHARE);
        if blocks > room / OBJECT_SHARE {
            return false;
        }
        let until = Instant::now() + FULL_KEPT;
        let before = state.full.replace(Full {
            blocks: room,
            until,
        });
        drop(state);
        self.metrics.write_faults.increment(1);
        if before.is_none() {
            let bytes = room * BLOCK;
            warn!(dir = ?self.dir, %error, bytes, "the cache's file system has less room than the setting disk; keeping what is needed most");
        }
        true
    }

    /// Draws the consequences of a write.
    fn settle(&self, name: Name, draft: &Draft, blocks: u64, is_written: bool) {
        let mut state = self.state();
        let wanted = state
            .writing
            .get(&name)
            .filter(|waiting| Arc::ptr_eq(&waiting.draft.object, &draft.object));
        let hits = wanted.map(|waiting| waiting.hits);
        if hits.is_some() {
            state.writing.remove(&name);
        }
        match hits.filter(|_| is_written) {
            Some(hits) => {
                state.gone.remove(&name);
                state.index.insert(name, blocks, hits);
            }
            // It was replaced or removed meanwhile.
            None if is_written => state.delete(name),
            None => {}
        }
    }

    fn write_failed(&self, error: &std::io::Error) {
        self.metrics.write_faults.increment(1);
        if self.writes.fail(Instant::now()) == Change::Down {
            warn!(dir = ?self.dir, %error, "can't write to the cache's disk; storing in memory only, trying again");
            self.metrics.writes_up.set(0.0);
        }
        let mut state = self.state();
        state.ailing = true;
        let dropped = state.queue.len() as u64;
        state.give_up();
        drop(state);
        self.metrics.dropped.increment(dropped);
    }

    fn write_succeeded(&self) {
        if self.writes.succeed() == Change::Up {
            self.state().delete_again();
            info!(dir = ?self.dir, "the cache's disk takes objects again");
            self.metrics.writes_up.set(1.0);
        }
    }

    /// Looks whether the folder is there and ours, and if it is another one, what is in that.
    fn retry(&self, folder: &mut Option<Folder>) {
        if !folder.as_ref().is_some_and(Folder::is_there) {
            match Folder::open(&self.dir) {
                Ok(new) => {
                    self.state().enter(new.is_outdated());
                    self.scan(folder.insert(new));
                }
                Err(Refused::Io(error)) => return self.write_failed(&error),
                Err(refused) => return self.write_failed(&std::io::Error::other(refused)),
            }
        }
        // The next write tells.
        self.state().ailing = false;
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
