//! Lines of the log.

use std::{
    borrow::Cow,
    io::Write,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{clock::Clock, cmcd, entry::Entry, json, names::Names};

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// An object a line, with all there is.
    Json,
    /// Apache's combined log format, for programs that read that.
    Combined,
}

/// Who writes lines: without an allocation, where nothing in one has to be escaped and its
/// key was seen before.
pub(super) struct Scribe {
    format: Format,
    names: Names,
    clock: Clock,
}

impl Scribe {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            names: Names::default(),
            clock: Clock::default(),
        }
    }

    /// Adds the line of an entry that began at `at` and took `total` to the body's end. Keys
    /// are redacted, wherever they stand.
    pub(super) fn write(
        &mut self,
        entry: &Entry,
        (at, total): (SystemTime, Duration),
        out: &mut Vec<u8>,
    ) {
        match self.format {
            Format::Json => self.json(entry, (at, total), out),
            Format::Combined => self.combined(entry, at, out),
        }
        out.push(b'\n');
    }

    fn json(&mut self, entry: &Entry, (at, total): (SystemTime, Duration), out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        self.clock.rfc3339(at, out);
        out.extend_from_slice(b"\",\"client\":\"");
        address(entry.client, out);
        out.extend_from_slice(b"\",\"method\":");
        json::text(out, entry.method.as_str());
        out.extend_from_slice(b",\"path\":");
        json::text(out, shown(entry.target(), &mut self.names).unwrap_or("*"));
        out.extend_from_slice(b",\"protocol\":");
        json::text(out, protocol(entry));
        for (name, number) in [
            (&b",\"status\":"[..], u64::from(entry.status.as_u16())),
            (b",\"bytes\":", entry.sent),
            (b",\"ttfb_us\":", micros(entry.first_byte)),
            (b",\"total_us\":", micros(total)),
        ] {
            out.extend_from_slice(name);
            json::number(out, number);
        }
        out.extend_from_slice(b",\"outcome\":");
        json::text(out, entry.outcome.as_str());
        out.extend_from_slice(b",\"whole\":");
        out.extend_from_slice(if entry.whole { b"true" } else { b"false" });
        let cache_key = entry.key.as_ref().map(|key| key.as_str().as_bytes());
        for (name, field) in [
            (&b",\"site\":"[..], entry.host()),
            (b",\"cache_key\":", cache_key.unwrap_or_default()),
            (b",\"referer\":", entry.referer()),
            (b",\"user_agent\":", entry.user_agent()),
        ] {
            if let Some(field) = shown(field, &mut self.names) {
                out.extend_from_slice(name);
                json::text(out, field);
            }
        }
        if let Some(said) = said(entry) {
            out.extend_from_slice(b",\"cmcd\":");
            json::value(out, &said);
        }
        out.push(b'}');
    }

    fn combined(&mut self, entry: &Entry, at: SystemTime, out: &mut Vec<u8>) {
        address(entry.client, out);
        out.extend_from_slice(b" - - [");
        self.clock.apache(at, out);
        out.extend_from_slice(b"] \"");
        out.extend_from_slice(entry.method.as_str().as_bytes());
        out.push(b' ');
        escaped(shown(entry.target(), &mut self.names).unwrap_or("*"), out);
        out.push(b' ');
        out.extend_from_slice(protocol(entry).as_bytes());
        out.extend_from_slice(b"\" ");
        json::number(out, entry.status.as_u16().into());
        out.push(b' ');
        json::number(out, entry.sent);
        for field in [entry.referer(), entry.user_agent()] {
            out.extend_from_slice(b" \"");
            escaped(shown(field, &mut self.names).unwrap_or("-"), out);
            out.push(b'"');
        }
    }
}

/// The fields of CTA-5004, from query and header; none if there is nothing of them.
fn said(entry: &Entry) -> Option<Map<String, Value>> {
    if entry.cmcd().is_empty() && !entry.target().contains(&b'?') {
        return None;
    }
    let mut found = Map::new();
    let target = readable(entry.target());
    let query = target.split_once('?').map(|(_, query)| query);
    if let Some(data) = query.and_then(cmcd::in_query) {
        cmcd::read(&data, &mut found);
    }
    cmcd::read(&readable(entry.cmcd()), &mut found);
    for value in found.values_mut() {
        if let Value::String(text) = value {
            *text = keys::redact(text).into_owned();
        }
    }
    (!found.is_empty()).then_some(found)
}

/// What would end a quoted text or a line, and what is not visible ASCII, as `\xHH`: so
/// Apache does.
fn escaped(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if !b"\"\\".contains(&byte) => out.push(byte),
            _ => {
                let digits =
                    [byte >> 4, byte & 15].map(|digit| b"0123456789ABCDEF"[usize::from(digit)]);
                out.extend_from_slice(b"\\x");
                out.extend_from_slice(&digits);
            }
        }
    }
}

fn address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (n, octet) in address.octets().into_iter().enumerate() {
                if n > 0 {
                    out.push(b'.');
                }
                json::number(out, octet.into());
            }
        }
        // Memory takes every byte.
        IpAddr::V6(address) => write!(out, "{address}").unwrap_or_default(),
    }
}

/// A text of a client; none if it is empty.
fn shown<'a>(text: &'a [u8], names: &'a mut Names) -> Option<&'a str> {
    match readable(text) {
        _ if text.is_empty() => None,
        Cow::Borrowed(text) => Some(names.redact(text)),
        Cow::Owned(text) => Some(names.redact_owned(&text)),
    }
}

/// Bytes as text. std's own way looks at each character of what is text already.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

fn protocol(entry: &Entry) -> &'static str {
    match entry.version {
        http::Version::HTTP_2 => "HTTP/2.0",
        http::Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::entry::tests::entry, *};

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let mut out = Vec::new();
        escaped("a\"\\\r\n\u{1b}[2J\u{7f}\u{9b}0m\u{e4}", &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r"a\x22\x5C\x0D\x0A\x1B[2J\x7F\xC2\x9B0m\xC3\xA4");
    }

    #[test]
    fn a_line_is_exactly_this() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(971_186_136_007);
        let line = |format| {
            let mut out = Vec::new();
            let mut scribe = Scribe::new(format);
            let entry = entry("/k/eyJ1.x/v/a?b=%22c");
            scribe.write(&entry, (at, Duration::from_millis(2)), &mut out);
            String::from_utf8(out).unwrap()
        };
        let name = keys::log_name("eyJ1.x");
        let json = r#"{"time":"2000-10-10T13:55:36.007Z","client":"192.0.2.1","method":"GET","path":"/k/NAME/v/a?b=%22c","protocol":"HTTP/1.1","status":200,"bytes":0,"ttfb_us":7,"total_us":2000,"outcome":"hit","whole":false,"user_agent":"a \"b\""}"#;
        let combined = r#"192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /k/NAME/v/a?b=%22c HTTP/1.1" 200 0 "-" "a \x22b\x22""#;
        for (format, expected) in [(Format::Json, json), (Format::Combined, combined)] {
            let expected = expected.replace("NAME", &name);
            assert_eq!(line(format), format!("{expected}\n"));
        }
    }

    #[test]
    fn addresses_are_as_std_writes_them() {
        for text in ["0.0.0.0", "192.0.2.255", "2001:db8::1", "::"] {
            let mut out = Vec::new();
            address(text.parse().unwrap(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
