//! TLS 1.2 and 1.3 towards clients (RFC 5246, RFC 8446), by rustls and aws-lc-rs.
//!
//! [`files`] reads certificates and keys, [`certificates`] chooses one by name and takes
//! new ones, [`validity`] reads from when to when one holds.

mod certificates;
mod files;
mod validity;

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::{self, Ticketer},
    server::NoServerSessionStorage,
};
use tokio::{
    net::TcpStream,
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{info, warn};

use self::{certificates::Certificates, files::Files};
use crate::{Config, EdgeError};

/// How often the files are looked at. Chosen: one `stat` each.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// In order of preference (RFC 7301, RFC 9113 §3.2).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Makes TLS of TCP.
pub(crate) struct Acceptor {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
    files: Files,
    patience: Duration,
}

/// Whether the files can be used.
pub(crate) fn check(config: &Config) -> Result<(), EdgeError> {
    Files::new(&config.tls_cert, &config.tls_key)
        .load()
        .map(drop)
}

impl Acceptor {
    /// The one that the config wants, if it wants one.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, EdgeError> {
        if config.tls_listen.is_none() {
            return Ok(None);
        }
        let files = Files::new(&config.tls_cert, &config.tls_key);
        let certificates = Arc::new(Certificates::new(files.load()?));
        Ok(Some(Self {
            acceptor: server(certificates.clone()).map_err(|error| EdgeError::Tls {
                file: "tls_cert".into(),
                why: error.to_string(),
            })?,
            certificates,
            files,
            patience: config.tls_handshake_timeout,
        }))
    }

    /// Shakes hands. How many do so at one time is bounded by the connections alone: if they
    /// waited for each other, a few that say nothing would keep all others out.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let late = || io::Error::new(ErrorKind::TimedOut, "the handshake took too long");
        timeout(self.patience, self.acceptor.accept(stream))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    /// Takes over changed files, and at SIGHUP. Runs until dropped.
    pub(crate) async fn follow_files(self: Arc<Self>) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut seen = self.files.stamps();
        let mut fault = None;
        loop {
            let asked = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let forced = tokio::select! {
                () = sleep(LOOK_EVERY) => false,
                _ = asked => true,
            };
            let files = self.files.clone();
            let known = (!forced && fault.is_none()).then(|| seen.clone());
            let looked = tokio::task::spawn_blocking(move || files.changed(known));
            let Ok(Some((stamps, loaded))) = looked.await else {
                continue;
            };
            seen = stamps;
            fault = self.take(loaded, fault);
        }
    }

    /// The new ones, or the old ones and what is wrong with the new: said once.
    fn take(&self, loaded: files::Loaded, before: Option<String>) -> Option<String> {
        match loaded {
            Ok(pairs) => {
                self.certificates.replace(pairs);
                info!("took over the TLS certificates");
                None
            }
            Err(error) => {
                let fault = error.to_string();
                if before.as_ref() != Some(&fault) {
                    warn!(error = fault, "the TLS certificates stay as they were");
                }
                Some(fault)
            }
        }
    }
}

fn server(certificates: Arc<Certificates>) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    // Stateless tickets, whose key changes every 6 h and is accepted for 12 (RFC 5077
    // §5.5); so no session is kept here.
    config.ticketer = Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}
