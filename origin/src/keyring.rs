//! The origin's secrets, each in a file only its owner can read, made at first start.

use std::{io, path::Path};

use keys::{KeySet, SharedKey, SigningKey};
use sha2::{Digest, Sha256};

use crate::{Config, OriginError, own_file::text_or_new, random};

/// The origin's secrets.
pub(crate) struct Keyring {
    pub(crate) signing: SigningKey,
    pub(crate) trusted: KeySet,
    join: Secret,
    admin: Secret,
}

/// A bearer secret, kept as its hash: comparing hashes tells nothing by its time.
struct Secret([u8; 32]);

impl Secret {
    fn is(&self, presented: &str) -> bool {
        Sha256::digest(presented.as_bytes())[..] == self.0[..]
    }
}

impl Keyring {
    pub(crate) fn open(config: &Config) -> Result<Self, OriginError> {
        let seed_file = config.data_dir.join("signing-key");
        let seed = parse_seed(&secret(&seed_file)?).ok_or_else(|| OriginError::File {
            action: "read 64 hexadecimal digits from",
            path: seed_file.display().to_string(),
            source: io::ErrorKind::InvalidData.into(),
        })?;
        let signing = SigningKey::from_seed(seed);
        Ok(Self {
            trusted: KeySet::new(vec![signing.public()])
                .with_shared(shared(config)?)
                .for_audiences(config.keys_audience.clone()),
            signing,
            join: Secret(Sha256::digest(secret(&config.join_path())?).into()),
            admin: Secret(Sha256::digest(secret(&config.admin_path())?).into()),
        })
    }

    /// This is the token of workers and edges.
    pub(crate) fn is_join(&self, presented: &str) -> bool {
        self.join.is(presented)
    }

    /// This is the operator's token.
    pub(crate) fn is_admin(&self, presented: &str) -> bool {
        self.admin.is(presented)
    }
}

/// Those of the site that mints keys by itself, if there is one.
fn shared(config: &Config) -> Result<Vec<SharedKey>, OriginError> {
    let path = &config.keys_shared_file;
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(path).map_err(|source| OriginError::File {
        action: "read origin.keys_shared_file",
        path: path.display().to_string(),
        source,
    })?;
    SharedKey::from_jwks(&text).map_err(|error| {
        let path = path.display();
        OriginError::Config(format!(
            "origin.keys_shared_file {path} can't be used: {error}; it is a JSON Web Key Set of \
             symmetric keys for HS256, each k the base64url of 32 to 64 random bytes"
        ))
    })
}

fn secret(path: &Path) -> Result<String, OriginError> {
    text_or_new(path, random::secret)
}

fn parse_seed(text: &str) -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in seed.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(seed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_stay_the_same_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().to_owned(),
            ..Config::default()
        };
        let first = Keyring::open(&config).unwrap();
        let again = Keyring::open(&config).unwrap();
        assert_eq!(first.signing.kid(), again.signing.kid());
        let join = std::fs::read_to_string(config.join_path()).unwrap();
        assert!(again.is_join(&join) && !again.is_admin(&join) && !again.is_join(""));
        for file in ["join-token", "admin-token", "signing-key"] {
            let mode = folder
                .path()
                .join(file)
                .metadata()
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
}
