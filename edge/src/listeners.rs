use tokio::net::TcpListener;

/// Where clients come in.
#[derive(Debug)]
pub struct Listeners {
    /// HTTP/1.1 and HTTP/2 in the clear.
    pub http: TcpListener,
    /// Both under TLS.
    pub tls: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(http: TcpListener) -> Self {
        Self { http, tls: None }
    }
}
