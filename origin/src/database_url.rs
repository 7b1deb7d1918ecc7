//! The address of a database, which may hold a password.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `postgres://user[:password]@host[:port]/name`, or nothing. No `Debug` shows it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address, as it was written. Not for logs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// It is of a server that is spoken to.
    pub(crate) fn is_postgres(&self) -> bool {
        let scheme = self.0.split_once("://").map(|(scheme, _)| scheme);
        matches!(scheme, Some("postgres" | "postgresql"))
    }
}

impl From<&str> for DatabaseUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "none" } else { "(hidden)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let url = DatabaseUrl::from("postgres://weir:secret@db/weir");
        assert!(url.is_postgres());
        assert_eq!(format!("{url:?}"), "(hidden)");
        assert!(!DatabaseUrl::from("sqlite://x").is_postgres());
    }
}
