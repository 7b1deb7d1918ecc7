//! Certificates and keys in PEM files (RFC 7468).

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls::{
    Error, InconsistentKeys,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::validity::Validity;
use crate::EdgeError;

/// Longest file that is read, bytes. Chosen: a chain has some KiB.
const FILE_MAX: u64 = 1 << 20;

/// Pairs of files: a certificate with its chain, and its key.
#[derive(Clone)]
pub(super) struct Files(Vec<(PathBuf, PathBuf)>);

pub(super) type Loaded = Result<Vec<CertifiedKey>, EdgeError>;
/// When each file was last written, and how long it is; `None` where it is not.
pub(super) type Stamps = Vec<Option<(SystemTime, u64)>>;

impl Files {
    pub(super) fn new(certs: &[PathBuf], keys: &[PathBuf]) -> Self {
        Self(certs.iter().cloned().zip(keys.iter().cloned()).collect())
    }

    pub(super) fn load(&self) -> Loaded {
        self.0.iter().map(|(cert, key)| pair(cert, key)).collect()
    }

    /// What the files have now, unless they are as they were.
    pub(super) fn changed(&self, known: Option<Stamps>) -> Option<(Stamps, Loaded)> {
        // Before they are read: what is written meanwhile is seen the next time.
        let stamps = self.stamps();
        (known.as_ref() != Some(&stamps)).then(|| (stamps, self.load()))
    }

    pub(super) fn stamps(&self) -> Stamps {
        let stamp = |path: &PathBuf| {
            let meta = fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        };
        let files = self.0.iter().flat_map(|(cert, key)| [cert, key]);
        files.map(stamp).collect()
    }
}

fn pair(cert_file: &Path, key_file: &Path) -> Result<CertifiedKey, EdgeError> {
    let chain = chain(cert_file)?;
    let key = PrivateKeyDer::from_pem_slice(&read(key_file)?);
    let key = key.map_err(|_| {
        bad(
            key_file,
            "it has no private key in PEM (an encrypted one can't be used)",
        )
    })?;
    let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    pair.map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => bad(
            key_file,
            &format!("it is not the key of {}", cert_file.display()),
        ),
        error => bad(key_file, &format!("with {}: {error}", cert_file.display())),
    })
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, EdgeError> {
    let text = read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| bad(file, &format!("it is not PEM: {error}")))?;
    let leaf = chain
        .first()
        .ok_or_else(|| bad(file, "it has no certificate in PEM"))?;
    let validity =
        Validity::of(leaf).ok_or_else(|| bad(file, "its first certificate can't be read"))?;
    match validity.fault(unix_now()) {
        Some(fault) => Err(bad(file, &fault)),
        None => Ok(chain),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, EdgeError> {
    let len = fs::metadata(file).map(|meta| meta.len());
    let text = len.and_then(|len| match len {
        0..=FILE_MAX => fs::read(file),
        _ => Err(std::io::Error::other("it is too long for a PEM file")),
    });
    text.map_err(|error| bad(file, &error.to_string()))
}

fn bad(file: &Path, why: &str) -> EdgeError {
    EdgeError::Tls {
        file: file.to_owned(),
        why: why.to_owned(),
    }
}

fn unix_now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
