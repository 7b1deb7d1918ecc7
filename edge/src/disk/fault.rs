//! What goes wrong when a file is read, and what follows from it.

use std::io::{self, ErrorKind};

use tokio::time::Instant;
use tracing::warn;

use super::{Disk, health::Change, name::Name};

/// Why a file gives nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    Missing,
    /// It is not what was written.
    Damaged,
    Io(io::Error),
    Slow,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Io(error),
        }
    }
}

impl Disk {
    /// Draws the consequences of a fault of what was found, or of what nothing was known of.
    pub(super) fn faulted(&self, name: Name, turn: Option<u32>, fault: &Fault, now: Instant) {
        let change = match fault {
            Fault::Missing => Change::None,
            Fault::Damaged => {
                self.metrics.damaged.increment(1);
                Change::None
            }
            Fault::Io(error) => {
                self.metrics.read_faults.increment(1);
                let change = self.reads.fault(now);
                if change == Change::Down {
                    warn!(dir = ?self.dir, %error, "can't read the cache's disk; serving without, trying again");
                }
                change
            }
            Fault::Slow => {
                self.metrics.slow.increment(1);
                let change = self.reads.fault(now);
                if change == Change::Down {
                    warn!(dir = ?self.dir, wait = ?self.wait, "the cache's disk is too slow; serving without, trying again");
                }
                change
            }
        };
        if change == Change::Down {
            self.metrics.reads_up.set(0.0);
        }
        // A slow disk's files are as good as ever.
        if !matches!(fault, Fault::Slow) {
            let mut state = self.state();
            if turn.is_none_or(|turn| state.index.still(name, turn)) {
                state.forget(name);
            }
            drop(state);
            self.wake.notify_one();
        }
    }
}
