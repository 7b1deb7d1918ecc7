//! Cue text: what of it is markup, and what only looks so.

/// Longest tag, bytes; a `<` without an end before it is a sign of its own.
const TAG_LEN_MAX: usize = 200;
/// Tags of cue text (WebVTT §4.2.2).
const TAGS: [&str; 8] = ["b", "i", "u", "c", "v", "lang", "ruby", "rt"];
/// Named characters that players know (WebVTT §4.2.2); those of numbers come besides.
const NAMED: [&str; 6] = ["amp", "lt", "gt", "lrm", "rlm", "nbsp"];
/// Longest name of a character: more is an ampersand and text.
const ENTITY_LEN_MAX: usize = 8;

/// Valid cue text that shows the same, of lines that are not empty. Empty where there is
/// nothing to show.
pub(super) fn clean(text: &str) -> String {
    let lines = text.lines().map(clean_line);
    let kept: Vec<String> = lines.filter(|line| !line.trim().is_empty()).collect();
    if kept.iter().all(|line| is_drawing(line)) || !shows(&kept) {
        return String::new();
    }
    kept.join("\n")
}

fn clean_line(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line.trim_end();
    while let Some(first) = rest.chars().next() {
        let whole = match first {
            '<' => tag(rest),
            '&' => entity(rest),
            _ => None,
        };
        let taken = whole.map_or(first.len_utf8(), str::len);
        match (whole, first) {
            (Some(whole), _) => clean.push_str(whole),
            (None, '<') => clean.push_str("&lt;"),
            (None, '&') => clean.push_str("&amp;"),
            // So that no text is an arrow.
            (None, '>') => clean.push_str("&gt;"),
            (None, '\t') => clean.push(' '),
            (None, sign) if sign.is_control() => {}
            (None, sign) => clean.push(sign),
        }
        rest = &rest[taken..];
    }
    clean
}

/// The tag that `text` starts with, if it is one.
fn tag(text: &str) -> Option<&str> {
    let len = text.bytes().take(TAG_LEN_MAX).position(|b| b == b'>')? + 1;
    let inner = &text[1..len - 1];
    if inner.contains(|c: char| c == '<' || c == '&' || c.is_control()) {
        return None;
    }
    let name = inner.strip_prefix('/').unwrap_or(inner);
    let end = name.find(['.', ' ']).unwrap_or(name.len());
    let time = |b: u8| b.is_ascii_digit() || b == b':' || b == b'.';
    let is_time = inner.len() >= 9 && inner.contains(':') && inner.bytes().all(time);
    (TAGS.contains(&&name[..end]) || is_time).then(|| &text[..len])
}

/// The named or numbered character that `text` starts with, if it is one.
fn entity(text: &str) -> Option<&str> {
    let len = text
        .bytes()
        .take(ENTITY_LEN_MAX + 2)
        .position(|b| b == b';')?
        + 1;
    let name = &text[1..len - 1];
    let number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (NAMED.contains(&name) || name.strip_prefix('#').is_some_and(number)).then(|| &text[..len])
}

/// Something is left when tags are taken away.
fn shows(lines: &[String]) -> bool {
    let mut inside = false;
    lines.iter().flat_map(|line| line.chars()).any(|sign| {
        let shown = !inside && sign != '<' && !sign.is_whitespace();
        inside = (inside || sign == '<') && sign != '>';
        shown
    })
}

/// A shape of styled subtitles, which ffmpeg writes as if it were words:
/// `m 0 0 l 100 0 100 100`.
fn is_drawing(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let number = |word: &str| word.parse::<f64>().is_ok();
    let command = |word: &str| matches!(word, "m" | "n" | "l" | "b" | "s" | "p" | "c");
    words.next() == Some("m")
        && words.clone().count() >= 2
        && words.by_ref().take(2).all(number)
        && words.all(|word| number(word) || command(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_stays_and_what_only_looks_so_is_shown() {
        for (text, expected) in [
            ("<i>a</i> <b>b</b>", "<i>a</i> <b>b</b>"),
            (
                "<v Bob>a <c.x.y>b</c> <00:01.000>c",
                "<v Bob>a <c.x.y>b</c> <00:01.000>c",
            ),
            ("I <3 AT&T", "I &lt;3 AT&amp;T"),
            ("<world> <script>", "&lt;world&gt; &lt;script&gt;"),
            (
                "a --> b &amp; &#39; &bogus;",
                "a --&gt; b &amp; &#39; &amp;bogus;",
            ),
            ("a\tb\u{7}\u{0}c", "a bc"),
            ("a\n\n \nb", "a\nb"),
            ("é<", "é&lt;"),
        ] {
            assert_eq!(clean(text), expected, "{text}");
        }
    }

    #[test]
    fn what_shows_nothing_is_empty() {
        for text in ["", " \n ", "<i></i>", "m 0 0 l 100 0 100 100 0 100"] {
            assert_eq!(clean(text), "", "{text}");
        }
        assert_eq!(clean("m 1"), "m 1");
    }
}
