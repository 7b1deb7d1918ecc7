//! What a key says.

use serde::{Deserialize, Serialize};

/// `iss` of every key that Weir mints, and of every key that it takes.
pub const ISSUER: &str = "weir";

/// Longest life of a key, from `iat` to `exp`, seconds: 30 days. Chosen. What was revoked as
/// issued before a time need not be remembered for longer after it.
pub const LIFE_SECS_MAX: u64 = 30 * 24 * 3600;

/// The payload of a key (RFC 7519 §4.1, RFC 9246 §2.1). Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who minted it: [`ISSUER`].
    pub iss: String,
    /// Whom it was given to, for the audit trail and to revoke all that is theirs. Opaque:
    /// nothing is read from it, and whoever holds the key can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Where it counts; everywhere where absent (RFC 7519 §4.1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
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
    /// The paths it opens: `regex:` and a pattern that the whole path must match, or
    /// `hash:` and its hash as RFC 6920 §5 writes it, `sha-256;` and base64url. The path is
    /// without scheme, host, key prefix and query (after RFC 9246 §2.1.15).
    pub cdniuc: String,
    /// What it is for.
    pub weir: Scope,
}

/// Names of those that take a key, one or many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// This one.
    One(String),
    /// Any of these.
    Many(Vec<String>),
}

impl Audience {
    /// Whether one of `names` is meant.
    #[must_use]
    pub fn has_any(&self, names: &[String]) -> bool {
        match self {
            Self::One(name) => names.contains(name),
            Self::Many(listed) => listed.iter().any(|name| names.contains(name)),
        }
    }
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
        /// Media type that senders must name; a subtype of `*` stands for all of its type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// How many uploads it may begin, and it alone goes on with them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uses: Option<u32>,
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

/// Parts of an asset.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The asset.
    pub asset: &'a str,
    /// One version of it.
    pub version: Option<&'a str>,
    /// Certain tracks; all where empty.
    pub tracks: &'a [&'a str],
}

/// A key that plays parts of one asset. Besides it opens what every player asks for first:
/// what stands directly below the asset (manifests, titles, licences), and, where tracks are
/// chosen, directly below a version (posters, pictures on the seek bar).
#[must_use]
pub fn play_parts(parts: &Parts<'_>, issued: u64, expires: u64, jti: String) -> Claims {
    let version = parts
        .version
        .map_or_else(|| "[^/]+".to_owned(), regex::escape);
    let tracks: Vec<String> = parts.tracks.iter().map(|it| regex::escape(it)).collect();
    let below = match (parts.version, tracks.is_empty()) {
        (None, true) => return play(parts.asset, issued, expires, jti),
        (Some(_), true) => ".*".to_owned(),
        (_, false) => format!("([^/]+|({})/.*)", tracks.join("|")),
    };
    let asset = regex::escape(parts.asset);
    let paths = format!("/v/{asset}/([^/]+|{version}/{below})");
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

/// A key for one attempt at one errand.
#[must_use]
pub fn errand(errand: &str, attempt: u32, issued: u64, expires: u64, jti: String) -> Claims {
    let paths = format!("/api/errands/{}/.*", regex::escape(errand));
    let scope = Scope::Worker {
        job: errand.to_owned(),
        attempt,
    };
    claims(scope, &paths, issued, expires, jti)
}

/// A key that may upload files of at most `len_bytes_max` bytes each.
#[must_use]
pub fn upload(len_bytes_max: u64, issued: u64, expires: u64, jti: String) -> Claims {
    claims(
        Scope::Upload {
            len_bytes_max,
            media_type: None,
            uses: None,
        },
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
        aud: None,
        iat: issued,
        nbf: None,
        exp: expires,
        jti,
        cdniv: 1,
        cdniuc: format!("regex:{paths}"),
        weir,
    }
}
