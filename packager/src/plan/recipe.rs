//! What workers need to know of a plan besides what the origin reads: kept by the origin
//! with the plan, and read by workers only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::{Plan, TrackId};

use crate::{
    PackagerError,
    attempt::SHORTFALL_SECS,
    copy::CopyPlan,
    encode::audio::Format,
    plan::{
        cuts::Cuts,
        grid::{Grid, Span},
        samples::Sample,
    },
    probe::{
        light::Light,
        source::{Colour, Source, Text},
        timing::Timing,
    },
};

/// How the tasks of a plan are done. Everything that an output depends on is in here,
/// so that it does not depend on who does what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    /// Planned length of a segment, seconds.
    pub(crate) segment_secs: f64,
    /// The stream that video tracks are made of.
    pub(crate) picture: Option<Picture>,
    /// Where each audio track comes from.
    pub(crate) sounds: Vec<Sound>,
    /// Where each text track comes from.
    pub(crate) texts: Vec<Words>,
    /// What the source is.
    pub(crate) source: Source,
    /// How pictures are encoded.
    pub(crate) encoder: Settings,
    /// How they are encoded in HEVC, where that is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hevc: Option<Settings>,
    /// How they are encoded in AV1, where that is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) av1: Option<Av1>,
    /// What renditions of two passes are to average; none where a quality is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<Target>,
    /// Where segments start. `None`: the source has no index, so that it is encoded in
    /// one piece, from the beginning, and cut by cells as it comes.
    pub(crate) grid: Option<Grid>,
    /// The grid's spans, by number; none without a grid.
    pub(crate) spans: Vec<Span>,
    /// What is encoded to choose rates, where they are chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) samples: Vec<Sample>,
    /// The streams that are published as they are.
    pub(crate) copy: Option<CopyPlan>,
    /// Why there are none, in words for people.
    pub(crate) copy_refused: Option<String>,
}

/// The stream that video tracks are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Picture {
    /// Which stream of the file.
    pub(crate) index: usize,
    /// When its pictures are shown.
    pub(crate) timing: Timing,
    /// Of all renditions.
    pub(crate) timescale: u32,
    /// Two fields a picture.
    pub(crate) interlaced: bool,
    /// How its values become light.
    pub(crate) colour: Colour,
    /// What HDR10 says of it besides, for renditions that keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) light: Option<Light>,
    /// When the first picture is shown, in the stream's own ticks: the common zero.
    pub(crate) zero_ticks: i64,
    /// Longest time from one keyframe to the next, seconds, where that is known.
    pub(crate) keys_apart_secs: Option<f64>,
}

/// Where an audio track comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sound {
    /// The track.
    pub(crate) track: TrackId,
    /// Which stream of the file.
    pub(crate) index: usize,
    /// Channels to publish.
    pub(crate) channels: u32,
    /// When its first sound is heard, from the common zero, seconds.
    pub(crate) offset_secs: f64,
    /// What it is encoded in.
    #[serde(default, skip_serializing_if = "Format::is_aac")]
    pub(crate) format: Format,
    /// Where it ends, cut off or filled up with silence, seconds from the common zero;
    /// `None`: where its source does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until_secs: Option<f64>,
}

/// Where a text track comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Words {
    /// The track.
    pub(crate) track: TrackId,
    /// The subtitles.
    pub(crate) text: Text,
}

/// What a rendition is to average.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The track.
    pub(crate) track: TrackId,
    /// Over the whole, bit/s.
    pub(crate) bits_per_sec: u64,
}

/// Settings of x264, or of x265.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Such as `veryfast`.
    pub(crate) preset: String,
    /// Constant rate factor.
    pub(crate) crf: u8,
    /// Those of single renditions in its place.
    #[serde(skip)]
    pub(crate) chosen: BTreeMap<TrackId, f64>,
    /// Threads of each rendition's encoder: what it writes depends on their number.
    pub(crate) threads: u32,
}

impl Settings {
    /// The factor of a rendition.
    pub(crate) fn factor(&self, track: &TrackId) -> f64 {
        let chosen = self.chosen.get(track).copied();
        chosen.unwrap_or_else(|| f64::from(self.crf))
    }
}

/// How segments are encoded by SVT-AV1. It starts no new sequence where it is told to, so
/// that each segment is a run of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Av1 {
    /// Its preset, from 0 to 13; the higher the faster.
    pub(crate) preset: u8,
    /// Constant rate factor, up to 63.
    pub(crate) crf: u8,
    /// Where decoding of each segment of the grid starts, as [`Span::seek_secs`].
    pub(crate) seeks: Vec<Option<f64>>,
}

impl Av1 {
    /// The runs that make the segments of a span.
    pub(crate) fn runs(&self, span: &Span) -> Vec<Span> {
        let run = |n: u32| Span {
            first: n,
            end: n + 1,
            seek_secs: self.seeks.get(n as usize).copied().flatten(),
        };
        (span.first..span.end).map(run).collect()
    }
}

impl Recipe {
    /// # Errors
    /// The plan was made by a worker of another kind.
    pub(crate) fn of(plan: &Plan) -> Result<Self, PackagerError> {
        serde_json::from_value(plan.recipe.clone()).map_err(|error| {
            PackagerError::Encoder(format!("the plan is not one of this worker's: {error}"))
        })
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a recipe is always JSON")
    }

    /// Where segments start and the last one ends, microseconds from the common zero, as
    /// far as that is planned.
    pub(crate) fn borders_us(&self, duration_secs: f64) -> (Vec<u64>, u64) {
        if let Some(grid) = &self.grid {
            let starts = (0..grid.len()).map(|n| grid.start_us(n));
            return (starts.collect(), grid.start_us(grid.len()));
        }
        let end = ((duration_secs * 1e6) as u64).max(1);
        let cuts = self.cuts();
        let starts = (0..).map(|n| cuts.start_us(n));
        (starts.take_while(|start| *start < end).collect(), end)
    }

    /// When the planned pictures end, seconds, where that is before they should; a copy
    /// tells that by itself.
    pub(crate) fn pictures_lacking(&self, declared_secs: f64) -> Option<f64> {
        let grid = self.grid.as_ref().filter(|_| self.copy.is_none())?;
        let end_secs = grid.start_secs(grid.len());
        // The last of pictures at any time may stay as long as it likes.
        let varies = self.picture.as_ref()?.timing.varies();
        (end_secs + SHORTFALL_SECS < declared_secs && !varies).then_some(end_secs)
    }

    /// What a rendition is to average, bit/s.
    pub(crate) fn target(&self, track: &TrackId) -> Option<u64> {
        let mut targets = self.targets.iter();
        let target = targets.find(|target| target.track == *track);
        target.map(|target| target.bits_per_sec)
    }

    /// Where segments of a source without an index start.
    pub(crate) fn cuts(&self) -> Cuts {
        Cuts::new(self.segment_secs)
    }
}
