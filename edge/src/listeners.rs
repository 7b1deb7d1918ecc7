use tokio::net::TcpListener;

use crate::handover::Old;

/// Where clients come in.
#[derive(Debug)]
pub struct Listeners {
    /// HTTP/1.1 and HTTP/2 in the clear.
    pub http: TcpListener,
    /// Both under TLS.
    pub tls: Option<TcpListener>,
    /// For operators; only where it was taken over.
    pub(crate) admin: Option<TcpListener>,
    /// From whom they were taken over.
    pub(crate) old: Option<Old>,
}

impl From<TcpListener> for Listeners {
    fn from(http: TcpListener) -> Self {
        Self {
            http,
            tls: None,
            admin: None,
            old: None,
        }
    }
}
