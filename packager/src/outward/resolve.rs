//! Who is asked for addresses.

use std::{future::Future, io, net::IpAddr};

/// Knows the addresses of hosts.
pub trait Resolve: Send + Sync {
    /// All addresses of the host.
    fn resolve(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The system's own resolver.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Resolve for System {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}
