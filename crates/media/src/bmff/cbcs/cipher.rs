//! AES-128 in CBC mode, of a pattern of blocks (ISO/IEC 23001-7 §9.6).

use aes::{
    Aes128,
    cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};

use super::Key;

/// Length of a block, bytes.
pub(super) const BLOCK: usize = 16;

/// Of so many blocks the first are encrypted, the others skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) crypt: u8,
    pub(super) skip: u8,
}

impl Pattern {
    /// For video (§10.4.2): what a device decrypts is a tenth, and without it nothing can
    /// be decoded.
    pub(super) const ONE_IN_TEN: Self = Self { crypt: 1, skip: 9 };
    /// All blocks, without a pattern: for audio (§10.4.2).
    pub(super) const ALL: Self = Self { crypt: 0, skip: 0 };
}

/// Encrypts with one key.
pub(super) struct Cipher {
    aes: Aes128,
    iv: [u8; BLOCK],
    pattern: Pattern,
}

impl Cipher {
    pub(super) fn new(key: &Key, pattern: Pattern) -> Self {
        Self {
            aes: Aes128::new(&Array::from(*key.secret())),
            iv: key.iv(),
            pattern,
        }
    }

    /// Encrypts the protected bytes of one subsample, or a whole sample, in place. What is
    /// behind the last whole block stays clear.
    pub(super) fn encrypt(&self, protected: &mut [u8]) {
        let period = usize::from(self.pattern.crypt + self.pattern.skip);
        let mut chain = Array::from(self.iv);
        for (n, block) in protected.chunks_exact_mut(BLOCK).enumerate() {
            if period > 0 && n % period >= usize::from(self.pattern.crypt) {
                continue;
            }
            chain.iter_mut().zip(&*block).for_each(|(a, b)| *a ^= b);
            self.aes.encrypt_block(&mut chain);
            block.copy_from_slice(&chain);
        }
    }

    /// Undoes [`encrypt`](Self::encrypt) of all blocks.
    pub(super) fn decrypt_all(&self, encrypted: &mut [u8]) {
        let mut chain = self.iv;
        for block in encrypted.chunks_exact_mut(BLOCK) {
            let before = chain;
            chain.copy_from_slice(block);
            let mut clear = Array::from(chain);
            self.aes.decrypt_block(&mut clear);
            let clear = clear.iter().zip(before).map(|(a, b)| a ^ b);
            block
                .iter_mut()
                .zip(clear)
                .for_each(|(to, from)| *to = from);
        }
    }
}

/// One block, encrypted.
pub(super) fn block_of(secret: &[u8; 16], clear: [u8; 16]) -> [u8; 16] {
    let mut block = Array::from(clear);
    Aes128::new(&Array::from(*secret)).encrypt_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bmff::cbcs::{KeyId, key::key_bytes};

    /// NIST SP 800-38A, F.2.1: CBC-AES128.Encrypt.
    const CLEAR: [&str; 2] = [
        "6bc1bee22e409f96e93d7e117393172a",
        "ae2d8a571e03ac9c9eb76fac45af8e51",
    ];
    const ENCRYPTED: [&str; 2] = [
        "7649abac8119b246cee98e9b12e9197d",
        "5086cb9b507219ee95db113a917678b2",
    ];

    fn cipher(pattern: Pattern) -> Cipher {
        let bytes = |text| key_bytes(text).unwrap();
        let iv = bytes("000102030405060708090a0b0c0d0e0f");
        let secret = bytes("2b7e151628aed2a6abf7158809cf4f3c");
        Cipher::new(&Key::new(KeyId([0; 16]), secret, Some(iv)), pattern)
    }

    fn joined(blocks: &[&str]) -> Vec<u8> {
        blocks.iter().flat_map(|b| key_bytes(b).unwrap()).collect()
    }

    #[test]
    fn all_whole_blocks_are_chained_and_the_rest_stays() {
        let mut bytes = [joined(&CLEAR), vec![7; 15]].concat();
        cipher(Pattern::ALL).encrypt(&mut bytes);
        assert_eq!(bytes, [joined(&ENCRYPTED), vec![7; 15]].concat());
    }

    #[test]
    fn by_pattern_the_chain_goes_on_over_what_is_skipped() {
        let mut bytes = [joined(&CLEAR[..1]), vec![9; 144], joined(&CLEAR[1..])].concat();
        cipher(Pattern::ONE_IN_TEN).encrypt(&mut bytes);
        let expected = [
            joined(&ENCRYPTED[..1]),
            vec![9; 144],
            joined(&ENCRYPTED[1..]),
        ];
        assert_eq!(bytes, expected.concat());
    }
}
