//! What a cache key is called on disk.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// Hash of a cache key: 16 bytes of its SHA-256, so that nobody can choose two keys for
/// one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(u128);

impl Name {
    pub(crate) fn of(key: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Self(u128::from_be_bytes(half))
    }

    /// Its first two digits.
    pub(crate) fn shelf(self) -> u8 {
        (self.0 >> 120) as u8
    }

    pub(crate) fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }

    pub(crate) fn low(self) -> u64 {
        self.0 as u64
    }

    /// Its file: `<dir>/<first two digits>/<all 32 digits>`.
    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        let shelf = format!("{:02x}", self.shelf());
        dir.join(shelf).join(self.to_string())
    }

    /// Reads the name of a file.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let good = file.len() == 32 && file.bytes().all(lower);
        good.then(|| u128::from_str_radix(file, 16).ok().map(Self))?
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_from_its_path_alone() {
        let name = Name::of("/v/a/1/v720/0.m4s");
        let path = name.path(Path::new("d"));
        let file = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(Name::parse(file), Some(name));
        assert!(path.starts_with(format!("d/{}", &file[..2])));
        for wrong in ["", "0", &file[1..], &file.to_uppercase(), "+f"] {
            assert_eq!(Name::parse(wrong), None, "{wrong}");
        }
    }
}
