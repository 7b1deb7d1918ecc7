//! ffmpeg's command lines: one input, one decode, one output a track.

use std::{ffi::OsString, path::Path};

use wire::{PlannedKind, PlannedTrack, VideoRange};

use crate::{
    attempt::Rate,
    encode::audio::Format,
    passes,
    plan::{
        cuts::AUDIO_RATE,
        grid::{Grid, Span},
        recipe::{Av1, Picture, Recipe, Settings, Sound},
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

/// Pictures are encoded by this encoder, so.
#[derive(Clone, Copy)]
pub(crate) enum Coder<'a> {
    X264(&'a Settings),
    X265(&'a Settings),
    /// Which starts no new sequence where it is told to: what it encodes is one segment.
    SvtAv1(&'a Av1),
    /// x264, one of its two passes.
    Passes(&'a Settings, Passes<'a>),
}

/// A pass of x264: with the folder of its logs, and what each track gets.
#[derive(Clone, Copy)]
pub(crate) enum Passes<'a> {
    /// It writes logs, and nothing else.
    First(&'a Path, &'a [Rate]),
    /// It encodes by them.
    Second(&'a Path, &'a [Rate]),
}

/// x265's settings: with one thread alone it writes the same bytes at each run, and a
/// group of pictures refers to none before it. Its note of itself is left out, as it
/// tells of the processor, and stands in `hvcC`.
const X265: &str = "log-level=error:info=0:pools=none:frame-threads=1:wpp=0:repeat-headers=0:\
                    scenecut=0:open-gop=0:high-tier=0";

/// SVT-AV1's settings: one thread a stage, so that it takes about one processor (what it
/// writes does not depend on that); a key frame at the beginning, and nowhere else.
const SVT_AV1: &str = "lp=1:scd=0:irefresh-type=2:keyint=-1";
/// Of the ceiling, what SVT-AV1 is told: it goes up to 1.32 times over what it is told over a
/// segment, measured of noise at 150 to 1,000 kb/s.
const SVT_AV1_CEILING: f64 = 0.8;
/// Frames per second that SVT-AV1 accepts.
const SVT_AV1_RATES: std::ops::RangeInclusive<f64> = 1.0..=240.0;
/// In both passes: parameter sets that do not depend on what is encoded, as one init segment
/// serves all spans.
const X264: &str = "stitchable=1";
/// How far x264 may be from what it was told, in between. At its default, 1, spans of 5 and
/// 15 s were up to 3.3 % off in the end, at this 0.6 %, for 0.0003 of SSIM at most (measured).
const TOLERANCE: &str = ":ratetol=0.1";

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
        if matches!(coder, Coder::Passes(_, Passes::First(..))) {
            args.all("-f null -");
            continue;
        }
        if reorders && picture.timing.varies() {
            // Without B-frames decode and presentation times are one, so that a fragment's
            // start and its samples' durations are exact.
            args.all("-bf 0");
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
fn range(track: &PlannedTrack) -> VideoRange {
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

/// `n`: which of the outputs it is.
fn encoder(
    args: &mut Args,
    coder: Coder<'_>,
    picture: &Picture,
    (n, track): (usize, &PlannedTrack),
) {
    let mut rate = track.bitrate_max;
    let crf = match coder {
        Coder::X264(settings) => {
            x264(args, settings);
            settings.factor(&track.track)
        }
        Coder::Passes(settings, passes) => {
            x264(args, settings);
            if !pass(args, passes, n) {
                // The first is at one quality without a ceiling, so that costs compare.
                args.one("-crf").one(settings.crf.to_string());
                return;
            }
            // Of half a second: a span may end with it empty, and the next starts with it
            // full. With a whole one, two segments there were up to 12 % above the ceiling.
            let buffer = (track.bitrate_max / 2).to_string();
            args.one("-maxrate").one(rate.to_string());
            args.one("-bufsize").one(buffer);
            return;
        }
        Coder::X265(settings) => {
            let profile = match range(track) {
                VideoRange::Sdr => "main",
                VideoRange::Pq | VideoRange::Hlg => "main10",
            };
            args.all("-c:v libx265 -tag:v hvc1 -profile:v").one(profile);
            args.one("-preset").one(&settings.preset);
            let light = light(picture, track).map(|light| light.for_x265());
            args.one("-x265-params")
                .one(X265.to_owned() + &light.unwrap_or_default());
            settings.factor(&track.track)
        }
        Coder::SvtAv1(av1) => {
            // ffmpeg would name the pictures' clock as their rate.
            let (num, den) = picture.timing.rate();
            let frames = f64::from(num) / f64::from(den);
            let (num, den) = match SVT_AV1_RATES.contains(&frames) {
                true => (num, den),
                false if frames < 1.0 => (1, 1),
                false => (240, 1),
            };
            rate = (rate as f64 * SVT_AV1_CEILING) as u64;
            args.all("-c:v libsvtav1 -preset")
                .one(av1.preset.to_string());
            let light = light(picture, track).map(|light| light.for_svt_av1());
            args.one("-svtav1-params").one(format!(
                "{SVT_AV1}:fps-num={num}:fps-denom={den}{}",
                light.unwrap_or_default()
            ));
            f64::from(av1.crf)
        }
    };
    let rate = rate.to_string();
    args.one("-crf").one(crf.to_string());
    // A buffer of one second: any segment of 2 s or more stays within 1.5 × the rate.
    args.one("-maxrate").one(&rate).one("-bufsize").one(&rate);
}

fn x264(args: &mut Args, settings: &Settings) {
    args.all("-c:v libx264 -profile:v high -preset")
        .one(&settings.preset);
    args.one("-threads").one(settings.threads.to_string());
}

/// What is said of a pass alone; true where it is the second.
fn pass(args: &mut Args, passes: Passes<'_>, n: usize) -> bool {
    let (number, folder, rates) = match passes {
        Passes::First(folder, rates) => ("1", folder, rates),
        Passes::Second(folder, rates) => ("2", folder, rates),
    };
    args.one("-pass").one(number);
    args.one("-passlogfile").one(folder.join(passes::PREFIX));
    let rate = rates[n];
    let is_second = matches!(passes, Passes::Second(..));
    args.one("-x264-params").one(format!(
        "{X264}{}{}",
        if is_second { TOLERANCE } else { "" },
        if rate.tree { "" } else { ":mbtree=0" },
    ));
    if is_second {
        args.one("-b:v").one(format!("{}k", rate.kbps));
        // This box would tell of the span's own rate.
        args.all("-write_btrt 0");
    }
    is_second
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
