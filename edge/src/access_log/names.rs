//! What stands for keys in lines, remembered: the players of one key ask every few seconds.

use std::{borrow::Cow, collections::HashMap};

use xxhash_rust::xxh3::xxh3_64;

/// Keys that are remembered, less than 1 KiB each; all are forgotten when they are more.
/// Chosen.
const NAMES_MAX: usize = 1024;

/// Names by token.
#[derive(Default)]
pub(super) struct Names(HashMap<u64, (Box<str>, String)>);

impl Names {
    /// A text of a client's, as a line may show it.
    pub(super) fn redact<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        keys::redact_by(text, |token| self.of(token))
    }

    fn of(&mut self, token: &str) -> String {
        // A stranger who makes two of one hash makes us do twice what is done once.
        let hash = xxh3_64(token.as_bytes());
        if let Some((known, name)) = self.0.get(&hash)
            && **known == *token
        {
            return name.clone();
        }
        let name = keys::log_name(token);
        if token.len() <= keys::TOKEN_LEN_MAX {
            if self.0.len() >= NAMES_MAX {
                self.0.clear();
            }
            self.0.insert(hash, (token.into(), name.clone()));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_name_is_the_name() {
        let mut names = Names::default();
        for _ in 0..2 {
            for n in 0..NAMES_MAX + 10 {
                let path = format!("/k/eyJ{n}/v/a?CMCD=eyJ{n}.x");
                assert_eq!(names.redact(&path), keys::redact(&path));
                assert!(names.0.len() <= NAMES_MAX);
            }
        }
        assert!(names.0.len() > 10);
    }

    #[test]
    fn what_is_too_long_for_a_key_is_not_remembered() {
        let mut names = Names::default();
        let path = format!("/k/eyJ{}/v/a", "x".repeat(keys::TOKEN_LEN_MAX));
        assert_eq!(names.redact(&path), keys::redact(&path));
        assert!(names.0.is_empty());
    }
}
