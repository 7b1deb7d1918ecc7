//! What of a growing version players are shown.
//!
//! Tracks are made by several workers at once, some ahead of others. Two promises hold
//! whatever comes first: a media playlist only grows, and a variant that is listed has
//! all that the others show. Both follow from limits that only grow:
//!
//! - Video is shown up to the end that all renditions of its group have, and the main
//!   audio, that which plays by default. Other audio holds nobody up.
//! - Audio and text are shown as far as they play along with the farthest group.
//! - The first group of which [`BASE_SEGMENTS`] segments are shown is the base. Another
//!   group, other audio or text is listed while it has all that the base shows.
//! - A sealed version is shown and listed whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Presentation, Segment, Track};

/// Segments that a rendition must show before it is listed: what players load before
/// they start, which is three (RFC 8216 §6.3.3).
pub const BASE_SEGMENTS: usize = 3;
/// Ends that differ by less are the same, microseconds: audio is cut at the frame
/// nearest to the video's cut, and no codec's frame is longer. Chosen.
pub(crate) const SAME_MICROS: u64 = 100_000;

/// What of a version players are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<'a> {
    /// Renditions that the multivariant playlist names, in order.
    pub video: Vec<Shown<'a>>,
    /// Audio that it names, in order.
    pub audio: Vec<Shown<'a>>,
    /// Text that it names, in order.
    pub text: Vec<Shown<'a>>,
    limits: Limits,
}

/// A run of a track's segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The track.
    pub track: &'a Track,
    /// Number of the first segment.
    pub first: usize,
    /// The segments.
    pub segments: &'a [Segment],
}

/// Up to where tracks are shown, microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Limits {
    /// All, whatever the others have.
    sealed: bool,
    /// Where the main audio ends; no limit without audio.
    main_audio: u64,
    /// Where all renditions of a group end.
    groups: BTreeMap<u32, u64>,
}

impl Presentation {
    /// What players are shown of it now.
    #[must_use]
    pub fn listing(&self) -> Listing<'_> {
        Listing::of(self.tracks.iter().collect(), self.sealed)
    }
}

impl<'a> Listing<'a> {
    /// The same of some of the tracks alone.
    pub(crate) fn of(tracks: Vec<&'a Track>, sealed: bool) -> Self {
        let limits = Limits::of(&tracks, sealed);
        let main = main_audio(&tracks);
        let all: Vec<Shown<'a>> = tracks.iter().map(|track| limits.shown(track)).collect();
        let kind = |of: fn(&Track) -> bool| {
            let listed = all
                .iter()
                .filter(|s| of(s.track) && is_listed(s, &all, main, sealed));
            listed.copied().collect()
        };
        Self {
            video: kind(Track::is_video),
            audio: kind(Track::is_audio),
            text: kind(Track::is_text),
            limits,
        }
    }

    /// There is something to play.
    #[must_use]
    pub fn is_playable(&self) -> bool {
        !self.video.is_empty() || !self.audio.is_empty()
    }

    /// Names of all listed tracks: video, audio, text.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        let all = self.video.iter().chain(&self.audio).chain(&self.text);
        all.map(|shown| shown.track.name.as_str())
    }

    /// How long the listed can be played, seconds: up to where all renditions end.
    #[must_use]
    pub fn duration_secs(&self) -> f64 {
        let tracks = if self.video.is_empty() {
            &self.audio
        } else {
            &self.video
        };
        let micros = tracks.iter().map(Shown::end_micros).min().unwrap_or(0);
        micros as f64 / 1e6
    }

    /// How far the media playlist of a track goes, listed or not: players that loaded
    /// it before go on with it.
    #[must_use]
    pub fn shown(&self, track: &'a Track) -> Shown<'a> {
        self.limits.shown(track)
    }
}

/// The audio that plays if nobody chooses: the source's default, else the first.
fn main_audio<'a>(tracks: &[&'a Track]) -> Option<&'a Track> {
    let audio = || tracks.iter().copied().filter(|t| t.is_audio());
    audio()
        .find(|t| t.label().is_some_and(|l| l.default))
        .or_else(|| audio().next())
}

fn is_listed(shown: &Shown<'_>, all: &[Shown<'_>], main: Option<&Track>, sealed: bool) -> bool {
    if shown.segments.is_empty() || sealed {
        return !shown.segments.is_empty();
    }
    let Some((base, end)) = base(all, main) else {
        return false;
    };
    let covers = |s: &Shown<'_>| s.end_micros().saturating_add(SAME_MICROS) >= end;
    match shown.video_group() {
        Some(group) => {
            let peers = || all.iter().filter(|s| s.video_group() == Some(group));
            group == base || peers().all(covers)
        }
        // What is shown of the base never goes beyond the main audio.
        None => covers(shown),
    }
}

/// The group that is listed first, and where what is shown of it ends, microseconds;
/// without video, where the main audio ends.
fn base(all: &[Shown<'_>], main: Option<&Track>) -> Option<(u32, u64)> {
    let enough = |tracks: &[Shown<'_>]| {
        let all = tracks.iter().all(|s| s.segments.len() >= BASE_SEGMENTS);
        let end = tracks.iter().map(Shown::end_micros).min();
        end.filter(|_| all)
    };
    let groups: BTreeSet<u32> = all.iter().filter_map(Shown::video_group).collect();
    if groups.is_empty() {
        let main = all
            .iter()
            .filter(|s| main.is_some_and(|m| std::ptr::eq(m, s.track)));
        let main: Vec<Shown<'_>> = main.copied().collect();
        return enough(&main).map(|end| (0, end));
    }
    groups.into_iter().find_map(|group| {
        let of_group = all.iter().filter(|s| s.video_group() == Some(group));
        let tracks: Vec<Shown<'_>> = of_group.copied().collect();
        enough(&tracks).map(|end| (group, end))
    })
}

impl Limits {
    fn of(tracks: &[&Track], sealed: bool) -> Self {
        let end = |track: &Track| track.micros(track.end());
        let mut groups = BTreeMap::new();
        for track in tracks.iter().filter(|t| t.is_video()) {
            let group = groups.entry(track.group).or_insert(u64::MAX);
            *group = end(track).min(*group);
        }
        let main_audio = main_audio(tracks).map_or(u64::MAX, end);
        Self {
            sealed,
            main_audio,
            groups,
        }
    }

    fn shown<'a>(&self, track: &'a Track) -> Shown<'a> {
        let whole = Shown {
            track,
            first: 0,
            segments: &track.segments,
        };
        if self.sealed {
            return whole;
        }
        let shown = if track.is_video() {
            let group = self.groups.get(&track.group).copied();
            let end = group
                .unwrap_or(u64::MAX)
                .min(self.main_audio)
                .saturating_add(SAME_MICROS);
            track
                .segments
                .partition_point(|s| track.micros(s.end()) <= end)
        } else {
            // Without video there is no group, and the main audio leads.
            let end = self
                .groups
                .values()
                .copied()
                .max()
                .unwrap_or(self.main_audio);
            let plays = |s: &Segment| track.micros(s.start).saturating_add(SAME_MICROS) < end;
            track.segments.partition_point(plays)
        };
        Shown {
            segments: &track.segments[..shown],
            ..whole
        }
    }
}

impl<'a> Shown<'a> {
    /// The segments, each with its number in the version.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &'a Segment)> + use<'a> {
        (self.first..).zip(self.segments)
    }

    /// Where the last segment ends, microseconds; 0 without segments.
    pub(crate) fn end_micros(&self) -> u64 {
        self.segments
            .last()
            .map_or(0, |s| self.track.micros(s.end()))
    }

    /// The group, of video.
    fn video_group(&self) -> Option<u32> {
        self.track.is_video().then_some(self.track.group)
    }
}
