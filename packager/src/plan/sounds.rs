//! The audio tracks of a version.

use wire::{PlannedKind, PlannedTrack};

use crate::{
    copy::CopyPlan,
    encode::audio::Format,
    plan::{cuts::AUDIO_RATE, recipe::Sound, track_id},
    probe::{Audio, Source},
};

/// The audio tracks to encode: those that are not copied.
pub(super) fn encoded(
    source: &Source,
    copy: Option<&CopyPlan>,
    encodes: bool,
) -> Vec<(PlannedTrack, Sound)> {
    if !encodes {
        return Vec::new();
    }
    // ffmpeg numbers a file's audio tracks in the order of the file.
    let mut streams: Vec<usize> = source.audio.iter().map(|audio| audio.index).collect();
    streams.sort_unstable();
    streams.dedup();
    let copied = |audio: &Audio| {
        let place = streams.iter().position(|index| *index == audio.index);
        let mut tracks = copy.iter().flat_map(|copy| &copy.tracks);
        tracks.any(|track| track.audio_index.map(|n| n as usize) == place && place.is_some())
    };
    let taken = copy.map_or(0, |copy| copy.tracks.len().saturating_sub(1) as u32);
    let left = source.audio.iter().filter(|audio| !copied(audio));
    left.zip(taken + 1..).map(sound).collect()
}

/// The `n`th sound, from 1.
fn sound((audio, n): (&Audio, u32)) -> (PlannedTrack, Sound) {
    let track = PlannedTrack {
        track: track_id(&format!("a{n}")),
        // A frame may be a little longer than the average asked for.
        bitrate_max: Format::Aac.rate(audio.channels) * 11 / 10,
        kind: PlannedKind::Audio {
            channels: audio.channels,
            sample_rate: AUDIO_RATE as u32,
            label: audio.label.clone(),
        },
    };
    let sound = Sound {
        track: track.track.clone(),
        index: audio.index,
        channels: audio.channels,
        offset_secs: audio.offset_secs,
        format: Format::Aac,
        until_secs: None,
    };
    (track, sound)
}

/// Each audio track once more, in Opus: those of the copy too.
pub(super) fn in_opus(
    sounds: &[(PlannedTrack, Sound)],
    copies: &[PlannedTrack],
    source: &Source,
    copy: Option<&CopyPlan>,
) -> Vec<(PlannedTrack, Sound)> {
    let mut streams: Vec<usize> = source.audio.iter().map(|audio| audio.index).collect();
    streams.sort_unstable();
    streams.dedup();
    let of = |audio: &Audio| -> Option<PlannedTrack> {
        let encoded = sounds
            .iter()
            .find(|(_, s)| (s.index, s.channels) == (audio.index, audio.channels));
        if let Some((track, _)) = encoded {
            return Some(track.clone());
        }
        let place = streams.iter().position(|index| *index == audio.index)?;
        let mut tracks = copy.iter().flat_map(|copy| &copy.tracks);
        let copied = tracks.find(|t| t.audio_index.map(|n| n as usize) == Some(place))?;
        copies
            .iter()
            .find(|t| t.track == copied.planned.track)
            .cloned()
    };
    let opus = |audio: &Audio| {
        let PlannedTrack { track, kind, .. } = of(audio)?;
        let track = track_id(&format!("{track}-opus"));
        let PlannedKind::Audio { label, .. } = kind else {
            return None;
        };
        let planned = PlannedTrack {
            track: track.clone(),
            bitrate_max: Format::Opus.rate(audio.channels) * 12 / 10,
            kind: PlannedKind::Audio {
                channels: audio.channels,
                sample_rate: AUDIO_RATE as u32,
                label,
            },
        };
        let sound = Sound {
            track,
            index: audio.index,
            channels: audio.channels,
            offset_secs: audio.offset_secs,
            format: Format::Opus,
            until_secs: None,
        };
        Some((planned, sound))
    };
    source.audio.iter().filter_map(opus).collect()
}
