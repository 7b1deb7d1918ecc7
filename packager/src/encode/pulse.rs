//! Whether ffmpeg is alive.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::PackagerError;

/// How often it is looked whether ffmpeg is alive, per `idle_timeout`.
const LOOKS: u32 = 20;

/// When ffmpeg last gave a sign of life. Time in which the origin keeps it waiting does
/// not count.
pub(crate) struct Pulse {
    since: Instant,
    last_ms: AtomicU64,
    waiting: AtomicUsize,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            last_ms: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Pulse {
    pub(crate) fn beat(&self) {
        self.last_ms
            .store(self.since.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Until what is returned is dropped, ffmpeg waits for us.
    pub(crate) fn waits(&self) -> Waits<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(self)
    }

    /// Returns when there was none for `idle`.
    pub(crate) async fn stops(&self, idle: Duration) -> PackagerError {
        loop {
            sleep(idle / LOOKS).await;
            if self.waiting.load(Ordering::Relaxed) > 0 {
                self.beat();
            }
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            if self.since.elapsed() > last + idle {
                let secs = idle.as_secs();
                return PackagerError::Encoder(format!("ffmpeg made no progress for {secs} s"));
            }
        }
    }
}

pub(crate) struct Waits<'a>(&'a Pulse);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.beat();
    }
}
