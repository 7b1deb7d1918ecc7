//! Looks for objects on disk.

use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::{OnceCell, oneshot},
    time::{Instant, timeout},
};
use tracing::info;

use super::{
    Disk, Fault, Stage,
    format::{self, Clock, PIECE_LEN, PRELUDE_LEN, Prelude},
    health::Change,
    index::Known,
    name::Name,
    on_disk::{OnDisk, Open},
};
use crate::{
    head::{Content, Object},
    path::CacheKey,
};

/// Bodies up to this length are read whole before their answer begins, bytes. Chosen: one
/// block of a big object; it takes a fast disk less time than a request's way to here.
const WHOLE_MAX: u64 = 1 << 20;
/// Longest body that is checked before its answer begins, at its first read after a
/// start, bytes. A longer one's pieces are checked as they are sent, and one that is wrong
/// cuts the answer. Chosen: all segments of a video but the longest.
const CHECK_FIRST_MAX: u64 = 8 << 20;
/// What is read at once to find a header, bytes.
const HEADER_READ: u64 = 16 << 10;

/// An object that was found.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) object: Arc<Object>,
    pub(crate) name: Name,
    pub(crate) turn: u32,
}

/// What a look-up comes to.
pub(crate) enum Find {
    Nothing,
    /// It waits to be written.
    Waiting(Arc<Object>),
    /// And so often was it found by now.
    Found(Found, u8),
}

type Cell = Arc<OnceCell<Option<Found>>>;

/// Look-ups that run: who wants the same waits for the same read.
#[derive(Default)]
pub(crate) struct Running(Mutex<HashMap<Name, Cell>>);

/// A place at a running look-up. Whoever is done first, or gives up, ends it for those
/// who come later.
struct Place<'a> {
    running: &'a Running,
    name: Name,
    cell: Cell,
}

impl Running {
    fn join(&self, name: Name) -> Place<'_> {
        let mut running = self.0.lock().expect("no holder panics");
        Place {
            running: self,
            name,
            cell: running.entry(name).or_default().clone(),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut running = self.running.0.lock().expect("no holder panics");
        if running
            .get(&self.name)
            .is_some_and(|other| Arc::ptr_eq(other, &self.cell))
        {
            running.remove(&self.name);
        }
    }
}

impl Disk {
    /// Looks for what is stored under `key`, for no longer than `disk_wait`.
    pub(crate) async fn find(self: &Arc<Self>, key: &CacheKey) -> Find {
        let name = Name::of(key.as_str());
        let known = {
            let mut state = self.state();
            if let Some(waiting) = state.writing.get(&name) {
                return Find::Waiting(waiting.draft.object.clone());
            }
            match state.index.hit(name) {
                None if state.stage != Stage::Scanning || state.gone.contains(&name) => {
                    return Find::Nothing;
                }
                known => known,
            }
        };
        if !self.reads.is_up(Instant::now()) {
            return Find::Nothing;
        }
        let place = self.running.join(name);
        let read = || self.read(name, key, known);
        let found = place.cell.get_or_init(read).await.clone();
        match found {
            None => Find::Nothing,
            Some(found) => {
                self.metrics.hits.increment(1);
                Find::Found(found, known.map_or(1, |known| known.hits))
            }
        }
    }

    async fn read(
        self: &Arc<Self>,
        name: Name,
        key: &CacheKey,
        known: Option<Known>,
    ) -> Option<Found> {
        let (done, result) = oneshot::channel();
        let lookup = Lookup {
            disk: self.clone(),
            name,
            key: key.clone(),
            turn: known.map(|known| known.turn),
            checked: known.is_some_and(|known| known.checked),
            clock: self.clock.read(),
        };
        let begun = self.pool.try_run(move || {
            if !done.is_closed() {
                let _ = done.send(lookup.run());
            }
        });
        if !begun {
            self.metrics.busy.increment(1);
            return None;
        }
        let result = match timeout(self.wait, result).await {
            Ok(result) => result.unwrap_or(Err(Fault::Missing)),
            Err(_) => Err(Fault::Slow),
        };
        match result {
            Ok(found) => {
                if self.reads.succeed() == Change::Up {
                    info!(dir = ?self.dir, "the cache's disk can be read again");
                    self.metrics.reads_up.set(1.0);
                }
                Some(found)
            }
            Err(Fault::Missing) if known.is_none() => None,
            Err(fault) => {
                let turn = known.map(|known| known.turn);
                self.faulted(name, turn, &fault, Instant::now());
                None
            }
        }
    }
}

/// One file to be read, on a thread that may wait.
struct Lookup {
    disk: Arc<Disk>,
    name: Name,
    key: CacheKey,
    /// As the index knows it; `None` while that is being built.
    turn: Option<u32>,
    checked: bool,
    clock: Clock,
}

impl Lookup {
    fn run(mut self) -> Result<Found, Fault> {
        let file = File::open(self.name.path(&self.disk.dir))?;
        let len = file.metadata()?.len();
        let first = if len <= WHOLE_MAX + HEADER_READ {
            len
        } else {
            HEADER_READ
        };
        let mut bytes = self.bytes(&file, 0, first)?;
        let prelude = Prelude::parse(&bytes).ok_or(Fault::Damaged)?;
        if prelude.file_len() != Some(len) || prelude.header_len < PRELUDE_LEN {
            return Err(Fault::Damaged);
        }
        if prelude.header_len > bytes.len() {
            bytes = self.bytes(&file, 0, prelude.header_len as u64)?;
        }
        let header = format::decode(&bytes, self.clock).ok_or(Fault::Damaged)?;
        if *header.key != *self.key.as_str() {
            return Err(Fault::Damaged);
        }
        let turn = self.enter(len)?;
        let body = if bytes.len() as u64 == len {
            let body = self.disk.held.hold(bytes).slice(prelude.header_len..);
            self.check(&body, &header.sums, turn)?;
            Content::Ram(Arc::new([body]))
        } else {
            let body = OnDisk {
                disk: self.disk.clone(),
                file: Open::new(file, self.disk.clone()),
                name: self.name,
                turn,
                at: prelude.header_len as u64,
                len: prelude.body_len,
                sums: header.sums,
                checked: self.checked,
            };
            Content::Disk(Arc::new(checked(body)?))
        };
        Ok(Found {
            object: Arc::new(Object::restored(header.head, body, prelude.body_len)),
            name: self.name,
            turn,
        })
    }

    fn bytes(&self, file: &File, at: u64, len: u64) -> Result<BytesMut, Fault> {
        let mut bytes = BytesMut::zeroed(usize::try_from(len).map_err(|_| Fault::Damaged)?);
        file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    /// Adds to the index what its scan has not come to yet.
    fn enter(&mut self, len: u64) -> Result<u32, Fault> {
        if let Some(turn) = self.turn {
            return Ok(turn);
        }
        let mut state = self.disk.state();
        if state.gone.contains(&self.name) {
            return Err(Fault::Missing);
        }
        if !state.index.holds(self.name) {
            state.index.insert(self.name, len.div_ceil(super::BLOCK), 0);
        }
        let known = state.index.hit(self.name).ok_or(Fault::Missing)?;
        self.turn = Some(known.turn);
        Ok(known.turn)
    }

    fn check(&self, body: &Bytes, sums: &[u64], turn: u32) -> Result<(), Fault> {
        if self.checked {
            return Ok(());
        }
        let mut pieces = body.chunks(PIECE_LEN).zip(sums);
        if !pieces.all(|(piece, sum)| format::is_right(piece, Some(sum))) {
            return Err(Fault::Damaged);
        }
        self.disk.found_right(self.name, turn);
        Ok(())
    }
}

/// Checks a body that has not been, unless it is too long to be waited for.
fn checked(mut body: OnDisk) -> Result<OnDisk, Fault> {
    if !body.checked && body.len <= CHECK_FIRST_MAX {
        body.check()?;
        body.checked = true;
    }
    Ok(body)
}
