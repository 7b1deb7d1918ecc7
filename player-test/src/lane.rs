//! One kind of media being loaded: the picture, or the sound beside it.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::{
    Options,
    boxes::{BoxError, FourCc, read_segment},
    error::Fault,
    rendition::Rendition,
    session::{Session, What},
    timeline::{Timeline, leading},
    url::Url,
};

/// How far the segment borders of two variants may differ, seconds. Chosen: a video frame.
const SWITCH_TOLERANCE: f64 = 0.05;
/// A lane this close to where it should stop is there, seconds. Chosen.
const STOP_TOLERANCE: f64 = 0.001;

/// What one step did.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// A segment came: its duration, length in bytes, and time to load.
    Loaded {
        seconds: f64,
        len: usize,
        took: Duration,
    },
    /// The playlist was loaded again.
    Reloaded,
}

/// Loads segments one after the other, from one rendition or another.
#[derive(Debug)]
pub(crate) struct Lane {
    rendition: Rendition,
    /// Those it was in before.
    others: HashMap<Url, Rendition>,
    /// Index of the next segment.
    next: usize,
    /// Loaded up to here, seconds.
    pub(crate) end: f64,
    timeline: Timeline,
}

impl Lane {
    /// Begins with the segment that is shown at `start`.
    pub(crate) fn new(rendition: Rendition, start: f64) -> Self {
        let first = rendition.at(start);
        let (next, end) = first.map_or((0, 0.0), |placed| (placed.index, placed.start));
        Self {
            rendition,
            others: HashMap::new(),
            next,
            end,
            timeline: Timeline::default(),
        }
    }

    /// Nothing is left to load before `stop`.
    pub(crate) fn is_over(&self, stop: f64) -> bool {
        let all = self.rendition.ended && self.rendition.get(self.next).is_none();
        all || self.end >= stop - STOP_TOLERANCE
    }

    /// The next step can be taken from this time on.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        self.rendition
            .get(self.next)
            .is_none()
            .then_some(self.rendition.reload_at)
    }

    /// Decode time at second 0, once a segment was loaded.
    pub(crate) fn zero(&self) -> Option<f64> {
        self.timeline.zero()
    }

    /// Loads the next segment and checks it; or the playlist, if it lists no more.
    pub(crate) async fn step(
        &mut self,
        session: &mut Session,
        options: &Options,
    ) -> Result<Step, Fault> {
        let Some(placed) = self.rendition.get(self.next).cloned() else {
            self.rendition.reload(session, options).await?;
            return Ok(Step::Reloaded);
        };
        let url = &placed.listed.url;
        let independent = self.rendition.independent;
        let init = self.rendition.init(session, &placed.listed.init).await?;
        let fetched = session.get(What::Segment, url).await?;
        let boxes = |source: BoxError| Fault::Boxes {
            url: url.clone(),
            source,
        };
        let runs = read_segment(&fetched.body, init).map_err(boxes)?;
        self.timeline.check(&placed, init, &runs)?;
        let track = leading(init)
            .ok_or(BoxError::Missing(FourCc(*b"trak")))
            .map_err(boxes)?;
        let synced = runs
            .iter()
            .all(|run| run.track != track.id || run.begins_with_sync);
        if independent && !synced {
            return Err(Fault::NotIndependent { url: url.clone() });
        }
        self.end = placed.end();
        self.next += 1;
        let (len, took) = (fetched.body.len(), fetched.took);
        Ok(Step::Loaded {
            seconds: placed.listed.duration,
            len,
            took,
        })
    }

    /// Goes on in another rendition, if that lists a segment which begins where this one
    /// stands; tells whether it did.
    pub(crate) async fn switch(
        &mut self,
        session: &mut Session,
        options: &Options,
        url: &Url,
    ) -> Result<bool, Fault> {
        let mut other = match self.others.remove(url) {
            Some(other) => other,
            None => Rendition::open(session, url, options).await?,
        };
        let lists = |other: &Rendition| other.beginning_at(self.end, SWITCH_TOLERANCE).is_some();
        if !lists(&other) && !other.ended && other.reload_at <= Instant::now() {
            other.reload(session, options).await?;
        }
        let next = other
            .beginning_at(self.end, SWITCH_TOLERANCE)
            .map(|placed| placed.index);
        let Some(next) = next else {
            self.others.insert(url.clone(), other);
            return Ok(false);
        };
        let before = std::mem::replace(&mut self.rendition, other);
        self.others.insert(before.url.clone(), before);
        self.next = next;
        Ok(true)
    }
}
