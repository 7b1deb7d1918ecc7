//! Errors as `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// Types of problem, the last part of `type`. A client acts on these, never on text.
pub mod kind {
    /// The asset exists and will be playable soon; ask again after `Retry-After`.
    pub const NOT_YET_PLAYABLE: &str = "not-yet-playable";
    /// The asset exists and this form of it will exist when it is whole.
    pub const NOT_YET_WHOLE: &str = "not-yet-whole";
    /// The asset could not be packaged; `detail` says why.
    pub const PACKAGING_FAILED: &str = "packaging-failed";
    /// Nothing is here.
    pub const NOT_FOUND: &str = "not-found";
    /// A key is needed.
    pub const KEY_MISSING: &str = "key-missing";
    /// The key is not well formed, or not signed by a key known here.
    pub const KEY_INVALID: &str = "key-invalid";
    /// The key's time is over.
    pub const KEY_EXPIRED: &str = "key-expired";
    /// The key was taken back.
    pub const KEY_REVOKED: &str = "key-revoked";
    /// The key is good and does not open this.
    pub const KEY_SCOPE: &str = "key-scope";
    /// Another attempt holds the job.
    pub const LEASE_LOST: &str = "lease-lost";
    /// Another init segment is stored for this track.
    pub const INIT_MISMATCH: &str = "init-mismatch";
    /// The request is malformed.
    pub const BAD_REQUEST: &str = "bad-request";
    /// It was changed since the ETag that `If-Match` names: read it again.
    pub const CHANGED_MEANWHILE: &str = "changed-meanwhile";
    /// The body is longer than allowed.
    pub const TOO_LARGE: &str = "too-large";
    /// What is uploaded can't become a stream; the upload is gone.
    pub const NOT_MEDIA: &str = "not-media";
    /// The disk is full, or nearly; what was sent so far is kept.
    pub const STORAGE_FULL: &str = "storage-full";
    /// The origin did not answer.
    pub const ORIGIN_UNREACHABLE: &str = "origin-unreachable";
    /// Too much at once; try again after `Retry-After`.
    pub const OVERLOADED: &str = "overloaded";
    /// A fault of ours.
    pub const INTERNAL: &str = "internal";
}

/// Body of an error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `/problems/<kind>`, with a kind of [`kind`].
    #[serde(rename = "type")]
    pub type_uri: String,
    /// Short, the same for every problem of the type.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// What happened here, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Problem {
    /// Media type of the body.
    pub const CONTENT_TYPE: &str = "application/problem+json";

    /// A problem of a [`kind`]; its title is the kind, in words.
    #[must_use]
    pub fn new(status: u16, kind: &str, detail: impl Into<Option<String>>) -> Self {
        Self {
            type_uri: format!("/problems/{kind}"),
            title: kind.replace('-', " "),
            status,
            detail: detail.into(),
        }
    }

    /// The last part of `type`: one of [`kind`], from a Weir of this age.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.type_uri.rsplit('/').next().unwrap_or_default()
    }

    /// The body's bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers are always JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_the_wire() {
        let problem = Problem::new(404, kind::NOT_YET_PLAYABLE, "12 % encoded".to_owned());
        let back: Problem = serde_json::from_slice(&problem.to_json()).unwrap();
        assert_eq!(back, problem);
        assert_eq!(back.kind(), kind::NOT_YET_PLAYABLE);
    }
}
