//! What is in the folder, as the manifest writers want it.

use media::{FrameRate, Label, Presentation, TrackKind, VideoRange};
use wire::{Plan, PlannedKind, PlannedTrack, TaskKind, TrackId, TrackLabel};

use super::Shelf;
use crate::PackagerError;

/// Ticks per second of text: milliseconds.
const TEXT_TIMESCALE: u32 = 1000;

impl Shelf {
    pub(super) fn presentation(&self, segment_secs: f64) -> Result<Presentation, PackagerError> {
        let held = self.held();
        let plan = held.plan.as_ref();
        let planned = plan.map(|plan| plan.tracks.as_slice()).unwrap_or_default();
        let tracks = planned.iter().map(|track| {
            let nothing = || PackagerError::Encoder(format!("track {} is empty", track.track));
            let stored = held.tracks.get(&track.track).ok_or_else(nothing)?;
            let rows = stored.segments.iter().zip(0..);
            let whole = rows
                .clone()
                .all(|((number, _), expected)| *number == expected);
            if !whole || stored.segments.is_empty() {
                return Err(nothing());
            }
            let (codec, timescale) = match &stored.init {
                Some((_, codec, timescale)) => (codec.clone(), *timescale),
                None => ("wvtt".to_owned(), TEXT_TIMESCALE),
            };
            Ok(media::Track {
                name: track.track.to_string(),
                kind: kind(track),
                group: plan.map_or(0, |plan| group(plan, &track.track)),
                codec,
                timescale,
                bitrate_max: track.bitrate_max,
                segments: stored.segments.values().copied().collect(),
            })
        });
        Ok(Presentation {
            tracks: tracks.collect::<Result<_, _>>()?,
            sealed: true,
            segment_secs,
            files: held.files.iter().cloned().collect(),
            encryption: None,
            storyboard: held.storyboard.map(|storyboard| media::Storyboard {
                image_len_bytes: held.sheet_len_max,
                ..storyboard
            }),
        })
    }
}

/// Tracks made by the same kind of task are made together.
fn group(plan: &Plan, track: &TrackId) -> u32 {
    let task = plan.tasks.iter().find(|task| task.tracks.contains(track));
    match task.map(|task| task.kind) {
        Some(TaskKind::Copy) => 0,
        Some(TaskKind::Lead) => 1,
        Some(TaskKind::Hevc) => 3,
        Some(TaskKind::Av1) => 4,
        _ => 2,
    }
}

fn kind(track: &PlannedTrack) -> TrackKind {
    let label = |label: TrackLabel| Label {
        language: label.language,
        name: label.name,
        default: label.default,
        characteristics: label.characteristics,
    };
    match track.kind.clone() {
        PlannedKind::Video {
            width,
            height,
            frame_rate: (num, den),
            range,
        } => TrackKind::Video {
            width,
            height,
            frame_rate: FrameRate { num, den },
            range: match range {
                wire::VideoRange::Sdr => VideoRange::Sdr,
                wire::VideoRange::Pq => VideoRange::Pq,
                wire::VideoRange::Hlg => VideoRange::Hlg,
            },
        },
        PlannedKind::Audio {
            channels,
            sample_rate,
            label: planned,
        } => TrackKind::Audio {
            channels,
            sample_rate,
            label: label(planned),
        },
        PlannedKind::Text {
            label: planned,
            forced,
        } => TrackKind::Text {
            label: label(planned),
            forced,
        },
    }
}
