/// Why a key, or a set of public keys, is refused. No variant holds any of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Longer than [`TOKEN_LEN_MAX`](crate::TOKEN_LEN_MAX); nothing of it was read.
    #[error("key is longer than {} bytes", crate::TOKEN_LEN_MAX)]
    TooLong,
    /// Not a compact JWS, not canonical base64url, or not the JSON that is expected.
    #[error("key is malformed")]
    Malformed,
    /// Well formed, and asks for what is not done here: another algorithm, a claim that
    /// narrows it in a way not known here, a pattern that is too large.
    #[error("key needs {0}, which is not supported")]
    Unsupported(&'static str),
    /// No public key with its `kid` is known here (yet).
    #[error("key is signed by a key not known here")]
    UnknownKey,
    /// Not signed by the key it names.
    #[error("key has a wrong signature")]
    BadSignature,
    /// It counts elsewhere: its audience is another.
    #[error("key is for another audience")]
    Elsewhere,
    /// Its time is over.
    #[error("key has expired")]
    Expired,
    /// Its time has not begun.
    #[error("key is not valid yet")]
    NotYetValid,
}
