//! Which certificates of origins are trusted.

#[cfg(feature = "tls")]
pub(crate) use with::Trust;
#[cfg(not(feature = "tls"))]
pub(crate) use without::Trust;

#[cfg(feature = "tls")]
mod with {
    use std::{io, sync::Arc};

    use rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    };
    use tokio::net::TcpStream;
    use tokio_rustls::{TlsConnector, client::TlsStream};

    use super::super::error::Fault;
    use crate::EdgeError;

    /// See the module.
    #[derive(Clone)]
    pub(crate) struct Trust(TlsConnector);

    impl Trust {
        /// The authorities in this PEM file; those that browsers trust if it is empty.
        pub(crate) fn load(file: &str) -> Result<Self, EdgeError> {
            let bad = |why: String| EdgeError::OriginCa {
                file: file.to_owned(),
                why,
            };
            let mut roots = RootCertStore::empty();
            if file.is_empty() {
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
            let config = config.with_root_certificates(roots);
            let mut config = config.with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(Self(TlsConnector::from(Arc::new(config))))
        }

        /// Shakes hands; `host` is the name or address that the certificate must have.
        pub(crate) async fn connect(
            &self,
            host: &str,
            stream: TcpStream,
        ) -> Result<TlsStream<TcpStream>, Fault> {
            let name = ServerName::try_from(host.to_owned());
            let name = name.map_err(|error| Fault::Tls(error.to_string()))?;
            let connected = self.0.connect(name, stream).await;
            connected.map_err(|error| fault(&error))
        }
    }

    fn fault(error: &io::Error) -> Fault {
        let inner = error.get_ref().and_then(|it| it.downcast_ref());
        match inner {
            Some(rustls::Error::InvalidCertificate(_)) => Fault::Certificate(error.to_string()),
            _ => Fault::Tls(error.to_string()),
        }
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use tokio::net::TcpStream;

    use super::super::error::Fault;
    use crate::EdgeError;

    /// Nobody is trusted: origins with `https` are refused before one is built.
    #[derive(Clone)]
    pub(crate) struct Trust;

    impl Trust {
        #[allow(clippy::unnecessary_wraps, reason = "as with the feature")]
        pub(crate) fn load(_: &str) -> Result<Self, EdgeError> {
            Ok(Self)
        }

        #[allow(clippy::unused_async, reason = "as with the feature")]
        pub(crate) async fn connect(&self, _: &str, _: TcpStream) -> Result<TcpStream, Fault> {
            Err(Fault::Tls("this program was built without it".to_owned()))
        }
    }
}
