//! What an object is stored under.

use std::sync::Arc;

/// Host, unless there is but one site; canonical path, and the part of the query that
/// counts: what an object is stored under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey(Arc<str>);

impl CacheKey {
    pub(super) fn new(host: &str, path: &str, query: &str) -> Self {
        if host.is_empty() && query.is_empty() {
            return Self(path.into());
        }
        let mark = if query.is_empty() { "" } else { "?" };
        Self([host, path, mark, query].concat().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the origin is asked for.
    pub(crate) fn path_and_query(&self) -> &str {
        let start = self.0.find('/').unwrap_or(0);
        self.0[start..].split('\0').next().unwrap_or_default()
    }

    /// Whether it is this object's, or that of a variant of it.
    pub(crate) fn is_of(&self, object: &Self) -> bool {
        let rest = self.0.strip_prefix(&*object.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('\0'))
    }

    /// The path in it.
    pub(crate) fn path(&self) -> &str {
        let whole = self.path_and_query();
        whole.split('?').next().unwrap_or(whole)
    }

    /// The key of a part of this object, which no client can ask for, as of a variant.
    pub(crate) fn part(&self, name: &str) -> Self {
        Self(format!("{}\0\u{1}{name}", self.0).into())
    }

    /// Of the same object, the answer to requests with these field values. No client's
    /// path has the byte between the two.
    pub(crate) fn variant(&self, values: &str) -> Self {
        Self(format!("{}\0{values}", self.0).into())
    }
}
