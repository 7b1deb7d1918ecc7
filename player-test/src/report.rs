//! What all players saw, together.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use crate::{player::Outcome, url::Url};

/// Most different reasons in a report. Chosen: what a person reads.
const REASONS_MAX: usize = 20;

/// What `weir play` says.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was played, its key hidden.
    pub url: String,
    /// How many players.
    pub players: u64,
    /// Something is wrong with the stream or its server.
    pub broken: bool,
    /// What, each thing once, 20 at most.
    pub reasons: Vec<String>,
    /// From the request for the entry document to the first picture, over all players
    /// that saw one; milliseconds.
    pub startup_ms: Option<Spread>,
    /// Longest wait for the stream to become playable, milliseconds; not part of startup.
    pub waited_ms: u64,
    /// Standing still after the start.
    pub stalls: Stalls,
    /// Seconds of media played (loaded, if `fast`), all players.
    pub played_secs: f64,
    /// Bits of media per second of media, over all players.
    pub average_bitrate: u64,
    /// Seconds of media loaded, by variant, all players.
    pub variants: BTreeMap<String, f64>,
    /// Changes of variant, all players.
    pub switches: u64,
    /// Requests that failed, by status or what happened; also those that a retry healed.
    pub http_errors: BTreeMap<String, u64>,
    /// Media segments loaded.
    pub segments: u64,
    /// Bytes of all good answers' bodies.
    pub bytes: u64,
    /// What the nearest caches did.
    pub cache: CacheReport,
}

/// How a figure is spread over the players (nearest rank).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Half are not above.
    pub median: f64,
    /// 95 % are not above.
    pub p95: f64,
    /// Largest.
    pub max: f64,
}

/// Standing still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stalls {
    /// How often, all players.
    pub count: u64,
    /// For how long, all players.
    pub seconds: f64,
    /// How many players were hit.
    pub players: u64,
}

/// `Cache-Status` (RFC 9211) of init and media segments.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CacheReport {
    /// Answers from the nearest cache.
    pub hits: u64,
    /// Answers it had to fetch.
    pub misses: u64,
    /// Hits of both, 0 to 1; none if no cache said anything.
    pub hit_ratio: Option<f64>,
    /// Answers by name of the nearest cache, which is its POP.
    pub pops: BTreeMap<String, u64>,
}

/// Puts together what the players saw.
pub(crate) fn sum(url: &Url, outcomes: Vec<Outcome>) -> Report {
    let startups = outcomes.iter().filter_map(|outcome| outcome.startup);
    let mut report = Report {
        url: url.to_string(),
        players: outcomes.len() as u64,
        broken: false,
        reasons: Vec::new(),
        startup_ms: Spread::of(
            startups
                .map(|seconds| (seconds * 1e4).round() / 10.0)
                .collect(),
        ),
        waited_ms: 0,
        stalls: Stalls::default(),
        played_secs: 0.0,
        average_bitrate: 0,
        variants: BTreeMap::new(),
        switches: 0,
        http_errors: BTreeMap::new(),
        segments: 0,
        bytes: 0,
        cache: CacheReport::default(),
    };
    let mut reasons = BTreeSet::new();
    let mut media_bytes = 0;
    for outcome in outcomes {
        reasons.extend(outcome.fault.as_ref().map(ToString::to_string));
        media_bytes += outcome.tally.media_bytes;
        report.add(outcome);
    }
    let media_secs: f64 = report.variants.values().sum();
    if media_secs > 0.0 {
        report.average_bitrate = (8.0 * media_bytes as f64 / media_secs) as u64;
    }
    let answers = report.cache.hits + report.cache.misses;
    report.cache.hit_ratio = (answers > 0).then(|| report.cache.hits as f64 / answers as f64);
    report.broken = !reasons.is_empty();
    report.reasons = reasons.into_iter().take(REASONS_MAX).collect();
    report
}

impl Report {
    fn add(&mut self, outcome: Outcome) {
        let (stalls, seconds) = outcome.stalls;
        self.stalls.count += u64::from(stalls);
        self.stalls.seconds += seconds;
        self.stalls.players += u64::from(stalls > 0);
        self.played_secs += outcome.played;
        self.switches += u64::from(outcome.switches);
        let tally = outcome.tally;
        let waited_ms = u64::try_from(tally.waited.as_millis()).unwrap_or(u64::MAX);
        self.waited_ms = self.waited_ms.max(waited_ms);
        self.segments += tally.segments;
        self.bytes += tally.bytes;
        self.cache.hits += tally.cache_hits;
        self.cache.misses += tally.cache_misses;
        for (name, seconds) in outcome.variants {
            *self.variants.entry(name).or_default() += seconds;
        }
        for (name, count) in tally.http_errors {
            *self.http_errors.entry(name).or_default() += count;
        }
        for (name, count) in tally.pops {
            *self.cache.pops.entry(name).or_default() += count;
        }
    }
}

impl Spread {
    /// `None` of no figures.
    fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let last = figures.len().checked_sub(1)?;
        let rank = |percent: usize| figures[(figures.len() * percent).div_ceil(100).max(1) - 1];
        Some(Self {
            min: figures[0],
            median: rank(50),
            p95: rank(95),
            max: figures[last],
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.players == 1 { "" } else { "s" };
        writeln!(f, "{}: {} player{plural}", self.url, self.players)?;
        writeln!(
            f,
            "  played     {:.1} s at {} kbit/s",
            self.played_secs,
            self.average_bitrate / 1000
        )?;
        match self.startup_ms {
            Some(Spread {
                min,
                median,
                p95,
                max,
            }) => writeln!(
                f,
                "  startup    {median:.0} ms median, {min:.0} min, {p95:.0} p95, {max:.0} max"
            )?,
            None => writeln!(f, "  startup    never")?,
        }
        if self.waited_ms > 0 {
            writeln!(
                f,
                "  waited     {:.1} s to be playable",
                self.waited_ms as f64 / 1000.0
            )?;
        }
        let Stalls {
            count,
            seconds,
            players,
        } = self.stalls;
        writeln!(
            f,
            "  stalls     {count}, {seconds:.1} s in all, of {players} players"
        )?;
        writeln!(
            f,
            "  variants   {}; {} switches",
            list(&self.variants, |s| format!("{s:.0} s")),
            self.switches
        )?;
        writeln!(
            f,
            "  loaded     {} segments, {:.1} MB",
            self.segments,
            self.bytes as f64 / 1e6
        )?;
        if let Some(ratio) = self.cache.hit_ratio {
            let pops = list(&self.cache.pops, u64::to_string);
            writeln!(f, "  cache      {:.0} % hits; {pops}", 100.0 * ratio)?;
        }
        if !self.http_errors.is_empty() {
            writeln!(
                f,
                "  errors     {}",
                list(&self.http_errors, u64::to_string)
            )?;
        }
        for reason in &self.reasons {
            writeln!(f, "  broken     {reason}")?;
        }
        write!(f, "  {}", if self.broken { "BROKEN" } else { "ok" })
    }
}

fn list<T>(counts: &BTreeMap<String, T>, show: impl Fn(&T) -> String) -> String {
    let parts: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{name}: {}", show(count)))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_by_nearest_rank() {
        assert_eq!(Spread::of(vec![]), None);
        let one = Spread {
            min: 5.0,
            median: 5.0,
            p95: 5.0,
            max: 5.0,
        };
        assert_eq!(Spread::of(vec![5.0]), Some(one));
        let hundred = (1..=100).rev().map(f64::from).collect();
        let spread = Spread {
            min: 1.0,
            median: 50.0,
            p95: 95.0,
            max: 100.0,
        };
        assert_eq!(Spread::of(hundred), Some(spread));
    }
}
