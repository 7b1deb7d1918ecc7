//! Why a manifest cannot be written.

/// There is no such manifest: not yet, or not with this edit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// What it would name is not stored yet; asking again later helps.
    #[error("not enough of it is there yet")]
    NotYet,
    /// No rendition is as small as that.
    #[error("every rendition is higher than {max_height}")]
    TooHigh {
        /// What the edit asked for.
        max_height: u32,
    },
    /// No track has such a name or language.
    #[error("no {kind} track is {wanted}")]
    NoTrack {
        /// Audio or text.
        kind: &'static str,
        /// What the edit asked for.
        wanted: String,
    },
    /// The edit leaves neither picture nor sound.
    #[error("the edit leaves nothing to play")]
    Nothing,
    /// The clip starts where the version ends, or later.
    #[error("it ends before {start} seconds")]
    Beyond {
        /// Where the edit starts.
        start: crate::Time,
    },
    /// It is encrypted by AES-128, which DASH does not know.
    #[error("it is encrypted by AES-128, for HLS alone")]
    HlsOnly,
    /// The edit leaves this track out, or it has no playlist of this kind.
    #[error("track {0} has no such playlist here")]
    LeftOut(String),
}
