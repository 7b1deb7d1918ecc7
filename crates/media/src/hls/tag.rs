//! A tag with an attribute list (RFC 8216 §4.2).

use std::fmt::{Display, Write};

use crate::voice::printable;

/// A tag with an attribute list.
pub(super) struct Tag {
    line: String,
    separator: char,
}

impl Tag {
    pub(super) fn new(name: &str) -> Self {
        Self {
            line: format!("#{name}"),
            separator: ':',
        }
    }

    /// A value without quotes, which the caller knows to be one.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) {
        write!(self.line, "{}{name}={value}", self.separator).expect("a String takes all");
        self.separator = ',';
    }

    /// `YES` or `NO`.
    pub(super) fn yes_no(&mut self, name: &str, value: bool) {
        self.plain(name, if value { "YES" } else { "NO" });
    }

    /// Drops what a quoted string cannot hold.
    pub(super) fn quoted(&mut self, name: &str, value: &str) {
        self.plain(name, format!("\"{}\"", printable(value)));
    }

    /// Nothing, where there is no value.
    pub(super) fn quoted_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.map(printable).filter(|v| !v.is_empty()) {
            self.quoted(name, &value);
        }
    }

    pub(super) fn end(self, out: &mut String) {
        out.push_str(&self.line);
        out.push('\n');
    }
}
