//! One line for each request, written by a thread of its own.
//!
//! A request pays for a copy of a few texts, and at its end for its line, which waits in the
//! memory of its own thread; bytes are written elsewhere. Where that does not keep up, lines
//! are dropped and counted: nobody waits for a log. Lines of two threads may stand 10 ms out
//! of order.

mod body;
mod clock;
mod cmcd;
mod entry;
mod format;
mod json;
mod lines;
mod names;
mod writer;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use http::{Method, Request, Response, StatusCode, request::Parts};
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
    lines::Lines,
    writer::Writer,
};
use crate::{
    Config, EdgeError,
    body::Body,
    clients::bucket::{Bucket, Rate},
    metrics::Metrics,
    outcome::Outcome,
    path::CacheKey,
    site::Site,
};

/// Lines a second of requests that were refused before anything looked at them; those of 4 s
/// may come at once. Chosen: enough to see who, and no flood fills a disk.
const REFUSALS_RATE: u32 = 100;
const REFUSALS_BURST_SECS: u32 = 4;

/// Longest wait for the last lines to be written, and how often that is looked at. Chosen.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
const CLOSE_LOOK: Duration = Duration::from_millis(2);

/// See the module.
pub(crate) struct Log {
    lines: Arc<Lines>,
    refusals: Bucket,
    refusals_unlogged: Counter,
    epoch: Instant,
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
    pub(crate) site: Option<&'a Site>,
}

impl Log {
    /// Opens what `access_log` names; none where it names nothing.
    pub(crate) fn open(config: &Config, metrics: &Metrics) -> Result<Option<Self>, EdgeError> {
        let path = &config.access_log;
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let bad = |error| EdgeError::AccessLog {
            path: path.clone(),
            error,
        };
        let dropped = metrics.log_dropped.clone();
        let signals = Arc::new(Signals::default());
        let lines = Arc::new(Lines::new(config.access_log_format, &dropped));
        let writer = Writer::open(path, dropped).map_err(bad)?;
        let writer = writer.start(lines.clone(), signals.clone()).map_err(bad)?;
        Ok(Some(Self {
            lines,
            refusals: Bucket::default(),
            refusals_unlogged: metrics.refusals_unlogged.clone(),
            epoch: Instant::now(),
            signals,
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// What writes the line once the body has ended.
    pub(crate) fn ticket(&self, answered: Answered<'_>, response: &Response<Body>) -> Ticket {
        Ticket::new(self.lines.here().clone(), answered, response)
    }

    /// A line of what was refused before it became a request, of which there may be nothing.
    /// Beyond some a second they are only counted.
    pub(crate) fn refused(
        &self,
        peer: SocketAddr,
        request: Option<&Parts>,
        (status, outcome): (StatusCode, Outcome),
    ) {
        let rate = Rate::new(REFUSALS_RATE, REFUSALS_BURST_SECS);
        if !self.refusals.take(rate, self.epoch.elapsed()) {
            return self.refusals_unlogged.increment(1);
        }
        let nothing = unread();
        let began = Instant::now();
        let refused = Answered {
            request: request.unwrap_or(&nothing),
            peer,
            began,
            took: Duration::ZERO,
            outcome,
            key: None,
            site: None,
        };
        self.lines.here().push(&Entry::new(refused, status), began);
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

impl Drop for Log {
    fn drop(&mut self) {
        self.signals.end.store(true, Ordering::Release);
    }
}

/// What stands for a request that nobody has read: `- *`.
fn unread() -> Parts {
    let mut nothing = Request::new(());
    *nothing.method_mut() = Method::from_bytes(b"-").expect("it is a token");
    *nothing.uri_mut() = http::Uri::from_static("*");
    nothing.into_parts().0
}
