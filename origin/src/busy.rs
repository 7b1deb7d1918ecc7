//! One writer to an upload: the later of two takes over. The earlier stops at the next bytes
//! that come, makes safe what it has, and is told; only then does the later look where to go on.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wire::UploadId;

/// Longest wait for an earlier writer to make safe what it has. Chosen: a flush of the
/// mebibytes between two, on a slow disk.
const TAKE_OVER_WAIT: Duration = Duration::from_secs(10);

/// Uploads that a request is writing to: one at a time each.
#[derive(Debug, Default, Clone)]
pub(crate) struct BusyUploads(Arc<Mutex<Claims>>);

#[derive(Debug, Default)]
struct Claims {
    /// Counts those who ask, so that the later of two is known.
    asked: u64,
    held: HashMap<UploadId, Held>,
}

#[derive(Debug, Clone)]
struct Held {
    place: u64,
    /// Somebody later wants it.
    stop: CancellationToken,
    ended: CancellationToken,
}

/// Held while a request writes to an upload.
#[derive(Debug)]
pub(crate) struct BusyUpload {
    all: BusyUploads,
    upload: UploadId,
    held: Held,
}

impl BusyUploads {
    /// `None` while another request writes.
    pub(crate) fn try_claim(&self, upload: &UploadId) -> Option<BusyUpload> {
        let place = self.place();
        self.claim(upload, place).ok()
    }

    /// Stops who writes, and waits for that. `None`: it takes too long, or somebody later
    /// has it already.
    pub(crate) async fn take_over(&self, upload: &UploadId) -> Option<BusyUpload> {
        let place = self.place();
        let give_up = Instant::now() + TAKE_OVER_WAIT;
        loop {
            let earlier = match self.claim(upload, place) {
                Ok(busy) => return Some(busy),
                Err(held) => held,
            };
            if earlier.place > place {
                return None;
            }
            earlier.stop.cancel();
            timeout_at(give_up, earlier.ended.cancelled()).await.ok()?;
        }
    }

    fn place(&self) -> u64 {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.asked += 1;
        claims.asked
    }

    fn claim(&self, upload: &UploadId, place: u64) -> Result<BusyUpload, Held> {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match claims.held.entry(upload.clone()) {
            Entry::Occupied(held) => Err(held.get().clone()),
            Entry::Vacant(free) => {
                let held = Held {
                    place,
                    stop: CancellationToken::new(),
                    ended: CancellationToken::new(),
                };
                free.insert(held.clone());
                Ok(BusyUpload {
                    all: self.clone(),
                    upload: upload.clone(),
                    held,
                })
            }
        }
    }
}

impl BusyUpload {
    /// Resolves when somebody later wants the upload.
    pub(crate) async fn wanted(&self) {
        self.held.stop.cancelled().await;
    }
}

impl Drop for BusyUpload {
    fn drop(&mut self) {
        let mut claims = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.held.remove(&self.upload);
        self.held.ended.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn upload() -> UploadId {
        "u".parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_latest_has_it_and_those_between_give_up() {
        let (all, upload) = (BusyUploads::default(), upload());
        let first = all.try_claim(&upload).unwrap();
        let mut second = pin!(all.take_over(&upload));
        tokio::select! {
            biased;
            _ = &mut second => panic!("the first still writes"),
            () = first.wanted() => {}
        }
        let mut third = pin!(all.take_over(&upload));
        tokio::select! {
            biased;
            _ = &mut third => panic!("the first still writes"),
            () = std::future::ready(()) => {}
        }
        drop(first);
        let third = third.await.unwrap();
        assert!(second.await.is_none());
        assert!(all.try_claim(&upload).is_none());
        drop(third);
        assert!(all.try_claim(&upload).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_does_not_stop_keeps_it() {
        let all = BusyUploads::default();
        let _first = all.try_claim(&upload()).unwrap();
        assert!(all.take_over(&upload()).await.is_none());
    }
}
