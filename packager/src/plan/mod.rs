//! From a source to the tracks of a version, and the tasks that make them.

pub(crate) mod cuts;
pub(crate) mod grid;
pub(crate) mod recipe;
pub(crate) mod timescale;

mod ladder;
mod layout;
mod tasks;

use wire::{PackageSettings, Plan, PlannedKind, PlannedTrack, TrackId};

use crate::{
    Config, PackagerError,
    attempt::{SHORTFALL_SECS, cut_short},
    copy::{CopyPlan, Verdict},
    plan::{
        cuts::AUDIO_RATE,
        recipe::{Picture, Recipe, Settings, Sound, Words},
    },
    probe::{Audio, Source, Text, Video, timeline::Timeline, timing::Timing},
};

/// AAC's bit rate for one channel, bit/s.
const AUDIO_RATE_PER_CHANNEL: u64 = 64_000;

/// Threads of each rendition's encoder. With more, x264 under a ceiling of the rate
/// looks at how far its other threads are at the moment, so that no two runs write the
/// same bytes (measured: 7 different of 8 with two). Cores are filled by the renditions
/// and by spans.
const ENCODER_THREADS: u32 = 1;
/// A copy whose first picture is this far from the encoder's, seconds, is none.
const ZERO_TOLERANCE_SECS: f64 = 0.001;
/// The rendition of the source's own size is left out where the copy does not need more
/// than this, in terms of its ceiling. Chosen: as in `maxrate`'s own limit.
const COPY_RATE_MAX: f64 = 1.5;

/// What is known of a source.
pub(crate) struct Facts<'a> {
    pub(crate) source: &'a Source,
    /// Its pictures' times, where its container has an index.
    pub(crate) line: Option<&'a Timeline>,
    /// Whether its streams can be published as they are.
    pub(crate) copy: Verdict,
}

/// What a plan depends on besides the source and the settings.
pub(crate) struct Tools<'a> {
    pub(crate) config: &'a Config,
    pub(crate) toolchain: &'a str,
}

/// The source can be split: its container has an index to seek by.
pub(crate) fn splits(source: &Source) -> bool {
    let indexed = ["mov,", "matroska"];
    source.video.is_some() && indexed.iter().any(|name| source.format.starts_with(name))
}

/// The plan of a source under these settings. Heights of the ladder count the shorter
/// side, so that 1080 of a portrait video is 1080 × 1920. An empty ladder encodes
/// nothing.
///
/// # Errors
/// Nothing is to be encoded, and nothing can be published as it is.
pub(crate) fn plan(
    facts: Facts<'_>,
    settings: &PackageSettings,
    tools: &Tools<'_>,
) -> Result<Plan, PackagerError> {
    let Facts { source, line, copy } = facts;
    let video = source.video.as_ref();
    let encodes = !settings.ladder.is_empty();
    let torn = matches!(&copy, Verdict::Copy(copy) if copy.is_torn());
    let (copy, copy_refused) = copied(source, line, copy, encodes);
    if let (None, false) = (&copy, encodes) {
        let reason = copy_refused.unwrap_or_default();
        let words = format!("it cannot be published without encoding: {reason}");
        return Err(PackagerError::Source(words));
    }
    let copies: Vec<PlannedTrack> = copy.iter().flat_map(planned).collect();
    let laid = video
        .zip(line)
        .map(|(video, line)| layout::lay_out(video.timing, line, copy.as_ref(), settings));
    let timing = laid.as_ref().map(|laid| laid.timing);
    let timing = |video: &Video| timing.unwrap_or(video.timing);
    let pictures = match video {
        Some(video) if encodes => renditions(video, timing(video), &copies, settings),
        _ => Vec::new(),
    };
    let (grid, spans) = laid.map(|laid| (laid.grid, laid.spans)).unzip();
    let sounds = sounds(source, copy.as_ref(), encodes);
    let texts: Vec<_> = source.text.iter().zip(1..).map(words).collect();
    let recipe = Recipe {
        segment_secs: settings.segment_secs,
        picture: video.map(|video| Picture {
            index: video.index,
            timing: timing(video),
            timescale: common_timescale(video.timing, copy.as_ref()),
            interlaced: video.interlaced,
            colour: video.colour,
            zero_ticks: line.map_or(0, |line| line.zero_ticks),
            keys_apart_secs: line.map(Timeline::keys_apart_secs),
        }),
        sounds: sounds.iter().map(|(_, sound)| sound.clone()).collect(),
        texts: texts.iter().map(|(_, words)| words.clone()).collect(),
        source: source.clone(),
        encoder: Settings {
            preset: tools.config.preset.clone(),
            crf: tools.config.crf,
            threads: ENCODER_THREADS,
        },
        grid,
        spans: spans.unwrap_or_default(),
        copy,
        copy_refused,
    };
    let short = cut(source, &recipe, torn).filter(|_| recipe.copy.is_none());
    let tasks = tasks::tasks(&pictures, &recipe, settings);
    let (copied_pictures, copied_sounds): (Vec<_>, Vec<_>) = copies
        .into_iter()
        .partition(|track| matches!(track.kind, PlannedKind::Video { .. }));
    let tracks = copied_pictures.into_iter().chain(pictures);
    let tracks = tracks.chain(copied_sounds);
    let tracks = tracks.chain(sounds.into_iter().map(|(track, _)| track));
    Ok(Plan {
        duration_secs: source.duration_secs,
        tasks,
        tracks: tracks
            .chain(texts.into_iter().map(|(track, _)| track))
            .collect(),
        toolchain: tools.toolchain.to_owned(),
        warnings: source.warnings.iter().cloned().chain(short).collect(),
        recipe: recipe.to_json(),
    })
}

/// The copy, if there is one that fits what ffmpeg sees of the source; else why not.
fn copied(
    source: &Source,
    line: Option<&Timeline>,
    verdict: Verdict,
    encodes: bool,
) -> (Option<CopyPlan>, Option<String>) {
    let copy = match verdict {
        // A copy ends with the last whole group of pictures, an encoder with the last
        // picture: renditions that end at different times are none of one presentation.
        Verdict::Copy(copy) if encodes && copy.is_torn() => {
            return (None, Some(copy.plan.warnings.join("; ")));
        }
        Verdict::Copy(copy) => copy,
        Verdict::Refused(reason) => return (None, Some(reason)),
        Verdict::NotMp4 => return (None, Some("its container is not mp4 or mov".to_owned())),
    };
    let mut copy = copy.plan;
    if let Some(video) = source.video.as_ref().filter(|_| encodes) {
        let Some(common) = timescale::common(copy.timescale, video.timing.tick().1) else {
            let reason = "its clock and its frame rate have no tick in common";
            return (None, Some(reason.to_owned()));
        };
        copy.published = common;
    }
    let away = (copy.zero_secs - source.zero_secs).abs();
    if line.is_none() || away > ZERO_TOLERANCE_SECS {
        let reason = "its first picture is not where its index says";
        return (None, Some(reason.to_owned()));
    }
    (Some(copy), None)
}

/// Ticks per second of all renditions.
fn common_timescale(timing: Timing, copy: Option<&CopyPlan>) -> u32 {
    let ticks = timing.tick().1;
    let own = || timescale::common(ticks, ticks).unwrap_or(ticks);
    copy.map_or_else(own, |copy| copy.published)
}

fn planned(copy: &CopyPlan) -> impl Iterator<Item = PlannedTrack> {
    copy.tracks.iter().map(|track| track.planned.clone())
}

/// The renditions to encode, without one that the copy makes idle.
fn renditions(
    video: &Video,
    timing: Timing,
    copies: &[PlannedTrack],
    settings: &PackageSettings,
) -> Vec<PlannedTrack> {
    let mut renditions = ladder::renditions(video.size, timing.rate(), &settings.ladder);
    renditions.retain(|track| {
        let idle = |copy: &PlannedTrack| {
            let sizes = size(track).zip(size(copy));
            sizes.is_some_and(|(a, b)| a == b)
                && copy.bitrate_max as f64 <= track.bitrate_max as f64 * COPY_RATE_MAX
        };
        !copies.iter().any(idle)
    });
    renditions
}

fn size(track: &PlannedTrack) -> Option<(u32, u32)> {
    match track.kind {
        PlannedKind::Video { width, height, .. } => Some((width, height)),
        PlannedKind::Audio { .. } | PlannedKind::Text { .. } => None,
    }
}

/// The audio tracks to encode: those that are not copied.
fn sounds(source: &Source, copy: Option<&CopyPlan>, encodes: bool) -> Vec<(PlannedTrack, Sound)> {
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

/// A warning, where pictures end before the source says. Where sound may be longer, only
/// the picture's own duration tells, or a look at what is `torn`.
fn cut(source: &Source, recipe: &Recipe, torn: bool) -> Option<String> {
    let (grid, video) = (recipe.grid.as_ref()?, source.video.as_ref()?);
    let end_secs = grid.start_secs(grid.len());
    let alone = source.audio.is_empty() || torn;
    let alone = alone.then_some(source.duration_secs);
    let declared_secs = video.duration_secs.or(alone)?;
    let short = end_secs + SHORTFALL_SECS < declared_secs && !video.timing.varies();
    (torn || short).then(|| cut_short(end_secs, declared_secs))
}

/// AAC's bit rate for so many channels, bit/s.
pub(crate) fn audio_rate(channels: u32) -> u64 {
    AUDIO_RATE_PER_CHANNEL * u64::from(channels)
}

/// The `n`th sound, from 1.
fn sound((audio, n): (&Audio, u32)) -> (PlannedTrack, Sound) {
    let track = PlannedTrack {
        track: track_id(&format!("a{n}")),
        // A frame may be a little longer than the average asked for.
        bitrate_max: audio_rate(audio.channels) * 11 / 10,
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
    };
    (track, sound)
}

/// The `n`th subtitles, from 1.
fn words((text, n): (&Text, u32)) -> (PlannedTrack, Words) {
    let track = PlannedTrack {
        track: track_id(&format!("t{n}")),
        bitrate_max: 0,
        kind: PlannedKind::Text {
            label: text.label.clone(),
            forced: text.forced,
        },
    };
    let words = Words {
        track: track.track.clone(),
        text: text.clone(),
    };
    (track, words)
}

fn track_id(name: &str) -> TrackId {
    name.parse().expect("a letter and a number are an id")
}
