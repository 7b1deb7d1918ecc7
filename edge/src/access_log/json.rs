//! JSON by hand: what is plain is copied, and serde_json writes the rest.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

/// Adds a text, quoted.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    if !is_plain(text.as_bytes()) {
        return value(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Adds whatever it is.
pub(super) fn value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    let mut serializer = Serializer::with_formatter(&mut *out, Visible);
    // Memory takes every byte, and a text is never refused.
    if value.serialize(&mut serializer).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// Adds a number.
pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[start..]);
        }
    }
}

/// Visible ASCII that JSON does not escape. Without a branch, so that it goes many bytes at
/// a time.
fn is_plain(text: &[u8]) -> bool {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\');
    text.iter().fold(true, |all, byte| all & plain(*byte))
}

/// As serde_json writes it, but without the control characters that JSON allows: a terminal
/// obeys them.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(by: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        by(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let evil = "a\"\\\r\n\u{1b}[2J\u{7f}\u{9b}0m\u{e4}";
        let json = written(|out| text(out, evil));
        assert_eq!(json, r#""a\"\\\r\n\u001b[2J\u007f\u009b0mä""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), evil);
    }

    #[test]
    fn numbers_are_whole() {
        for n in [0, 9, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(written(|out| number(out, n)), n.to_string());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(any in ".{0,80}|[ -~]{0,80}|[\\x00-\\u{a0}]{0,80}") {
            let json = written(|out| text(out, &any));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), any);
            prop_assert!(!json.contains(char::is_control));
        }
    }
}
