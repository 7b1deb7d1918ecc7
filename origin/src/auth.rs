//! Who asks, and whether they may.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, header, uri::Authority};
use keys::{KeyError, Scope, Verified};
use wire::{AssetId, JobId, Priority, kind};

use crate::{OriginError, app::App, clock::now_secs};

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl App {
    /// A worker or an edge of ours.
    pub(crate) fn require_join(&self, headers: &HeaderMap) -> Result<(), OriginError> {
        match bearer(headers) {
            Some(token) if self.keyring.is_join(token) => Ok(()),
            Some(_) => Err(unauthorized(
                kind::KEY_INVALID,
                "this is not the join token",
            )),
            None => Err(unauthorized(
                kind::KEY_MISSING,
                "workers and edges show the join token as Authorization: Bearer",
            )),
        }
    }

    /// The operator.
    pub(crate) fn require_admin(&self, headers: &HeaderMap) -> Result<(), OriginError> {
        match bearer(headers) {
            Some(token) if self.keyring.is_admin(token) => Ok(()),
            Some(_) => Err(unauthorized(
                kind::KEY_INVALID,
                "this is not the admin token",
            )),
            None => Err(unauthorized(
                kind::KEY_MISSING,
                "show the admin token as Authorization: Bearer",
            )),
        }
    }

    /// An uploader; gives the longest upload, bytes.
    pub(crate) async fn require_uploader(
        &self,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<u64, OriginError> {
        self.uploader(bearer(headers), headers, path).await
    }

    /// The same with a key that may have come otherwise than in the headers.
    pub(crate) async fn uploader(
        &self,
        token: Option<&str>,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<u64, OriginError> {
        let max = self.config.upload_max.as_u64();
        let token = match token {
            None if self.config.open_uploads && asked_on_loopback(headers) => return Ok(max),
            None => {
                return Err(unauthorized(
                    kind::KEY_MISSING,
                    "uploading here needs a key: ask the operator for one \
                     (weir key mint --upload) and show it as Authorization: Bearer",
                ));
            }
            Some(token) if self.keyring.is_admin(token) => return Ok(max),
            Some(token) => token,
        };
        let key = self.verify(token, None).await?;
        match key.claims().weir {
            Scope::Upload { len_bytes_max } if key.opens(path) => Ok(len_bytes_max.min(max)),
            _ => Err(OriginError::Forbidden(
                "this key does not open uploads".into(),
            )),
        }
    }

    /// Whoever uploads with a key waits in turn, or lets others go before.
    pub(crate) fn may_hurry(
        &self,
        headers: &HeaderMap,
        priority: Priority,
    ) -> Result<(), OriginError> {
        match bearer(headers) {
            Some(token) if priority == Priority::High && !self.keyring.is_admin(token) => {
                Err(OriginError::Forbidden(
                    "high priority needs the admin token: leave it out, or ask the operator".into(),
                ))
            }
            _ => Ok(()),
        }
    }

    /// The attempt at `job` that the key was minted for.
    pub(crate) async fn require_attempt(
        &self,
        headers: &HeaderMap,
        path: &str,
        job: &JobId,
    ) -> Result<u32, OriginError> {
        let token = bearer(headers)
            .ok_or_else(|| unauthorized(kind::KEY_MISSING, "show the lease's key"))?;
        let key = self.verify(token, None).await?;
        match &key.claims().weir {
            Scope::Worker {
                job: opened,
                attempt,
            } if opened == job.as_str() && key.opens(path) => Ok(*attempt),
            _ => Err(OriginError::Forbidden(
                "this key does not open this job".into(),
            )),
        }
    }

    /// A key that is ours, in time and not taken back, for this asset if it plays one.
    pub(crate) async fn verify(
        &self,
        token: &str,
        asset: Option<&AssetId>,
    ) -> Result<Verified, OriginError> {
        let key = self.keyring.verify(token, now_secs()).map_err(refused)?;
        if self.catalogue.is_revoked(&key, asset).await? {
            return Err(unauthorized(
                kind::KEY_REVOKED,
                "this key was taken back: ask for another",
            ));
        }
        Ok(key)
    }
}

fn refused(error: KeyError) -> OriginError {
    match error {
        KeyError::Expired => {
            unauthorized(kind::KEY_EXPIRED, "this key has expired: ask for another")
        }
        other => OriginError::Unauthorized {
            kind: kind::KEY_INVALID,
            detail: other.to_string(),
        },
    }
}

/// The request names loopback as its host and, from a browser, as its page's. Without
/// this any page on the web could upload to a laptop that has Weir open.
fn asked_on_loopback(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &HeaderValue| value.to_str().unwrap_or(""))
    };
    let page = text(header::ORIGIN).map(|origin| origin.split_once("://").map_or("", |o| o.1));
    text(header::HOST).is_some_and(is_loopback) && page.is_none_or(is_loopback)
}

fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(crate) fn unauthorized(kind: &'static str, detail: &str) -> OriginError {
    OriginError::Unauthorized {
        kind,
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_is_told_from_what_looks_like_it() {
        for good in [
            "127.0.0.1:8080",
            "localhost:8080",
            "[::1]:8080",
            "127.8.0.1",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
