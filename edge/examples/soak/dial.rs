//! Connections of clients: HTTP/1.1 or HTTP/2, plain or by TLS.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{chance::Chance, object::Site};

type Sent = Full<Bytes>;

/// Where the edge is, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Doors {
    pub(crate) http: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) http1: Arc<ClientConfig>,
    pub(crate) http2: Arc<ClientConfig>,
}

impl Doors {
    pub(crate) fn new([http, tls, admin]: [SocketAddr; 3], authority: &Path) -> Self {
        Self {
            http,
            tls,
            admin,
            http1: Arc::new(config(authority, b"http/1.1")),
            http2: Arc::new(config(authority, b"h2")),
        }
    }
}

fn config(authority: &Path, protocol: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

/// A connection that may be asked on.
#[derive(Debug)]
pub(crate) enum Peer {
    Http1(http1::SendRequest<Sent>),
    Http2(http2::SendRequest<Sent>),
}

impl Peer {
    pub(crate) async fn dial(doors: &Doors, chance: &mut Chance) -> io::Result<Self> {
        let is_http2 = chance.one_in(2);
        if chance.one_in(2) {
            let stream = TcpStream::connect(doors.http).await?;
            stream.set_nodelay(true)?;
            return Self::over(stream, is_http2).await;
        }
        let config = if is_http2 { &doors.http2 } else { &doors.http1 };
        let stream = TcpStream::connect(doors.tls).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(Site::Plain.host()).unwrap();
        let stream = TlsConnector::from(config.clone()).connect(name, stream);
        Self::over(stream.await?, is_http2).await
    }

    async fn over<S>(stream: S, is_http2: bool) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        // How a connection ended is told by what was asked on it.
        if is_http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(io::Error::other)?;
            tokio::spawn(async move { drop(connection.await) });
            return Ok(Self::Http2(sender));
        }
        let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self::Http1(sender))
    }

    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// Another handle on it; of HTTP/2 only.
    pub(crate) fn another(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Sent>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}
