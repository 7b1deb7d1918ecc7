//! What an edge is told by its own settings, never by its origin: names and shared secrets.

use keys::{KeySet, SharedKey};

use crate::{Config, EdgeError};

/// See the module.
#[derive(Default)]
pub(super) struct Local {
    shared: Vec<SharedKey>,
    audience: Vec<String>,
}

impl Local {
    pub(super) fn open(config: &Config) -> Result<Self, EdgeError> {
        let path = &config.keys_shared_file;
        let fault = |why: String| EdgeError::SharedKeys {
            path: path.clone(),
            why,
        };
        let mut shared = Vec::new();
        if !path.as_os_str().is_empty() {
            let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
            shared = SharedKey::from_jwks(&text).map_err(|error| fault(error.to_string()))?;
        }
        Ok(Self {
            shared,
            audience: config.keys_audience.clone(),
        })
    }

    /// The origin's public keys, and what is known here besides.
    pub(super) fn beside(&self, keys: KeySet) -> KeySet {
        keys.with_shared(self.shared.clone())
            .for_audiences(self.audience.clone())
    }
}
