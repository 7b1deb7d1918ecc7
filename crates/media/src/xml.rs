//! As much of writing XML 1.0 as an MPD needs.

use std::fmt::Write;

/// Attributes in the order they are written.
pub(crate) type Attributes = Vec<(&'static str, String)>;

/// A document being written, two spaces of indent for each open element.
pub(crate) struct Writer {
    out: String,
    open: Vec<&'static str>,
}

impl Writer {
    pub(crate) fn document() -> Self {
        Self {
            out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".into(),
            open: Vec::new(),
        }
    }

    /// Starts an element; what follows, up to its [`close`](Self::close), is inside.
    pub(crate) fn open(&mut self, name: &'static str, attributes: Attributes) {
        self.start(name, attributes);
        self.out.push_str(">\n");
        self.open.push(name);
    }

    /// Ends the element opened last.
    pub(crate) fn close(&mut self) {
        let name = self.open.pop().expect("every close has its open");
        self.indent();
        self.out.push_str(&format!("</{name}>\n"));
    }

    /// An element with nothing inside.
    pub(crate) fn empty(&mut self, name: &'static str, attributes: Attributes) {
        self.start(name, attributes);
        self.out.push_str("/>\n");
    }

    /// An element with only text inside.
    pub(crate) fn text(&mut self, name: &'static str, text: &str) {
        self.start(name, Vec::new());
        self.out.push('>');
        escape(&mut self.out, text);
        self.out.push_str(&format!("</{name}>\n"));
    }

    /// The whole document.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn start(&mut self, name: &'static str, attributes: Attributes) {
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push_str(&format!(" {key}=\""));
            escape(&mut self.out, &value);
            self.out.push('"');
        }
    }

    fn indent(&mut self) {
        self.out.extend(self.open.iter().map(|_| "  "));
    }
}

/// Writes text so that it is read back the same, in attributes too. What XML cannot
/// hold (§2.2: most control characters) becomes U+FFFD.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                write!(out, "&#{};", u32::from(c)).expect("a String takes all");
            }
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}
