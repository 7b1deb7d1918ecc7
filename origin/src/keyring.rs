//! The origin's secrets: tokens in files that only their owner can read, made at first start,
//! and the keys that sign, which the catalogue has.

use std::{
    io,
    path::Path,
    sync::{Arc, RwLock},
};

use keys::{Claims, KeyError, KeySet, SharedKey, SigningKey, Verified};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Config, OriginError,
    catalogue::{self, Catalogue, SignerRow},
    clock::now_ms,
    own_file::{fault, text_or_new},
    random,
};

/// Where a data folder had its one signing key before the catalogue had them.
pub(crate) const SEED_FILE: &str = "signing-key";

/// The origin's secrets.
pub(crate) struct Keyring {
    signers: RwLock<Arc<Signers>>,
    shared: Vec<SharedKey>,
    audience: Vec<String>,
    join: Secret,
    admin: Secret,
}

/// The signing keys as last read.
struct Signers {
    /// From when each signs, Unix ms; in this order, and never none.
    signing: Vec<(i64, SigningKey)>,
    trusted: KeySet,
    jwks: Value,
}

/// A bearer secret, kept as its hash: comparing hashes tells nothing by its time.
struct Secret([u8; 32]);

impl Secret {
    fn is(&self, presented: &str) -> bool {
        Sha256::digest(presented.as_bytes())[..] == self.0[..]
    }
}

impl Keyring {
    /// Reads them, making what is not there.
    pub(crate) async fn open(config: &Config, catalogue: &Catalogue) -> Result<Self, OriginError> {
        let shared = shared(config)?;
        let audience = config.keys_audience.clone();
        first_signer(config, catalogue).await?;
        let signers = Signers::read(catalogue, &shared, &audience).await?;
        Ok(Self {
            signers: RwLock::new(Arc::new(signers)),
            shared,
            audience,
            join: Secret(Sha256::digest(secret(&config.join_path())?).into()),
            admin: Secret(Sha256::digest(secret(&config.admin_path())?).into()),
        })
    }

    /// Reads the signing keys again: they were changed, here or by another origin.
    pub(crate) async fn refresh(&self, catalogue: &Catalogue) -> Result<(), OriginError> {
        let signers = Signers::read(catalogue, &self.shared, &self.audience).await?;
        *self.signers.write().expect("no holder panics") = Arc::new(signers);
        Ok(())
    }

    /// Signs claims with the key whose time it is.
    pub(crate) fn mint(&self, claims: &Claims) -> String {
        let (signers, now) = (self.signers(), now_ms());
        let begun = signers.signing.iter().rfind(|(from, _)| *from <= now);
        let (_, signing) = begun.unwrap_or(&signers.signing[0]);
        keys::mint(signing, claims)
    }

    pub(crate) fn verify(&self, token: &str, now_secs: u64) -> Result<Verified, KeyError> {
        self.signers().trusted.verify(token, now_secs)
    }

    /// The public keys, as a JSON Web Key Set.
    pub(crate) fn jwks(&self) -> Value {
        self.signers().jwks.clone()
    }

    fn signers(&self) -> Arc<Signers> {
        self.signers.read().expect("no holder panics").clone()
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

impl Signers {
    async fn read(
        catalogue: &Catalogue,
        shared: &[SharedKey],
        audience: &[String],
    ) -> Result<Self, OriginError> {
        let rows = catalogue.signers().await?;
        let damaged = |what: &str| OriginError::Damaged(format!("signing keys: {what}"));
        let jwks = catalogue::jwks(&rows)?;
        let trusted = KeySet::from_jwks(&jwks).map_err(|error| damaged(&error.to_string()))?;
        let mut signing = Vec::new();
        for row in &rows {
            if let Some(seed) = &row.seed {
                let seed = parse_seed(seed).ok_or_else(|| damaged("no seed"))?;
                signing.push((row.signs_from_ms, SigningKey::from_seed(seed)));
            }
        }
        if signing.is_empty() {
            return Err(damaged("none signs"));
        }
        Ok(Self {
            signing,
            trusted: trusted
                .with_shared(shared.to_vec())
                .for_audiences(audience.to_vec()),
            jwks,
        })
    }
}

/// A new signing key, which signs from that time on.
pub(crate) fn new_signer(signs_from_ms: i64) -> SignerRow {
    row(&random::secret(), signs_from_ms).expect("a secret is 64 hexadecimal digits")
}

fn row(seed: &str, signs_from_ms: i64) -> Option<SignerRow> {
    let signing = SigningKey::from_seed(parse_seed(seed)?);
    Some(SignerRow {
        kid: signing.kid().to_owned(),
        jwk: signing.public().to_jwk().to_string(),
        seed: Some(seed.to_owned()),
        created_at_ms: now_ms(),
        signs_from_ms,
    })
}

/// The catalogue has a signing key: the one of a folder's file where there is one, which goes
/// then, so that the secret is in one place.
async fn first_signer(config: &Config, catalogue: &Catalogue) -> Result<(), OriginError> {
    let path = config.data_dir.join(SEED_FILE);
    let first = match std::fs::read_to_string(&path) {
        Ok(seed) => row(seed.trim(), 0).ok_or_else(|| {
            let action = "read 64 hexadecimal digits from";
            fault(action, &path)(io::ErrorKind::InvalidData.into())
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_signer(0),
        Err(error) => return Err(fault("read", &path)(error)),
    };
    catalogue.begin_signing(&first).await?;
    let there = catalogue.signers().await?;
    if there.iter().any(|row| row.kid == first.kid) {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(fault("delete", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
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
    use std::{os::unix::fs::PermissionsExt, time::Duration};

    use super::*;
    use crate::catalogue::Rules;

    async fn opened(folder: &tempfile::TempDir) -> (Keyring, Catalogue, Config) {
        let config = Config {
            data_dir: folder.path().to_owned(),
            ..Config::default()
        };
        let rules = Rules {
            attempts_max: 1,
            gc_grace: Duration::from_secs(60),
            warm: false,
        };
        let catalogue = Catalogue::open(&config, rules).await.unwrap();
        let keyring = Keyring::open(&config, &catalogue).await.unwrap();
        (keyring, catalogue, config)
    }

    #[tokio::test]
    async fn secrets_stay_the_same_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let (first, ..) = opened(&folder).await;
        let (again, _, config) = opened(&folder).await;
        assert_eq!(first.jwks(), again.jwks());
        let join = std::fs::read_to_string(config.join_path()).unwrap();
        assert!(again.is_join(&join) && !again.is_admin(&join) && !again.is_join(""));
        for file in ["join-token", "admin-token"] {
            let file = folder.path().join(file);
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file:?}");
        }
    }

    #[tokio::test]
    async fn the_key_of_an_older_folder_goes_on_signing_and_is_kept_in_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(SEED_FILE);
        std::fs::write(&file, format!("{}\n", "07".repeat(32))).unwrap();
        let old = SigningKey::from_seed([7; 32]);
        for _ in 0..2 {
            let (keyring, ..) = opened(&folder).await;
            let claims = keys::play("a", 100, 200, "j".into());
            assert_eq!(keyring.mint(&claims), keys::mint(&old, &claims));
            assert!(!file.exists());
        }
    }

    #[tokio::test]
    async fn what_a_signing_key_signed_counts_until_the_last_of_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (keyring, catalogue, _) = opened(&folder).await;
        let old = keyring.jwks()["keys"][0]["kid"].clone();
        let (now, month_ms) = (now_ms(), keys::LIFE_SECS_MAX as i64 * 1000);
        catalogue
            .rotate(new_signer(now + 600_000), now)
            .await
            .unwrap();
        let states = async |at: i64| {
            let told = catalogue::told(&catalogue.signers().await.unwrap(), at).unwrap();
            told.iter()
                .map(|key| key.state.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(states(now).await, ["active", "next"]);
        assert_eq!(states(now + 600_000).await, ["retired", "active"]);
        let secrets = async |at: i64| {
            catalogue.retire_signers(at).await.unwrap();
            let rows = catalogue.signers().await.unwrap();
            rows.iter()
                .map(|row| row.seed.is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(secrets(now + 600_000).await, [true, true]);
        assert_eq!(secrets(now + 700_000).await, [false, true]);
        assert_eq!(secrets(now + 600_000 + month_ms).await, [false, true]);
        assert_eq!(secrets(now + 700_000 + month_ms).await, [true]);
        keyring.refresh(&catalogue).await.unwrap();
        assert_ne!(keyring.jwks()["keys"][0]["kid"], old);
    }
}
