//! Lines of the log.

use std::{borrow::Cow, io::Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Serializer, Value, ser::Formatter};

use super::{cmcd, entry::Entry, names::Names};

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// An object a line, with all there is.
    Json,
    /// Apache's combined log format, for programs that read that.
    Combined,
}

/// An object of the log.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    client: String,
    method: &'a str,
    path: String,
    protocol: &'static str,
    status: u16,
    /// Of the body.
    bytes: u64,
    ttfb_us: u64,
    total_us: u64,
    outcome: &'static str,
    /// Sent to its end.
    whole: bool,
    /// Its host, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_key: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    cmcd: Map<String, Value>,
}

impl Format {
    /// Adds the line of an entry to `out`. Keys are redacted, wherever they stand.
    pub(super) fn write(self, entry: &Entry, names: &mut Names, out: &mut Vec<u8>) {
        let start = out.len();
        let written = match self {
            Self::Json => json(&Line::of(entry, names), out),
            Self::Combined => combined(&Line::of(entry, names), out),
        };
        match written {
            Ok(()) => out.push(b'\n'),
            // Memory takes every byte; what can't be written is no line.
            Err(_) => out.truncate(start),
        }
    }
}

impl<'a> Line<'a> {
    fn of(entry: &'a Entry, names: &mut Names) -> Self {
        let key = entry.key.as_ref();
        let site = entry.site.as_ref().map(|site| site.host());
        Self {
            time: humantime::format_rfc3339_millis(entry.at).to_string(),
            client: entry.client.to_string(),
            method: entry.method.as_str(),
            path: shown(entry.target(), names).unwrap_or_else(|| "*".to_owned()),
            protocol: protocol(entry),
            status: entry.status.as_u16(),
            bytes: entry.sent,
            ttfb_us: micros(entry.first_byte),
            total_us: micros(entry.total),
            outcome: entry.outcome.as_str(),
            whole: entry.whole,
            site: site.filter(|host| !host.is_empty()),
            cache_key: key.map(|key| names.redact(key.as_str())),
            referer: shown(entry.referer(), names),
            user_agent: shown(entry.user_agent(), names),
            cmcd: said(entry),
        }
    }
}

/// The fields of CTA-5004, from query and header.
fn said(entry: &Entry) -> Map<String, Value> {
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
    found
}

fn combined(line: &Line<'_>, out: &mut Vec<u8>) -> std::io::Result<()> {
    let text = |field: &Option<String>| field.as_deref().map_or_else(|| "-".to_owned(), escaped);
    writeln_without_end(out, line, &apache_time(&line.time))?;
    write!(
        out,
        " \"{}\" \"{}\"",
        text(&line.referer),
        text(&line.user_agent)
    )
}

fn writeln_without_end(out: &mut Vec<u8>, line: &Line<'_>, time: &str) -> std::io::Result<()> {
    let Line {
        client,
        method,
        protocol,
        status,
        bytes,
        ..
    } = line;
    let path = escaped(&line.path);
    write!(
        out,
        "{client} - - [{time}] \"{method} {path} {protocol}\" {status} {bytes}"
    )
}

/// `10/Oct/2000:13:55:36 +0000` of `2000-10-10T13:55:36.123Z`.
fn apache_time(rfc3339: &str) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let part = |from: usize, to: usize| rfc3339.get(from..to).unwrap_or_default();
    let month: usize = part(5, 7).parse().unwrap_or(1);
    let month = MONTHS.get(month.saturating_sub(1)).unwrap_or(&"Jan");
    format!(
        "{}/{month}/{}:{} +0000",
        part(8, 10),
        part(0, 4),
        part(11, 19)
    )
}

/// What would end a quoted text or a line, and what is not visible ASCII, as `\xHH`: so
/// Apache does.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if !b"\"\\".contains(&byte) => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02X}")),
        }
    }
    out
}

fn json(line: &Line<'_>, out: &mut Vec<u8>) -> std::io::Result<()> {
    line.serialize(&mut Serializer::with_formatter(out, Visible))?;
    Ok(())
}

/// As serde_json writes it, but without the control characters that JSON allows: a terminal
/// obeys them.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        if fragment.bytes().all(|byte| byte < 0x7f) {
            return out.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            match c.is_control() {
                true => write!(out, "\\u{:04x}", u32::from(c))?,
                false => write!(out, "{c}")?,
            }
        }
        Ok(())
    }
}

/// A text of a client; none if it is empty.
fn shown(text: &[u8], names: &mut Names) -> Option<String> {
    (!text.is_empty()).then(|| names.redact(&readable(text)).into_owned())
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

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let evil = "a\"\\\r\n\u{1b}[2J\u{7f}\u{9b}0m\u{e4}";
        let mut out = Vec::new();
        let text = Value::String(evil.to_owned());
        text.serialize(&mut Serializer::with_formatter(&mut out, Visible))
            .unwrap();
        let json = String::from_utf8(out).unwrap();
        assert_eq!(json, r#""a\"\\\r\n\u001b[2J\u007f\u009b0mä""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), evil);
        assert_eq!(
            escaped(evil),
            r"a\x22\x5C\x0D\x0A\x1B[2J\x7F\xC2\x9B0m\xC3\xA4"
        );
    }
}
