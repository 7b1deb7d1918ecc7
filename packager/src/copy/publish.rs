//! Publishing a copy: all tracks beside each other, in the order of time.

use std::{collections::BTreeMap, future::Future, iter::Peekable};

use futures_util::{StreamExt, stream::FuturesUnordered};
use media::bmff::mp4::{EntryKind, Movie, Nals};
use tokio::time::Instant;
use wire::{Stage, StoredTrack, TrackId};

use super::{
    CopyPlan,
    index::{self, Index},
    reader::Reader,
    segments::{Segments, Wanted},
};
use crate::{
    PackagerError,
    encode::segment::{Part, Segment},
    input::Input,
    local::{partial::Partial, shelf::Shelf},
    outlet::Outlet,
    worker::progress::Shared,
};

/// How many segments are read and stored at once: one is read while another is stored,
/// and neither waits for the store's own commit. Chosen; each is some 4 MiB, 25 at most.
const SEGMENTS_AT_ONCE: usize = 4;

/// Takes what is published.
pub(super) trait Sink: Sync {
    fn put(
        &self,
        track: &TrackId,
        part: Part,
    ) -> impl Future<Output = Result<(), PackagerError>> + Send;

    /// The folder of this machine that takes it as it is, if one does.
    fn folder(&self) -> Option<&Shelf> {
        None
    }
}

impl Sink for Outlet {
    async fn put(&self, track: &TrackId, part: Part) -> Result<(), PackagerError> {
        match part {
            Part::Init(init) => self.put_init(track, init).await,
            Part::Segment(segment) => self.put_segment(track, &segment).await,
        }
    }

    fn folder(&self) -> Option<&Shelf> {
        match self {
            Self::Folder(shelf) => Some(shelf),
            Self::Origin(_) | Self::Encrypted(..) | Self::Both(..) => None,
        }
    }
}

/// Publishes the source's streams as planned, but for what is stored; gives warnings.
/// Safe to drop at any await: what is stored stays for the next attempt.
pub(crate) async fn run(
    plan: &CopyPlan,
    input: &Input,
    outlet: &Outlet,
    progress: &Shared,
    stored: &[StoredTrack],
) -> Result<Vec<String>, PackagerError> {
    let copy = Copy {
        plan,
        input,
        sink: outlet,
        progress,
    };
    copy.run(stored).await
}

/// What a copy works with.
pub(super) struct Copy<'a, S> {
    pub(super) plan: &'a CopyPlan,
    pub(super) input: &'a Input,
    pub(super) sink: &'a S,
    pub(super) progress: &'a Shared,
}

impl<S: Sink> Copy<'_, S> {
    pub(super) async fn run(&self, stored: &[StoredTrack]) -> Result<Vec<String>, PackagerError> {
        let movie = match index::fetch(self.input).await? {
            Index::Mp4(movie, _) => movie,
            Index::Broken(reason) => return Err(PackagerError::Source(reason)),
            Index::NotMp4 => return Err(PackagerError::Source("it is not mp4".to_owned())),
        };
        let tracks = self.plan.tracks.iter();
        let tracks = tracks.map(|track| Segments::new(self.plan, track, &movie));
        let tracks: Vec<Segments<'_>> = tracks.collect::<Result<_, _>>()?;
        for (copied, segments) in self.plan.tracks.iter().zip(&tracks) {
            let init = segments.init(&movie)?;
            let part = Part::Init(init.into());
            self.sink.put(&copied.planned.track, part).await?;
        }
        let known = stored.iter().map(|s| (s.track.clone(), s.segments));
        let known: BTreeMap<TrackId, u32> = known.collect();
        let is_new = |wanted: &Wanted| {
            let stored = known.get(&wanted.track).copied().unwrap_or(0);
            wanted.number >= stored
        };
        let reader = Reader::new(self.input, self.nals(&movie)?);
        self.segments(&reader, ByTime::of(tracks), is_new).await?;
        Ok(self.plan.warnings.clone())
    }

    /// How the copied video's samples are made.
    fn nals(&self, movie: &Movie) -> Result<Nals, PackagerError> {
        let source = self.plan.tracks.first().map(|track| track.source);
        let track = movie.tracks.iter().find(|track| Some(track.id) == source);
        let entry = track.and_then(|track| track.entries.first());
        match entry.map(|entry| &entry.kind) {
            Some(EntryKind::Avc { config, .. }) => {
                Nals::avc(config).map_err(|e| PackagerError::Source(e.to_string()))
            }
            _ => Err(PackagerError::Source("it is not H.264".to_owned())),
        }
    }

    /// Reads and stores all new segments, a few at once.
    async fn segments(
        &self,
        reader: &Reader,
        wanted: ByTime<'_>,
        is_new: impl Fn(&Wanted) -> bool,
    ) -> Result<(), PackagerError> {
        let started = Instant::now();
        let mut copied_secs = 0.0;
        let mut wanted = wanted.filter(|w| w.as_ref().map_or(true, &is_new)).fuse();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < SEGMENTS_AT_ONCE {
                let Some(next) = wanted.next().transpose()? else {
                    break;
                };
                running.push(self.segment(reader, next));
            }
            let Some(done) = running.next().await else {
                return Ok(());
            };
            let (end_secs, secs) = done?;
            copied_secs += secs;
            if copied_secs == 0.0 {
                // The first word of this stage is sent at once: it is to say how fast it is.
                continue;
            }
            let speed = copied_secs / started.elapsed().as_secs_f64().max(1e-3);
            let fraction = end_secs / self.plan.duration_secs().max(1e-3);
            self.progress.set(Stage::Encode, fraction, Some(speed));
        }
    }

    /// One segment; gives when it ends, and how much video it is, seconds.
    async fn segment(&self, reader: &Reader, wanted: Wanted) -> Result<(f64, f64), PackagerError> {
        let (track, end_secs) = (wanted.track.clone(), wanted.end_secs());
        let video_secs = if wanted.is_video {
            end_secs - wanted.starts_secs()
        } else {
            0.0
        };
        match (self.sink.folder(), reader.transfer()) {
            (Some(shelf), Some(transfer)) => {
                wanted.check(self.input.len())?;
                let number = wanted.number;
                let fill = move |file: &mut Partial| transfer.run(wanted, file);
                shelf.fill_segment((&track, "m4s"), number, fill).await?;
            }
            _ => {
                let segment: Segment = reader.read(wanted).await?;
                self.sink.put(&track, Part::Segment(segment)).await?;
            }
        }
        Ok((end_secs, video_secs))
    }
}

/// The segments of all tracks, those that start first before the others.
struct ByTime<'a>(Vec<Peekable<Segments<'a>>>);

impl<'a> ByTime<'a> {
    fn of(tracks: Vec<Segments<'a>>) -> Self {
        Self(tracks.into_iter().map(Iterator::peekable).collect())
    }
}

impl Iterator for ByTime<'_> {
    type Item = Result<Wanted, PackagerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut first: Option<(f64, usize)> = None;
        for (n, track) in self.0.iter_mut().enumerate() {
            let starts = match track.peek() {
                None => continue,
                Some(Ok(wanted)) => wanted.starts_secs(),
                Some(Err(_)) => f64::MIN,
            };
            if first.is_none_or(|(secs, _)| starts < secs) {
                first = Some((starts, n));
            }
        }
        self.0[first?.1].next()
    }
}
