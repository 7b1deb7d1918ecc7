//! Which paths a key opens.

use regex::{Regex, RegexBuilder};

use crate::KeyError;

/// Longest pattern, bytes. Chosen: ours are under 60.
const PATTERN_LEN_MAX: usize = 256;
/// Most memory for a compiled pattern, and for the cache of its matcher, bytes. Chosen:
/// twenty times what ours take, and refuses counted repetitions that blow up.
const PATTERN_MEMORY_MAX: usize = 256 << 10;
/// Deepest nesting of a pattern. Chosen.
const PATTERN_NESTING_MAX: u32 = 16;

/// Parts a path under `/k/` into the token and the path it stands before:
/// `/k/<token>/v/x` is `(<token>, /v/x)`. `None` if it has no key prefix.
#[must_use]
pub fn split(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/k/")?;
    let slash = rest.find('/')?;
    Some(rest.split_at(slash))
}

/// A URI container (RFC 9246 §2.1.15), ready to match.
#[derive(Debug, Clone)]
pub(crate) enum Container {
    /// `<literal>/.*`: what nearly all keys hold; nothing to compile.
    Under(String),
    /// Anything else.
    Pattern(Regex),
}

impl Container {
    pub(crate) fn parse(cdniuc: &str) -> Result<Self, KeyError> {
        let pattern = cdniuc
            .strip_prefix("regex:")
            .ok_or(KeyError::Unsupported("another kind of URI container"))?;
        if pattern.len() > PATTERN_LEN_MAX {
            return Err(KeyError::Unsupported("a longer pattern"));
        }
        let literal = |b: u8| b.is_ascii_alphanumeric() || b"/-_".contains(&b);
        // `regex::escape` writes `-` as `\-`.
        let unescaped = pattern.replace("\\-", "-");
        match unescaped.strip_suffix(".*") {
            Some(under) if under.ends_with('/') && under.bytes().all(literal) => {
                Ok(Self::Under(under.to_owned()))
            }
            _ => compile(pattern).map(Self::Pattern),
        }
    }

    /// Whether the key opens `path`. What Weir serves needs no escape, so a path with
    /// one, or one that another reader could resolve to a different path, is opened by
    /// no key at all.
    pub(crate) fn opens(&self, path: &str) -> bool {
        is_plain(path)
            && match self {
                Self::Under(prefix) => path.starts_with(prefix.as_str()),
                Self::Pattern(pattern) => pattern.is_match(path),
            }
    }
}

fn compile(pattern: &str) -> Result<Regex, KeyError> {
    let build = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(PATTERN_MEMORY_MAX)
            .dfa_size_limit(PATTERN_MEMORY_MAX)
            .nest_limit(PATTERN_NESTING_MAX)
            .build()
            .map_err(|_| KeyError::Unsupported("a pattern that is larger, or none"))
    };
    // On its own first: `a)|(?:b` must not step out of the anchored group below.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

/// Visible, without an escape, and without a segment that is empty or of dots. Without a
/// branch in it, so that it goes many bytes at a time: every request pays for it.
fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    let after = |n: usize| bytes.get(n..).unwrap_or_default();
    let escapes = |b: u8| (b == b'%') | (b == b'\\') | (b == b'?') | (b == b'#');
    let visible = |b: u8| b.is_ascii_graphic() & !escapes(b);
    let twice = |one: u8, two: u8| (one == two) & ((one == b'/') | (one == b'.'));
    let chars = bytes.iter().fold(true, |all, b| all & visible(*b));
    let pairs = bytes.iter().zip(after(1));
    let pairs = pairs.fold(true, |all, (one, two)| all & !twice(*one, *two));
    let dots = bytes.iter().zip(after(1)).zip(after(2));
    let dots = dots.fold(true, |all, ((one, two), three)| {
        all & !((*one == b'/') & (*two == b'.') & (*three == b'/'))
    });
    chars & pairs & dots & path.starts_with('/') & !path.ends_with("/.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_path_is_visible_and_has_no_segment_that_is_empty_or_of_dots(
            path in "/?[a/.%?#é\\\\ ]{0,10}|/[ -~]{0,60}"
        ) {
            let visible = |b: u8| b.is_ascii_graphic() && !b"%\\?#".contains(&b);
            let plain = path.starts_with('/')
                && path.bytes().all(visible)
                && !path.contains("//")
                && !path.contains("..")
                && !path.split('/').any(|segment| segment == ".");
            prop_assert_eq!(is_plain(&path), plain);
        }
    }
}
