use super::FourCc;

/// The bytes are not what fragmented mp4 should be. Reading them again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoxError {
    /// A box, or a field of it, ends after its surroundings do.
    #[error("{inside} ends too early")]
    Truncated {
        /// The box that is too short for what it should hold.
        inside: FourCc,
    },
    /// A box's size is smaller than its own header, or is left open (0), which only a
    /// file's last box may do.
    #[error("{kind} has the impossible size {len}")]
    Size {
        /// The box.
        kind: FourCc,
        /// Its size as written, bytes.
        len: u64,
    },
    /// A box, or what belongs together, is longer than the caller allows.
    #[error("{kind} is longer than {len_max} bytes")]
    TooLong {
        /// The box that went over.
        kind: FourCc,
        /// The limit, bytes.
        len_max: usize,
    },
    /// A box that must be there is not.
    #[error("{0} is missing")]
    Missing(FourCc),
    /// A box is where it may not be.
    #[error("{0} is out of place")]
    Misplaced(FourCc),
    /// Well-formed, perhaps, but nothing that Weir handles.
    #[error("unsupported {0}")]
    Unsupported(String),
    /// A field contradicts the rest.
    #[error("{inside} is wrong: {what}")]
    Invalid {
        /// The box.
        inside: FourCc,
        /// What is wrong with it.
        what: &'static str,
    },
}
