//! What stands for keys in lines, remembered: the players of one key ask every few seconds.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

/// Keys that each thread remembers, less than 1 KiB each; all are forgotten when they are more.
/// Chosen.
const NAMES_MAX: usize = 1024;
/// What stands before a key in a path.
const KEYED: &str = "/k/";

/// Names by token.
#[derive(Default)]
pub(super) struct Names {
    known: Known,
    /// The text last made.
    text: String,
}

#[derive(Default)]
struct Known(HashMap<u64, (Box<str>, String)>);

impl Names {
    /// A text of a client's, as a line may show it: see [`keys::redact`].
    pub(super) fn redact<'a>(&'a mut self, text: &'a str) -> &'a str {
        match is_clean(text) {
            true => text,
            false => self.redact_owned(text),
        }
    }

    /// The same of a text that goes.
    pub(super) fn redact_owned(&mut self, text: &str) -> &str {
        let Self { known, text: clean } = self;
        clean.clear();
        match known.in_path(text) {
            Some((name, rest)) => {
                for part in [KEYED, name, rest] {
                    clean.push_str(part);
                }
            }
            None => clean.push_str(&keys::redact_by(text, |token| known.of(token))),
        }
        clean
    }
}

impl Known {
    /// Of a path under a known key the key's name and what follows, where that is clean. No
    /// known token has in it what would be resolved, or ends one.
    fn in_path<'a>(&self, path: &'a str) -> Option<(&str, &'a str)> {
        let keyed = path.strip_prefix(KEYED)?;
        let (token, rest) = keyed.split_at(keyed.find('/')?);
        is_clean(rest).then_some((self.get(token)?, rest))
    }

    fn of(&mut self, token: &str) -> String {
        if let Some(name) = self.get(token) {
            return name.to_owned();
        }
        let name = keys::log_name(token);
        if token.len() <= keys::TOKEN_LEN_MAX && !token.contains('%') {
            if self.0.len() >= NAMES_MAX {
                self.0.clear();
            }
            let known = (token.into(), name.clone());
            self.0.insert(xxh3_64(token.as_bytes()), known);
        }
        name
    }

    fn get(&self, token: &str) -> Option<&str> {
        // A stranger who makes two of one hash makes us do twice what is done once.
        let (known, name) = self.0.get(&xxh3_64(token.as_bytes()))?;
        (**known == *token).then_some(name)
    }
}

/// Whether there is no key in it, nor what might be resolved to one. Without a branch in it,
/// so that it goes many bytes at a time.
fn is_clean(text: &str) -> bool {
    let bytes = text.as_bytes();
    let after = |n: usize| bytes.get(n..).unwrap_or_default();
    let escapes = bytes.iter().fold(false, |any, byte| any | (*byte == b'%'));
    let starts = bytes.iter().zip(after(1)).zip(after(2));
    let tokens = starts.fold(false, |any, ((one, two), three)| {
        any | ((*one == b'e') & (*two == b'y') & (*three == b'J'))
    });
    !(escapes | tokens | text.starts_with(KEYED))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_remembered_name_is_the_name() {
        let mut names = Names::default();
        for _ in 0..2 {
            for n in 0..NAMES_MAX + 10 {
                for path in [
                    format!("/k/eyJ{n}/v/a?CMCD=eyJ{n}.x"),
                    format!("/k/eyJ{n}/v/a"),
                    format!("/k/eyJ{n}/v/%61"),
                    format!("/k/eyJ{n}"),
                ] {
                    assert_eq!(names.redact(&path), keys::redact(&path));
                }
                assert!(names.known.0.len() <= NAMES_MAX);
            }
        }
        assert!(names.known.0.len() > 10);
    }

    #[test]
    fn what_is_too_long_for_a_key_is_not_remembered() {
        let mut names = Names::default();
        let path = format!("/k/eyJ{}/v/a", "x".repeat(keys::TOKEN_LEN_MAX));
        assert_eq!(names.redact(&path), keys::redact(&path));
        assert!(names.known.0.is_empty());
    }

    proptest! {
        #[test]
        fn nothing_remembered_changes_what_is_shown(
            paths in prop::collection::vec("(/k/)?(a|b%|c#|eyJ|/|%6|b|5%|\\?|v){0,8}", 1..40)
        ) {
            let mut names = Names::default();
            for path in paths {
                prop_assert_eq!(names.redact(&path), &*keys::redact(&path));
            }
        }
    }
}
