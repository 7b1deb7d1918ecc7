//! TLS, where the program was built with it.

#[cfg(feature = "tls")]
pub(super) use with::{Stream, Trust};
#[cfg(not(feature = "tls"))]
pub(super) use without::{Stream, Trust};

/// Whether `https` can be called.
pub(super) const IS_BUILT_IN: bool = cfg!(feature = "tls");

#[cfg(feature = "tls")]
mod with {
    use std::{path::Path, sync::Arc};

    use rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    };
    use tokio::net::TcpStream;
    use tokio_rustls::{TlsConnector, client::TlsStream};

    use super::super::OutwardError;

    pub(in super::super) enum Stream {
        Plain(TcpStream),
        Tls(Box<TlsStream<TcpStream>>),
    }

    /// Which certificates are trusted.
    #[derive(Clone)]
    pub(in super::super) struct Trust(TlsConnector);

    impl std::fmt::Debug for Trust {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Trust")
        }
    }

    impl Trust {
        /// The authorities in this PEM file; those that browsers trust if it is empty.
        pub(in super::super) fn load(file: &Path) -> Result<Self, OutwardError> {
            let bad = |why: String| OutwardError::Authorities {
                file: file.display().to_string(),
                why,
            };
            let mut roots = RootCertStore::empty();
            if file.as_os_str().is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            } else {
                let read = CertificateDer::pem_file_iter(file);
                for certificate in read.map_err(|error| bad(error.to_string()))? {
                    let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                    let added = roots.add(certificate);
                    added.map_err(|error| bad(error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(bad("it has no certificate".to_owned()));
                }
            }
            let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
            let config = config.with_safe_default_protocol_versions();
            let config = config.map_err(|error| bad(error.to_string()))?;
            let mut config = config.with_root_certificates(roots).with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(Self(TlsConnector::from(Arc::new(config))))
        }

        /// Shakes hands; `host` is the name or address that the certificate must have.
        pub(in super::super) async fn connect(
            &self,
            host: &str,
            stream: TcpStream,
        ) -> Result<Stream, String> {
            let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
            let stream = self.0.connect(name, stream).await;
            let stream = stream.map_err(|error| error.to_string())?;
            Ok(Stream::Tls(Box::new(stream)))
        }
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use std::path::Path;

    use tokio::net::TcpStream;

    use super::super::OutwardError;

    pub(in super::super) enum Stream {
        Plain(TcpStream),
    }

    /// Nobody is trusted: `https` is refused before anybody is dialled.
    #[derive(Debug, Clone)]
    pub(in super::super) struct Trust;

    impl Trust {
        #[allow(clippy::unnecessary_wraps, reason = "as with the feature")]
        pub(in super::super) fn load(_: &Path) -> Result<Self, OutwardError> {
            Ok(Self)
        }

        #[allow(clippy::unused_async, reason = "as with the feature")]
        pub(in super::super) async fn connect(
            &self,
            _: &str,
            _: TcpStream,
        ) -> Result<Stream, String> {
            Err("this program was built without it".to_owned())
        }
    }
}
