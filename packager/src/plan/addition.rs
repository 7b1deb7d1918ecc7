//! Sound for a version that is sealed: cut where that one is, and as long.

use std::collections::BTreeMap;

use wire::{AddedSound, Codec, PackageSettings, Plan, TrackLabel};

use crate::{
    PackagerError,
    attempt::{SHORTFALL_SECS, cut_short},
    plan::{
        ENCODER_THREADS, Tools,
        grid::Grid,
        recipe::{Recipe, Settings},
        sounds, splits_by, tasks,
    },
    probe::{Audio, Source},
};

/// A file of sound.
pub(crate) struct Heard<'a> {
    pub(crate) source: &'a Source,
    /// How long its default sound lasts, seconds, by its packets.
    pub(crate) lasts_secs: f64,
    /// Its times are those that it came with.
    pub(crate) has_times: bool,
}

/// The plan of the file's default sound: stereo, and surround where it has that, each in
/// Opus too where the version is. Times count from the first picture of the version: that
/// is the first picture of the source, or where it has none, its beginning.
///
/// # Errors
/// It has no sound, or none before the version ends.
pub(crate) fn plan(
    heard: &Heard<'_>,
    added: &AddedSound,
    settings: &PackageSettings,
    tools: &Tools<'_>,
) -> Result<Plan, PackagerError> {
    if settings.codecs.contains(&Codec::Opus) && !tools.codecs.contains(&Codec::Opus) {
        let words = "this worker's ffmpeg has no encoder of opus";
        return Err(PackagerError::Encoder(words.to_owned()));
    }
    let refuse = |words: String| Err(PackagerError::Source(words));
    let end_secs = added.until_us as f64 / 1e6;
    let source = heard.source;
    let audio = placed(heard, &added.label);
    let Some(first) = audio.first() else {
        return refuse("the file has no sound that can be decoded".to_owned());
    };
    let starts_secs = first.offset_secs;
    if starts_secs >= end_secs {
        return refuse(format!(
            "its sound starts at {starts_secs:.1} s, and the version ends at {end_secs:.1} s"
        ));
    }
    let warnings = warnings(source, starts_secs + heard.lasts_secs, end_secs);
    let source = Source {
        audio,
        text: Vec::new(),
        chapters: Vec::new(),
        covers: Vec::new(),
        warnings: Vec::new(),
        ..source.clone()
    };
    let mut sounds = sounds::encoded(&source, None, true);
    if settings.codecs.contains(&Codec::Opus) {
        let opus = sounds::in_opus(&sounds, &[], &source, None);
        sounds.extend(opus);
    }
    for (_, sound) in &mut sounds {
        sound.until_secs = Some(end_secs);
    }
    let (tracks, sounds) = sounds.into_iter().unzip();
    let recipe = Recipe {
        segment_secs: settings.segment_secs,
        picture: None,
        sounds,
        texts: Vec::new(),
        source,
        encoder: Settings {
            preset: tools.config.preset.clone(),
            crf: tools.config.crf,
            chosen: BTreeMap::new(),
            threads: ENCODER_THREADS,
        },
        hevc: None,
        av1: None,
        targets: Vec::new(),
        grid: Some(Grid {
            rate: (1_000_000, 1),
            starts: added.starts_us.clone(),
            end: added.end_us,
        }),
        spans: Vec::new(),
        samples: Vec::new(),
        copy: None,
        copy_refused: None,
    };
    let sound_alone = PackageSettings {
        images: false,
        ..settings.clone()
    };
    Ok(Plan {
        duration_secs: end_secs,
        tasks: tasks::tasks((&[], &[], &[]), &recipe, &sound_alone),
        tracks,
        toolchain: tools.toolchain.to_owned(),
        warnings,
        recipe: recipe.to_json(),
        analysis: None,
    })
}

/// The forms of the default stream, with this label, and when they are heard in the
/// version.
fn placed(heard: &Heard<'_>, label: &TrackLabel) -> Vec<Audio> {
    let source = heard.source;
    let stream = source.audio.first().map(|audio| audio.index);
    // Sound alone may start late in containers that have times of their own; in others its
    // first time means nothing, such as the 1.4 s of a transport stream.
    let alone = source.video.is_none() && splits_by(&source.format) && heard.has_times;
    let late_secs = if alone { source.zero_secs } else { 0.0 };
    let of_stream = source.audio.iter().filter(|a| Some(a.index) == stream);
    let placed = of_stream.enumerate().map(|(n, audio)| Audio {
        label: TrackLabel {
            default: label.default && n == 0,
            ..label.clone()
        },
        offset_secs: audio.offset_secs + late_secs,
        ..audio.clone()
    });
    placed.collect()
}

/// `heard_secs`: when the sound ends, in the version.
fn warnings(source: &Source, heard_secs: f64, end_secs: f64) -> Vec<String> {
    let mut streams: Vec<usize> = source.audio.iter().map(|audio| audio.index).collect();
    streams.sort_unstable();
    streams.dedup();
    let mut warnings = Vec::new();
    if streams.len() > 1 {
        let found = streams.len();
        warnings.push(format!("of {found} audio streams the default one is taken"));
    }
    let late_secs = heard_secs - end_secs;
    if late_secs > SHORTFALL_SECS {
        warnings.push(format!(
            "it is {late_secs:.1} s longer than the version, and cut off there"
        ));
    }
    if -late_secs > SHORTFALL_SECS {
        let early_secs = -late_secs;
        warnings.push(format!(
            "it ends {early_secs:.1} s before the version, and silence follows"
        ));
    }
    // Where there are pictures, they may well be what is longer; and others than these
    // containers have their duration guessed from their rate.
    let declares = splits_by(&source.format) || ["flac", "wav"].contains(&&*source.format);
    if declares && source.video.is_none() && heard_secs + SHORTFALL_SECS < source.duration_secs {
        warnings.push(cut_short(heard_secs, source.duration_secs));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn audio(index: usize, channels: u32, offset_secs: f64) -> Audio {
        Audio {
            index,
            codec: "aac".to_owned(),
            source_channels: channels,
            channels,
            label: TrackLabel::default(),
            offset_secs,
        }
    }

    /// Sound alone that starts 2 s after the beginning of its file.
    fn source(format: &str, audio: Vec<Audio>) -> Source {
        Source {
            format: format.to_owned(),
            duration_secs: 60.0,
            zero_secs: 2.0,
            video: None,
            audio,
            text: Vec::new(),
            chapters: Vec::new(),
            covers: vec![3],
            data_streams: 0,
            warnings: vec!["of the file".to_owned()],
        }
    }

    fn planned(source: &Source, codecs: Vec<Codec>) -> Result<Plan, PackagerError> {
        let added = AddedSound {
            label: TrackLabel {
                language: Some("de".to_owned()),
                default: true,
                ..TrackLabel::default()
            },
            starts_us: vec![0, 2_000_000],
            end_us: 4_500_000,
            until_us: 4_600_000,
        };
        let settings = PackageSettings {
            codecs,
            ..PackageSettings::default()
        };
        let tools = Tools {
            config: &Config::default(),
            toolchain: "tools",
            codecs: &[Codec::H264, Codec::Opus],
        };
        let heard = Heard {
            source,
            lasts_secs: 58.0,
            has_times: true,
        };
        plan(&heard, &added, &settings, &tools)
    }

    #[test]
    fn each_form_of_the_default_stream_is_a_task_and_no_picture_is() {
        let audio = vec![audio(1, 2, 0.0), audio(2, 2, 0.0), audio(1, 6, 0.0)];
        let plan = planned(&source("mov,mp4", audio), vec![Codec::H264, Codec::Opus]).unwrap();
        let names: Vec<&str> = plan.tracks.iter().map(|t| t.track.as_str()).collect();
        assert_eq!(names, ["a1", "a2", "a1-opus", "a2-opus"]);
        assert_eq!(plan.tasks.len(), 4);
        let defaults = plan.tracks.iter().map(|track| match &track.kind {
            wire::PlannedKind::Audio { label, .. } => label.default,
            _ => panic!("{track:?}"),
        });
        assert_eq!(defaults.collect::<Vec<_>>(), [true, false, true, false]);
        let recipe = Recipe::of(&plan).unwrap();
        assert!(
            recipe
                .sounds
                .iter()
                .all(|s| s.index == 1 && s.until_secs == Some(4.6))
        );
        assert_eq!(recipe.borders_us(0.0), (vec![0, 2_000_000], 4_500_000));
        assert_eq!(
            plan.warnings,
            [
                "of 2 audio streams the default one is taken",
                "it is 55.4 s longer than the version, and cut off there"
            ]
        );
    }

    #[test]
    fn sound_starts_late_where_its_container_says_so() {
        for (format, secs) in [("mov,mp4", 2.0), ("matroska,webm", 2.0), ("mp3", 0.0)] {
            let plan = planned(&source(format, vec![audio(0, 2, 0.0)]), vec![Codec::H264]);
            let recipe = Recipe::of(&plan.unwrap()).unwrap();
            assert_eq!(recipe.sounds[0].offset_secs, secs, "{format}");
        }
    }

    #[test]
    fn sound_that_is_none_of_the_version_is_refused() {
        for (audio, reason) in [
            (vec![], "no sound that can be decoded"),
            (vec![audio(0, 2, 3.0)], "its sound starts at 5.0 s"),
        ] {
            let refused = planned(&source("mov,mp4", audio), vec![Codec::H264]).unwrap_err();
            assert!(
                refused.is_permanent() && refused.to_string().contains(reason),
                "{refused}"
            );
        }
    }
}
