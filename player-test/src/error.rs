use std::time::Duration;

use crate::{boxes::BoxError, fetch::FetchError, url::Url};

/// Why nothing was played at all.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The URL cannot be played from here.
    #[error("cannot play this URL: {0}")]
    Url(String),
    /// There is no presentation where one was looked for.
    #[error("no master.m3u8 and no manifest.mpd in {0}")]
    Missing(String),
    /// An option is out of bounds.
    #[error("{0}")]
    Options(&'static str),
}

/// What is broken about a stream, seen by one player. Its text goes into the report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{url}: answered {status}{}", kind.as_ref().map_or(String::new(), |k| format!(" ({k})")))]
    Status {
        url: Url,
        status: u16,
        kind: Option<String>,
    },
    #[error("{url}: {source}")]
    Fetch { url: Url, source: FetchError },
    #[error("{url}: not yet playable after {} s", waited.as_secs())]
    NotPlayable { url: Url, waited: Duration },
    #[error("{url}: {reason}")]
    Playlist { url: Url, reason: String },
    #[error("{url}: {source}")]
    Boxes { url: Url, source: BoxError },
    #[error("{url}: begins at {found:.4} s where {expected:.4} s was due")]
    Discontinuous { url: Url, found: f64, expected: f64 },
    #[error("{url}: lasts {found:.4} s, and the playlist says {expected:.4} s")]
    Duration { url: Url, found: f64, expected: f64 },
    #[error("{url}: does not begin with a sync sample")]
    NotIndependent { url: Url },
    #[error("video and audio differ by {0:.3} s about time zero")]
    Apart(f64),
    #[error("{url}: no new segment for {} s, and no end", waited.as_secs())]
    NotGrowing { url: Url, waited: Duration },
    #[error("not at the end after {} s", .0.as_secs())]
    Overdue(Duration),
}

impl Fault {
    pub(crate) fn playlist(url: &Url, reason: &str) -> Self {
        Self::Playlist {
            url: url.clone(),
            reason: reason.to_owned(),
        }
    }
}
