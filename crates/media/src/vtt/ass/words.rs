//! The words of a line, and what its overrides make of them.

use super::style::{Mark, Styles};

/// A text on its way from overrides to tags.
pub(super) struct Words<'a> {
    styles: &'a Styles,
    /// Of its line's style.
    style: Vec<Mark>,
    /// What the next letter is to be.
    wanted: Vec<Mark>,
    /// What is open in `out`, the last innermost.
    open: Vec<Mark>,
    /// A soft line break is one: lines are not wrapped.
    breaks: bool,
    /// Shapes are drawn, whose coordinates are no words.
    draws: bool,
    /// It is shown on top of the picture.
    pub(super) on_top: bool,
    /// Cue text of WebVTT.
    pub(super) out: String,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &str, styles: &'a Styles, style: &str) -> Self {
        let style = styles.of(style);
        let mut words = Self {
            styles,
            wanted: style.clone(),
            style,
            open: Vec::new(),
            breaks: styles.breaks,
            draws: false,
            on_top: false,
            out: String::with_capacity(text.len()),
        };
        // So that braces without an end are not looked for again and again.
        let last_end = text.rfind('}').unwrap_or(0);
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let taken = match first {
                '{' if text.len() - rest.len() < last_end => rest.find('}').map(|end| {
                    words.overrides(&rest[1..end]);
                    end + 1
                }),
                '\\' => words.escape(rest),
                _ => None,
            };
            if taken.is_none() {
                words.say(first);
            }
            rest = &rest[taken.unwrap_or(first.len_utf8())..];
        }
        words.close_to(0);
        words
    }

    /// A line break, a soft one or a hard space; how long it was.
    fn escape(&mut self, text: &str) -> Option<usize> {
        match text.as_bytes().get(1)? {
            b'N' => self.break_line(),
            b'n' if self.breaks => self.break_line(),
            b'n' => self.say(' '),
            b'h' => self.say('\u{a0}'),
            _ => return None,
        }
        Some(2)
    }

    fn break_line(&mut self) {
        self.close();
        self.out.push('\n');
    }

    fn say(&mut self, sign: char) {
        if self.draws {
            return;
        }
        self.close();
        for n in 0..self.wanted.len() {
            let mark = self.wanted[n];
            if !self.open.contains(&mark) {
                self.out.extend(['<', mark.letter(), '>']);
                self.open.push(mark);
            }
        }
        match sign {
            // Only overrides are markup.
            '<' => self.out.push_str("&lt;"),
            '&' => self.out.push_str("&amp;"),
            sign => self.out.push(sign),
        }
    }

    /// Closes what is not wanted any more, and what is open inside of that.
    fn close(&mut self) {
        let keep = self
            .open
            .iter()
            .position(|mark| !self.wanted.contains(mark));
        self.close_to(keep.unwrap_or(self.open.len()));
    }

    fn close_to(&mut self, len: usize) {
        for mark in self.open.drain(len..).rev() {
            self.out.extend(['<', '/', mark.letter(), '>']);
        }
    }

    /// What stands between braces; without a backslash it is a remark.
    fn overrides(&mut self, text: &str) {
        for tag in text.split('\\').skip(1) {
            let tag = tag.trim();
            if let Some(place) = tag.strip_prefix("an") {
                self.on_top |= matches!(place, "7" | "8" | "9");
            } else if let Some(size) = tag.strip_prefix('p')
                && let Ok(size) = size.parse::<u32>()
            {
                self.draws = size > 0;
            } else if let Some(wrap) = tag.strip_prefix('q') {
                self.breaks = match wrap {
                    "" => self.styles.breaks,
                    wrap => wrap == "2",
                };
            } else if let Some(style) = tag.strip_prefix('r') {
                self.wanted = match style {
                    "" => self.style.clone(),
                    style => self.styles.of(style),
                };
            } else {
                self.mark(tag);
            }
        }
    }

    /// `b1`, `i0`, `u`; of bold a number from 100 up is a weight, above 400 bold.
    fn mark(&mut self, tag: &str) {
        let Some(mark) = Mark::ALL.into_iter().find(|m| tag.starts_with(m.letter())) else {
            return;
        };
        let is_on = match &tag[1..] {
            "" => self.style.contains(&mark),
            // `blur2`, `bord1`, `iclip(…)` and the like are others.
            value => match value.parse::<u32>() {
                Ok(value) => value == 1 || value > 400,
                Err(_) => return,
            },
        };
        self.wanted.retain(|other| *other != mark);
        if is_on {
            self.wanted.push(mark);
        }
    }
}
