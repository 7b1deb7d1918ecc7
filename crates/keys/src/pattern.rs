//! The dialect of `regex:`: time linear in the path, memory bounded.
//!
//! It is that of the crate `regex`, which has all of POSIX extended regular expressions (RFC
//! 9246 §2.1.15.2) but equivalence classes and collating symbols; within brackets `\\` escapes,
//! and `[`, `&&`, `--` and `~~` mean something. It is ASCII, the POSIX locale; a group is `(…)`
//! or `(?:…)`, so that no pattern changes its own rules (case, white space, Unicode) midway.

use regex::bytes::{Regex, RegexBuilder};

use crate::KeyError;

/// Longest pattern, bytes. Chosen: ours are under 60.
const LEN_MAX: usize = 256;
/// Most memory for a compiled pattern, and for the cache of its matcher, bytes. Chosen: ten
/// times what an enumeration of tracks takes, and refuses counted repetitions that blow up.
const MEMORY_MAX: usize = 64 << 10;
/// Deepest nesting of a pattern. Chosen.
const NESTING_MAX: u32 = 16;

/// Refuses what is too long, or no visible ASCII, or sets flags.
pub(crate) fn check(pattern: &str) -> Result<(), KeyError> {
    if pattern.len() > LEN_MAX {
        return Err(KeyError::Unsupported("a longer pattern"));
    }
    if !pattern.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(KeyError::Unsupported("a pattern that is not visible ASCII"));
    }
    if sets_flags(pattern.as_bytes()) {
        return Err(KeyError::Unsupported("a pattern with flags or names"));
    }
    Ok(())
}

/// A pattern that the whole of a path must match.
pub(crate) fn compile(pattern: &str) -> Result<Regex, KeyError> {
    let build = |text: &str| {
        RegexBuilder::new(text)
            .unicode(false)
            .size_limit(MEMORY_MAX)
            .dfa_size_limit(MEMORY_MAX)
            .nest_limit(NESTING_MAX)
            .build()
            .map_err(|_| KeyError::Unsupported("a pattern that is larger, or none"))
    };
    // On its own first: `a)|(?:b` must not step out of the anchored group below.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

/// Has `(?` and not `:` behind it, unless the parenthesis is escaped.
fn sets_flags(pattern: &[u8]) -> bool {
    let mut rest = pattern;
    loop {
        rest = match rest {
            [] => return false,
            [b'\\', _, rest @ ..] | [b'(', b'?', b':', rest @ ..] => rest,
            [b'(', b'?', ..] => return true,
            [_, rest @ ..] => rest,
        };
    }
}
