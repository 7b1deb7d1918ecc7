//! The way out of the fleet, over real sockets: whom it calls, and what that may cost.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on is a test that fails"
)]

mod limits;
mod names;
mod redirects;
#[cfg(feature = "tls")]
mod secure;
mod server;

use std::time::Duration;

use http::HeaderMap;
use packager::outward::{Answer, Config, Connector, Limits, OutwardError, Resolve};

/// More than any test takes.
const LONG: Duration = Duration::from_secs(20);

const LIMITS: Limits = Limits {
    len_max: 1 << 20,
    whole: LONG,
};

/// One that may call loopback, at these ports.
fn config(ports: &[u16]) -> Config {
    Config {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ports: ports.to_vec(),
        ..Config::default()
    }
}

async fn get<R: Resolve>(connector: &Connector<R>, url: &str) -> Result<Answer, OutwardError> {
    let url = url.parse().unwrap();
    connector.get(&url, &HeaderMap::new(), LIMITS).await
}
