//! What a player may ask to be left out of a manifest, by its URL's query.
//!
//! | name | value |
//! |---|---|
//! | `start`, `end` | presentation time, seconds, to the microsecond |
//! | `max_height` | the shorter side of the largest picture wanted, pixels |
//! | `audio`, `text` | track names or languages, by commas; `none` |
//! | `key_format` | `clearkey` or `identity`: how HLS names keys |
//!
//! Nothing is cut anew: the media playlists name the whole segments that hold the clip,
//! by their own numbers.

use std::{
    collections::BTreeSet,
    fmt::{self, Display},
};

use crate::{Track, TrackKind, language};

/// A choice of a version's time and tracks; the default leaves all in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Edit {
    /// Where to start.
    pub start: Option<Time>,
    /// Where to end; after the start.
    pub end: Option<Time>,
    /// The largest rendition: its shorter side, pixels, as in tracks' names.
    pub max_height: Option<u32>,
    /// Which audio tracks.
    pub audio: Option<Choice>,
    /// Which text tracks.
    pub text: Option<Choice>,
    /// How HLS names the keys of an encrypted version.
    pub key_format: Option<KeyFormat>,
}

/// What a player gets keys by (rfc8216bis §4.4.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// `org.w3.clearkey`: by a licence.
    ClearKey,
    /// `identity`: the URI gives its bytes.
    Identity,
}

/// A presentation time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// Track names and languages; empty: none of the tracks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Choice(BTreeSet<String>);

/// A query that is no edit. The caller asks for something else, or tells its user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A name is there twice.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// The value is not of its kind.
    #[error("{name} is not {wanted}")]
    Malformed {
        /// The parameter.
        name: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// The clip would be empty.
    #[error("end is not after start")]
    Empty,
}

/// Longest clip time: 31 years, chosen so that no sum overflows.
const SECS_MAX: u64 = 999_999_999;
/// Most names in a [`Choice`], chosen: more than a version has tracks of a kind.
const NAMES_MAX: usize = 64;
/// Longest name in a [`Choice`]: the longest id, and RFC 5646 §4.4.1's longest tag.
const NAME_LEN_MAX: usize = 64;

impl Edit {
    /// The names that [`parse`](Self::parse) reads, in order.
    pub const NAMES: [&str; 6] = ["audio", "end", "key_format", "max_height", "start", "text"];

    /// Reads a URL's query, without its `?`. Other names than [`Self::NAMES`] are the
    /// caller's business.
    ///
    /// # Errors
    /// A name that is there twice, a value that is not of its kind, an empty clip.
    pub fn parse(query: &str) -> Result<Self, EditError> {
        let [audio, end, key_format, max_height, start, text] = values(query)?;
        let edit = Self {
            start: start.map(|v| time("start", &v)).transpose()?,
            end: end.map(|v| time("end", &v)).transpose()?,
            max_height: max_height.map(|v| height(&v)).transpose()?,
            audio: audio.map(|v| choice("audio", &v)).transpose()?,
            text: text.map(|v| choice("text", &v)).transpose()?,
            key_format: key_format.map(|v| self::key_format(&v)).transpose()?,
        };
        if edit
            .end
            .is_some_and(|end| end <= edit.start.unwrap_or(Time(0)))
        {
            return Err(EditError::Empty);
        }
        Ok(edit)
    }

    /// The query that says the same, names in order; empty for the default. What it
    /// writes, [`parse`](Self::parse) reads back the same.
    #[must_use]
    pub fn query(&self) -> String {
        let pairs = [
            ("audio", self.audio.as_ref().map(ToString::to_string)),
            ("end", self.end.as_ref().map(ToString::to_string)),
            (
                "key_format",
                self.key_format.map(|format| match format {
                    KeyFormat::ClearKey => "clearkey".to_owned(),
                    KeyFormat::Identity => "identity".to_owned(),
                }),
            ),
            (
                "max_height",
                self.max_height.as_ref().map(ToString::to_string),
            ),
            ("start", self.start.as_ref().map(ToString::to_string)),
            ("text", self.text.as_ref().map(ToString::to_string)),
        ];
        let pairs = pairs
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Whether the edit leaves a track in.
    pub(crate) fn keeps(&self, track: &Track) -> bool {
        match &track.kind {
            TrackKind::Video { width, height, .. } => {
                self.max_height.is_none_or(|max| *width.min(height) <= max)
            }
            TrackKind::Audio { .. } => self.audio.as_ref().is_none_or(|c| c.names(track)),
            TrackKind::Text { .. } => self.text.as_ref().is_none_or(|c| c.names(track)),
        }
    }
}

impl Choice {
    /// The track, or its language, is one of those chosen: `en` chooses `en-GB` too
    /// (RFC 4647 §3.3.1).
    fn names(&self, track: &Track) -> bool {
        let spoken = track
            .label()
            .and_then(|l| l.language.as_deref())
            .and_then(language::tag);
        self.0.iter().any(|name| {
            *name == track.name
                || language::tag(name)
                    .zip(spoken.as_deref())
                    .is_some_and(|(wanted, spoken)| {
                        let (wanted, spoken) =
                            (wanted.to_ascii_lowercase(), spoken.to_ascii_lowercase());
                        let rest = spoken.strip_prefix(&wanted);
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
                    })
        })
    }

    /// None of the tracks is wanted.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        let names: Vec<&str> = self.0.iter().map(String::as_str).collect();
        f.write_str(&names.join(","))
    }
}

/// Seconds, without zeros at the end.
impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros == 0 {
            return write!(f, "{secs}");
        }
        f.write_str(format!("{secs}.{micros:06}").trim_end_matches('0'))
    }
}

/// The value of each of [`Edit::NAMES`].
fn values(query: &str) -> Result<[Option<String>; Edit::NAMES.len()], EditError> {
    let mut found: [Option<String>; Edit::NAMES.len()] = Default::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name);
        let Some(n) = Edit::NAMES
            .iter()
            .position(|known| name.as_deref() == Some(known))
        else {
            continue;
        };
        // What is no UTF-8 is none of the values either.
        let value = decoded(value).unwrap_or_default();
        if found[n].replace(value).is_some() {
            return Err(EditError::Twice(Edit::NAMES[n]));
        }
    }
    Ok(found)
}

/// Without percent-encoding (RFC 3986 §2.1); `None` where it is broken or no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut out = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part
            .get(..2)
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(out).ok()
}

/// Digits after the microsecond are dropped.
fn time(name: &'static str, text: &str) -> Result<Time, EditError> {
    let wanted = "a time in seconds";
    let malformed = EditError::Malformed { name, wanted };
    let (secs, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let parsed = secs.parse::<u64>().ok().filter(|&s| s <= SECS_MAX);
    let Some(whole) = parsed.filter(|_| digits(secs) && digits(fraction)) else {
        return Err(malformed);
    };
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Ok(Time(whole * 1_000_000 + micros))
}

fn key_format(text: &str) -> Result<KeyFormat, EditError> {
    match text {
        "clearkey" => Ok(KeyFormat::ClearKey),
        "identity" => Ok(KeyFormat::Identity),
        _ => Err(EditError::Malformed {
            name: "key_format",
            wanted: "clearkey or identity",
        }),
    }
}

fn height(text: &str) -> Result<u32, EditError> {
    let parsed = text
        .parse()
        .ok()
        .filter(|&n| n > 0 && !text.starts_with('+'));
    parsed.ok_or(EditError::Malformed {
        name: "max_height",
        wanted: "a number of pixels",
    })
}

fn choice(name: &'static str, text: &str) -> Result<Choice, EditError> {
    if text == "none" {
        return Ok(Choice::default());
    }
    let good = |n: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        (1..=NAME_LEN_MAX).contains(&n.len()) && n != "none" && n.bytes().all(plain)
    };
    if text.split(',').count() > NAMES_MAX || !text.split(',').all(good) {
        let wanted = "a list of tracks or languages";
        return Err(EditError::Malformed { name, wanted });
    }
    Ok(Choice(text.split(',').map(str::to_owned).collect()))
}
