//! One media playlist, followed while it grows.

use std::{collections::HashMap, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    Options,
    boxes::{Init, read_init},
    error::Fault,
    playlist::{self, Listed, MediaList},
    session::{Session, What},
    url::Url,
};

/// Shortest and longest time between two loads of a playlist. Chosen; between them it is
/// half a target duration (RFC 8216 §6.3.4).
const RELOAD_EVERY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// A segment and when it begins, in seconds after the first one ever listed.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) listed: Listed,
    pub(crate) start: f64,
    /// Which one it is, from 0.
    pub(crate) index: usize,
}

impl Placed {
    pub(crate) fn end(&self) -> f64 {
        self.start + self.listed.duration
    }
}

/// A playlist and what was learnt from it.
#[derive(Debug)]
pub(crate) struct Rendition {
    pub(crate) url: Url,
    /// Every segment that was ever listed, without a hole.
    placed: Vec<Placed>,
    pub(crate) ended: bool,
    pub(crate) independent: bool,
    /// `EXT-X-START` of the playlist, seconds.
    pub(crate) start: Option<f64>,
    inits: HashMap<Url, Init>,
    grew: Instant,
    /// Not loaded again before.
    pub(crate) reload_at: Instant,
}

impl Rendition {
    /// Loads a playlist, and waits until it lists a segment.
    pub(crate) async fn open(
        session: &mut Session,
        url: &Url,
        options: &Options,
    ) -> Result<Self, Fault> {
        let now = Instant::now();
        let mut rendition = Self {
            url: url.clone(),
            placed: Vec::new(),
            ended: false,
            independent: false,
            start: None,
            inits: HashMap::new(),
            grew: now,
            reload_at: now,
        };
        loop {
            rendition.reload(session, options).await?;
            if !rendition.placed.is_empty() {
                return Ok(rendition);
            }
            if rendition.ended {
                return Err(Fault::playlist(url, "no segment"));
            }
            sleep_until(rendition.reload_at).await;
        }
    }

    /// Loads the playlist again; an error if it contradicts what it said before, or has
    /// not grown for too long.
    pub(crate) async fn reload(
        &mut self,
        session: &mut Session,
        options: &Options,
    ) -> Result<(), Fault> {
        let fetched = session.get(What::Playlist, &self.url).await?;
        let list = playlist::media(&fetched.url, &fetched.body)?;
        let now = Instant::now();
        let [least, most] = RELOAD_EVERY;
        self.reload_at = now + Duration::from_secs_f64(list.target_secs / 2.0).clamp(least, most);
        let known = self.placed.len();
        self.merge(list)?;
        if self.placed.len() > known || self.ended {
            self.grew = now;
        }
        let waited = now - self.grew;
        if waited >= options.stuck {
            return Err(Fault::NotGrowing {
                url: self.url.clone(),
                waited,
            });
        }
        Ok(())
    }

    /// The segment with this index, if it is listed.
    pub(crate) fn get(&self, index: usize) -> Option<&Placed> {
        self.placed.get(index)
    }

    /// The segment that is being shown at a time, or the last one listed.
    pub(crate) fn at(&self, seconds: f64) -> Option<&Placed> {
        self.placed
            .iter()
            .find(|placed| placed.end() > seconds)
            .or(self.placed.last())
    }

    /// The segment that begins at a time, give or take `tolerance` seconds.
    pub(crate) fn beginning_at(&self, seconds: f64, tolerance: f64) -> Option<&Placed> {
        self.placed
            .iter()
            .find(|placed| (placed.start - seconds).abs() <= tolerance)
    }

    /// End of the last segment listed.
    pub(crate) fn end(&self) -> f64 {
        self.placed.last().map_or(0.0, Placed::end)
    }

    /// The init segment, loaded once.
    pub(crate) async fn init(&mut self, session: &mut Session, url: &Url) -> Result<&Init, Fault> {
        if !self.inits.contains_key(url) {
            let fetched = session.get(What::Init, url).await?;
            let init = read_init(&fetched.body).map_err(|source| Fault::Boxes {
                url: url.clone(),
                source,
            })?;
            self.inits.insert(url.clone(), init);
        }
        Ok(&self.inits[url])
    }

    fn merge(&mut self, list: MediaList) -> Result<(), Fault> {
        if self.ended && !list.ended {
            return Err(Fault::playlist(&self.url, "lost its EXT-X-ENDLIST"));
        }
        self.check_overlap(&list)?;
        self.ended = list.ended;
        self.independent = list.independent;
        self.start = list.start;
        let next = self.placed.last().map(|placed| placed.listed.number + 1);
        for listed in list.segments {
            if next.is_none_or(|next| listed.number >= next) {
                let (start, index) = (self.end(), self.placed.len());
                self.placed.push(Placed {
                    listed,
                    start,
                    index,
                });
            }
        }
        Ok(())
    }

    /// A segment once listed never changes, and none that may stay away is passed over.
    fn check_overlap(&self, list: &MediaList) -> Result<(), Fault> {
        let Some(first) = self.placed.first() else {
            return Ok(());
        };
        let last = first.listed.number + self.placed.len() as u64 - 1;
        let says = |reason: &str| Err(Fault::playlist(&self.url, reason));
        let (Some(from), Some(to)) = (list.segments.first(), list.segments.last()) else {
            return says("lists no segment any more");
        };
        if to.number < last {
            return says("went back: its last segments are gone");
        }
        if from.number > last + 1 || (list.append_only && from.number != first.listed.number) {
            return says("lost segments that were to stay");
        }
        let known = self.placed.iter().map(|placed| &placed.listed);
        let same = known
            .skip_while(|listed| listed.number < from.number)
            .zip(
                list.segments
                    .iter()
                    .skip_while(|listed| listed.number < first.listed.number),
            )
            .all(|(before, now)| before == now);
        if same {
            Ok(())
        } else {
            says("changed a segment that it had listed")
        }
    }
}
