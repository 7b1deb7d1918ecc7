//! The audio streams that are published.

use futures_util::{StreamExt, TryStreamExt, stream};
use wire::TrackLabel;

use crate::{
    PackagerError,
    probe::{
        ffprobe::Ffprobe,
        first_frame,
        report::{Report, Stream},
        source::Audio,
    },
};

/// Most tracks of sound. Chosen: more languages than any source seen, and each costs
/// an encoder.
const TRACKS_MAX: usize = 16;
/// Streams that are looked at at once, each by one ffprobe.
const LOOKS: usize = 2;
/// Channels of 5.1, which all of more channels is mixed down to.
const SURROUND: u32 = 6;

/// A stream that can be decoded, and when its first sound is heard in the file's own
/// time, seconds.
pub(super) type Heard<'a> = (&'a Stream, f64);

/// The streams to publish, the default first.
pub(super) async fn heard<'a>(
    ffprobe: &Ffprobe<'_>,
    report: &'a Report,
    warnings: &mut Vec<String>,
) -> Result<Vec<Heard<'a>>, PackagerError> {
    let mut streams = report.sounds();
    if streams.len() > TRACKS_MAX {
        let found = streams.len();
        warnings.push(format!(
            "of {found} audio streams only {TRACKS_MAX} are published"
        ));
        streams.truncate(TRACKS_MAX);
    }
    // Collected, so that no closure over borrows is held while waiting: the compiler
    // could not tell that it may go from thread to thread.
    let looks: Vec<_> = streams.iter().map(|s| first_frame(ffprobe, s)).collect();
    let times: Vec<Option<f64>> = stream::iter(looks).buffered(LOOKS).try_collect().await?;
    let mut heard = Vec::with_capacity(streams.len());
    for (stream, time) in streams.into_iter().zip(times) {
        if time.is_some() || stream.has_sample_format() {
            heard.push((stream, time.or(stream.start_time).unwrap_or(0.0)));
        } else {
            let (index, codec) = (stream.index, &stream.codec_name);
            warnings.push(format!(
                "audio stream {index} ({codec}) cannot be decoded and is left out"
            ));
        }
    }
    Ok(heard)
}

/// Stereo of every stream, the first of which is the default; then the surround of those
/// that have it, as far as there is room.
pub(super) fn tracks(heard: &[Heard<'_>], zero_secs: f64) -> Vec<Audio> {
    let track = |channels, (stream, time): &Heard<'_>| Audio {
        index: stream.index,
        codec: stream.codec_name.clone(),
        source_channels: stream.channels,
        channels,
        label: label(stream),
        offset_secs: time - zero_secs,
    };
    let stereo = heard.iter().map(|it| track(it.0.channels.min(2), it));
    let surround = heard.iter().filter(|it| it.0.channels >= SURROUND);
    let surround = surround.map(|it| track(SURROUND, it));
    let mut tracks: Vec<Audio> = stereo.chain(surround).take(TRACKS_MAX).collect();
    for (n, track) in tracks.iter_mut().enumerate() {
        track.label.default = n == 0;
    }
    tracks
}

fn label(stream: &Stream) -> TrackLabel {
    let is = &stream.disposition;
    // RFC 8216bis §4.4.6.1, and AVFoundation's media characteristics for what it leaves
    // to others.
    let characteristics = [
        (
            is.visual_impaired | is.descriptions,
            "public.accessibility.describes-video",
        ),
        (
            is.hearing_impaired,
            "public.accessibility.enhances-speech-intelligibility",
        ),
        (is.comment, "public.auxiliary-content"),
        (is.dub, "public.translation.dubbed"),
    ];
    let set = characteristics.iter().filter(|(flag, _)| *flag != 0);
    TrackLabel {
        language: stream.language(),
        name: stream.title(),
        default: false,
        characteristics: set.map(|(_, name)| (*name).to_owned()).collect(),
    }
}
