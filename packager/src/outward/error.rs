//! Why nothing came from outside.

use std::{io, net::IpAddr, time::Duration};

/// Why nothing, or not all, came from outside. None shows a path or a query.
#[derive(Debug, thiserror::Error)]
pub enum OutwardError {
    /// One of the host's addresses must not be called.
    #[error("{host} is at {ip}, which is {what}: only public addresses are called")]
    Address {
        /// As the URL has it.
        host: String,
        /// The address.
        ip: IpAddr,
        /// What it is.
        what: &'static str,
    },
    /// Only a few ports are called.
    #[error("port {0} is not called: use one of {1:?}")]
    Port(u16, Vec<u16>),
    /// The redirect is not followed.
    #[error("a redirect is not followed: {0}")]
    Redirect(String),
    /// One redirect after the other.
    #[error("more than {0} redirects")]
    Redirects(u32),
    /// This program has no TLS.
    #[error("https needs a weir built with its feature tls: without it only http is called")]
    NoTls,
    /// The authorities' file cannot be used.
    #[error("outward.ca_file {file}: {why}")]
    Authorities {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// The host has no address, or nobody knows it now.
    #[error("{host} has no address: {why}")]
    Unresolved {
        /// As the URL has it.
        host: String,
        /// What the system said.
        why: String,
    },
    /// No connection.
    #[error("cannot connect to {host}")]
    Connect {
        /// As the URL has it.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// No secure connection.
    #[error("no secure connection to {host}: {why}")]
    Tls {
        /// As the URL has it.
        host: String,
        /// Why.
        why: String,
    },
    /// Nothing came for so long.
    #[error("nothing came for {0:.0?}")]
    Silent(Duration),
    /// All of it took too long.
    #[error("it took longer than allowed")]
    TooLong,
    /// The body is longer than allowed.
    #[error("it has more than {0} bytes, which are allowed")]
    TooLarge(u64),
    /// What came is no HTTP, or broke off.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl OutwardError {
    /// The same call would end the same way.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::Address { .. }
                | Self::Port(..)
                | Self::Redirect(_)
                | Self::Redirects(_)
                | Self::NoTls
                | Self::TooLarge(_)
        )
    }
}
