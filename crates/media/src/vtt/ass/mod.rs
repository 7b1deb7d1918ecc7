//! Styled subtitles, SSA and ASS, which have no standard: what is said, when, and what of it
//! is bold, italic or underlined. Read as libass shows them, and as far as WebVTT goes.

mod style;
mod words;

use self::{style::Styles, words::Words};
use super::document::{CUES_MAX, Cue, Read};

/// Columns of a line of dialogue where the file names none (ASS, version 4.00+).
const COLUMNS: &str = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text";

/// Reads all lines of dialogue.
pub(super) fn read_lines(lines: &[String]) -> Read {
    let mut read = Read::default();
    let mut section = String::new();
    let mut columns = columns(COLUMNS);
    let mut styles = Styles::default();
    for line in lines {
        let line = line.trim_start();
        if line.starts_with('[') {
            section = line.trim_end().to_ascii_lowercase();
            continue;
        }
        let Some((word, rest)) = line.split_once(':') else {
            continue;
        };
        match (section.as_str(), word.trim_end()) {
            ("[script info]", "WrapStyle") => styles.breaks = rest.trim() == "2",
            ("[v4+ styles]" | "[v4 styles]", "Format") => styles.columns = self::columns(rest),
            ("[v4+ styles]" | "[v4 styles]", "Style") => styles.add(rest),
            ("[events]", "Format") => columns = self::columns(rest),
            ("[events]", "Dialogue") if read.cues.len() >= CUES_MAX => {
                read.too_many = true;
                break;
            }
            ("[events]", "Dialogue") => match cue(rest, &columns, &styles) {
                Some(cue) => read.cues.push(cue),
                None => read.broken += 1,
            },
            _ => {}
        }
    }
    read.finish();
    read
}

/// Names of columns, in lower case.
fn columns(text: &str) -> Vec<String> {
    let names = text.split(',').map(|name| name.trim().to_ascii_lowercase());
    names.collect()
}

/// A line's fields by column; the last takes all that is left, commas too.
fn fields<'a>(line: &'a str, columns: &'a [String]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let fields = line.splitn(columns.len(), ',');
    columns.iter().map(String::as_str).zip(fields)
}

fn cue(line: &str, columns: &[String], styles: &Styles) -> Option<Cue> {
    let (mut start, mut end, mut style, mut text) = (None, None, "", "");
    for (column, value) in fields(line, columns) {
        match column {
            "start" => start = time(value.trim()),
            "end" => end = time(value.trim()),
            "style" => style = value,
            "text" => text = value,
            _ => {}
        }
    }
    let (start, end) = (start?, end?);
    let shown = Words::of(text, styles, style);
    (start <= end).then(|| Cue {
        start,
        end,
        settings: if shown.on_top { "line:0" } else { "" }.to_owned(),
        payload: shown.out,
    })
}

/// `h:mm:ss.cc` in milliseconds.
fn time(text: &str) -> Option<i64> {
    let number = |text: &str, max: usize| -> Option<i64> {
        let fits = (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse().ok()).flatten()
    };
    let (clock, fraction) = text.split_once(['.', ','])?;
    let mut parts = clock.split(':');
    let hours = number(parts.next()?, 6)?;
    let mins = number(parts.next()?, 2).filter(|mins| *mins < 60)?;
    let secs = number(parts.next()?, 2).filter(|secs| *secs < 60)?;
    let scale = [100, 10, 1].get(fraction.len().wrapping_sub(1))?;
    let ms = number(fraction, 3)? * scale;
    parts
        .next()
        .is_none()
        .then_some(((hours * 60 + mins) * 60 + secs) * 1000 + ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Read {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        read_lines(&lines)
    }

    fn shown(text: &str) -> String {
        let line = format!("[Events]\nDialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{text}");
        let read = read(&line);
        read.cues
            .first()
            .map(|cue| cue.payload.clone())
            .unwrap_or_default()
    }

    #[test]
    fn overrides_become_tags_and_all_else_of_them_goes() {
        for (text, expected) in [
            ("one, two", "one, two"),
            (r"{\i1}a{\i0}\Nb\nc", "<i>a</i>\nb c"),
            (r"{\q2}a\nb{\q0}\nc{\q2}{\q}\nd", "a\nb c d"),
            (r"{\b1}a{\i1}b{\b0}c", "<b>a<i>b</i></b><i>c</i>"),
            (r"{\i1}a{\i0}{\i1}b", "<i>ab</i>"),
            (r"{\i1}{\i0}a{\u1}", "a"),
            (r"{\b700}a{\b400}b", "<b>a</b>b"),
            (r"{\blur2\bord3\fs40\pos(1,2)\iclip(0,0,9,9)}a", "a"),
            (r"{\i1}a{\r}b", "<i>a</i>b"),
            ("{a remark}a{", "a{"),
            (r"{\p1}m 0 0 l 9 9{\p0}a", "a"),
            (r"a\hb\x", "a\u{a0}b\\x"),
            ("<i>&amp; x --> y", "&lt;i&gt;&amp;amp; x --&gt; y"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn where_lines_are_not_wrapped_a_soft_break_is_a_break() {
        let line = "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,x,,0,0,0,,";
        for (style, expected) in [("0", "a b\nc d"), ("2", "a\nb\nc d")] {
            let info = format!("[Script Info]\nWrapStyle: {style}\n{line}");
            let cues = read(&format!("{info}a\\nb\\Nc{{\\q1}}\\nd")).cues;
            assert_eq!(cues[0].payload, expected, "{style}");
        }
    }

    #[test]
    fn columns_and_styles_are_where_the_file_says() {
        let text = "[Script Info]\nTitle: x\n[V4 Styles]\nFormat: Italic, Name\n\
            Style: -1, *Slanted\n[Events]\nFormat: End, Start, Style, Text\n\
            Comment: 0:00:09.00,0:00:08.00,Slanted,no\n\
            Dialogue: 1:00:02.5,1:00:01.25,Slanted,a, {\\i0}b{\\r}c\n\
            Dialogue: 0:00:02.00,0:00:01.00,None,{\\an8}b\n";
        let cues = read(text).cues;
        let all: Vec<_> = cues
            .iter()
            .map(|cue| (cue.start, cue.end, &*cue.settings, &*cue.payload))
            .collect();
        let later = (3_601_250, 3_602_500, "", "<i>a, </i>b<i>c</i>");
        assert_eq!(all, [(1000, 2000, "line:0", "b"), later]);
    }

    #[test]
    fn a_line_without_a_time_is_counted_and_left_out() {
        for times in [
            "0:00:02.00,0:00:01.00",
            "x,0:00:01.00",
            "0:61:00.00,0:62:00.00",
            "0:00:01,0:00:02",
            "0:00:01.0000,0:00:02.00",
            "9999999:00:00.00,9999999:00:01.00",
            "-1:00:00.00,0:00:01.00",
            "0:00:01.00",
        ] {
            let read = read(&format!("[Events]\nDialogue: 0,{times}"));
            assert_eq!((read.cues.len(), read.broken), (0, 1), "{times}");
        }
    }

    #[test]
    fn a_line_full_of_braces_is_read_in_a_moment() {
        let braces = "{".repeat(4 << 20);
        assert_eq!(shown(&braces).len(), braces.len());
        assert_eq!(shown(&format!("{braces}}}a")), "a");
    }

    #[test]
    fn more_lines_than_a_track_may_have_are_left_out() {
        let line = "Dialogue: 0,0:00:01.00,0:00:02.00,,,0,0,0,,";
        let lines = (0..=CUES_MAX).map(|n| format!("{line}{n}"));
        let lines: Vec<String> = ["[Events]".to_owned()].into_iter().chain(lines).collect();
        let read = read_lines(&lines);
        assert_eq!((read.cues.len(), read.too_many), (CUES_MAX, true));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_leaves_a_tag_open(text in "[{}\\\\biurp019Nnhé<>&, -]{0,60}") {
            let payload = shown(&text);
            for letter in ["b", "i", "u"] {
                let opened = payload.matches(&format!("<{letter}>")).count();
                prop_assert_eq!(opened, payload.matches(&format!("</{letter}>")).count());
            }
        }

        #[test]
        fn no_line_makes_it_panic(text in "(\\[Events\\]\n|Format:|Dialogue:|Style:|[ :,.0-9a-zé\n]{1,9}){0,30}") {
            let _ = read(&text);
            let _ = read(&format!("[V4+ Styles]\n{text}"));
        }
    }
}
