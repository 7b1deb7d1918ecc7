//! `/v/<asset>/license`: what players decrypt with, for whoever may read the asset.

use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use media::bmff::cbcs::{KeyId, key_bytes};
use wire::{AssetId, ClearKey, ClearKeys, ContentKey};

use super::json;
use crate::{OriginError, app::App};

/// What its path ends with.
pub(super) const PATH_END: &str = "/license";

/// Longest request that is read, bytes. Chosen: one for a hundred keys is half of it.
pub(super) const REQUEST_MAX: usize = 8 << 10;

/// A ClearKey licence (W3C, Encrypted Media Extensions §9.1.4) with all keys of the asset:
/// whoever asks may decrypt all of it. No cache keeps it.
pub(super) async fn answer(app: &App, asset: &AssetId) -> Result<Response<Body>, OriginError> {
    let keys = app.catalogue.licence(asset).await?;
    let keys = keys.iter().map(web_key).collect::<Result<_, _>>()?;
    Ok(json(&ClearKeys {
        keys,
        session: Some("temporary".to_owned()),
    }))
}

/// The 16 bytes of one key (RFC 8216 §5.1), for players that ask for them so.
pub(super) async fn key(
    app: &App,
    asset: &AssetId,
    id: KeyId,
) -> Result<Response<Body>, OriginError> {
    let keys = app.catalogue.licence(asset).await?;
    let key = keys.iter().find(|key| key.id == id.hex());
    let key = key.ok_or_else(|| OriginError::NotFound(format!("{asset} has no key {id}")))?;
    let mut response = Response::new(Body::from(bytes(&key.secret)?.to_vec()));
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, octets);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn bytes(digits: &str) -> Result<[u8; 16], OriginError> {
    key_bytes(digits).map_err(|error| OriginError::Damaged(format!("a key: {error}")))
}

fn web_key(key: &ContentKey) -> Result<ClearKey, OriginError> {
    let field = |digits: &str| Ok::<_, OriginError>(BASE64_URL_SAFE_NO_PAD.encode(bytes(digits)?));
    Ok(ClearKey {
        kty: "oct".to_owned(),
        kid: field(&key.id)?,
        k: field(&key.secret)?,
        kind: None,
    })
}
