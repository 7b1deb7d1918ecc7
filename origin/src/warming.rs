//! Who fetches published versions ahead, and how far they are.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    OriginError,
    app::App,
    catalogue::{Beginning, Warming},
    clock::now_ms,
};

/// An edge that was not heard of for this long is gone. Chosen: above the longest wait for
/// news, 60 s.
const LIVE: Duration = Duration::from_secs(90);
/// A version's step ends after this time, whoever is not ready then. Chosen.
const WAIT_MS: i64 = 60_000;
/// Most edges that are remembered; others fetch, but nobody waits for them. Chosen.
const EDGES_MAX: usize = 1024;

/// The edges that ask, by name. They are known only to the process they ask.
#[derive(Debug)]
pub(crate) struct Edges {
    heard: Mutex<BTreeMap<String, Heard>>,
    /// When the process started to listen to them; and as Unix time, milliseconds.
    since: Instant,
    since_ms: i64,
}

impl Default for Edges {
    fn default() -> Self {
        Self {
            heard: Mutex::default(),
            since: Instant::now(),
            since_ms: now_ms(),
        }
    }
}

#[derive(Debug)]
struct Heard {
    /// All up to this offset is fetched.
    applied: u64,
    at: Instant,
}

impl Edges {
    /// An edge asks, and has fetched all up to this offset.
    pub(crate) fn heard(&self, edge: &str, applied: u64) {
        let now = Instant::now();
        let mut edges = self.lock();
        edges.retain(|_, heard| now.duration_since(heard.at) < LIVE);
        if edges.len() < EDGES_MAX || edges.contains_key(edge) {
            edges.insert(edge.to_owned(), Heard { applied, at: now });
        }
    }

    /// How many edges have fetched all up to `number`, and how many there are.
    fn count(&self, number: u64) -> (usize, usize) {
        let now = Instant::now();
        let edges = self.lock();
        let live = edges
            .values()
            .filter(|heard| now.duration_since(heard.at) < LIVE);
        let ready = live.clone().filter(|heard| heard.applied >= number);
        (ready.count(), live.count())
    }

    /// What came of a version's step, begun at `begun_ms`; `None` while it goes on.
    fn outcome(&self, number: u64, begun_ms: i64) -> Option<String> {
        let (ready, live) = self.count(number);
        // Those that asked the process before this one are about to ask this one.
        let may_come = live == 0 && begun_ms < self.since_ms && self.since.elapsed() < LIVE;
        if (ready < live || may_come) && now_ms() - begun_ms < WAIT_MS {
            return None;
        }
        Some(match live {
            0 => "no edge asks for it".to_owned(),
            _ => format!("{ready} of {live} edges"),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the step of each version that all edges have, or have had time for.
pub(crate) async fn settle(app: &App) -> Result<(), OriginError> {
    for warming in app.catalogue.warming_open().await? {
        if let Some(detail) = app.edges.outcome(warming.number, warming.since_ms) {
            app.catalogue.end_warming(&warming, &detail).await?;
        }
    }
    Ok(())
}

/// The paths of a version's beginning: each track's playlist, init segment and first
/// segments, in the order in which a player asks for them.
pub(crate) async fn paths(app: &App, warming: &Warming) -> Result<Vec<String>, OriginError> {
    let Warming { asset, version, .. } = warming;
    let segments_max = app.config.warm_segments;
    let tracks = app.catalogue.beginnings(version, segments_max).await?;
    let of_track = |beginning: &Beginning| {
        let base = format!("/v/{asset}/{version}/{}", beginning.track);
        let (init, extension) = match beginning.is_text {
            true => (None, "vtt"),
            false => (Some(format!("{base}/init.mp4")), "m4s"),
        };
        let segments = (0..beginning.segments).map(|n| format!("{base}/{n}.{extension}"));
        let playlist = format!("{base}/index.m3u8");
        [playlist].into_iter().chain(init).chain(segments).collect()
    };
    let by_track: Vec<Vec<String>> = tracks.iter().map(of_track).collect();
    let longest = by_track.iter().map(Vec::len).max().unwrap_or(0);
    let all = (0..longest).flat_map(|n| by_track.iter().filter_map(move |track| track.get(n)));
    Ok(all.cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_edge_counts_while_it_is_heard_of() {
        let edges = Edges::default();
        edges.heard("fra-1", 4);
        edges.heard("ams-1", 3);
        assert_eq!((edges.count(3), edges.count(4)), ((2, 2), (1, 2)));
        tokio::time::advance(LIVE / 2).await;
        edges.heard("ams-1", 4);
        tokio::time::advance(LIVE / 2).await;
        assert_eq!(edges.count(4), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_a_process_before_this_one_began_waits_for_edges_to_ask_again() {
        let edges = Edges::default();
        let (before, after) = (edges.since_ms - 1, edges.since_ms);
        let nobody = Some("no edge asks for it".to_owned());
        assert_eq!(edges.outcome(4, after), nobody);
        assert_eq!(edges.outcome(4, before), None);
        assert_eq!(edges.outcome(4, now_ms() - WAIT_MS), nobody);
        edges.heard("fra-1", 3);
        assert_eq!(edges.outcome(4, before), None);
        edges.heard("fra-1", 4);
        assert_eq!(edges.outcome(4, before), Some("1 of 1 edges".to_owned()));
        tokio::time::advance(LIVE).await;
        assert_eq!(edges.outcome(4, before), nobody);
    }
}
