/// How a request ended: the one name for it in log, metric and `Cache-Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// From the store, fresh.
    Hit,
    /// Fetched for this request.
    Miss,
    /// From a fetch that another request began.
    Collapsed,
    /// From the store, past its freshness, as the answer or our config allows.
    Stale,
    /// From the store, after the origin said that it has not changed.
    Revalidated,
    /// Fetched for this request alone, never stored.
    Bypass,
    /// A kept "a key is needed".
    Negative,
    /// The key, or its lack, or the request's form, was refused here.
    Refused,
    /// Answered here: preflight, health.
    Local,
    /// No answer from the origin, or none in time.
    Error,
    /// Too much at once.
    Overloaded,
}

impl Outcome {
    /// All, in order of declaration.
    pub(crate) const ALL: [Self; 11] = [
        Self::Hit,
        Self::Miss,
        Self::Collapsed,
        Self::Stale,
        Self::Revalidated,
        Self::Bypass,
        Self::Negative,
        Self::Refused,
        Self::Local,
        Self::Error,
        Self::Overloaded,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Collapsed => "collapsed",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Bypass => "bypass",
            Self::Negative => "negative",
            Self::Refused => "refused",
            Self::Local => "local",
            Self::Error => "error",
            Self::Overloaded => "overloaded",
        }
    }
}
