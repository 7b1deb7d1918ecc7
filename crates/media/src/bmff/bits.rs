//! Fields that are not whole bytes.

/// Reads bits from the most significant one on.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bits were taken.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next `count` bits, up to 32; `None` behind the end.
    pub(super) fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = self.bytes.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// An unsigned Exp-Golomb number (ISO/IEC 14496-10 §9.1).
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.take(zeros)?;
        Some(((1_u64 << zeros) - 1) as u32 + rest)
    }

    /// A signed Exp-Golomb number (§9.1.1).
    pub(super) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 1 {
            code / 2 + 1
        } else {
            -(code / 2)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_numbers_are_those_of_the_standard() {
        // 1, 010, 011, 00100, 00101: codes 0 to 4 (ISO/IEC 14496-10 table 9-2).
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::of(&bytes);
        let codes: Vec<_> = (0..5).map(|_| bits.ue().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        let mut bits = Bits::of(&bytes);
        let codes: Vec<_> = (0..5).map(|_| bits.se().unwrap()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn a_number_longer_than_32_bits_or_than_its_bytes_is_none() {
        assert_eq!(Bits::of(&[0; 16]).ue(), None);
        assert_eq!(Bits::of(&[0x01]).ue(), None);
    }
}
