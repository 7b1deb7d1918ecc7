//! What a key says.

use serde::{Deserialize, Serialize};

/// `iss` of every key that Weir mints.
pub const ISSUER: &str = "weir";

/// The payload of a key (RFC 7519 §4.1, RFC 9246 §2.1). Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who minted it.
    pub iss: String,
    /// Whom it was given to, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// When it was minted. It opens nothing before.
    pub iat: u64,
    /// It opens nothing before this time either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// From this second on it opens nothing.
    pub exp: u64,
    /// Its own name, by which it is revoked.
    pub jti: String,
    /// Version of the profile: 1 (RFC 9246 §2.1.8).
    pub cdniv: u8,
    /// The paths it opens: `regex:` and a pattern that the whole path must match, where
    /// the path is without scheme, host, key prefix and query (after RFC 9246 §2.1.15).
    pub cdniuc: String,
    /// What it is for.
    pub weir: Scope,
}

/// What a key is for; which paths it opens is in [`Claims::cdniuc`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Scope {
    /// Watching.
    Play,
    /// One attempt at one job.
    Worker {
        /// The job.
        job: String,
        /// The fencing token: a later attempt makes this key useless.
        attempt: u32,
    },
    /// Sending files in.
    Upload {
        /// Largest file, bytes.
        len_bytes_max: u64,
    },
    /// Everything.
    Admin,
}

/// A key that plays one asset, and nothing else.
#[must_use]
pub fn play(asset: &str, issued: u64, expires: u64, jti: String) -> Claims {
    let paths = format!("/v/{}/.*", regex::escape(asset));
    claims(Scope::Play, &paths, issued, expires, jti)
}

/// A key for one attempt at one job.
#[must_use]
pub fn worker(job: &str, attempt: u32, issued: u64, expires: u64, jti: String) -> Claims {
    let paths = format!("/api/jobs/{}/.*", regex::escape(job));
    let scope = Scope::Worker {
        job: job.to_owned(),
        attempt,
    };
    claims(scope, &paths, issued, expires, jti)
}

/// A key that may upload files of at most `len_bytes_max` bytes each.
#[must_use]
pub fn upload(len_bytes_max: u64, issued: u64, expires: u64, jti: String) -> Claims {
    claims(
        Scope::Upload { len_bytes_max },
        "/api/uploads(/.*)?",
        issued,
        expires,
        jti,
    )
}

/// A key that opens everything.
#[must_use]
pub fn admin(issued: u64, expires: u64, jti: String) -> Claims {
    claims(Scope::Admin, "/.*", issued, expires, jti)
}

fn claims(weir: Scope, paths: &str, issued: u64, expires: u64, jti: String) -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        sub: None,
        iat: issued,
        nbf: None,
        exp: expires,
        jti,
        cdniv: 1,
        cdniuc: format!("regex:{paths}"),
        weir,
    }
}
