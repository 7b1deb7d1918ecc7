//! The one spelling of a path (RFC 3986 §6.2.2).

use std::borrow::Cow;

/// The one spelling of a path (RFC 3986 §6.2.2): escapes of unreserved characters are
/// resolved, others written in capitals. What two readers could take for two paths
/// (dot segments, empty segments, escaped slashes, backslashes, control characters)
/// is refused.
pub(crate) fn canonical(path: &str) -> Result<Cow<'_, str>, &'static str> {
    if !path.starts_with('/') {
        return Err("the path does not begin with a slash");
    }
    if is_canonical(path.as_bytes()) {
        return Ok(Cow::Borrowed(path));
    }
    spelled(path).map(Cow::Owned)
}

/// Whether nothing has to be resolved or refused. Segments that begin with a dot are left
/// to who looks closer. Without a branch in it, so that it goes 32 bytes at a time: a path
/// with a key has 400 (5 % of a hit, measured, byte by byte).
pub(super) fn is_canonical(path: &[u8]) -> bool {
    let plain = |byte: u8| (0x21..=0x7e).contains(&byte) & (byte != b'%') & (byte != b'\\');
    let next = path.get(1..).unwrap_or_default();
    let chars = path.iter().fold(true, |all, byte| all & plain(*byte));
    let pairs = path.iter().zip(next);
    chars
        & pairs.fold(true, |all, (one, two)| {
            all & !((*one == b'/') & ((*two == b'/') | (*two == b'.')))
        })
}

pub(super) fn spelled(path: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => push_escape(&mut out, unescape(&mut bytes)?)?,
            b'\\' => return Err("the path has a backslash"),
            b'/' if out.ends_with('/') => return Err("the path has an empty segment"),
            0x21..=0x7e => out.push(char::from(byte)),
            _ => return Err("the path has a byte that must be escaped"),
        }
    }
    // Some origins take what follows a semicolon for parameters, and off (RFC 3986 §3.3).
    let name = |segment: &str| segment.find(';').unwrap_or(segment.len());
    let mut names = out.split('/').map(|segment| &segment[..name(segment)]);
    if names.any(|name| matches!(name, "." | "..")) {
        return Err("the path has a dot segment");
    }
    Ok(out)
}

/// The byte whose two hex digits come next.
pub(crate) fn unescape(digits: &mut impl Iterator<Item = u8>) -> Result<u8, &'static str> {
    let mut digit = || char::from(digits.next()?).to_digit(16);
    let (Some(high), Some(low)) = (digit(), digit()) else {
        return Err("an escape is not two hex digits");
    };
    Ok((high << 4 | low) as u8)
}

fn push_escape(out: &mut String, byte: u8) -> Result<(), &'static str> {
    match byte {
        b'/' | b'\\' => Err("the path has an escaped slash"),
        0..=0x1f | 0x7f => Err("the path has an escaped control character"),
        _ if is_unreserved(byte) => {
            out.push(char::from(byte));
            Ok(())
        }
        _ => {
            out.push_str(&format!("%{byte:02X}"));
            Ok(())
        }
    }
}

/// RFC 3986 §2.3.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
