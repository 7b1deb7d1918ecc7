//! Header fields of Weir's own.

/// Says who may read an answer under `/v/`: [`access::PUBLIC`] or [`access::KEYED`].
/// Stored with the object by every cache; an answer without it is keyed.
pub const WEIR_ACCESS: &str = "weir-access";

/// Values of [`WEIR_ACCESS`].
pub mod access {
    /// Anyone may read it.
    pub const PUBLIC: &str = "public";
    /// Only the holder of a key that opens its path may read it.
    pub const KEYED: &str = "keyed";
}
