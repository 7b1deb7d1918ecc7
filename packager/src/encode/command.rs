//! ffmpeg's command lines: one input, one decode, one output a track.

use std::{ffi::OsString, path::Path};

use wire::{PlannedKind, PlannedTrack, VideoRange};

use crate::{
    encode::{
        audio::Format,
        coder::{Coder, Passes, encoder},
    },
    plan::{
        cuts::AUDIO_RATE,
        grid::{Grid, Span},
        recipe::{Picture, Recipe, Sound},
        timescale,
    },
    probe::{
        ffprobe::{FORMATS, PIXELS_MAX},
        light::Light,
        timing::Timing,
    },
};

/// The first descriptor that an output gets in ffmpeg; 0 to 2 are the standard ones.
pub(crate) const FIRST_PIPE: i32 = 3;
/// How much sound ffmpeg puts in one fragment, microseconds: short, so that a segment
/// is ready soon after its last frame. Chosen.
const AUDIO_FRAGMENT_US: &str = "250000";

/// Encodes these tracks of the whole source, or of a span of it. Track `n` goes to
/// descriptor [`FIRST_PIPE`] + n.
pub(crate) fn pictures(
    file: &Path,
    (recipe, coder): (&Recipe, Coder<'_>),
    picture: &Picture,
    part: Option<(&Grid, &Span)>,
    tracks: &[&PlannedTrack],
) -> Vec<OsString> {
    let mut args = Args::start();
    if let Some((_, span)) = part {
        args.seek(span.seek_secs);
    }
    args.input(file);
    args.one("-filter_complex")
        .one(filters(picture, part, tracks));
    for ((n, track), pipe) in tracks.iter().enumerate().zip(FIRST_PIPE..) {
        args.one("-map").one(format!("[v{n}]"));
        encoder(&mut args, coder, picture, (n, track));
        let reorders = !matches!(coder, Coder::SvtAv1(_));
        if reorders {
            // Where segments start there is an IDR picture, and nowhere else.
            args.all("-forced-idr 1 -sc_threshold 0 -g 99999 -force_key_frames");
            args.one(match part {
                None => recipe.cuts().expression(),
                Some((grid, span)) => times(grid, span),
            });
        }
        timing(&mut args, picture);
        if reorders && picture.timing.varies() {
            // Without B-frames decode and presentation times are one, so that a fragment's
            // start and its samples' durations are exact.
            args.all("-bf 0");
        }
        if matches!(coder, Coder::Passes(_, Passes::First(..))) {
            args.all("-f null -");
            continue;
        }
        args.all(
            "-write_tmcd 0 \
             -movflags +frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets",
        );
        args.output(pipe);
    }
    args.0
}

/// Encodes one audio track of the whole source, to descriptor [`FIRST_PIPE`].
pub(crate) fn sound(file: &Path, sound: &Sound) -> Vec<OsString> {
    let mut args = Args::start();
    args.input(file)
        .one("-map")
        .one(format!("0:{}", sound.index));
    // Sound before the first picture is cut off; a late start and holes become silence.
    let offset = sound.offset_secs;
    let mut filters =
        format!("asetpts=PTS-STARTPTS+({offset:.6}/TB),aresample={AUDIO_RATE}:async=1:first_pts=0");
    if let Some(secs) = sound.until_secs {
        let samples = (secs * AUDIO_RATE as f64).round() as u64;
        filters.push_str(&format!(
            ",apad=whole_len={samples},atrim=end_sample={samples}"
        ));
    }
    if sound.format == Format::Opus {
        let (lead_in, layout) = (sound.format.lead_in(), layout(sound.channels));
        // The layouts that libopus has an order of channels for.
        filters.push_str(&format!(
            ",aformat=channel_layouts={layout},adelay=delays={lead_in}S:all=1"
        ));
    }
    args.one("-af").one(filters);
    args.one("-ac").one(sound.channels.to_string());
    args.one("-ar").one(AUDIO_RATE.to_string());
    args.all(match sound.format {
        Format::Aac => "-c:a aac -b:a",
        Format::Opus => "-c:a libopus -application audio -frame_duration 20 -vbr constrained -b:a",
    });
    args.one(sound.format.rate(sound.channels).to_string());
    args.all("-movflags +empty_moov+default_base_moof -frag_duration")
        .one(AUDIO_FRAGMENT_US);
    args.output(FIRST_PIPE);
    args.0
}

fn layout(channels: u32) -> &'static str {
    match channels {
        1 => "mono",
        2 => "stereo",
        _ => "5.1",
    }
}

/// From a decoded frame to one of each rendition: what is the same for all is done once.
/// Rendition `n` is the pad `v` + n.
pub(crate) fn filters(
    picture: &Picture,
    part: Option<(&Grid, &Span)>,
    tracks: &[&PlannedTrack],
) -> String {
    // First, while times are still in the stream's own ticks.
    let mut shared = vec![match part {
        None => "setpts=PTS-STARTPTS".to_owned(),
        Some(_) => format!("setpts=PTS-({})", picture.zero_ticks),
    }];
    if picture.interlaced {
        shared.push("yadif=mode=send_frame".to_owned());
    }
    let range = tracks.first().map_or(VideoRange::Sdr, |track| range(track));
    match range {
        VideoRange::Sdr => shared.extend(picture.colour.to_sdr()),
        kept => shared.push(tags(kept)),
    }
    let format = match range {
        VideoRange::Sdr => "yuv420p",
        VideoRange::Pq | VideoRange::Hlg => "yuv420p10le",
    };
    let constant = match picture.timing {
        Timing::Constant { rate: (num, den) } => {
            // On a true constant rate `fps` changes nothing; a hole is filled and a
            // doubled frame dropped, so that frame n is at n / rate without exception.
            shared.push(format!("fps={num}/{den}"));
            true
        }
        Timing::Variable { .. } => {
            shared.push(format!("settb=1/{}", timescale::VARIABLE));
            false
        }
    };
    if let Some((grid, span)) = part {
        let (start, end) = (grid.start(span.first), grid.start(span.end));
        if constant {
            // What is missing at the end is the last frame again.
            shared.push("tpad=stop=-1:stop_mode=clone".to_owned());
        }
        shared.push(format!("trim=start_pts={start}:end_pts={end}"));
        shared.push(format!("setpts=PTS-{start}"));
    }
    shared.push(format!("split={}", tracks.len()));
    let mut graph = format!("[0:{}]{}", picture.index, shared.join(","));
    for n in 0..tracks.len() {
        graph.push_str(&format!("[s{n}]"));
    }
    for (n, track) in tracks.iter().enumerate() {
        let PlannedKind::Video { width, height, .. } = track.kind else {
            continue;
        };
        // The same bytes on every machine.
        graph.push_str(&format!(
            ";[s{n}]scale={width}:{height}:flags=bicubic+accurate_rnd+bitexact,\
             setsar=1,format={format}[v{n}]"
        ));
    }
    graph
}

/// How the values of a rendition become light.
pub(super) fn range(track: &PlannedTrack) -> VideoRange {
    match track.kind {
        PlannedKind::Video { range, .. } => range,
        PlannedKind::Audio { .. } | PlannedKind::Text { .. } => VideoRange::Sdr,
    }
}

/// What HDR10 says of a rendition that keeps it.
pub(crate) fn light(picture: &Picture, track: &PlannedTrack) -> Option<Light> {
    picture.light.filter(|_| range(track) == VideoRange::Pq)
}

/// The filter that tells an encoder of a range that is kept. What a file leaves unsaid
/// is taken as BT.2020, as where the range becomes the standard one.
fn tags(range: VideoRange) -> String {
    let transfer = match range {
        VideoRange::Sdr => "bt709",
        VideoRange::Pq => "smpte2084",
        VideoRange::Hlg => "arib-std-b67",
    };
    format!("setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc:range=tv")
}

fn timing(args: &mut Args, picture: &Picture) {
    // No frame is added or dropped here, and none is moved.
    args.all("-fps_mode passthrough -enc_time_base");
    let (num, den) = picture.timing.tick();
    args.one(format!("{num}:{den}"));
    args.one("-video_track_timescale");
    args.one(picture.timescale.to_string());
}

/// When a span's segments start, counted from its first picture, seconds.
fn times(grid: &Grid, span: &Span) -> String {
    let from = grid.start_secs(span.first);
    let times = (span.first..span.end).map(|n| format!("{:.6}", grid.start_secs(n) - from));
    times.collect::<Vec<_>>().join(",")
}

/// A command line in the making.
pub(crate) struct Args(pub(crate) Vec<OsString>);

impl Args {
    pub(crate) fn start() -> Self {
        let mut args = Self(Vec::new());
        args.all("-nostdin -hide_banner -loglevel level+warning -nostats -progress pipe:1");
        args.all("-protocol_whitelist file,pipe -format_whitelist")
            .one(FORMATS);
        args.all("-max_pixels").one(PIXELS_MAX);
        args
    }

    /// Times as the file has them; and nothing dropped that a keyframe before what is
    /// wanted decodes to: the filters choose.
    pub(crate) fn seek(&mut self, secs: Option<f64>) {
        self.all("-copyts -noaccurate_seek -seek_timestamp 1");
        if let Some(secs) = secs {
            self.one("-ss").one(format!("{secs:.6}"));
        }
    }

    pub(crate) fn input(&mut self, file: &Path) -> &mut Self {
        self.one("-i").one(file)
    }

    fn output(&mut self, pipe: i32) {
        self.all("-map_metadata -1 -map_chapters -1 -fflags +bitexact -f mp4");
        self.one(format!("pipe:{pipe}"));
    }

    /// One argument, whatever is in it.
    pub(crate) fn one(&mut self, arg: impl AsRef<std::ffi::OsStr>) -> &mut Self {
        self.0.push(arg.as_ref().to_owned());
        self
    }

    /// Arguments with spaces between them.
    pub(crate) fn all(&mut self, args: &str) -> &mut Self {
        self.0.extend(args.split_whitespace().map(OsString::from));
        self
    }
}
