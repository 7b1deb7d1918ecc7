//! How soon an asset is made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How soon an asset is made. All jobs of a higher priority are lent before any of a lower
/// one; within one, what makes a version playable is first, then the oldest version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// When nothing else is to be done.
    Low,
    /// In turn.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    /// All of them, the first to be made first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// The priority as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, UnknownPriority> {
        let named = Self::ALL.into_iter().find(|it| it.as_str() == text);
        named.ok_or_else(|| UnknownPriority(text.chars().take(40).collect()))
    }
}

/// A name that is no [`Priority`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of high, normal, low")]
pub struct UnknownPriority(String);
