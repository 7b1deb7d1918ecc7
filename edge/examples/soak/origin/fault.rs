use crate::{chance::Chance, object::is_lied_about};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Pauses between pieces.
    Slow,
    /// Nothing for long.
    Silent,
    /// Stops in the middle, and stays.
    Stalls,
    /// Ends in the middle.
    Cut,
    /// Resets the connection in the middle.
    Reset,
    /// Ends before the head.
    HangUp,
    /// Claims more than it sends.
    Short,
    /// Sends more than it claims.
    Long,
    ServerError,
    Garbage,
}

impl Fault {
    pub(super) fn by(chance: &mut Chance) -> Self {
        match chance.below(200) {
            0..8 => Self::Slow,
            8 => Self::Silent,
            9 => Self::Stalls,
            10..15 => Self::Cut,
            15..18 => Self::Reset,
            18..21 => Self::HangUp,
            21..24 => Self::Short,
            24..28 => Self::Long,
            28..34 => Self::ServerError,
            34 => Self::Garbage,
            _ => Self::None,
        }
    }

    /// Whether a client may notice.
    pub(super) fn does_harm(self, id: u64) -> bool {
        match self {
            Self::None | Self::Slow => false,
            Self::Long => is_lied_about(id),
            _ => true,
        }
    }
}
