//! Which addresses may be dialled.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

use super::special::{behind_nat64, has_v4, has_v6, purpose};

/// A network that an operator names: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    first: IpAddr,
    len: u32,
}

impl Network {
    /// Whether the address is in it.
    #[must_use]
    pub fn has(&self, ip: IpAddr) -> bool {
        match (self.first, ip) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => has_v4(first, self.len, ip),
            (IpAddr::V6(first), IpAddr::V6(ip)) => has_v6(first, self.len, ip),
            _ => false,
        }
    }
}

/// Whether an address may be dialled; if not, what it is.
pub(super) fn judge(ip: IpAddr, allowed: &[Network]) -> Result<(), &'static str> {
    let is_allowed = allowed.iter().any(|network| network.has(ip));
    match (behind_nat64(ip), purpose(ip)) {
        // Where an operator has a NAT64, whom it leads to counts.
        (Some(behind), _) if is_allowed => judge(behind, allowed),
        (_, Some(what)) if !is_allowed => Err(what),
        _ => Ok(()),
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is no network: write one as in \"10.0.0.0/8\"");
        let (first, len) = match text.split_once('/') {
            Some((first, len)) => (first, Some(len)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().map_err(|_| fault())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let len = match len {
            Some(len) => len.parse().map_err(|_| fault())?,
            None => most,
        };
        let beyond = match first {
            _ if len > most => return Err(fault()),
            IpAddr::V4(ip) => u128::from(ip.to_bits().checked_shl(len).unwrap_or(0)),
            IpAddr::V6(ip) => ip.to_bits().checked_shl(len).unwrap_or(0),
        };
        if beyond != 0 {
            return Err(format!(
                "{text:?} has bits beyond its length: set them to 0"
            ));
        }
        Ok(Self { first, len })
    }
}

impl TryFrom<String> for Network {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.len)
    }
}

#[cfg(test)]
#[path = "address/tests.rs"]
mod tests;
