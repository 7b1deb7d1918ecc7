//! Encryption on the way to where tracks are stored.

mod tracks;

use std::str::FromStr;

pub(crate) use tracks::Protector;

use media::{
    Encryption, Method,
    bmff::cbcs::{Key, KeyError, KeyId, key_bytes},
};
use wire::{ContentKey, ContentKeys};

use crate::{PackagerError, worker::key_server};

/// The content keys of a version. Printed, they show their ids only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    video: Key,
    audio: Key,
}

/// A key file cannot be used. It says the line, and nothing of what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// A line is none of those that are understood.
    #[error("line {line}: {KEY_LINE} is due, with nothing behind it but an initialization vector")]
    Line {
        /// From 1.
        line: usize,
    },
    /// A field of a line is no number of 128 bits.
    #[error("line {line}: the {field} is wrong: {source}")]
    Field {
        /// From 1.
        line: usize,
        /// Which.
        field: &'static str,
        /// Why.
        source: KeyError,
    },
    /// Two lines are for the same tracks.
    #[error("line {line}: there is a key for that already")]
    Twice {
        /// The second one, from 1.
        line: usize,
    },
    /// Players keep keys by their id.
    #[error("the keys for video and audio differ and have one key id: give each its own id")]
    SameId,
    /// Tracks of a kind have no key.
    #[error("no line is for {0}")]
    Missing(&'static str),
}

impl Keys {
    fn new(video: Key, audio: Key) -> Result<Self, KeysError> {
        match video.clashes(&audio) {
            true => Err(KeysError::SameId),
            false => Ok(Self { video, audio }),
        }
    }

    /// Those that a key server gives for what is called so.
    ///
    /// # Errors
    /// [`PackagerError::KeyServer`].
    pub async fn of_server(url: &str, name: &str) -> Result<Self, PackagerError> {
        Self::try_from(&key_server::ask(url, name, "").await?)
    }

    /// One key for all tracks, without an id of its own: 16 bytes, or 32 hexadecimal digits
    /// that may end with a line.
    ///
    /// # Errors
    /// It is anything else; nothing of it is repeated.
    pub fn of_secret(bytes: &[u8]) -> Result<Self, KeyError> {
        let secret = match bytes.try_into() {
            Ok(secret) => secret,
            Err(_) => key_bytes(String::from_utf8_lossy(bytes).trim())?,
        };
        let key = Key::of_secret(secret);
        Ok(Self {
            video: key.clone(),
            audio: key,
        })
    }
}

impl TryFrom<&ContentKeys> for Keys {
    type Error = PackagerError;

    /// Keys of a lease.
    fn try_from(keys: &ContentKeys) -> Result<Self, PackagerError> {
        let key = |key: &ContentKey| {
            let wrong = |e: KeyError| PackagerError::Encoder(format!("a content key: {e}"));
            let id: KeyId = key.id.parse().map_err(wrong)?;
            let secret = key_bytes(&key.secret).map_err(wrong)?;
            Ok::<_, PackagerError>(Key::new(id, secret, None))
        };
        let wrong = |e: KeysError| PackagerError::Encoder(e.to_string());
        Self::new(key(&keys.video)?, key(&keys.audio)?).map_err(wrong)
    }
}

/// What a line of a key file looks like.
const KEY_LINE: &str = "[video|audio] KEY-ID:KEY";

/// One key a line: `[video|audio] KEY-ID:KEY [IV]`, all in hexadecimal. A line without a
/// kind is for what no other line is for; what follows a `#` is a remark.
impl FromStr for Keys {
    type Err = KeysError;

    fn from_str(text: &str) -> Result<Self, KeysError> {
        let [mut all, mut video, mut audio] = [None, None, None];
        for (n, line) in text.lines().enumerate() {
            let line_number = n + 1;
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace().peekable();
            let slot = match words.peek() {
                None => continue,
                Some(&"video") => &mut video,
                Some(&"audio") => &mut audio,
                Some(_) => &mut all,
            };
            if matches!(words.peek(), Some(&"video" | &"audio")) {
                words.next();
            }
            let key = key(&mut words, line_number)?;
            if slot.replace(key).is_some() {
                return Err(KeysError::Twice { line: line_number });
            }
        }
        Self::new(
            video.or(all.clone()).ok_or(KeysError::Missing("video"))?,
            audio.or(all).ok_or(KeysError::Missing("audio"))?,
        )
    }
}

fn key<'a>(words: &mut impl Iterator<Item = &'a str>, line: usize) -> Result<Key, KeysError> {
    let malformed = || KeysError::Line { line };
    let (id, secret) = words
        .next()
        .and_then(|word| word.split_once(':'))
        .ok_or_else(malformed)?;
    let iv = words.next();
    if words.next().is_some() {
        return Err(malformed());
    }
    let wrong = |field| {
        move |source| KeysError::Field {
            line,
            field,
            source,
        }
    };
    let id: KeyId = id.parse().map_err(wrong("key id"))?;
    let secret = key_bytes(secret).map_err(wrong("key"))?;
    let iv = iv.map(key_bytes).transpose();
    Ok(Key::new(
        id,
        secret,
        iv.map_err(wrong("initialization vector"))?,
    ))
}

/// How a version is encrypted, and where players get its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// What is encrypted.
    pub method: Method,
    /// The keys.
    pub keys: Keys,
    /// Address of a ClearKey licence server, for the manifests.
    pub license_url: Option<String>,
    /// Address of a key's 16 bytes, for HLS; `{kid}` becomes its id.
    pub key_url: Option<String>,
}

impl Protection {
    /// What the manifests say of it.
    pub(crate) fn encryption(&self) -> Encryption {
        Encryption {
            method: self.method,
            video: self.keys.video.id(),
            audio: self.keys.audio.id(),
            license_url: self.license_url.clone(),
            key_url: self.key_url.clone(),
            up: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "000102030405060708090a0b0c0d0e0f";
    const B: &str = "00112233445566778899aabbccddeeff";

    fn ids(text: &str) -> Result<(String, String), KeysError> {
        let keys: Keys = text.parse()?;
        Ok((keys.video.id().hex(), keys.audio.id().hex()))
    }

    #[test]
    fn one_key_is_for_all_or_each_kind_has_its_own() {
        let pair = |v: &str, a: &str| Ok((v.to_owned(), a.to_owned()));
        assert_eq!(ids(&format!("# ours\n{A}:{B}\n")), pair(A, A));
        assert_eq!(
            ids(&format!("video {A}:{B} {A}\naudio {B}:{A}")),
            pair(A, B)
        );
        assert_eq!(ids(&format!("{A}:{B}\naudio {B}:{A} # other")), pair(A, B));
    }

    #[test]
    fn one_key_may_be_used_with_two_initialization_vectors() {
        let keys: Keys = format!("video {A}:{B} {A}\naudio {A}:{B} {B}")
            .parse()
            .unwrap();
        assert_eq!(keys.video.id(), keys.audio.id());
    }

    #[test]
    fn a_wrong_line_is_named_and_not_repeated() {
        let of = |text: &str| ids(text).unwrap_err().to_string();
        let wrong = [
            (String::new(), "no line is for video"),
            (format!("video {A}:{B}"), "no line is for audio"),
            (
                format!("{A}:{B}\n{B}:{A}"),
                "line 2: there is a key for that already",
            ),
            (format!("video {A}:{B}\naudio {A}:{A}"), "have one key id"),
            (
                format!("\n{A} {B}"),
                "line 2: [video|audio] KEY-ID:KEY is due",
            ),
            (format!("{A}:{B} {A} more"), "line 1: [video|audio]"),
            (
                format!("{A}:0011"),
                "line 1: the key is wrong: it has 4 characters",
            ),
            (
                format!("{A}:{}", "x".repeat(32)),
                "line 1: the key is wrong",
            ),
        ];
        for (text, says) in wrong {
            let told = of(&text);
            assert!(told.contains(says), "{told}");
            assert!(!told.contains(B) && !told.contains("xx"), "{told}");
        }
    }
}
