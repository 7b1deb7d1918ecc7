//! Files of subtitles by themselves: WebVTT, styled ones, or SubRip (`.srt`), which has no
//! standard and is read as players read it.

use super::{
    ass,
    document::{Read, read, read_lines, text_lines},
};

/// Longest tag of SubRip, bytes; a `<` without an end before it is a sign of its own.
const TAG_LEN_MAX: usize = 1000;

/// Why a file is no subtitles that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSubtitles {
    /// TTML, IMSC, SAMI or another kind of markup.
    #[error("this is markup, such as TTML: convert it to WebVTT or SubRip first")]
    Markup,
    /// None of the kinds.
    #[error(
        "this is neither WebVTT nor SubRip nor ASS: no line of it is a time, such as 00:00:01,000 --> 00:00:02,000"
    )]
    Unknown,
    /// One of them, with nothing in it to be shown.
    #[error("no cue could be read, of {0} that do not make sense")]
    NoCue(u64),
}

/// Reads a file of any of the kinds, in UTF-8, UTF-16 with a byte order mark, or Windows-1252.
///
/// # Errors
/// It is of another kind, or holds no cue.
pub fn read_file(bytes: &[u8]) -> Result<Read, NotSubtitles> {
    let utf8 = from_utf16(bytes);
    let bytes = utf8.as_deref().unwrap_or(bytes);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let found = match first_word(bytes) {
        b"WEBVTT" => read(bytes),
        word if is_styled(word) => {
            let mut legacy = false;
            let lines = text_lines(bytes, &mut legacy);
            let mut found = ass::read_lines(&lines);
            found.legacy = legacy;
            found
        }
        word if word.starts_with(b"<") => return Err(NotSubtitles::Markup),
        // A picture or a video may hold an arrow by chance, and many a zero.
        _ if bytes.contains(&0) => return Err(NotSubtitles::Unknown),
        _ => {
            let mut legacy = false;
            let lines = text_lines(bytes, &mut legacy);
            if !lines.iter().any(|line| times(line).is_some()) {
                return Err(NotSubtitles::Unknown);
            }
            let mut found = read_lines(&as_webvtt(lines));
            found.legacy = legacy;
            found
        }
    };
    match found.cues.is_empty() {
        true => Err(NotSubtitles::NoCue(found.broken)),
        false => Ok(found),
    }
}

/// The first section of SSA or ASS.
fn is_styled(word: &[u8]) -> bool {
    let starts: [&[u8]; 4] = [b"[script", b"[v4", b"[v4+", b"[events]"];
    starts.iter().any(|start| word.eq_ignore_ascii_case(start))
}

fn first_word(bytes: &[u8]) -> &[u8] {
    let text = bytes.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace);
    &text[..end.unwrap_or(text.len())]
}

/// As UTF-8, where a byte order mark says that it is UTF-16.
fn from_utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    let unit: fn([u8; 2]) -> u16 = match bytes.get(..2)? {
        b"\xff\xfe" => u16::from_le_bytes,
        b"\xfe\xff" => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes[2..].chunks_exact(2).map(|two| unit([two[0], two[1]]));
    let units: Vec<u16> = units.collect();
    Some(String::from_utf16_lossy(&units).into_bytes())
}

/// The same lines with times as WebVTT writes them, and without the markup of SubRip alone:
/// fonts, and the overrides of SSA, of which the place on top is kept.
fn as_webvtt(lines: Vec<String>) -> Vec<String> {
    let mut converted: Vec<String> = Vec::with_capacity(lines.len());
    let mut cue = None;
    for line in lines {
        if let Some(times) = times(&line) {
            cue = Some(converted.len());
            converted.push(times);
            continue;
        }
        let (plain, on_top) = without_overrides(&line);
        if let Some(cue) = cue.filter(|_| on_top) {
            converted[cue].push_str(" line:0");
        }
        converted.push(without_fonts(&plain));
    }
    converted
}

/// A line of times, rewritten; what stands behind them, such as `X1:0`, is left out.
fn times(line: &str) -> Option<String> {
    let (start, rest) = line.split_once("-->")?;
    let end = rest.split_whitespace().next()?;
    Some(format!("{} --> {}", time(start.trim())?, time(end)?))
}

/// `h:mm:ss,m` as `hh:mm:ss.mmm`; many a program writes a dot, or fewer digits.
fn time(text: &str) -> Option<String> {
    let (clock, fraction) = text.split_once([',', '.'])?;
    let digits = |text: &str, max: usize| {
        let fits = (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.to_owned())
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, mins, secs) = match parts.as_slice() {
        [hours, mins, secs] => (*hours, *mins, *secs),
        [mins, secs] => ("0", *mins, *secs),
        _ => return None,
    };
    let (hours, mins, secs) = (digits(hours, 6)?, digits(mins, 2)?, digits(secs, 2)?);
    Some(format!(
        "{hours:0>2}:{mins:0>2}:{secs:0>2}.{:0<3}",
        digits(fraction, 3)?
    ))
}

/// Without `{\…}`; and whether one of them is `\an7` to `\an9`, the top of the picture.
fn without_overrides(line: &str) -> (String, bool) {
    let (mut plain, mut on_top) = (String::with_capacity(line.len()), false);
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{\\") {
        let Some((override_, behind)) = after.split_once('}') else {
            break;
        };
        let place = override_.split("an").nth(1);
        on_top |= place.is_some_and(|place| place.starts_with(['7', '8', '9']));
        plain.push_str(before);
        rest = behind;
    }
    plain.push_str(rest);
    (plain, on_top)
}

/// Without `<font …>` and `</font>`, which WebVTT does not have.
fn without_fonts(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
        let end = tag.bytes().take(TAG_LEN_MAX).position(|b| b == b'>');
        let end = end.map_or(1, |end| end + 1);
        let name = tag[1..].trim_start_matches('/');
        let is_font = name
            .get(..4)
            .is_some_and(|name| name.eq_ignore_ascii_case("font"));
        if !(is_font && end > 1) {
            plain.push_str(&lower(&tag[..end]));
        }
        rest = &tag[end..];
    }
    plain.push_str(rest);
    plain
}

/// `<I>` is common, and in WebVTT none.
fn lower(tag: &str) -> String {
    match tag {
        "<I>" | "</I>" | "<B>" | "</B>" | "<U>" | "</U>" => tag.to_ascii_lowercase(),
        _ => tag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cues(bytes: &[u8]) -> Vec<(i64, i64, String, String)> {
        let cues = read_file(bytes).unwrap().cues.into_iter();
        cues.map(|cue| (cue.start, cue.end, cue.settings, cue.payload))
            .collect()
    }

    #[test]
    fn subrip_keeps_its_times_lines_and_what_is_italic() {
        let text = "\u{feff}1\r\n00:00:01,500 --> 00:00:02,500 X1:0 X2:9\r\n<I>one</I> & \
            <font color=\"#ff0000\">two</font>\r\n{\\an8}up\r\n\r\n2\r\n1:00:00.5 --> \
            1:00:01,25\r\n- a\r\n- b\r\n";
        let expected = [
            (
                1500,
                2500,
                "line:0".to_owned(),
                "<i>one</i> &amp; two\nup".to_owned(),
            ),
            (3_600_500, 3_601_250, String::new(), "- a\n- b".to_owned()),
        ];
        assert_eq!(cues(text.as_bytes()), expected);
        let utf16 =
            |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(unit).collect() };
        assert_eq!(cues(&utf16(u16::to_le_bytes)), expected);
        assert_eq!(cues(&utf16(u16::to_be_bytes)), expected);
    }

    #[test]
    fn styled_subtitles_are_read_in_any_encoding() {
        let text = "\u{feff}[Script Info]\r\n\r\n[Events]\r\nFormat: Start, End, Text\r\n\
            Dialogue: 0:00:01.50,0:00:02.50,{\\i1}caf\u{e9}\r\n";
        let expected = (1500, 2500, String::new(), "<i>caf\u{e9}</i>".to_owned());
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let old: Vec<u8> = text[3..].chars().map(|sign| sign as u8).collect();
        assert!(read_file(&old).unwrap().legacy);
        for bytes in [text.as_bytes(), &utf16, &old] {
            assert_eq!(cues(bytes), std::slice::from_ref(&expected));
        }
    }

    #[test]
    fn webvtt_is_read_as_it_is() {
        let text = b"WEBVTT\n\n00:01.000 --> 00:02.000 align:start\n<v Bob>Hi\n";
        let expected = (1000, 2000, "align:start".to_owned(), "<v Bob>Hi".to_owned());
        assert_eq!(cues(text), [expected]);
    }

    #[test]
    fn what_is_no_subtitles_is_refused_with_the_reason() {
        for (bytes, reason) in [
            (&b""[..], NotSubtitles::Unknown),
            (b"hello", NotSubtitles::Unknown),
            (b"a --> b", NotSubtitles::Unknown),
            (
                b"\x00\x00\x00\x18ftypmp42 00:00:01,000 --> 00:00:02,000",
                NotSubtitles::Unknown,
            ),
            (b"[Script Info]\nTitle: x", NotSubtitles::NoCue(0)),
            (b"<?xml version=\"1.0\"?><tt/>", NotSubtitles::Markup),
            (b"WEBVTT\n", NotSubtitles::NoCue(0)),
            (
                b"WEBVTT\n\n00:02.000 --> 00:01.000\nx",
                NotSubtitles::NoCue(1),
            ),
            (
                b"1\n00:00:02,000 --> 00:00:01,000\nx",
                NotSubtitles::NoCue(1),
            ),
        ] {
            assert_eq!(read_file(bytes).unwrap_err(), reason, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut text = b"1\n00:00:01,000 --> 00:00:02,000\n{\\an".to_vec();
            text.extend(&bytes);
            let _ = read_file(&text);
            let _ = read_file(&bytes);
            let _ = read_file(&[b"[Events]\nDialogue: 0,", &bytes[..]].concat());
        }

        #[test]
        fn no_text_makes_it_panic(text in "[<{\\\\}an8é/font>:,.0-9 \n-]{0,200}") {
            let text = format!("1\n00:00:01,000 --> 00:00:02,000\n{text}");
            let _ = read_file(text.as_bytes());
        }
    }
}
