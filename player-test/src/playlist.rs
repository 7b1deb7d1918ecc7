//! HLS playlists (RFC 8216): text in, URLs and times out.

use m3u8_rs::{AlternativeMediaType, MasterPlaylist, MediaPlaylistType, Playlist};

use crate::{error::Fault, url::Url};

/// What the entry document lists.
#[derive(Debug, Clone)]
pub(crate) struct Multivariant {
    /// By bandwidth, lowest first. Never empty.
    pub(crate) variants: Vec<Variant>,
    /// `EXT-X-START`, seconds.
    pub(crate) start: Option<f64>,
}

/// One variant stream.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) url: Url,
    /// Bits per second; 0 if not said.
    pub(crate) bandwidth: u64,
    /// Its name in reports: `1280x720`, or its bandwidth.
    pub(crate) name: String,
    /// Playlist of the audio rendition to play with it, if that is apart.
    pub(crate) audio: Option<Url>,
}

/// A media playlist as it stood when it was read.
#[derive(Debug, Clone)]
pub(crate) struct MediaList {
    pub(crate) segments: Vec<Listed>,
    /// Nothing will be added.
    pub(crate) ended: bool,
    /// Nothing will be taken away (`EVENT` or `VOD`).
    pub(crate) append_only: bool,
    /// `EXT-X-TARGETDURATION`, seconds.
    pub(crate) target_secs: f64,
    /// `EXT-X-START`, seconds.
    pub(crate) start: Option<f64>,
    /// Every segment begins with a sync sample.
    pub(crate) independent: bool,
}

/// One segment of a media playlist.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    /// Media sequence number.
    pub(crate) number: u64,
    /// `EXTINF`, seconds.
    pub(crate) duration: f64,
    pub(crate) url: Url,
    /// Its init segment.
    pub(crate) init: Url,
    /// Times begin anew here.
    pub(crate) discontinuity: bool,
}

/// An entry document is either kind of playlist.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Multivariant(Multivariant),
    Media,
}

/// Reads an entry document that came from `url`.
pub(crate) fn entry(url: &Url, body: &[u8]) -> Result<Entry, Fault> {
    match parse(url, body)? {
        Playlist::MediaPlaylist(_) => Ok(Entry::Media),
        Playlist::MasterPlaylist(master) => multivariant(url, &master).map(Entry::Multivariant),
    }
}

/// Reads a media playlist that came from `url`.
pub(crate) fn media(url: &Url, body: &[u8]) -> Result<MediaList, Fault> {
    let Playlist::MediaPlaylist(list) = parse(url, body)? else {
        return Err(Fault::playlist(
            url,
            "a multivariant playlist where a media playlist was due",
        ));
    };
    let mut segments = Vec::with_capacity(list.segments.len());
    let mut init = None;
    for (segment, number) in list.segments.iter().zip(list.media_sequence..) {
        if segment.byte_range.is_some() || segment.key.is_some() {
            return Err(Fault::playlist(
                url,
                "byte ranges and encryption are not supported",
            ));
        }
        if let Some(map) = &segment.map {
            init = Some(join(url, &map.uri)?);
        }
        segments.push(Listed {
            number,
            duration: duration(url, segment.duration, list.target_duration)?,
            url: join(url, &segment.uri)?,
            init: init
                .clone()
                .ok_or_else(|| Fault::playlist(url, "no EXT-X-MAP"))?,
            discontinuity: segment.discontinuity,
        });
    }
    Ok(MediaList {
        segments,
        ended: list.end_list,
        append_only: matches!(
            list.playlist_type,
            Some(MediaPlaylistType::Event | MediaPlaylistType::Vod)
        ),
        target_secs: list.target_duration as f64,
        start: list.start.map(|start| start.time_offset),
        independent: list.independent_segments,
    })
}

/// `EXTINF`, rounded to the nearest integer, is at most the target (RFC 8216 §4.3.3.1).
fn duration(url: &Url, extinf: f32, target: u64) -> Result<f64, Fault> {
    let seconds = f64::from(extinf);
    if !seconds.is_finite() || seconds <= 0.0 {
        return Err(Fault::playlist(
            url,
            "an EXTINF that is not a positive number",
        ));
    }
    if seconds.round() > target as f64 {
        return Err(Fault::playlist(
            url,
            "a segment longer than EXT-X-TARGETDURATION",
        ));
    }
    Ok(seconds)
}

fn multivariant(url: &Url, master: &MasterPlaylist) -> Result<Multivariant, Fault> {
    let mut variants = Vec::new();
    for stream in master.variants.iter().filter(|stream| !stream.is_i_frame) {
        let size = stream
            .resolution
            .map(|size| format!("{}x{}", size.width, size.height));
        variants.push(Variant {
            url: join(url, &stream.uri)?,
            bandwidth: stream.bandwidth,
            name: size.unwrap_or_else(|| format!("{} kbit/s", stream.bandwidth / 1000)),
            audio: audio(url, master, stream.audio.as_deref())?,
        });
    }
    variants.sort_by_key(|variant| variant.bandwidth);
    if variants.is_empty() {
        return Err(Fault::playlist(url, "no variant"));
    }
    Ok(Multivariant {
        variants,
        start: master.start.as_ref().map(|start| start.time_offset),
    })
}

/// The default rendition of an audio group, or its first; `None` where the sound is in
/// the variant itself (no `URI`, RFC 8216 §4.3.4.2.1).
fn audio(url: &Url, master: &MasterPlaylist, group: Option<&str>) -> Result<Option<Url>, Fault> {
    let Some(group) = group else { return Ok(None) };
    let mut members = master
        .alternatives
        .iter()
        .filter(|media| media.media_type == AlternativeMediaType::Audio && media.group_id == group);
    let first = members.clone().next();
    let chosen = members
        .find(|media| media.default)
        .or(first)
        .ok_or_else(|| Fault::playlist(url, "a variant names an audio group that is missing"))?;
    chosen.uri.as_deref().map(|uri| join(url, uri)).transpose()
}

fn parse(url: &Url, body: &[u8]) -> Result<Playlist, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::playlist(url, "not UTF-8"))?;
    if !text.starts_with("#EXTM3U") {
        return Err(Fault::playlist(url, "does not begin with #EXTM3U"));
    }
    m3u8_rs::parse_playlist_res(text.as_bytes())
        .map_err(|_| Fault::playlist(url, "cannot be parsed"))
}

fn join(base: &Url, reference: &str) -> Result<Url, Fault> {
    base.join(reference)
        .map_err(|error| Fault::playlist(base, &format!("a URI is {error}")))
}
