//! One line for each request, written by a thread of its own.
//!
//! A request pays for a copy of a few texts and for one push; lines are made of it, keys
//! redacted and bytes written elsewhere. Where that does not keep up, entries are dropped
//! and counted: nobody waits for a log.

mod body;
mod cmcd;
mod entry;
mod format;
mod writer;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use http::{Response, request::Parts};
use metrics::Counter;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};
use tracing::warn;

pub(crate) use self::body::Watched;
pub use self::format::Format;
use self::{
    entry::{Entry, Ticket},
    writer::Writer,
};
use crate::{Config, EdgeError, body::Body, outcome::Outcome, path::CacheKey, site::Site};

/// Entries that may wait for the writer, which looks every 10 ms. Chosen: 800,000 a second;
/// mostly about 4 MiB, at most 80.
const QUEUE_MAX: usize = 8192;

/// Longest wait for the last lines to be written, and how often that is looked at. Chosen.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
const CLOSE_LOOK: Duration = Duration::from_millis(2);

/// See the module.
pub(crate) struct Log {
    queue: SyncSender<Box<Entry>>,
    dropped: Counter,
    signals: Arc<Signals>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What the writer is told.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    reopen: AtomicBool,
    end: AtomicBool,
}

/// What is known of a request when its answer's head is.
pub(crate) struct Answered<'a> {
    pub(crate) request: &'a Parts,
    pub(crate) peer: SocketAddr,
    pub(crate) began: Instant,
    /// From then to the head.
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) key: Option<CacheKey>,
    pub(crate) site: Option<Arc<Site>>,
}

impl Log {
    /// Opens what `access_log` names; none where it names nothing.
    pub(crate) fn open(config: &Config, dropped: Counter) -> Result<Option<Self>, EdgeError> {
        let path = &config.access_log;
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let bad = |error| EdgeError::AccessLog {
            path: path.clone(),
            error,
        };
        let signals = Arc::new(Signals::default());
        let (queue, entries) = sync_channel(QUEUE_MAX);
        let writer = Writer::open(path, config.access_log_format, dropped.clone()).map_err(bad)?;
        let writer = writer.start(entries, signals.clone()).map_err(bad)?;
        Ok(Some(Self {
            queue,
            dropped,
            signals,
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// What writes the line once the body has ended.
    pub(crate) fn ticket(
        self: &Arc<Self>,
        answered: Answered<'_>,
        response: &Response<Body>,
    ) -> Ticket {
        Ticket::new(self.clone(), answered, response)
    }

    fn push(&self, entry: Box<Entry>) {
        if self.queue.try_send(entry).is_err() {
            self.dropped.increment(1);
        }
    }

    /// Opens the file anew at each SIGHUP: whoever moved the old one away wants that. A file
    /// that is gone from its place is noticed without it.
    pub(crate) async fn follow_signals(self: Arc<Self>) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            return warn!("can't listen to SIGHUP");
        };
        while hangup.recv().await.is_some() {
            self.signals.reopen.store(true, Ordering::Relaxed);
        }
    }

    /// Writes what waits, and ends. Nobody may read what it is written to: then it is left.
    pub(crate) async fn close(&self) {
        self.signals.end.store(true, Ordering::Release);
        let writer = self.writer.lock().expect("no holder panics").take();
        let Some(writer) = writer else { return };
        let deadline = Instant::now() + CLOSE_WAIT;
        while !writer.is_finished() {
            if Instant::now() > deadline {
                return warn!("the access log takes no more; its last lines are lost");
            }
            sleep(CLOSE_LOOK).await;
        }
    }
}
