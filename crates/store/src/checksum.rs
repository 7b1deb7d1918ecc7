//! Whether a blob's bytes are still those that were stored.

use std::{fmt, str::FromStr};

use xxhash_rust::xxh3::Xxh3;

/// XXH3 of 64 bits over all of a blob: tells rot, not malice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum(u64);

/// A checksum that is not one: another program's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a checksum: 16 hexadecimal digits")]
pub struct InvalidChecksum(String);

/// Bytes that are being summed.
#[derive(Default)]
pub struct Summing(Xxh3);

impl Summing {
    /// Adds bytes behind the last.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of all that was added.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        Checksum(self.0.digest())
    }
}

impl Checksum {
    /// Of all these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut summing = Summing::default();
        summing.update(bytes);
        summing.checksum()
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Checksum {
    type Err = InvalidChecksum;

    fn from_str(text: &str) -> Result<Self, InvalidChecksum> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        number
            .map(Self)
            .ok_or_else(|| InvalidChecksum(text.chars().take(64).collect()))
    }
}

impl fmt::Debug for Summing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Summing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_told_and_read_back_and_differs_by_one_bit() {
        // XXH3_64bits of nothing, from its authors' own tool: `printf '' | xxhsum -H3`.
        assert_eq!(Checksum::of(b"").to_string(), "2d06800538d394c2");
        let sum = Checksum::of(b"weir");
        assert_eq!(sum.to_string().parse(), Ok(sum));
        assert_ne!(Checksum::of(b"wehr"), sum);
        let mut pieces = Summing::default();
        pieces.update(b"we");
        pieces.update(b"ir");
        assert_eq!(pieces.checksum(), sum);
        for bad in [
            "",
            "2d06800538d394c",
            "+d06800538d394c2",
            "2d06800538d394c22",
        ] {
            assert!(bad.parse::<Checksum>().is_err(), "{bad:?}");
        }
    }
}
