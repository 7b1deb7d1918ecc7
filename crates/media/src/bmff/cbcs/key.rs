//! Content keys.

use std::{fmt, str::FromStr};

use super::cipher::block_of;

/// Which key a track needs; public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

/// A content key, and all that is encrypted with it. Printed, it shows its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: KeyId,
    secret: [u8; 16],
    iv: [u8; 16],
}

/// A text is no key. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 digits.
    #[error("it has {0} characters where 32 hexadecimal digits are due")]
    Len(usize),
    /// Something that is no hexadecimal digit.
    #[error("it has a character that is no hexadecimal digit")]
    Digit,
}

impl Key {
    /// A key of 128 bits. Without an initialization vector, it is the id encrypted with
    /// the key: the same for each use of the key, and of use to nobody without it.
    #[must_use]
    pub fn new(id: KeyId, secret: [u8; 16], iv: Option<[u8; 16]>) -> Self {
        let iv = iv.unwrap_or_else(|| block_of(&secret, id.0));
        Self { id, secret, iv }
    }

    /// A key without an id gets one, of use to nobody without the key.
    #[must_use]
    pub fn of_secret(secret: [u8; 16]) -> Self {
        Self::new(KeyId(block_of(&secret, [0; 16])), secret, None)
    }

    /// Which key it is.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Both have one id, and are not one key: a player has room for one of them.
    #[must_use]
    pub fn clashes(&self, other: &Self) -> bool {
        self.id == other.id && self.secret != other.secret
    }

    pub(super) fn secret(&self) -> &[u8; 16] {
        &self.secret
    }

    /// Constant initialization vector; public, as `tenc` tells it.
    pub(super) fn iv(&self) -> [u8; 16] {
        self.iv
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.id.to_string()).finish()
    }
}

impl KeyId {
    /// 32 hexadecimal digits, as HLS' KEYID has them (rfc8216bis §4.4.4.4).
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// As a UUID, as `cenc:default_KID` has it (ISO/IEC 23001-7 §11.2.2).
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.hex();
        let (a, b, c, d, e) = (
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        );
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

/// 32 hexadecimal digits, with or without the dashes of a UUID.
impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        key_bytes(&text.replace('-', "")).map(Self)
    }
}

/// 16 bytes from 32 hexadecimal digits.
///
/// # Errors
/// It is anything else.
pub fn key_bytes(text: &str) -> Result<[u8; 16], KeyError> {
    let count = text.chars().count();
    if count != 32 {
        return Err(KeyError::Len(count));
    }
    let mut bytes = [0; 16];
    for (n, digit) in text.chars().enumerate() {
        let digit = digit.to_digit(16).ok_or(KeyError::Digit)? as u8;
        bytes[n / 2] = bytes[n / 2] << 4 | digit;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_with_and_without_dashes_and_nothing_else_is() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        let id: KeyId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.hex().parse(), Ok(id));
        assert_eq!("0011".parse::<KeyId>(), Err(KeyError::Len(4)));
        let odd = "x".repeat(32);
        assert_eq!(odd.parse::<KeyId>(), Err(KeyError::Digit));
    }

    #[test]
    fn a_printed_key_does_not_show_its_secret() {
        let key = Key::new(KeyId([1; 16]), [0xab; 16], None);
        let shown = format!("{key:?}");
        assert!(shown.contains("01010101-"), "{shown}");
        assert!(!shown.contains("ab") && !shown.contains("171"), "{shown}");
    }
}
