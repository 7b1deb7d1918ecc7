//! Media playlists: what one says, and whether it says it rightly.

use super::{
    context::{Context, Part, Track},
    lock::Lock,
    m3u8::{Attributes, Line, attributes, byte_range, lines},
    report::Rule,
    rules,
    source::Source,
};
use crate::url::Url;

/// `EXTINF` may differ this much from the samples. Chosen: what players round to.
const EXTINF_SECS: f64 = 0.001;

/// A segment as a playlist lists it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) line: usize,
    pub(super) part: Part,
    /// `EXTINF`.
    pub(super) secs: f64,
}

/// What a media playlist says.
#[derive(Debug, Clone, Default)]
pub(super) struct MediaPlaylist {
    pub(super) place: String,
    pub(super) target: u64,
    pub(super) sequence: u64,
    pub(super) kind: Option<String>,
    pub(super) ended: bool,
    pub(super) independent: bool,
    pub(super) start: bool,
    pub(super) iframes: bool,
    pub(super) encrypted: bool,
    /// Of whole segments, the first.
    pub(super) lock: Option<Lock>,
    pub(super) map: Option<Part>,
    pub(super) segments: Vec<Listed>,
    version: u64,
    /// The lowest version that what is used needs, and what that is.
    needs: (u64, &'static str),
}

impl MediaPlaylist {
    pub(super) fn secs(&self) -> f64 {
        self.segments.iter().map(|segment| segment.secs).sum()
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.place)
    }
}

/// Reads a media playlist and judges what it says by itself.
pub(super) async fn read(context: &mut Context, url: &Url) -> Option<MediaPlaylist> {
    let (base, text) = context.document(url).await?;
    let mut walk = Walk::new(&base);
    check_syntax(context, &walk.list.place, &text);
    for (number, line) in lines(&text) {
        for (rule, words) in walk.take(number, line) {
            let place = walk.list.at(number);
            context.add(rule, &place, words);
        }
    }
    if !walk.has_target {
        context.add(
            rules::HLS_REQUIRED,
            &walk.list.place,
            "no EXT-X-TARGETDURATION",
        );
    }
    check(context, &walk.list);
    Some(walk.list)
}

/// What both kinds of playlist begin with, and what m3u8-rs thinks of them.
pub(super) fn check_syntax(context: &mut Context, place: &str, text: &str) {
    if text.lines().next().map(str::trim_end) != Some("#EXTM3U") {
        context.add(rules::HLS_REQUIRED, place, "does not begin with #EXTM3U");
    } else if m3u8_rs::parse_playlist_res(text.as_bytes()).is_err() {
        context.add(rules::HLS_PARSE, place, "m3u8-rs cannot parse it");
    }
}

/// Reads the version, and tells what lacks in it.
pub(super) fn check_version(context: &mut Context, place: &str, version: u64, needs: (u64, &str)) {
    if version < needs.0 {
        let words = format!("EXT-X-VERSION is {version}; {} needs {}", needs.1, needs.0);
        context.add(rules::HLS_VERSION, place, words);
    }
}

/// Where the walk over the lines stands.
struct Walk {
    base: Url,
    list: MediaPlaylist,
    has_target: bool,
    extinf: Option<f64>,
    /// What the segments from here on are encrypted with.
    lock: Option<Lock>,
    range: Option<(u64, Option<u64>)>,
    /// End of the range before, and in what.
    range_end: Option<(Url, u64)>,
}

type Findings = Vec<(Rule, String)>;

impl Walk {
    fn new(base: &Url) -> Self {
        let place = Source::show(base);
        Self {
            base: base.clone(),
            list: MediaPlaylist {
                place,
                version: 1,
                needs: (1, ""),
                ..MediaPlaylist::default()
            },
            has_target: false,
            extinf: None,
            lock: None,
            range: None,
            range_end: None,
        }
    }

    fn take(&mut self, number: usize, line: Line<'_>) -> Findings {
        let mut found = Vec::new();
        let mut tell = |rule, words: String| found.push((rule, words));
        match line {
            Line::Tag("M3U", _) => {}
            Line::Tag("-X-VERSION", value) => self.list.version = value.parse().unwrap_or(0),
            Line::Tag("-X-TARGETDURATION", value) => match value.parse() {
                Ok(_) if self.has_target => tell(
                    rules::HLS_PARSE,
                    "EXT-X-TARGETDURATION is there twice".into(),
                ),
                Ok(target) => (self.list.target, self.has_target) = (target, true),
                Err(_) => tell(
                    rules::HLS_PARSE,
                    format!("EXT-X-TARGETDURATION {value:?} is no whole number"),
                ),
            },
            Line::Tag("-X-MEDIA-SEQUENCE", value) => match value.parse() {
                _ if !self.list.segments.is_empty() => tell(
                    rules::HLS_SEQUENCE,
                    "EXT-X-MEDIA-SEQUENCE after a segment".into(),
                ),
                Ok(sequence) => self.list.sequence = sequence,
                Err(_) => tell(rules::HLS_SEQUENCE, format!("{value:?} is no whole number")),
            },
            Line::Tag("-X-PLAYLIST-TYPE", value @ ("VOD" | "EVENT")) => {
                self.list.kind = Some(value.to_owned());
            }
            Line::Tag("-X-PLAYLIST-TYPE", value) => {
                tell(rules::HLS_PARSE, format!("{value:?} is no playlist type"));
            }
            Line::Tag("-X-ENDLIST", _) => self.list.ended = true,
            Line::Tag("-X-INDEPENDENT-SEGMENTS", _) => self.list.independent = true,
            Line::Tag("-X-START", _) => self.list.start = true,
            Line::Tag("-X-I-FRAMES-ONLY", _) => {
                self.list.iframes = true;
                self.need(4, "EXT-X-I-FRAMES-ONLY");
            }
            // SAMPLE-AES leaves the boxes clear.
            Line::Tag("-X-KEY", value) if value.contains("METHOD=AES-128") => {
                match attributes(value).and_then(|list| Lock::read(&list, &self.base)) {
                    Ok(lock) => {
                        self.list.lock.get_or_insert_with(|| lock.clone());
                        self.lock = Some(lock);
                    }
                    Err(words) => tell(rules::HLS_CRYPT, words),
                }
            }
            Line::Tag("-X-KEY", value) => {
                self.lock = None;
                let clear = ["METHOD=NONE", "METHOD=SAMPLE-AES"];
                self.list.encrypted |= !clear.iter().any(|method| value.contains(method));
            }
            Line::Tag("-X-MAP", value) => {
                match attributes(value).and_then(|list| self.map(&list)) {
                    Ok(part) => self.list.map = Some(part),
                    Err(words) => tell(rules::HLS_MAP, words),
                }
            }
            Line::Tag("-X-BYTERANGE", value) => {
                self.range = byte_range(value);
                self.need(4, "EXT-X-BYTERANGE");
                if self.range.is_none() {
                    tell(rules::HLS_PARSE, format!("{value:?} is no byte range"));
                }
            }
            Line::Tag("INF", value) => {
                let secs = value.split(',').next().unwrap_or_default();
                self.extinf = secs
                    .parse()
                    .ok()
                    .filter(|secs: &f64| secs.is_finite() && *secs >= 0.0);
                if secs.contains('.') {
                    self.need(3, "an EXTINF with a fraction");
                }
                if self.extinf.is_none() || !value.contains(',') {
                    tell(
                        rules::HLS_PARSE,
                        format!("EXTINF {value:?} is no duration and comma"),
                    );
                }
            }
            Line::Tag(..) => {}
            Line::Uri(uri) => match self.segment(number, uri) {
                Ok(()) => {}
                Err((rule, words)) => tell(rule, words),
            },
        }
        found
    }

    fn need(&mut self, version: u64, what: &'static str) {
        if version > self.list.needs.0 {
            self.list.needs = (version, what);
        }
    }

    fn map(&mut self, list: &Attributes<'_>) -> Result<Part, String> {
        // RFC 8216bis §8: 5 for I-frame playlists, 6 elsewhere.
        let version = if self.list.iframes { 5 } else { 6 };
        self.need(version, "EXT-X-MAP");
        let uri = list.get("URI").ok_or("EXT-X-MAP without URI")?;
        let url = self.base.join(uri).map_err(|error| error.to_string())?;
        let range = match list.get("BYTERANGE").map(|range| byte_range(range)) {
            None => None,
            Some(Some((len, at))) => Some((at.unwrap_or(0), len)),
            Some(None) => return Err("EXT-X-MAP with a BYTERANGE that is none".to_owned()),
        };
        let lock = self.lock.clone();
        if lock.as_ref().is_some_and(|lock| lock.iv.is_none()) {
            return Err("encrypted by AES-128 without an IV".to_owned());
        }
        Ok(Part { url, range, lock })
    }

    fn segment(&mut self, line: usize, uri: &str) -> Result<(), (Rule, String)> {
        let secs = self
            .extinf
            .take()
            .ok_or((rules::HLS_REQUIRED, "a segment without EXTINF".to_owned()))?;
        let url = self
            .base
            .join(uri)
            .map_err(|error| (rules::HLS_PARSE, error.to_string()))?;
        let range = match self.range.take() {
            None => None,
            Some((len, Some(at))) => Some((at, len)),
            Some((len, None)) => match &self.range_end {
                Some((before, end)) if *before == url => Some((*end, len)),
                _ => {
                    return Err((
                        rules::HLS_PARSE,
                        "a byte range that follows nothing".to_owned(),
                    ));
                }
            },
        };
        self.range_end = range.map(|(at, len)| (url.clone(), at.saturating_add(len)));
        let number = self.list.sequence + self.list.segments.len() as u64;
        let lock = self.lock.as_ref().map(|lock| lock.of(number));
        let part = Part { url, range, lock };
        self.list.segments.push(Listed { line, part, secs });
        Ok(())
    }
}

/// Rules that need nothing but the playlist.
fn check(context: &mut Context, list: &MediaPlaylist) {
    check_version(context, &list.place, list.version, list.needs);
    for segment in &list.segments {
        if segment.secs.round() > list.target as f64 {
            let words = format!(
                "EXTINF {} rounds to more than EXT-X-TARGETDURATION {}",
                segment.secs, list.target
            );
            context.add(rules::HLS_TARGET, &list.at(segment.line), words);
        }
    }
    if list.kind.as_deref() == Some("VOD") && !list.ended {
        context.add(rules::HLS_END, &list.place, "VOD without EXT-X-ENDLIST");
    }
    if list.kind.as_deref() == Some("EVENT") && !list.ended && !list.start {
        context.add(
            rules::HLS_START,
            &list.place,
            "a growing EVENT without EXT-X-START",
        );
    }
    if list.ended && list.segments.is_empty() {
        context.add(rules::HLS_REQUIRED, &list.place, "ended without a segment");
    }
}

/// Reads the segments of a playlist of pictures or sound, and compares them with it.
pub(super) async fn measure(context: &mut Context, list: &MediaPlaylist) -> Track {
    if list.map.is_none() && !list.segments.is_empty() {
        context.add(
            rules::HLS_MAP,
            &list.place,
            "no EXT-X-MAP: not fragmented mp4, or cannot be decoded",
        );
    }
    let mut closed = list.encrypted;
    if let Some(lock) = &list.lock {
        closed |= !context.opens(lock).await;
    }
    let map = list
        .map
        .as_ref()
        .filter(|map| !closed || map.lock.is_none());
    let parts = if closed {
        Vec::new()
    } else {
        list.segments.iter().map(|s| s.part.clone()).collect()
    };
    if closed {
        context.add(
            rules::CMAF_CRYPT,
            &list.place,
            "EXT-X-KEY: segments are not looked into",
        );
    }
    let track = context.track(&list.place, map, parts).await;
    let Some(facts) = &track.facts else {
        return track;
    };
    for (listed, (_, measured)) in list.segments.iter().zip(&track.segments) {
        let Some(measured) = measured else { continue };
        let secs = facts.secs(measured.end - measured.start);
        if (secs - listed.secs).abs() > EXTINF_SECS + 1e-6 {
            let words = format!("EXTINF {:.6}, its samples last {secs:.6} s", listed.secs);
            context.add(rules::HLS_EXTINF, &list.at(listed.line), words);
        }
    }
    track
}

/// I-frame playlists: each range is a segment's start up to the end of its first picture.
pub(super) async fn check_iframes(context: &mut Context, list: &MediaPlaylist) {
    if !list.iframes {
        context.add(rules::HLS_IFRAMES, &list.place, "no EXT-X-I-FRAMES-ONLY");
    }
    let Some(map) = &list.map else {
        context.add(rules::HLS_MAP, &list.place, "no EXT-X-MAP");
        return;
    };
    let Some(facts) = context.init(map).await else {
        return;
    };
    for (at, listed) in list.segments.iter().enumerate() {
        if !context.wanted(at, list.segments.len()) {
            continue;
        }
        let whole = Part {
            url: listed.part.url.clone(),
            range: None,
            lock: listed.part.lock.clone(),
        };
        let Some(measured) = context.segment(&whole, &facts).await else {
            continue;
        };
        let due = (0, measured.first_end);
        let words = match listed.part.range {
            Some(range) if range == due => continue,
            Some((from, len)) => format!("bytes {from}+{len}; the first picture is in 0+{}", due.1),
            None => "no EXT-X-BYTERANGE".to_owned(),
        };
        context.add(rules::HLS_IFRAMES, &list.at(listed.line), words);
    }
}
