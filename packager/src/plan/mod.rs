//! From a source to the tracks of a version, and the tasks that make them.

pub(crate) mod cuts;
pub(crate) mod grid;
pub(crate) mod recipe;
pub(crate) mod samples;
pub(crate) mod timescale;

mod addition;
mod av1;
mod ladder;
mod layout;
mod sounds;
mod tasks;

use std::collections::BTreeMap;

use wire::{Codec, PackageSettings, Plan, PlannedKind, PlannedTrack, RateControl, TrackId};

use crate::{
    Config, PackagerError,
    attempt::{SHORTFALL_SECS, cut_short},
    copy::{CopyPlan, Verdict},
    passes,
    plan::recipe::{Picture, Recipe, Settings, Target, Words},
    probe::{Source, Text, Video, timeline::Timeline, timing::Timing},
};

/// Threads of each rendition's encoder. With more, x264 under a ceiling of the rate
/// looks at how far its other threads are at the moment, so that no two runs write the
/// same bytes (measured: 7 different of 8 with two). Cores are filled by the renditions
/// and by spans.
const ENCODER_THREADS: u32 = 1;
/// x265's constant rate factor above x264's for about the same quality. Chosen: their own
/// defaults are 5 apart, 28 and 23.
pub(crate) const HEVC_CRF_MORE: u8 = 4;
/// The worst of both.
pub(crate) const CRF_MAX: u8 = 51;
/// A copy whose first picture is this far from the encoder's, seconds, is none.
const ZERO_TOLERANCE_SECS: f64 = 0.001;
/// The rendition of the source's own size is left out where the copy does not need more
/// than this, in terms of its ceiling. Chosen: as in `maxrate`'s own limit.
const COPY_RATE_MAX: f64 = 1.5;

/// A source whose pictures cannot be found without reading them all.
const NOT_ANALYSED: &str = "bit rates are those of any source: this one has no index, so that no \
    samples were taken";
/// Two passes are of spans.
const ONE_PASS: &str = "its container has no index: encoded in one pass, by quality";

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
    /// What the toolchain encodes.
    pub(crate) codecs: &'a [Codec],
}

pub(crate) use addition::{Heard, plan as addition};

/// The source can be split: its container has an index to seek by.
pub(crate) fn splits(source: &Source) -> bool {
    source.video.is_some() && splits_by(&source.format)
}

/// A container of this name has an index, and times that start at zero.
fn splits_by(format: &str) -> bool {
    let indexed = ["mov,", "matroska"];
    indexed.iter().any(|name| format.starts_with(name))
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
    let lacking = settings.codecs.iter().find(|c| !tools.codecs.contains(c));
    if let Some(codec) = lacking.filter(|_| !settings.ladder.is_empty()) {
        let words = format!("this worker's ffmpeg has no encoder of {codec}");
        return Err(PackagerError::Encoder(words));
    }
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
    let seeks = laid.as_ref().map(|laid| laid.seeks.clone());
    let encoder = Settings {
        preset: tools.config.preset.clone(),
        crf: tools.config.crf,
        chosen: BTreeMap::new(),
        threads: ENCODER_THREADS,
    };
    let timing = |video: &Video| timing.unwrap_or(video.timing);
    let mut pictures = match video {
        Some(video) if encodes => {
            ladder::renditions(video.size, timing(video).rate(), &settings.ladder)
        }
        _ => Vec::new(),
    };
    let hevc = match video {
        Some(video) if settings.codecs.contains(&Codec::Hevc) => {
            ladder::in_hevc(&pictures, video.colour.range())
        }
        _ => Vec::new(),
    };
    let av1 = match video {
        Some(video) if settings.codecs.contains(&Codec::Av1) => {
            av1::planned(&pictures, video, seeks, &encoder)
        }
        _ => av1::Planned::default(),
    };
    leave_out(&mut pictures, &copies);
    let samples = laid.as_ref().map(|laid| laid.samples.clone());
    let (grid, spans) = laid.map(|laid| (laid.grid, laid.spans)).unzip();
    let two_pass = settings.rate_control == RateControl::TwoPass && !pictures.is_empty();
    let targets = pictures.iter().filter(|_| two_pass && grid.is_some());
    let targets = targets.map(|track| Target {
        track: track.track.clone(),
        bits_per_sec: passes::target(track.bitrate_max),
    });
    let one_pass = (two_pass && grid.is_none()).then(|| ONE_PASS.to_owned());
    let mut sounds = sounds::encoded(source, copy.as_ref(), encodes);
    if encodes && settings.codecs.contains(&Codec::Opus) {
        let opus = sounds::in_opus(&sounds, &copies, source, copy.as_ref());
        sounds.extend(opus);
    }
    let texts: Vec<_> = source.text.iter().zip(1..).map(words).collect();
    let recipe = Recipe {
        segment_secs: settings.segment_secs,
        picture: video.map(|video| Picture {
            index: video.index,
            timing: timing(video),
            timescale: common_timescale(video.timing, copy.as_ref()),
            interlaced: video.interlaced,
            colour: video.colour,
            light: video.light,
            zero_ticks: line.map_or(0, |line| line.zero_ticks),
            keys_apart_secs: line.map(Timeline::keys_apart_secs),
        }),
        sounds: sounds.iter().map(|(_, sound)| sound.clone()).collect(),
        texts: texts.iter().map(|(_, words)| words.clone()).collect(),
        source: source.clone(),
        hevc: (!hevc.is_empty()).then(|| Settings {
            crf: (encoder.crf + HEVC_CRF_MORE).min(CRF_MAX),
            ..encoder.clone()
        }),
        encoder,
        av1: av1.recipe,
        targets: targets.collect(),
        grid,
        spans: spans.unwrap_or_default(),
        samples: samples.unwrap_or_default(),
        copy,
        copy_refused,
    };
    let blind = settings.per_title && !pictures.is_empty() && recipe.samples.is_empty();
    let blind = blind.then(|| NOT_ANALYSED.to_owned());
    let short = cut(source, &recipe, torn).filter(|_| recipe.copy.is_none());
    let tasks = tasks::tasks((&pictures, &hevc, &av1.tracks), &recipe, settings);
    let (copied_pictures, copied_sounds): (Vec<_>, Vec<_>) = copies
        .into_iter()
        .partition(|track| matches!(track.kind, PlannedKind::Video { .. }));
    let tracks = copied_pictures.into_iter().chain(pictures);
    let tracks = tracks.chain(hevc).chain(av1.tracks).chain(copied_sounds);
    let tracks = tracks.chain(sounds.into_iter().map(|(track, _)| track));
    Ok(Plan {
        duration_secs: source.duration_secs,
        tasks,
        tracks: tracks
            .chain(texts.into_iter().map(|(track, _)| track))
            .collect(),
        toolchain: tools.toolchain.to_owned(),
        warnings: source
            .warnings
            .iter()
            .cloned()
            .chain(short)
            .chain(blind)
            .chain(av1.warning)
            .chain(one_pass)
            .collect(),
        recipe: recipe.to_json(),
        analysis: None,
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

/// Leaves out a rendition that a copy makes idle.
fn leave_out(renditions: &mut Vec<PlannedTrack>, copies: &[PlannedTrack]) {
    renditions.retain(|track| {
        let idle = |copy: &PlannedTrack| {
            let sizes = size(track).zip(size(copy));
            sizes.is_some_and(|(a, b)| a == b)
                && copy.bitrate_max as f64 <= track.bitrate_max as f64 * COPY_RATE_MAX
        };
        !copies.iter().any(idle)
    });
}

fn size(track: &PlannedTrack) -> Option<(u32, u32)> {
    match track.kind {
        PlannedKind::Video { width, height, .. } => Some((width, height)),
        PlannedKind::Audio { .. } | PlannedKind::Text { .. } => None,
    }
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
