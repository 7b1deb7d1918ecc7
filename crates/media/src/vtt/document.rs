//! A WebVTT document.

use std::fmt::Write;

use super::markup;

/// Most cues of a track: twenty times a feature film's, and few enough for each segment
/// to look through. Chosen.
pub const CUES_MAX: usize = 50_000;
/// Longest settings of a cue that are kept, bytes.
const SETTINGS_LEN_MAX: usize = 200;

/// One text, and when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// Milliseconds.
    pub start: i64,
    /// Milliseconds; after the start.
    pub end: i64,
    /// Where it is shown, as in the document; without line breaks.
    pub settings: String,
    /// What is shown: valid cue text of lines that are not empty.
    pub payload: String,
}

/// What a document holds.
#[derive(Debug, Default)]
pub struct Read {
    /// In order of their start.
    pub cues: Vec<Cue>,
    /// How many cues make no sense.
    pub broken: u64,
    /// There were more than [`CUES_MAX`].
    pub too_many: bool,
    /// Some lines were not UTF-8.
    pub legacy: bool,
}

/// Reads all cues of a WebVTT document. Styles and regions are left out: they may name other addresses.
#[must_use]
pub fn read(bytes: &[u8]) -> Read {
    let mut legacy = false;
    let mut read = read_lines(&text_lines(bytes, &mut legacy));
    read.legacy = legacy;
    read
}

/// The lines of a document as text.
pub(super) fn text_lines(bytes: &[u8], legacy: &mut bool) -> Vec<String> {
    lines(bytes).map(|line| text(line, legacy)).collect()
}

/// Reads all cues of these lines.
pub(super) fn read_lines(lines: &[String]) -> Read {
    let mut read = Read::default();
    for block in lines.split(|line| line.trim().is_empty()) {
        if read.cues.len() >= CUES_MAX {
            read.too_many = true;
            break;
        }
        read.block(block);
    }
    read.finish();
    read
}

impl Read {
    fn block(&mut self, block: &[String]) {
        let arrow = block.iter().take(2).position(|line| line.contains("-->"));
        let first = block.first().map_or("", |line| line.trim_end());
        let word = first.split_whitespace().next().unwrap_or("");
        match (arrow, word) {
            (_, "") | (None, "WEBVTT" | "NOTE" | "STYLE" | "REGION") => {}
            // The number of a cue is no text: nobody is shown it.
            (Some(at), _) => match cue(&block[at], &block[at + 1..]) {
                Some(cue) => self.cues.push(cue),
                None => self.broken += 1,
            },
            // ffmpeg writes a text with an empty line in it as it is.
            (None, _) => match self.cues.last_mut() {
                Some(cue) => {
                    cue.payload.push('\n');
                    cue.payload.push_str(&block.join("\n"));
                }
                None => self.broken += 1,
            },
        }
    }

    pub(super) fn finish(&mut self) {
        for cue in &mut self.cues {
            cue.payload = markup::clean(&cue.payload);
        }
        // Containers that allow no overlap leave cues without a duration behind.
        self.cues
            .retain(|cue| cue.start < cue.end && !cue.payload.is_empty());
        self.cues.sort_by_key(|cue| cue.start);
        // Styled subtitles draw a text twice, for its shadow.
        self.cues.dedup();
    }
}

/// Lines as WebVTT counts them: to CR, LF, or both.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.split(|b| *b == b'\n').flat_map(|line| {
        line.strip_suffix(b"\r")
            .unwrap_or(line)
            .split(|b| *b == b'\r')
    })
}

/// A line as text. Where it is not UTF-8 it is taken for Windows-1252, as most old
/// subtitles are; line by line, since files are put together.
fn text(line: &[u8], legacy: &mut bool) -> String {
    match str::from_utf8(line) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            *legacy = true;
            line.iter().map(|byte| windows_1252(*byte)).collect()
        }
    }
}

/// WHATWG Encoding, index-windows-1252.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// A cue of a line with an arrow, and the lines behind it.
fn cue(times: &str, payload: &[String]) -> Option<Cue> {
    let (start, rest) = times.split_once("-->")?;
    let rest = rest.trim();
    let (end, settings) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (start, end) = (time(start.trim())?, time(end)?);
    (start <= end).then(|| Cue {
        start,
        end,
        settings: kept_settings(settings),
        payload: payload.join("\n"),
    })
}

/// `[hh:]mm:ss.mmm` in milliseconds.
fn time(text: &str) -> Option<i64> {
    let (clock, ms) = text.split_once('.')?;
    let digits = |text: &str, len: std::ops::RangeInclusive<usize>| {
        let fits = len.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let mut parts = clock.rsplit(':');
    let secs = digits(parts.next()?, 2..=2).filter(|secs| *secs < 60)?;
    let mins = digits(parts.next()?, 2..=2).filter(|mins| *mins < 60)?;
    let hours = parts.next().map_or(Some(0), |text| digits(text, 2..=6))?;
    let ms = digits(ms, 3..=3)?;
    parts
        .next()
        .is_none()
        .then_some(((hours * 60 + mins) * 60 + secs) * 1000 + ms)
}

/// The settings that mean something without a region, the first of each name.
fn kept_settings(text: &str) -> String {
    const NAMES: [&str; 5] = ["vertical", "line", "position", "size", "align"];
    let known = |setting: &&str| {
        let Some((name, value)) = setting.split_once(':') else {
            return false;
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"%.,-".contains(&b);
        NAMES.contains(&name)
            && !value.is_empty()
            && value.bytes().all(plain)
            && !value.contains("--")
    };
    let mut kept: Vec<&str> = Vec::with_capacity(NAMES.len());
    for setting in text.split_whitespace().filter(known) {
        let name = setting.split(':').next();
        if kept.iter().all(|other| other.split(':').next() != name) {
            kept.push(setting);
        }
    }
    let kept = kept.join(" ");
    if kept.len() > SETTINGS_LEN_MAX {
        return String::new();
    }
    kept
}

/// A document; `head` is put below its first line, and ends with a line break if there is
/// any.
#[must_use]
pub fn write<'a>(head: &str, cues: impl IntoIterator<Item = &'a Cue>) -> String {
    let mut document = format!("WEBVTT\n{head}");
    for cue in cues {
        let (start, end) = (Clock(cue.start), Clock(cue.end));
        let space = if cue.settings.is_empty() { "" } else { " " };
        let (settings, payload) = (&cue.settings, &cue.payload);
        write!(
            document,
            "\n{start} --> {end}{space}{settings}\n{payload}\n"
        )
        .expect("a string takes all");
    }
    document
}

/// Milliseconds, as WebVTT writes them.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub i64);

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (secs, ms) = (self.0 / 1000, self.0 % 1000);
        let (hours, mins, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
        write!(f, "{hours:02}:{mins:02}:{secs:02}.{ms:03}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cues(text: &str) -> Vec<(i64, i64, String, String)> {
        let cues = read(text.as_bytes()).cues.into_iter();
        cues.map(|cue| (cue.start, cue.end, cue.settings, cue.payload))
            .collect()
    }

    #[test]
    fn cues_keep_their_settings_and_lose_styles_notes_and_numbers() {
        let text = "\u{feff}WEBVTT - title\r\nX: 1\r\n\r\nSTYLE\r\n::cue { background: url(x) }\r\n\r\n\
            NOTE a --> b\r\n\r\nREGION\r\nid:a\r\n\r\n7\r\n00:01.000 --> 01:00:02.500  line:0 \
            region:a align:start bad\r\none\r\ntwo\r\n";
        let expected = (
            1000,
            3_602_500,
            "line:0 align:start".to_owned(),
            "one\ntwo".to_owned(),
        );
        assert_eq!(cues(text), [expected]);
    }

    #[test]
    fn an_empty_line_inside_a_text_does_not_end_it() {
        let text = "WEBVTT\n\n00:01.000 --> 00:02.000\none\n\ntwo\n\n00:03.000 --> 00:04.000\nx\n";
        let found: Vec<String> = cues(text).into_iter().map(|cue| cue.3).collect();
        assert_eq!(found, ["one\ntwo", "x"]);
    }

    #[test]
    fn a_text_full_of_empty_lines_is_read_in_a_moment() {
        let text = format!(
            "WEBVTT\n\n00:01.000 --> 00:02.000\n{}",
            "a\n\n".repeat(4 << 18)
        );
        assert_eq!(cues(&text)[0].3.len(), (8 << 18) - 1);
    }

    #[test]
    fn a_setting_that_comes_twice_is_kept_once() {
        let text = "WEBVTT\n\n00:01.000 --> 00:02.000 line:0 size:9% line:0 line:5 size:8%\nx\n";
        assert_eq!(cues(text)[0].2, "line:0 size:9%");
    }

    #[test]
    fn a_cue_that_makes_no_sense_is_counted_and_left_out() {
        for times in [
            "00:02.000 --> 00:01.000",
            "a --> b",
            "00:61.000 --> 02:00.000",
            "1:00.000 --> 02:00.000",
            "00:01.00 --> 00:02.000",
            "00:01,000 --> 00:02,000",
            "-00:01.000 --> 00:02.000",
            "99999999:00:00.000 --> 99999999:00:01.000",
        ] {
            let read = read(format!("WEBVTT\n\n{times}\nx\n").as_bytes());
            assert_eq!((read.cues.len(), read.broken), (0, 1), "{times}");
        }
    }

    #[test]
    fn cues_are_in_order_once_each_and_never_empty() {
        let text = "WEBVTT\n\n00:03.000 --> 00:04.000\nb\n\n00:01.000 --> 00:02.000\na\n\n\
            00:01.000 --> 00:02.000\na\n\n00:05.000 --> 00:05.000\nc\n\n00:06.000 --> 00:07.000\n";
        let found: Vec<String> = cues(text).into_iter().map(|cue| cue.3).collect();
        assert_eq!(found, ["a", "b"]);
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_windows_1252() {
        let read = read(b"WEBVTT\n\n00:01.000 --> 00:02.000\ncaf\xe9 \x80\n\xc3\xa9\n");
        assert!(read.legacy);
        assert_eq!(read.cues[0].payload, "café €\né");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            start in 0_i64..400_000_000,
            len in 1_i64..100_000,
            payload in "[a-zé&;<>ib/ -]{1,20}(\n[a-z<>&-]{1,20}){0,2}",
        ) {
            let payload = markup::clean(&payload);
            prop_assume!(!payload.is_empty());
            let cue = Cue { start, end: start + len, settings: "line:0".to_owned(), payload };
            let read = read(write("", [&cue]).as_bytes());
            prop_assert_eq!(read.cues, [cue]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut text = b"WEBVTT\n\n00:01.000 --> 00:02.000\n".to_vec();
            text.extend(bytes);
            let written = write("", &read(&text).cues);
            prop_assert!(written.starts_with("WEBVTT\n"));
        }
    }
}
