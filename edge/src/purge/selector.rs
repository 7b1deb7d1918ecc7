use std::sync::Arc;

/// What a purge takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Selector {
    /// What is stored under this cache key, all variants of it.
    Url(Arc<str>),
    /// What is stored under a cache key that begins so.
    Prefix(Arc<str>),
    /// What bears this tag.
    Tag(Arc<str>),
}

impl Selector {
    pub(crate) fn text(&self) -> &Arc<str> {
        match self {
            Self::Url(text) | Self::Prefix(text) | Self::Tag(text) => text,
        }
    }
}

/// One purge: all it takes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purge {
    pub(crate) selectors: Vec<Selector>,
    /// What it takes is stale and asked about anew; else it is gone.
    pub(crate) soft: bool,
}

impl Purge {
    pub(crate) fn is_by_tag(&self) -> bool {
        self.selectors
            .iter()
            .any(|it| matches!(it, Selector::Tag(_)))
    }
}
