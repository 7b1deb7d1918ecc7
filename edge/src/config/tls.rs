use super::Config;
use crate::EdgeError;

impl Config {
    /// Whether the settings of TLS go together, and its files can be used.
    pub(super) fn tls(&self) -> Result<(), EdgeError> {
        let bad = |key, why| Err(EdgeError::Limit { key, why });
        if self.tls_listen.is_none() {
            return Ok(());
        }
        if !cfg!(feature = "tls") {
            return bad("tls_listen", "this program was built without TLS");
        }
        if self.tls_cert.is_empty() {
            return bad("tls_cert", "tls_listen needs a certificate");
        }
        if self.tls_cert.len() != self.tls_key.len() {
            return bad("tls_key", "there must be one key for each tls_cert");
        }
        #[cfg(feature = "tls")]
        crate::tls::check(self)?;
        Ok(())
    }
}
