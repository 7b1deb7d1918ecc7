//! From a URL to a connection.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use wire::{WebHost, WebUrl};

use super::{Config, OutwardError, Resolve, address, server_name, tls};

/// Most addresses of one host that are dialled, one after the other. Chosen: two of each kind.
const DIALLED_MAX: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Dialler<R> {
    pub(super) config: Config,
    resolver: R,
    trust: tls::Trust,
}

impl<R: Resolve> Dialler<R> {
    pub(super) fn new(config: Config, resolver: R) -> Result<Self, OutwardError> {
        let trust = tls::Trust::load(&config.ca_file)?;
        Ok(Self {
            config,
            resolver,
            trust,
        })
    }

    /// Connects to the URL's host, at an address that may be called.
    pub(super) async fn dial(&self, url: &WebUrl) -> Result<tls::Stream, OutwardError> {
        if !self.config.ports.contains(&url.port()) {
            let ports = self.config.ports.clone();
            return Err(OutwardError::Port(url.port(), ports));
        }
        if url.is_tls() && !tls::IS_BUILT_IN {
            return Err(OutwardError::NoTls);
        }
        let addresses = self.addresses(url.host()).await?;
        let stream = self.connect(url, &addresses).await?;
        if !url.is_tls() {
            return Ok(tls::Stream::Plain(stream));
        }
        let host = server_name(url.host());
        let shaken = timeout(
            self.config.answer_timeout,
            self.trust.connect(&host, stream),
        );
        let late = || "no answer in time".to_owned();
        let shaken = shaken.await.unwrap_or_else(|_| Err(late()));
        shaken.map_err(|why| OutwardError::Tls { host, why })
    }

    /// The host's addresses, all of which may be called.
    async fn addresses(&self, host: &WebHost) -> Result<Vec<IpAddr>, OutwardError> {
        let addresses = match host {
            WebHost::Ip(ip) => vec![*ip],
            WebHost::Name(name) => {
                let unresolved = |why: String| OutwardError::Unresolved {
                    host: name.clone(),
                    why,
                };
                let found = timeout(self.config.answer_timeout, self.resolver.resolve(name));
                let found = found.await;
                let found = found.map_err(|_| unresolved("no answer in time".to_owned()))?;
                let found = found.map_err(|error| unresolved(error.to_string()))?;
                if found.is_empty() {
                    return Err(unresolved("it has a name only".to_owned()));
                }
                found
            }
        };
        for ip in &addresses {
            address::judge(*ip, &self.config.allow).map_err(|what| OutwardError::Address {
                host: host.to_string(),
                ip: *ip,
                what,
            })?;
        }
        Ok(addresses)
    }

    /// Connects to the first of the addresses that answers. They are dialled as they are.
    async fn connect(&self, url: &WebUrl, found: &[IpAddr]) -> Result<TcpStream, OutwardError> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for ip in found.iter().take(DIALLED_MAX) {
            let began = Instant::now();
            let stream = TcpStream::connect(SocketAddr::new(*ip, url.port()));
            match timeout(self.config.connect_timeout, stream).await {
                Ok(Ok(stream)) => {
                    // Only speed is lost without it.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => {
                    let waited = began.elapsed();
                    last = io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("no answer for {waited:.0?}"),
                    );
                }
            }
        }
        Err(OutwardError::Connect {
            host: url.host().to_string(),
            source: last,
        })
    }
}
