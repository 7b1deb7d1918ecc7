//! ffprobe's JSON: what of it is used, with its numbers in text made numbers.

use serde::{Deserialize, Deserializer};

/// `-show_format -show_streams`.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    #[serde(default)]
    pub(crate) streams: Vec<Stream>,
    #[serde(default)]
    pub(crate) format: Format,
}

/// The container.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Format {
    #[serde(default)]
    format_name: String,
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) duration: Option<f64>,
}

/// One stream. Fields are ffprobe's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stream {
    pub(crate) index: usize,
    codec_type: String,
    codec_name: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    sample_aspect_ratio: String,
    pub(crate) field_order: String,
    r_frame_rate: String,
    avg_frame_rate: String,
    #[serde(deserialize_with = "seconds")]
    pub(crate) start_time: Option<f64>,
    pub(crate) channels: u32,
    disposition: Disposition,
    tags: Tags,
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Disposition {
    default: u8,
    attached_pic: u8,
    timed_thumbnails: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tags {
    language: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
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

impl Report {
    /// The picture: the default stream, else the first. Cover art is none.
    pub(crate) fn video(&self) -> Option<&Stream> {
        self.choose("video", |s| {
            s.disposition.attached_pic == 0 && s.disposition.timed_thumbnails == 0
        })
    }

    /// The sound: the default stream, else the first.
    pub(crate) fn audio(&self) -> Option<&Stream> {
        self.choose("audio", |s| s.channels > 0)
    }

    fn choose(&self, kind: &str, wanted: impl Fn(&Stream) -> bool) -> Option<&Stream> {
        let decodable = |s: &&Stream| !matches!(s.codec_name.as_str(), "" | "unknown" | "none");
        let of_kind = || {
            self.streams
                .iter()
                .filter(|s| s.codec_type == kind)
                .filter(decodable)
                .filter(|s| wanted(s))
        };
        of_kind()
            .find(|s| s.disposition.default != 0)
            .or_else(|| of_kind().next())
    }
}

impl Stream {
    /// Frames per second that fit all times, as ffmpeg guesses it.
    pub(crate) fn r_frame_rate(&self) -> Option<(u32, u32)> {
        ratio(&self.r_frame_rate, '/')
    }

    /// Frames per second on average.
    pub(crate) fn avg_frame_rate(&self) -> Option<(u32, u32)> {
        ratio(&self.avg_frame_rate, '/')
    }

    /// Shape of a pixel, width to height.
    pub(crate) fn sample_aspect(&self) -> Option<(u32, u32)> {
        ratio(&self.sample_aspect_ratio, ':')
    }

    /// Shown on its side.
    pub(crate) fn is_turned(&self) -> bool {
        let rotation = self
            .side_data_list
            .iter()
            .find_map(|data| data.rotation)
            .unwrap_or(0.0);
        (rotation / 90.0).round().rem_euclid(2.0) == 1.0
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

    #[test]
    fn a_language_is_a_well_formed_tag_or_none() {
        let of = |tag: &str| {
            let tags = Tags {
                language: Some(tag.to_owned()),
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
        let report: Report = serde_json::from_str(
            r#"{"streams":[
                {"index":0,"codec_type":"video","codec_name":"mjpeg","disposition":{"attached_pic":1}},
                {"index":1,"codec_type":"audio","codec_name":"mp3","channels":2}]}"#,
        )
        .unwrap();
        assert!(report.video().is_none());
        assert_eq!(report.audio().unwrap().index, 1);
    }

    #[test]
    fn the_default_sound_goes_before_the_first() {
        let report: Report = serde_json::from_str(
            r#"{"streams":[
                {"index":0,"codec_type":"audio","codec_name":"aac","channels":2},
                {"index":1,"codec_type":"audio","codec_name":"unknown","channels":2,"disposition":{"default":1}},
                {"index":2,"codec_type":"audio","codec_name":"aac","channels":6,"disposition":{"default":1}}]}"#,
        )
        .unwrap();
        assert_eq!(report.audio().unwrap().index, 2);
    }
}
