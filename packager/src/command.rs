//! ffmpeg's command line: one input, one decode, one output a track.

use std::{ffi::OsString, path::Path};

use wire::{Plan, PlannedKind, PlannedTrack};

use crate::{
    Config,
    cuts::{AUDIO_RATE, Cuts},
    ffprobe::{FORMATS, PIXELS_MAX},
    plan::audio_rate,
    probe::{Audio, Source, Video},
    timing::Timing,
};

/// The first descriptor that an output gets in ffmpeg; 0 to 2 are the standard ones.
pub(crate) const FIRST_PIPE: i32 = 3;
/// Ticks per second of video whose frames come at any time: MPEG's, which holds every
/// usual rate.
const VARIABLE_TIMESCALE: u32 = 90_000;
/// How much sound ffmpeg puts in one fragment, microseconds: short, so that a segment
/// is ready soon after its last frame. Chosen.
const AUDIO_FRAGMENT_US: &str = "250000";

/// What to encode.
pub(crate) struct Task<'a> {
    pub(crate) source: &'a Source,
    pub(crate) plan: &'a Plan,
    pub(crate) cuts: Cuts,
    /// Frames at the start that an earlier attempt has stored; 0 for variable timing.
    pub(crate) skip_frames: u64,
}

/// All arguments. The plan's track `n` goes to descriptor [`FIRST_PIPE`] + n.
pub(crate) fn arguments(config: &Config, file: &Path, task: &Task<'_>) -> Vec<OsString> {
    let mut args = Args(Vec::new());
    args.all("-nostdin -hide_banner -loglevel level+warning -nostats -progress pipe:1");
    args.all("-protocol_whitelist file,pipe -format_whitelist")
        .one(FORMATS);
    args.all("-max_pixels").one(PIXELS_MAX).one("-i").one(file);
    for (track, pipe) in task.plan.tracks.iter().zip(FIRST_PIPE..) {
        match (&track.kind, &task.source.video, &task.source.audio) {
            (PlannedKind::Video { .. }, Some(video), _) => {
                rendition(&mut args, config, task, track, video);
            }
            (PlannedKind::Audio { channels, .. }, _, Some(audio)) => {
                sound(&mut args, audio, *channels);
            }
            // The plan is of this source: the caller has checked it.
            _ => continue,
        }
        args.all("-map_metadata -1 -map_chapters -1 -fflags +bitexact -f mp4");
        args.one(format!("pipe:{pipe}"));
    }
    args.0
}

fn rendition(
    args: &mut Args,
    config: &Config,
    task: &Task<'_>,
    track: &PlannedTrack,
    video: &Video,
) {
    let rate = track.bitrate_max.to_string();
    args.all("-map").one(format!("0:{}", video.index));
    args.one("-vf").one(picture_filters(task, track, video));
    args.all("-c:v libx264 -profile:v high -preset")
        .one(&config.preset);
    args.one("-crf").one(config.crf.to_string());
    // A buffer of one second: any segment of 2 s or more stays within 1.5 × the rate.
    args.one("-maxrate").one(&rate).one("-bufsize").one(&rate);
    // Where segments start there is an IDR picture, and nowhere else.
    let (num, den) = video.timing.rate();
    let first_secs = task.skip_frames as f64 * f64::from(den) / f64::from(num);
    args.all("-forced-idr 1 -sc_threshold 0 -g 99999 -force_key_frames");
    args.one(task.cuts.expression(first_secs));
    // No frame is added or dropped here, and none is moved.
    args.all("-fps_mode passthrough -enc_time_base");
    match video.timing {
        Timing::Constant { rate: (num, den) } => args.one(format!("{den}:{num}")),
        // Without B-frames decode and presentation times are one, so that a fragment's
        // start and its samples' durations are exact.
        Timing::Variable { .. } => args.one(format!("1:{VARIABLE_TIMESCALE}")).all("-bf 0"),
    };
    args.all(
        "-write_tmcd 0 -movflags +frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets",
    );
}

/// From a decoded frame to one of the rendition, on the common zero.
fn picture_filters(task: &Task<'_>, track: &PlannedTrack, video: &Video) -> String {
    let PlannedKind::Video { width, height, .. } = track.kind else {
        return String::new();
    };
    let mut filters = Vec::new();
    if video.interlaced {
        filters.push("yadif=mode=send_frame".to_owned());
    }
    match video.timing {
        Timing::Constant { rate: (num, den) } => {
            // On a true constant rate `fps` changes nothing; a hole is filled and a
            // doubled frame dropped, so that frame n is at n / rate without exception.
            filters.push(format!("setpts=PTS-STARTPTS,fps={num}/{den}"));
            if task.skip_frames > 0 {
                filters.push(format!("trim=start_pts={}", task.skip_frames));
            }
        }
        Timing::Variable { .. } => {
            filters.push(format!("settb=1/{VARIABLE_TIMESCALE},setpts=PTS-STARTPTS"));
        }
    }
    filters.push(format!(
        "scale={width}:{height}:flags=bicubic,setsar=1,format=yuv420p"
    ));
    filters.join(",")
}

fn sound(args: &mut Args, audio: &Audio, channels: u32) {
    args.all("-map").one(format!("0:{}", audio.index));
    // Sound before the first picture is cut off; a late start and holes become silence.
    let offset = audio.offset_secs;
    args.one("-af").one(format!(
        "asetpts=PTS-STARTPTS+({offset:.6}/TB),aresample={AUDIO_RATE}:async=1:first_pts=0"
    ));
    args.one("-ac")
        .one(channels.to_string())
        .one("-ar")
        .one(AUDIO_RATE.to_string());
    args.all("-c:a aac -b:a")
        .one(audio_rate(channels).to_string());
    args.all("-movflags +empty_moov+default_base_moof -frag_duration")
        .one(AUDIO_FRAGMENT_US);
}

struct Args(Vec<OsString>);

impl Args {
    /// One argument, whatever is in it.
    fn one(&mut self, arg: impl AsRef<std::ffi::OsStr>) -> &mut Self {
        self.0.push(arg.as_ref().to_owned());
        self
    }

    /// Arguments with spaces between them.
    fn all(&mut self, args: &str) -> &mut Self {
        self.0.extend(args.split_whitespace().map(OsString::from));
        self
    }
}
