//! Names of things, parsed once at the edge of a process.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest id, in bytes. Chosen: ours are 8 to 20.
const LEN_MAX: usize = 40;

/// The text is not a name: a name is 1 to 40 of `a–z`, `0–9` and `-`, and does not
/// start with `-`. So it is safe in a path, a file name and a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: 1 to 40 of a-z, 0-9 and '-', not starting with '-'")]
pub struct InvalidId(String);

fn check(text: &str) -> Result<(), InvalidId> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.is_empty()
        || text.len() > LEN_MAX
        || text.starts_with('-')
        || !text.bytes().all(allowed)
    {
        // A refused text may be long and hostile: keep what a message can show.
        return Err(InvalidId(text.chars().take(LEN_MAX).collect()));
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// What a user uploads and watches.
    AssetId
);
id!(
    /// One packaging of an asset. Never reused.
    VersionId
);
id!(
    /// One elementary stream of a version, such as `v720` or `a1`.
    TrackId
);
id!(
    /// A piece of work that a worker leases.
    JobId
);
id!(
    /// One resumable upload (tus).
    UploadId
);

id!(
    /// Somebody who is told what happens.
    WebhookId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_safe_in_paths_and_headers() {
        for good in ["a", "v1080", "0-9", "abc-def-1"] {
            assert_eq!(good.parse::<AssetId>().unwrap().as_str(), good);
        }
        let long = "a".repeat(LEN_MAX + 1);
        for bad in [
            "",
            "-a",
            "A",
            "a/b",
            "..",
            "a.b",
            "a b",
            "ä",
            "a\0",
            long.as_str(),
        ] {
            assert!(bad.parse::<AssetId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn json_refuses_what_from_str_refuses() {
        assert!(serde_json::from_str::<TrackId>("\"../x\"").is_err());
        assert_eq!(
            serde_json::from_str::<TrackId>("\"v720\"").unwrap(),
            "v720".parse().unwrap()
        );
    }
}
