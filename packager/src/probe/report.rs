//! ffprobe's JSON: what of it is used, with its numbers in text made numbers.

use serde::{Deserialize, Deserializer};

use crate::probe::{light::SideLight, peek::Seen};

/// What is asked of a file, so that a file's other tags cannot make the answer long.
pub(crate) const ENTRIES: &str = "format=format_name,start_time,duration\
    :stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,field_order,\
    r_frame_rate,avg_frame_rate,time_base,start_time,duration,channels,sample_fmt,pix_fmt,color_transfer\
    :stream_disposition:stream_tags=language,title:stream_side_data=rotation,dv_profile\
    :chapter=start_time,end_time:chapter_tags=title";
/// Longest title that is kept, characters. Chosen.
const TITLE_LEN_MAX: usize = 120;

/// `-show_entries` with [`ENTRIES`].
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    #[serde(default)]
    pub(crate) streams: Vec<Stream>,
    #[serde(default)]
    pub(crate) format: Format,
    #[serde(default)]
    pub(crate) chapters: Vec<Chapter>,
    #[serde(default)]
    pub(super) packets_and_frames: Vec<Seen>,
}

/// The container.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Format {
    #[serde(default)]
    pub(crate) format_name: String,
    #[serde(default, deserialize_with = "seconds")]
    start_time: Option<f64>,
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) duration: Option<f64>,
}

/// One stream. Fields are ffprobe's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stream {
    pub(crate) index: usize,
    pub(crate) codec_type: String,
    pub(crate) codec_name: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    sample_aspect_ratio: String,
    pub(crate) field_order: String,
    r_frame_rate: String,
    avg_frame_rate: String,
    time_base: String,
    #[serde(deserialize_with = "seconds")]
    pub(crate) start_time: Option<f64>,
    #[serde(deserialize_with = "seconds")]
    pub(crate) duration: Option<f64>,
    pub(crate) channels: u32,
    sample_fmt: String,
    pix_fmt: String,
    pub(crate) color_transfer: String,
    pub(crate) disposition: Disposition,
    tags: Tags,
    side_data_list: Vec<SideData>,
}

/// What a stream is for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Disposition {
    pub(crate) default: u8,
    pub(crate) dub: u8,
    pub(crate) comment: u8,
    pub(crate) forced: u8,
    pub(crate) hearing_impaired: u8,
    pub(crate) visual_impaired: u8,
    pub(crate) captions: u8,
    pub(crate) descriptions: u8,
    attached_pic: u8,
    timed_thumbnails: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tags {
    language: Option<String>,
    title: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
    dv_profile: Option<u8>,
    #[serde(flatten)]
    light: SideLight,
}

/// A chapter, in the file's own time.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chapter {
    #[serde(deserialize_with = "seconds")]
    pub(crate) start_time: Option<f64>,
    #[serde(deserialize_with = "seconds")]
    pub(crate) end_time: Option<f64>,
    tags: Tags,
}

/// `-show_entries packet=pts_time`.
#[derive(Debug, Deserialize)]
pub(crate) struct Packets {
    #[serde(default)]
    pub(crate) packets: Vec<Packet>,
}

/// One packet.
#[derive(Debug, Deserialize)]
pub(crate) struct Packet {
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) pts_time: Option<f64>,
}

/// `-show_entries frame=…`.
#[derive(Debug, Deserialize)]
pub(crate) struct Frames {
    #[serde(default)]
    pub(crate) frames: Vec<Frame>,
}

/// One decoded frame.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame {
    #[serde(default, deserialize_with = "seconds")]
    pts_time: Option<f64>,
    #[serde(default, deserialize_with = "seconds")]
    best_effort_timestamp_time: Option<f64>,
}

impl Frame {
    /// When it is shown or heard; the same field that ffmpeg's filters see.
    pub(crate) fn time(&self) -> Option<f64> {
        self.best_effort_timestamp_time.or(self.pts_time)
    }
}

impl Format {
    /// Its average rate is counted from the table of all frames, not claimed by the
    /// writer or measured on the first.
    pub(crate) fn has_exact_rates(&self) -> bool {
        self.format_name.starts_with("mov,")
    }
}

impl Chapter {
    /// Its name, empty where it has none.
    pub(crate) fn title(&self) -> String {
        title(self.tags.title.as_deref()).unwrap_or_default()
    }
}

impl Report {
    /// How long it plays, as it declares, seconds. ffprobe counts from zero in containers
    /// that say when a file ends, and from the first packet in others.
    pub(crate) fn duration(&self) -> Option<f64> {
        let declared = self.format.duration?;
        let start = self.format.start_time.unwrap_or(0.0).max(0.0);
        let streams = self.videos().into_iter().chain(self.sounds());
        let ends = streams.map(|s| Some(s.start_time? + s.duration?));
        // Exact where known: a start may be a picture's delay, which no duration counts.
        let end = ends.collect::<Option<Vec<f64>>>().and_then(|ends| {
            let last = ends.into_iter().reduce(f64::max);
            last.filter(|_| self.format.has_exact_rates())
        });
        let from_zero = self.format.format_name.starts_with("matroska,");
        let played = match end.or_else(|| from_zero.then_some(declared)) {
            Some(end) => end - start,
            None => declared,
        };
        Some(if played > 0.0 { played } else { declared })
    }

    /// The pictures that could be published: the default stream first. A cover is none.
    pub(crate) fn videos(&self) -> Vec<&Stream> {
        self.decodable("video", |s| !s.is_cover())
    }

    /// The streams of sound, the default first.
    pub(crate) fn sounds(&self) -> Vec<&Stream> {
        self.decodable("audio", |s| s.channels > 0)
    }

    /// All streams of this type, in the file's order.
    pub(crate) fn of_type(&self, kind: &str) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(move |s| s.codec_type == kind)
    }

    fn decodable(&self, kind: &str, wanted: impl Fn(&Stream) -> bool) -> Vec<&Stream> {
        let known = |s: &Stream| !matches!(s.codec_name.as_str(), "" | "unknown" | "none");
        let found = self.of_type(kind).filter(|s| known(s) && wanted(s));
        let mut streams: Vec<&Stream> = found.collect();
        if let Some(default) = streams.iter().position(|s| s.disposition.default != 0) {
            streams[..=default].rotate_right(1);
        }
        streams
    }
}

impl Stream {
    /// A picture that belongs to the file, not to a time.
    pub(crate) fn is_cover(&self) -> bool {
        self.disposition.attached_pic != 0 || self.disposition.timed_thumbnails != 0
    }

    /// ffmpeg found out what its samples are: it has a decoder, and met some.
    pub(crate) fn has_sample_format(&self) -> bool {
        !matches!(self.sample_fmt.as_str(), "" | "unknown" | "none")
    }

    /// Frames per second that fit all times, as ffmpeg guesses it.
    pub(crate) fn r_frame_rate(&self) -> Option<(u32, u32)> {
        ratio(&self.r_frame_rate, '/')
    }

    /// Frames per second on average.
    pub(crate) fn avg_frame_rate(&self) -> Option<(u32, u32)> {
        ratio(&self.avg_frame_rate, '/')
    }

    /// Seconds per tick of its packets.
    pub(crate) fn time_base(&self) -> Option<(u32, u32)> {
        ratio(&self.time_base, '/')
    }

    /// Shape of a pixel, width to height.
    pub(crate) fn sample_aspect(&self) -> Option<(u32, u32)> {
        ratio(&self.sample_aspect_ratio, ':')
    }

    /// Shown on its side.
    pub(crate) fn is_turned(&self) -> bool {
        let rotation = self.side_data_list.iter().find_map(|data| data.rotation);
        (rotation.unwrap_or(0.0) / 90.0).round().rem_euclid(2.0) == 1.0
    }

    /// What the container says of light.
    pub(crate) fn side_light(&self) -> impl Iterator<Item = &SideLight> + Clone {
        self.side_data_list.iter().map(|data| &data.light)
    }

    /// Dolby Vision's profile, where it is that.
    pub(crate) fn dolby_vision(&self) -> Option<u8> {
        self.side_data_list.iter().find_map(|data| data.dv_profile)
    }

    /// Bits of one sample, told by the name of the pixel format: `yuv420p10le`, `p010le`,
    /// `rgb48be`. Formats of a byte per sample name no byte order.
    pub(crate) fn bit_depth(&self) -> u8 {
        let wide = self.pix_fmt.strip_suffix("le");
        let Some(name) = wide.or_else(|| self.pix_fmt.strip_suffix("be")) else {
            return 8;
        };
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        let last = digits.rsplit(|c: char| !c.is_ascii_digit()).next();
        let number: u32 = last.and_then(|text| text.parse().ok()).unwrap_or(8);
        match number % 100 {
            bits @ 9..=16 => bits as u8,
            48 | 64 => 16,
            _ => 8,
        }
    }

    /// The writer's name of it, short enough for a menu.
    pub(crate) fn title(&self) -> Option<String> {
        title(self.tags.title.as_deref())
    }

    /// The language as a well-formed tag (RFC 5646), three letters as a rule; the
    /// manifest writers shorten it. `None` where it names no language.
    pub(crate) fn language(&self) -> Option<String> {
        let tag = self.tags.language.as_deref()?.trim().replace('_', "-");
        let (primary, rest) = tag.split_once('-').unwrap_or((&tag, "x"));
        let letters = |b: u8| b.is_ascii_alphabetic();
        let primary_fits = (2..=3).contains(&primary.len()) && primary.bytes().all(letters);
        let rest_fits = (1..=20).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let none = ["und", "mul", "zxx", "mis"]
            .iter()
            .any(|n| n.eq_ignore_ascii_case(primary));
        (primary_fits && rest_fits && !none).then_some(tag)
    }
}

fn title(text: Option<&str>) -> Option<String> {
    let kept = text?.chars().filter(|c| !c.is_control());
    let title: String = kept.take(TITLE_LEN_MAX).collect();
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_owned())
}

fn ratio(text: &str, separator: char) -> Option<(u32, u32)> {
    let (num, den) = text.split_once(separator)?;
    let (num, den) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0 && den > 0).then_some((num, den))
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text
        .and_then(|text| text.parse().ok())
        .filter(|secs: &f64| secs.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: &str) -> Report {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_language_is_a_well_formed_tag_or_none() {
        let of = |tag: &str| {
            let tags = Tags {
                language: Some(tag.to_owned()),
                title: None,
            };
            Stream {
                tags,
                ..Default::default()
            }
            .language()
        };
        assert_eq!(of("eng").as_deref(), Some("eng"));
        assert_eq!(of("pt_BR").as_deref(), Some("pt-BR"));
        for none in ["und", "", "English", "e", "12", "en-\"x\"", "en-"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn cover_art_is_not_video() {
        let report = report(
            r#"{"streams":[
                {"index":0,"codec_type":"video","codec_name":"mjpeg","disposition":{"attached_pic":1}},
                {"index":1,"codec_type":"audio","codec_name":"mp3","channels":2}]}"#,
        );
        assert!(report.videos().is_empty());
        assert_eq!(report.sounds()[0].index, 1);
    }

    #[test]
    fn the_default_sound_goes_before_the_first_and_the_others_keep_their_order() {
        let report = report(
            r#"{"streams":[
                {"index":0,"codec_type":"audio","codec_name":"aac","channels":2},
                {"index":1,"codec_type":"audio","codec_name":"unknown","channels":2,"disposition":{"default":1}},
                {"index":2,"codec_type":"audio","codec_name":"aac","channels":2},
                {"index":3,"codec_type":"audio","codec_name":"aac","channels":6,"disposition":{"default":1}},
                {"index":4,"codec_type":"audio","codec_name":"aac","channels":2}]}"#,
        );
        let order: Vec<usize> = report.sounds().iter().map(|s| s.index).collect();
        assert_eq!(order, [3, 0, 2, 4]);
    }

    #[test]
    fn bits_are_told_by_the_pixel_format() {
        let of = |pix_fmt: &str| {
            let pix_fmt = pix_fmt.to_owned();
            Stream {
                pix_fmt,
                ..Default::default()
            }
            .bit_depth()
        };
        for (format, bits) in [
            ("yuv420p", 8),
            ("nv12", 8),
            ("rgb565le", 8),
            ("yuv420p10le", 10),
            ("p010le", 10),
            ("y210le", 10),
            ("yuv444p12be", 12),
            ("yuva444p16le", 16),
            ("rgb48be", 16),
            ("", 8),
        ] {
            assert_eq!(of(format), bits, "{format}");
        }
    }
}
