//! WebVTT: whole files, and segments of one (RFC 8216bis §3.1.4).

use super::{
    context::{Context, Part},
    media_playlist::MediaPlaylist,
    rules,
    source::Source,
};
use crate::url::Url;

/// Times are written in milliseconds.
const EPSILON: f64 = 0.0015;

/// A cue; two are the same if all of it is.
#[derive(Debug, Clone, PartialEq)]
struct Cue {
    id: String,
    start: f64,
    end: f64,
    settings: String,
    text: String,
}

/// A document.
#[derive(Debug, Default)]
struct Document {
    /// `X-TIMESTAMP-MAP`: seconds to add to a cue's times.
    map: Option<f64>,
    cues: Vec<Cue>,
}

enum Wrong {
    Header,
    Map(String),
    Cue(String),
}

/// Reads a document (WebVTT §4.1).
fn parse(text: &str) -> Result<Document, Wrong> {
    let text = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let mut blocks = text.split("\n\n").map(|block| block.trim_matches('\n'));
    let mut header = blocks.next().unwrap_or_default().lines();
    let first = header.next().and_then(|line| line.strip_prefix("WEBVTT"));
    if !first.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return Err(Wrong::Header);
    }
    let mut document = Document::default();
    for line in header {
        if line.contains("-->") {
            return Err(Wrong::Header);
        }
        if let Some(value) = line.strip_prefix("X-TIMESTAMP-MAP=") {
            document.map = Some(map(value).ok_or_else(|| Wrong::Map(value.to_owned()))?);
        }
    }
    for block in blocks.filter(|block| !block.is_empty()) {
        let kind = block.split_whitespace().next().unwrap_or_default();
        if !block.contains("-->") && matches!(kind, "NOTE" | "STYLE" | "REGION") {
            continue;
        }
        document
            .cues
            .push(cue(block).ok_or_else(|| Wrong::Cue(block.to_owned()))?);
    }
    Ok(document)
}

fn map(value: &str) -> Option<f64> {
    let (mut local, mut ticks) = (None, None);
    for part in value.split(',') {
        match part.trim().split_once(':')? {
            ("LOCAL", at) => local = Some(time(at)?),
            ("MPEGTS", at) => ticks = Some(at.parse::<u64>().ok()? as f64),
            _ => return None,
        }
    }
    Some(ticks? / 90_000.0 - local?)
}

fn cue(block: &str) -> Option<Cue> {
    let mut lines = block.lines();
    let mut line = lines.next()?;
    let mut id = "";
    if !line.contains("-->") {
        (id, line) = (line, lines.next()?);
    }
    let (start, rest) = line.split_once("-->")?;
    let rest = rest.trim();
    let (end, settings) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let (start, end) = (time(start.trim())?, time(end)?);
    let text = lines.collect::<Vec<_>>().join("\n");
    let (id, settings) = (id.to_owned(), settings.trim().to_owned());
    (end > start && !text.contains("-->")).then_some(Cue {
        id,
        start,
        end,
        settings,
        text,
    })
}

/// `[hh:]mm:ss.ttt`, seconds.
fn time(text: &str) -> Option<f64> {
    let (whole, millis) = text.split_once('.')?;
    let parts: Vec<&str> = whole.split(':').collect();
    let digits = |part: &&str| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_digit());
    let number = |part: &str| part.parse::<u32>().ok().map(f64::from);
    if millis.len() != 3 || !(2..=3).contains(&parts.len()) || !parts.iter().all(digits) {
        return None;
    }
    let (seconds, minutes) = (
        number(parts[parts.len() - 1])?,
        number(parts[parts.len() - 2])?,
    );
    let hours = if parts.len() == 3 {
        number(parts[0])?
    } else {
        0.0
    };
    (seconds < 60.0 && minutes < 60.0)
        .then_some(hours * 3600.0 + minutes * 60.0 + seconds + number(millis)? / 1000.0)
}

/// Reads a document and tells what is wrong with it.
async fn read(context: &mut Context, url: &Url) -> Option<Document> {
    let part = Part {
        url: url.clone(),
        range: None,
        lock: None,
    };
    context.report.checked.segments += 1;
    let bytes = context.bytes(&part).await?;
    let place = Source::show(url);
    let parsed = std::str::from_utf8(&bytes)
        .map_err(|_| Wrong::Header)
        .and_then(parse);
    match parsed {
        Ok(document) => return Some(document),
        Err(Wrong::Header) => context.add(
            rules::VTT_HEADER,
            &place,
            "does not begin with a WEBVTT header",
        ),
        Err(Wrong::Map(value)) => {
            context.add(rules::VTT_MAP, &place, format!("X-TIMESTAMP-MAP={value}"));
        }
        Err(Wrong::Cue(block)) => {
            let begin: String = block.chars().take(60).collect();
            context.add(rules::VTT_CUE, &place, format!("no cue: {begin:?}"));
        }
    }
    None
}

/// A whole file, as an MPD names it.
pub(super) async fn check_file(context: &mut Context, url: &Url) {
    read(context, url).await;
}

/// The segments of a playlist; `begin` is when the first one begins, seconds.
pub(super) async fn check_segments(context: &mut Context, list: &MediaPlaylist, begin: f64) {
    let mut at = begin;
    let mut before: Option<(f64, Vec<Cue>)> = None;
    for (index, listed) in list.segments.iter().enumerate() {
        let (from, to) = (at, at + listed.secs);
        at = to;
        if !context.wanted(index, list.segments.len()) {
            before = None;
            continue;
        }
        let place = Source::show(&listed.part.url);
        let Some(document) = read(context, &listed.part.url).await else {
            before = None;
            continue;
        };
        let Some(shift) = document.map else {
            context.add(rules::VTT_MAP, &place, "no X-TIMESTAMP-MAP");
            before = None;
            continue;
        };
        let mut cues = document.cues;
        for cue in &mut cues {
            (cue.start, cue.end) = (cue.start + shift, cue.end + shift);
            if cue.end < from - EPSILON || cue.start > to + EPSILON {
                let words = format!(
                    "cue {:.3} to {:.3} s in a segment of {from:.3} to {to:.3} s",
                    cue.start, cue.end
                );
                context.add(rules::VTT_TIME, &place, words);
            }
        }
        if let Some((border, last)) = &before {
            check_border(context, &place, *border, (last, &cues));
        }
        before = Some((to, cues));
    }
}

/// Cues that are shown at the border of two segments are in both.
fn check_border(context: &mut Context, place: &str, border: f64, (last, next): (&[Cue], &[Cue])) {
    for (cues, others, which) in [(last, next, "before"), (next, last, "this")] {
        let over = |cue: &&Cue| cue.start < border - EPSILON && cue.end > border + EPSILON;
        for cue in cues.iter().filter(over).filter(|cue| !others.contains(cue)) {
            let words = format!(
                "cue {:.3} to {:.3} s goes over the border at {border:.3} s and is as such only in the segment {}",
                cue.start,
                cue.end,
                if which == "this" { "after" } else { "before" }
            );
            context.add(rules::VTT_BORDER, place, words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_read_as_the_standard_writes_them() {
        let text = "WEBVTT x\nX-TIMESTAMP-MAP=LOCAL:00:00:01.000,MPEGTS:180000\n\nNOTE y\n\n1\n00:01.000 --> 01:00:02.500 line:0\na\nb\n\n";
        let document = parse(text).ok().unwrap();
        assert_eq!(document.map, Some(1.0));
        let cue = Cue {
            id: "1".into(),
            start: 1.0,
            end: 3602.5,
            settings: "line:0".into(),
            text: "a\nb".into(),
        };
        assert_eq!(document.cues, [cue]);
        for bad in [
            "",
            "WEBVTTx",
            "WEBVTT\n\n00:01.000 --> 00:01.000\nx",
            "WEBVTT\n\n0:01.0 --> 00:02.000\nx",
            "WEBVTT\n\nx",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
