//! Keys: minted and revoked by operators, asked after by edges.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Query, Request, State},
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use wire::{KeyBulletin, MintRequest, RevokeRequest, Revokes};

use super::{json, json_body};
use crate::{
    OriginError,
    app::{KEY_TTL_MAX_SECS, Shared},
    catalogue::Topic,
};

/// Longest wait for news, however much longer an edge asks for.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);

/// Longest name of a subject or a signing key, bytes. Chosen: a key has at most 1,024.
const NAME_LEN_MAX: usize = 256;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/keys", get(bulletin).post(mint))
        .route("/api/keys/revoke", post(revoke))
}

async fn mint(State(app): State<Shared>, request: Request) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: MintRequest = json_body(request.into_body()).await?;
    let ttl = |secs: Option<u64>| secs.map_or(app.config.key_ttl, Duration::from_secs);
    let key = match ask {
        MintRequest::Play { asset, ttl_secs } => {
            app.catalogue.asset(&asset).await?;
            app.mint(ttl(ttl_secs), |issued, expires, jti| {
                ::keys::play(asset.as_str(), issued, expires, jti)
            })
        }
        MintRequest::Upload { ttl_secs } => {
            let max = app.config.upload_max.as_u64();
            app.mint(ttl(ttl_secs), |issued, expires, jti| {
                ::keys::upload(max, issued, expires, jti)
            })
        }
    };
    tracing::info!(jti = key.jti, expires_at = key.expires_at, "key minted");
    Ok(json(&key))
}

async fn revoke(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: RevokeRequest = json_body(request.into_body()).await?;
    check_name(&ask.what)?;
    let until = app.revocable_until()?;
    let issued_before = ask.issued_before.unwrap_or(until);
    if issued_before > until {
        return Err(OriginError::BadRequest(
            "issued_before is ahead: keys can be revoked that were issued, no others".into(),
        ));
    }
    // The last of them ends so long after it was issued; a single one after it was seen.
    let newest = match ask.what {
        Revokes::Jti(_) => until,
        _ => issued_before,
    };
    let forget_at_ms = i64::try_from((newest + KEY_TTL_MAX_SECS).saturating_mul(1000));
    let forget_at_ms = forget_at_ms.unwrap_or(i64::MAX);
    app.catalogue
        .revoke(&ask.what, issued_before, forget_at_ms)
        .await?;
    app.keyring.refresh(&app.catalogue).await?;
    if !matches!(ask.what, Revokes::Jti(_)) {
        app.issue_from(issued_before);
    }
    tracing::info!(what = ?ask.what, issued_before, "keys revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn check_name(what: &Revokes) -> Result<(), OriginError> {
    let (name, of) = match what {
        Revokes::Asset(_) => return Ok(()),
        Revokes::Jti(name) => (name, "jti"),
        Revokes::Subject(name) => (name, "subject"),
        Revokes::Signer(name) => (name, "signer"),
    };
    let is_token = name.contains('.') && name.starts_with("eyJ");
    if (1..=NAME_LEN_MAX).contains(&name.len()) && !is_token {
        return Ok(());
    }
    Err(OriginError::BadRequest(format!(
        "that is no {of} of a key: 1 to {NAME_LEN_MAX} bytes, and not the key itself"
    )))
}

/// What an edge knows already, and how long it would wait for more.
#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait: u64,
}

async fn bulletin(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_join(request.headers())?;
    let Query(ask) = Query::<After>::try_from_uri(request.uri())
        .map_err(|error| OriginError::BadRequest(error.body_text()))?;
    let _waiter = app.waiter()?;
    let until = Instant::now() + Duration::from_secs(ask.wait).min(WAIT_MAX);
    loop {
        let news = app.catalogue.news(Topic::Keys);
        let revoked = app.catalogue.revoked().await?;
        // Not "newer than": after a restored catalogue the edge may be ahead of us.
        if revoked.revision != ask.after {
            return Ok(json(&KeyBulletin {
                revision: revoked.revision,
                jwks: revoked.jwks,
                revoked: revoked.jtis,
                revoked_before: revoked.before,
            }));
        }
        if Instant::now() >= until || app.shutdown.is_cancelled() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        tokio::select! {
            _ = timeout_at(until, news) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
}
