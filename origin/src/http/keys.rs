//! Keys: minted and revoked by operators, asked after by edges.

use axum::{
    Router,
    body::Body,
    extract::{Query, Request, State},
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::Value;
use wire::{KeyBulletin, RevokeRequest, Revokes};

use super::{json, json_body, long_poll, minting};
use crate::{
    OriginError,
    app::{KEY_TTL_MAX_SECS, Shared},
    catalogue::Topic,
};

/// Longest name of a subject or a signing key, bytes. Chosen: a key has at most 1,024.
const NAME_LEN_MAX: usize = 256;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/keys", get(bulletin).post(minting::mint))
        .route("/api/keys/revoke", post(revoke))
}

async fn revoke(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: Value = json_body(request.into_body()).await?;
    let named = ["jti", "subject", "asset", "signer"].map(|name| ask.get(name).is_some());
    if named.iter().filter(|is_named| **is_named).count() > 1 {
        return Err(OriginError::BadRequest(
            "name one of jti, subject, asset and signer: each is a request of its own".into(),
        ));
    }
    let ask: RevokeRequest = serde_json::from_value(ask).map_err(|error| {
        OriginError::BadRequest(format!("the body is not as expected: {error}"))
    })?;
    check_what(&ask.what)?;
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

fn check_what(what: &Revokes) -> Result<(), OriginError> {
    match what {
        Revokes::Asset(_) => Ok(()),
        Revokes::Jti(name) => check_name(name, "jti"),
        Revokes::Subject(name) => check_name(name, "subject"),
        Revokes::Signer(name) => check_name(name, "signer"),
    }
}

pub(super) fn check_name(name: &str, of: &str) -> Result<(), OriginError> {
    // It would stand in the catalogue, and in the audit trail.
    let is_token = ::keys::redact(name) != name;
    let is_shown = !name.chars().any(char::is_control);
    if (1..=NAME_LEN_MAX).contains(&name.len()) && is_shown && !is_token {
        return Ok(());
    }
    Err(OriginError::BadRequest(format!(
        "that is no {of} of a key: 1 to {NAME_LEN_MAX} bytes that can be shown, and not the \
         key itself"
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
    let look = async || {
        // Not "newer than": after a restored catalogue the edge may be ahead of us.
        match app.catalogue.key_revision().await? == ask.after {
            true => Ok(None),
            false => app.catalogue.revoked().await.map(Some),
        }
    };
    let news = long_poll::until_there_is(&app, (Topic::Keys, ask.wait), look).await?;
    let Some(revoked) = news else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    Ok(json(&KeyBulletin {
        revision: revoked.revision,
        jwks: revoked.jwks,
        revoked: revoked.jtis,
        revoked_before: revoked.before,
    }))
}
