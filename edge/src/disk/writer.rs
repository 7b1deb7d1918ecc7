//! The one thread that changes the folder.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    BLOCK, Disk, Stage,
    folder::{Draft, Folder, Refused},
    health::Change,
    index::Index,
    name::Name,
};
/// What to do next.
enum Task {
    Delete(Vec<Name>),
    Write(Name, Draft),
    /// The folder was ailing, and is to be looked at again.
    Retry,
    Stop,
}

/// Runs until the disk is closed; lets go of the folder then.
pub(crate) fn run(disk: &Disk, mut folder: Folder) {
    disk.scan(&folder);
    loop {
        match disk.next() {
            Task::Delete(names) => disk.delete(&folder, names),
            Task::Write(name, draft) => disk.store(&folder, name, &draft),
            Task::Retry => disk.retry(&mut folder),
            Task::Stop => break,
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
            let late = state.closing.is_some_and(|until| now >= until);
            if late {
                return Task::Stop;
            }
            let pause = self.writes.pause_left(now);
            if !state.ailing && !state.to_delete.is_empty() {
                return Task::Delete(std::mem::take(&mut state.to_delete));
            }
            if !state.ailing
                && let Some((name, draft)) = state.next_write()
            {
                return Task::Write(name, draft);
            }
            if state.closing.is_some() {
                return Task::Stop;
            }
            state = if state.ailing {
                if pause.is_zero() {
                    return Task::Retry;
                }
                self.wake
                    .wait_timeout(state, pause)
                    .expect("no holder panics")
                    .0
            } else {
                self.wake.wait(state).expect("no holder panics")
            };
        }
    }

    /// Finds out what is in the folder.
    fn scan(&self, folder: &Folder) {
        let began = Instant::now();
        let scanned = folder.scan(|name, len| {
            let mut state = self.state();
            match state.stage {
                Stage::Overtaken if !state.index.holds(name) => state.to_delete.push(name),
                _ if state.gone.contains(&name) || state.index.holds(name) => {}
                _ => state.index.insert(name, len.div_ceil(BLOCK), 0),
            }
            let too_much = self.excess(&mut state.index, 0);
            state.to_delete.extend(too_much);
            state.closing.is_none()
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

    /// What must go before `blocks` more fit.
    fn excess(&self, index: &mut Index, blocks: u64) -> Vec<Name> {
        let mut names = Vec::new();
        while index.blocks() + blocks > self.blocks_max {
            let Some(name) = index.evict() else { break };
            self.metrics.evictions.increment(1);
            names.push(name);
        }
        names
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
        let too_much = self.excess(&mut self.state().index, blocks);
        self.delete(folder, too_much);
        let written = folder.write(name, &file);
        if let Err(error) = &written {
            self.write_failed(error);
        } else {
            self.metrics.writes.increment(1);
            self.metrics.written.increment(file.len());
            self.write_succeeded();
        }
        let mut state = self.state();
        let wanted = state
            .writing
            .get(&name)
            .filter(|waiting| Arc::ptr_eq(&waiting.draft.object, &draft.object));
        let hits = wanted.map(|waiting| waiting.hits);
        if hits.is_some() {
            state.writing.remove(&name);
        }
        match (written, hits) {
            (Ok(()), Some(hits)) => {
                state.gone.remove(&name);
                state.index.insert(name, blocks, hits);
            }
            // It was replaced or removed meanwhile.
            (Ok(()), None) => state.delete(name),
            (Err(_), _) => {}
        }
        drop(state);
        self.gauge();
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
            info!(dir = ?self.dir, "the cache's disk takes objects again");
            self.metrics.writes_up.set(1.0);
        }
    }

    /// Looks whether the folder is there, and if it is another one, what is in that.
    fn retry(&self, folder: &mut Folder) {
        if !folder.is_there() {
            match Folder::open(&self.dir) {
                Ok(new) => {
                    *folder = new;
                    self.state().start_over();
                    self.scan(folder);
                }
                Err(Refused::Io(error)) => return self.write_failed(&error),
                Err(refused @ Refused::InUse) => {
                    return self.write_failed(&std::io::Error::other(refused));
                }
            }
        }
        // The next write tells.
        self.state().ailing = false;
    }
}
