//! What operators ask of assets.

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{Response, StatusCode},
    routing::{delete, get},
};
use serde::Deserialize;
use serde_json::Value;
use wire::{AssetId, AssetState, AssetStatus, TrackId, TracksRemoved};

use super::{
    conditional::{self, Expected},
    events::Told,
    json, json_body, query,
};
use crate::{OriginError, app::Shared, catalogue::AssetQuery, cursor::Cursor, details};

/// Entries of a page, unless asked otherwise, and at most. Chosen.
pub(super) const PAGE: u32 = 50;
pub(super) const PAGE_MAX: u32 = 200;

/// Longest search, letters, and most words of it. Chosen.
const SEARCH_MAX: usize = 200;
const WORDS_MAX: usize = 8;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/assets", get(assets))
        .route("/api/assets/{asset}", get(asset).patch(edit).delete(remove))
        .route("/api/assets/{asset}/events", get(events))
        .route("/api/assets/{asset}/tracks", get(tracks))
        .route("/api/assets/{asset}/tracks/{track}", delete(remove_track))
}

/// Which page of which assets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    limit: Option<u32>,
    cursor: Option<String>,
    q: Option<String>,
    tag: Option<String>,
    state: Option<AssetState>,
}

impl Ask {
    fn checked(self) -> Result<AssetQuery, OriginError> {
        let bad = |detail: String| Err(OriginError::BadRequest(detail));
        let q = self.q.unwrap_or_default();
        if !q.is_empty() && !details::is_line(&q, SEARCH_MAX) {
            return bad(format!("q is up to {SEARCH_MAX} letters on one line"));
        }
        let words: Vec<String> = q.split_whitespace().map(str::to_owned).collect();
        if words.len() > WORDS_MAX {
            return bad(format!("q is up to {WORDS_MAX} words"));
        }
        let is_tag = |tag: &String| details::is_line(tag, details::TAG_LEN_MAX);
        if !self.tag.as_ref().is_none_or(is_tag) {
            let max = details::TAG_LEN_MAX;
            return bad(format!("a tag is 1 to {max} letters on one line"));
        }
        Ok(AssetQuery {
            limit: limit(self.limit)?,
            after: self.cursor.as_deref().map(Cursor::parse).transpose()?,
            words,
            tag: self.tag,
            state: self.state,
        })
    }
}

/// How many entries a page has.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, OriginError> {
    match asked.unwrap_or(PAGE) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        _ => Err(OriginError::BadRequest(format!("limit is 1 to {PAGE_MAX}"))),
    }
}

async fn assets(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask = query::<Ask>(request.uri())?.checked()?;
    Ok(json(&app.catalogue.assets(&ask).await?))
}

async fn asset(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let asset = asset_id(&asset)?;
    // In this order: an edit in between makes the tag an old one, never a wrong one.
    let revision = app.catalogue.revision(&asset).await?;
    Ok(tagged(&app.catalogue.asset(&asset).await?, revision))
}

/// Changes title, access, tags, priority or metadata by JSON merge patch (RFC 7396).
async fn edit(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    let (head, body) = request.into_parts();
    app.require_admin(&head.headers)?;
    let asset = asset_id(&asset)?;
    conditional::require_merge_patch(&head.headers)?;
    let expected = Expected::of(&head.headers);
    let patch: Value = json_body(body).await?;
    let (status, revision) = app
        .catalogue
        .edit_asset(&asset, expected.revisions(), &patch)
        .await?;
    tracing::info!(%asset, revision, "asset edited");
    Ok(tagged(&status, revision))
}

/// How the asset is, with the tag of what can be changed of it.
fn tagged(status: &AssetStatus, revision: i64) -> Response<Body> {
    let mut response = json(status);
    conditional::tag(&mut response, revision);
    response
}

async fn tracks(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    Ok(json(&app.catalogue.tracks(&asset_id(&asset)?).await?))
}

/// Cancels what still makes the asset, and deletes it: rows now, bytes after the grace.
async fn remove(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<StatusCode, OriginError> {
    app.require_admin(request.headers())?;
    let asset = asset_id(&asset)?;
    app.catalogue.delete_asset(&asset).await?;
    tracing::info!(%asset, "asset deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Publishes a version without a track of sound or text.
async fn remove_track(
    State(app): State<Shared>,
    Path((asset, track)): Path<(String, String)>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let asset = asset_id(&asset)?;
    let track: TrackId = track
        .parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))?;
    let (version, tracks) = app.catalogue.remove_track(&asset, &track).await?;
    tracing::info!(%asset, %version, %track, "track taken away");
    Ok(json(&TracksRemoved { version, tracks }))
}

async fn events(
    State(app): State<Shared>,
    Path(asset): Path<String>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    super::events::answer(&app, &asset_id(&asset)?, Told::ToOperators).await
}

pub(super) fn asset_id(text: &str) -> Result<AssetId, OriginError> {
    text.parse()
        .map_err(|error| OriginError::NotFound(format!("{error}")))
}
