//! A client's body on its way up: no longer than allowed, and not too slowly.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::error::FetchError;
use crate::Config;

/// The body of a request; most have none.
pub(crate) struct Upload<B = Incoming> {
    body: Option<B>,
    /// Bytes that may still come.
    left: u64,
    pace: Pace,
    turn: Arc<Turn>,
}

impl<B: Body> Upload<B> {
    pub(crate) fn new(body: B, config: &Config) -> Self {
        let has_body = !body.is_end_stream();
        Self {
            body: has_body.then_some(body),
            left: config.request_max.as_u64(),
            pace: Pace::new(config),
            turn: Arc::default(),
        }
    }
}

impl Upload {
    pub(crate) fn none() -> Self {
        Self {
            body: None,
            left: 0,
            pace: Pace::default(),
            turn: Arc::default(),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.body.is_none()
    }

    pub(super) fn turn(&self) -> Arc<Turn> {
        self.turn.clone()
    }
}

/// Why it does not go on; never of the origin's making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UploadFault {
    #[error("the request's body is too long")]
    TooLong,
    #[error("the request's body comes too slowly")]
    TooSlow,
    #[error("the request's body was cut")]
    Cut,
}

impl From<UploadFault> for FetchError {
    fn from(fault: UploadFault) -> Self {
        match fault {
            UploadFault::TooLong => Self::RequestTooLong,
            UploadFault::TooSlow => Self::RequestTooSlow,
            UploadFault::Cut => Self::RequestCut,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Upload<B> {
    type Data = Bytes;
    type Error = UploadFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let Poll::Ready(came) = Pin::new(body).poll_frame(cx) else {
            this.turn.is_the_clients();
            ready!(this.pace.poll_too_slow(cx));
            this.turn.is_the_origins();
            return Poll::Ready(Some(Err(UploadFault::TooSlow)));
        };
        this.turn.is_the_origins();
        Poll::Ready(came.map(|frame| {
            let frame = frame.map_err(|_| UploadFault::Cut)?;
            let len = frame.data_ref().map_or(0, Bytes::len) as u64;
            this.pace.came(len);
            this.left = this.left.checked_sub(len).ok_or(UploadFault::TooLong)?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(Body::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

/// Who is waited for, so that a client's slowness is not taken for its origin's.
pub(super) struct Turn(Mutex<Option<Instant>>);

/// The origin's, from now on.
impl Default for Turn {
    fn default() -> Self {
        Self(Mutex::new(Some(Instant::now())))
    }
}

impl Turn {
    pub(super) fn is_the_origins(&self) {
        *self.since() = Some(Instant::now());
    }

    fn is_the_clients(&self) {
        *self.since() = None;
    }

    /// Ends when the origin has been waited for so long, without having taken anything.
    pub(super) async fn origin_is_late(&self, patience: Duration) {
        loop {
            let since = *self.since();
            sleep_until(since.unwrap_or_else(Instant::now) + patience).await;
            if since.is_some() && since == *self.since() {
                return;
            }
        }
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().expect("no holder panics")
    }
}

/// How slowly a client may send: only the time for which it is waited for counts.
#[derive(Default)]
struct Pace {
    /// Longest silence.
    stall: Duration,
    /// Bytes that must come within the time beside it.
    quota: Option<(u64, Duration)>,
    /// What came towards the quota, and how long that was waited for.
    came: u64,
    waited: Duration,
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(config: &Config) -> Self {
        let window = config.client_rate_window;
        let rate = config.client_rate_min.as_u64();
        let quota = rate.saturating_mul(window.as_secs());
        Self {
            stall: config.client_stall_timeout,
            quota: (quota > 0).then_some((quota, window)),
            ..Self::default()
        }
    }

    fn came(&mut self, len: u64) {
        let waited = self.since.take().map(|since| since.elapsed());
        self.waited += waited.unwrap_or_default();
        self.came += len;
        if self.quota.is_none_or(|(quota, _)| self.came >= quota) {
            (self.came, self.waited) = (0, Duration::ZERO);
        }
    }

    /// Ready when the client has been waited for too long.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self
            .quota
            .map(|(_, window)| window.saturating_sub(self.waited));
        let due = since + left.unwrap_or(self.stall).min(self.stall);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;
    use http_body_util::{BodyExt, StreamBody};
    use tokio::time::{advance, sleep};

    use super::*;

    fn config() -> Config {
        Config {
            client_stall_timeout: Duration::from_secs(30),
            client_rate_min: ByteSize::b(10),
            client_rate_window: Duration::from_secs(60),
            request_max: ByteSize::b(10_000),
            ..Config::default()
        }
    }

    /// What comes of so many pieces of this length, with this pause before each.
    async fn sent(count: usize, len: usize, pause: Duration) -> Result<usize, UploadFault> {
        let pieces = futures_util::stream::unfold(0, move |n| async move {
            sleep(pause).await;
            let piece = Frame::data(Bytes::from(vec![7; len]));
            (n < count).then_some((Ok::<_, UploadFault>(piece), n + 1))
        });
        let body = Upload::new(StreamBody::new(Box::pin(pieces)), &config());
        Ok(body.collect().await?.to_bytes().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_goes_on_may_take_its_time() {
        assert_eq!(sent(30, 300, Duration::from_secs(29)).await, Ok(9000));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stands_still_or_comes_drop_by_drop_is_too_slow() {
        let slow = Err(UploadFault::TooSlow);
        let began = Instant::now();
        assert_eq!(sent(2, 5000, Duration::from_secs(31)).await, slow);
        assert_eq!(began.elapsed().as_secs(), 30);
        let began = Instant::now();
        assert_eq!(sent(5000, 1, Duration::from_secs(1)).await, slow);
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_longer_than_allowed_is_too_long() {
        let too_long = Err(UploadFault::TooLong);
        assert_eq!(sent(3, 5000, Duration::ZERO).await, too_long);
        assert_eq!(sent(2, 5000, Duration::ZERO).await, Ok(10_000));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_which_the_origin_is_waited_for_is_not_the_clients() {
        let mut pace = Pace::new(&config());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for _ in 0..10 {
            advance(Duration::from_secs(100)).await;
            assert!(pace.poll_too_slow(&mut cx).is_pending());
            advance(Duration::from_secs(5)).await;
            pace.came(1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_is_late_once_nothing_but_it_was_waited_for() {
        let (turn, patience) = (Turn::default(), Duration::from_secs(8));
        let began = Instant::now();
        let goes_on = async {
            sleep(Duration::from_secs(5)).await;
            turn.is_the_clients();
            sleep(Duration::from_secs(100)).await;
            turn.is_the_origins();
        };
        tokio::join!(turn.origin_is_late(patience), goes_on);
        assert_eq!(began.elapsed().as_secs(), 113);
    }
}
