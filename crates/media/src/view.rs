//! What a manifest shows: the listing of what an edit leaves in, clipped.

use crate::{
    Edit, Listing, ManifestError, Presentation, Shown, Time, Track, edit::Choice,
    listing::SAME_MICROS,
};

/// What a manifest shows.
pub(crate) struct View<'a> {
    pub(crate) p: &'a Presentation,
    pub(crate) video: Vec<Shown<'a>>,
    pub(crate) audio: Vec<Shown<'a>>,
    pub(crate) text: Vec<Shown<'a>>,
    pub(crate) edit: &'a Edit,
    /// Where playlists say to start, microseconds from their beginning.
    pub(crate) offset_micros: u64,
    /// Of all playlists of the version.
    pub(crate) target_secs: u64,
    listing: Listing<'a>,
    /// Where the whole segments that hold the clip start and end, microseconds.
    bounds: (u64, u64),
}

impl<'a> View<'a> {
    /// # Errors
    /// The edit leaves nothing, or nothing of it is there yet.
    pub(crate) fn of(p: &'a Presentation, edit: &'a Edit) -> Result<Self, ManifestError> {
        let listing = Listing::of(selected(p, edit)?, p.sealed);
        let missing = |gone| {
            if p.sealed {
                gone
            } else {
                ManifestError::NotYet
            }
        };
        let lead = listing.video.first().or(listing.audio.first());
        let lead = *lead.ok_or_else(|| missing(ManifestError::Nothing))?;
        let cut = cut(lead, edit);
        let (Some(first), Some(last)) = (cut.segments.first(), cut.segments.last()) else {
            let beyond = |start| ManifestError::Beyond { start };
            return Err(missing(edit.start.map_or(ManifestError::Nothing, beyond)));
        };
        let bounds = (
            lead.track.micros(first.start),
            lead.track.micros(last.end()),
        );
        let start = edit.start.map_or(bounds.0, |start| start.0);
        let mut view = Self {
            p,
            video: Vec::new(),
            audio: Vec::new(),
            text: Vec::new(),
            edit,
            offset_micros: start.saturating_sub(bounds.0),
            target_secs: p.target_secs(),
            listing,
            bounds,
        };
        let clipped = |tracks: &[Shown<'a>]| {
            let clipped = tracks.iter().map(|shown| view.clipped(*shown));
            clipped
                .filter(|shown| !shown.segments.is_empty())
                .collect::<Vec<_>>()
        };
        let tracks = [&view.listing.video, &view.listing.audio, &view.listing.text];
        [view.video, view.audio, view.text] = tracks.map(|tracks| clipped(tracks));
        Ok(view)
    }

    /// One track as its media playlist shows it, listed or not.
    ///
    /// # Errors
    /// The edit leaves it out.
    pub(crate) fn track(&self, track: &'a Track) -> Result<Shown<'a>, ManifestError> {
        if !self.edit.keeps(track) {
            return Err(ManifestError::LeftOut(track.name.clone()));
        }
        Ok(self.clipped(self.listing.shown(track)))
    }

    /// The codecs of its video, each once, in order: players do not switch between them.
    pub(crate) fn families(&self) -> Vec<&'a str> {
        let mut families: Vec<&str> = Vec::new();
        for shown in &self.video {
            let family = shown.track.codec_family();
            if !families.contains(&family) {
                families.push(family);
            }
        }
        families
    }

    /// What a player must reckon with for a track, bits per second.
    pub(crate) fn bandwidth(&self, shown: &Shown<'_>) -> u64 {
        shown.bandwidth(self.target_secs, self.p.sealed)
    }

    /// Nothing will be added to the playlist of a track: the version is whole, or the
    /// clip is.
    pub(crate) fn is_whole(&self, track: &'a Track) -> bool {
        let end = self
            .listing
            .shown(track)
            .end_micros()
            .saturating_add(SAME_MICROS);
        let clip = self
            .edit
            .end
            .is_some_and(|Time(clip)| self.bounds.1 >= clip);
        self.p.sealed || (clip && end >= self.bounds.1)
    }

    /// Where the clip ends, microseconds: where the longest track does, rounded up, if
    /// the edit does not say earlier.
    pub(crate) fn end_micros(&self) -> u64 {
        let tracks = self.video.iter().chain(&self.audio);
        let ends = tracks.filter_map(|s| Some((s.segments.last()?.end(), s.track.timescale)));
        let micros = ends.map(|(end, timescale)| {
            let micros = (u128::from(end) * 1_000_000).div_ceil(u128::from(timescale.max(1)));
            u64::try_from(micros).unwrap_or(u64::MAX)
        });
        let end = micros.max().unwrap_or(0);
        self.edit.end.map_or(end, |Time(asked)| asked.min(end))
    }

    /// The segments that hold the clip: of video those that the clip touches; of the
    /// rest those that play along with them.
    fn clipped(&self, shown: Shown<'a>) -> Shown<'a> {
        if self.edit.start.is_none() && self.edit.end.is_none() {
            return shown;
        }
        if shown.track.is_video() || self.video_is_missing() {
            return cut(shown, self.edit);
        }
        let (from, to) = self.bounds;
        part(
            shown,
            from.saturating_add(SAME_MICROS),
            to.saturating_sub(SAME_MICROS),
        )
    }

    fn video_is_missing(&self) -> bool {
        self.listing.video.is_empty()
    }
}

/// The tracks that the edit leaves in.
fn selected<'a>(p: &'a Presentation, edit: &Edit) -> Result<Vec<&'a Track>, ManifestError> {
    let tracks: Vec<&Track> = p.tracks.iter().filter(|t| edit.keeps(t)).collect();
    let left = |of: fn(&Track) -> bool| tracks.iter().any(|t| of(t));
    let chosen = |choice: &Option<Choice>| {
        choice
            .as_ref()
            .filter(|c| !c.is_none())
            .map(ToString::to_string)
    };
    for (kind, choice, found) in [
        ("audio", &edit.audio, left(Track::is_audio)),
        ("text", &edit.text, left(Track::is_text)),
    ] {
        if let Some(wanted) = chosen(choice).filter(|_| !found) {
            return Err(ManifestError::NoTrack { kind, wanted });
        }
    }
    match edit.max_height {
        Some(max_height) if p.video().next().is_some() && !left(Track::is_video) => {
            Err(ManifestError::TooHigh { max_height })
        }
        _ if !p.tracks.is_empty() && !left(|t| !t.is_text()) => Err(ManifestError::Nothing),
        _ => Ok(tracks),
    }
}

/// The segments that the clip touches.
fn cut<'a>(shown: Shown<'a>, edit: &Edit) -> Shown<'a> {
    let from = edit.start.map_or(0, |start| start.0);
    part(shown, from, edit.end.map_or(u64::MAX, |end| end.0))
}

/// The segments that end after `from` and start before `to`, microseconds.
fn part<'a>(shown: Shown<'a>, from: u64, to: u64) -> Shown<'a> {
    let track = shown.track;
    let first = shown
        .segments
        .partition_point(|s| track.micros(s.end()) <= from);
    let last = shown
        .segments
        .partition_point(|s| track.micros(s.start) < to);
    Shown {
        track,
        first: shown.first + first.min(last),
        segments: &shown.segments[first.min(last)..last],
    }
}
