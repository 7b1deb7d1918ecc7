use std::{
    fs::{self, File},
    hint::black_box,
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{Config, EdgeError};

/// Shortest that is taken, bytes: 128 bits in hexadecimal are twice that.
const LEN_MIN: usize = 16;
/// Longest file that is read, bytes.
const FILE_LEN_MAX: u64 = 4096;
/// Random bytes of one that is made here.
const MADE_LEN: usize = 32;

/// The operator's secret. Prints as nothing.
pub(crate) struct Token(Box<[u8]>);

impl Token {
    /// The one in `admin_token_file`, which is made if it is not there; none where the admin
    /// listener is off.
    pub(crate) fn open(config: &Config) -> Result<Option<Self>, EdgeError> {
        if super::address(config)?.is_none() {
            return Ok(None);
        }
        let path = &config.admin_token_file;
        let read = match read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => make(path),
            read => read,
        };
        let bad = |why| EdgeError::AdminToken {
            path: path.clone(),
            why,
        };
        let text = read.map_err(|error| bad(error.to_string()))?;
        let token = text.trim();
        let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.len() < LEN_MIN || !visible {
            let why = format!("it must be one line of at least {LEN_MIN} visible ASCII characters");
            return Err(bad(why));
        }
        Ok(Some(Self(token.as_bytes().into())))
    }

    /// Whether it is this. How long that takes tells nothing but the length.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        let pairs = self.0.iter().zip(shown);
        let differ = pairs.fold(0, |differ, (a, b)| black_box(differ | (a ^ b)));
        self.0.len() == shown.len() && differ == 0
    }
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_LEN_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is too long"));
    }
    fs::read_to_string(path)
}

/// Only its owner may read it.
fn make(path: &Path) -> io::Result<String> {
    let mut random = [0; MADE_LEN];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_is_taken() {
        let token = Token((*b"0123456789abcdef").into());
        assert!(token.is(b"0123456789abcdef"));
        for other in [
            "",
            "0",
            "0123456789abcdeF",
            "0123456789abcdef0",
            "1123456789abcdef",
        ] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
    }
}
