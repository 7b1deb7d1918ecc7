//! Segments that are encrypted as a whole (RFC 8216bis §4.4.4.4, §5.2).

use aes::{
    Aes128,
    cipher::{Array, BlockCipherDecrypt, KeyInit},
};

use super::m3u8::Attributes;
use crate::url::Url;

const BLOCK: usize = 16;

/// What opens a segment: where its key is, and its initialization vector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Lock {
    pub(super) url: Url,
    /// `None`: the segment's number.
    pub(super) iv: Option<[u8; BLOCK]>,
}

impl Lock {
    /// Of an `EXT-X-KEY` with METHOD=AES-128.
    pub(super) fn read(list: &Attributes<'_>, base: &Url) -> Result<Self, String> {
        let uri = list.get("URI").ok_or("EXT-X-KEY without URI")?;
        let url = base.join(uri).map_err(|error| error.to_string())?;
        let iv = match list.get("IV") {
            None => None,
            Some(text) => Some(vector(text).ok_or_else(|| format!("IV {text:?} is no 128 bits"))?),
        };
        Ok(Self { url, iv })
    }

    /// The same for a segment of this number.
    pub(super) fn of(&self, sequence: u64) -> Self {
        let number = u128::from(sequence).to_be_bytes();
        Self {
            url: self.url.clone(),
            iv: Some(self.iv.unwrap_or(number)),
        }
    }

    /// CBC, and PKCS #7 padding; `None` where it was not encrypted so.
    pub(super) fn open(&self, key: &[u8; BLOCK], bytes: &[u8]) -> Option<Vec<u8>> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
            return None;
        }
        let aes = Aes128::new(&Array::from(*key));
        let mut before = self.iv.unwrap_or_default();
        let mut clear = Vec::with_capacity(bytes.len());
        for block in bytes.chunks_exact(BLOCK) {
            let block: [u8; BLOCK] = block.try_into().expect("a chunk is a block");
            let mut out = Array::from(block);
            aes.decrypt_block(&mut out);
            clear.extend(out.iter().zip(before).map(|(a, b)| a ^ b));
            before = block;
        }
        let padding = usize::from(*clear.last()?);
        let len = clear.len().checked_sub(padding)?;
        let padded = clear[len..]
            .iter()
            .all(|byte| usize::from(*byte) == padding);
        clear.truncate(len);
        (padded && (1..=BLOCK).contains(&padding)).then_some(clear)
    }
}

fn vector(text: &str) -> Option<[u8; BLOCK]> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))?;
    let fits = (1..=2 * BLOCK).contains(&digits.len());
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| fits)?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `openssl enc -aes-128-cbc -K 0011…ff -iv 0…07`.
    const ENCRYPTED: u128 = 0x0c5a_b77a_6916_c8b2_949a_9a24_aab2_fb20;
    const THEN: u128 = 0xe20b_fe1b_0577_b4fa_8cb5_2b18_ce97_6758;
    const KEY: u128 = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;

    #[test]
    fn what_openssl_encrypted_is_opened_by_the_number_or_by_the_vector() {
        let base = Url::parse("http://h/a/index.m3u8").unwrap();
        let bytes = [ENCRYPTED.to_be_bytes(), THEN.to_be_bytes()].concat();
        let open = |line: &str, number| {
            let lock = Lock::read(&super::super::m3u8::attributes(line).unwrap(), &base).unwrap();
            lock.of(number).open(&KEY.to_be_bytes(), &bytes)
        };
        let clear = Some(b"whole segments, padded".to_vec());
        assert_eq!(open("METHOD=AES-128,URI=\"k\"", 7), clear);
        assert_eq!(open("METHOD=AES-128,URI=\"k\",IV=0x7", 3), clear);
        assert_ne!(open("METHOD=AES-128,URI=\"k\"", 8), clear);
        assert_eq!(vector("7"), None);
        assert_eq!(vector(&format!("0x{}", "0".repeat(33))), None);
    }
}
