//! Valet keys: mint, verify, scope; pure.
//!
//! A key is a compact JWS (RFC 7515) signed with Ed25519 (RFC 8037), or with a secret that a
//! site shares (HS256), its claims in the profile of RFC 9246: it says which paths it opens
//! and until when. Nothing here reads a clock or makes a random number: both are arguments,
//! so every answer can be tested.
//!
//! ```
//! let signing = keys::SigningKey::from_seed([7; 32]);
//! let token = keys::mint(&signing, &keys::play("a1", 1_000, 4_600, "j1".into()));
//! let set = keys::KeySet::new(vec![signing.public()]);
//! let key = set.verify(&token, 1_001)?;
//! assert!(key.opens("/v/a1/master.m3u8") && !key.opens("/v/a2/master.m3u8"));
//! # Ok::<(), keys::KeyError>(())
//! ```

mod claims;
mod error;
mod jwk;
mod path;
mod pattern;
mod redact;
mod set;
mod shared;
mod token;

pub use claims::{
    Audience, Claims, ISSUER, LIFE_SECS_MAX, Parts, Scope, admin, errand, play, play_parts, upload,
    worker,
};
pub use error::KeyError;
pub use jwk::{PublicKey, SigningKey};
pub use path::split;
pub use redact::{log_name, redact, redact_by};
pub use set::KeySet;
pub use shared::SharedKey;
pub use token::{LEEWAY_SECS, MINTED_LEN_MAX, TOKEN_LEN_MAX, Verified, mint};
