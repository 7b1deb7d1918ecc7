//! `/v/`: manifests, init segments, segments, to edges and to holders of keys.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
    response::IntoResponse,
    routing::any,
};
use sha2::{Digest, Sha256};
use wire::{AssetId, AssetState, access, kind};

use super::object::{self, Content, Object};
use crate::{
    OriginError,
    app::{App, Shared},
    auth::{bearer, unauthorized},
    catalogue::{Shown, StoredBlob},
    media_path::{File, Manifest, MediaPath},
};

/// Segments never change.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Half a segment, and never stale: a player that reloads must see what is new.
const GROWING: &str = "public, max-age=2, must-revalidate";
/// A sealed playlist stays as it is; what may change is which version is the newest.
const SEALED: &str = "public, max-age=60, stale-while-revalidate=60";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v/{*path}", any(serve))
        .route("/k/{*path}", any(serve))
}

async fn serve(State(app): State<Shared>, request: Request) -> Response<Body> {
    let (head, _) = request.into_parts();
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD, OPTIONS")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
    }
    let (token, path) = match keys::split(head.uri.path()) {
        Some((token, path)) => (Some(token), path),
        None => (bearer(&head.headers), head.uri.path()),
    };
    let mut access = access::KEYED.to_owned();
    let answer = answer(&app, token, path, &head.headers, &mut access).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if let Ok(access) = HeaderValue::from_str(&access) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(wire::WEIR_ACCESS), access);
    }
    response
}

async fn answer(
    app: &App,
    token: Option<&str>,
    path: &str,
    asked: &HeaderMap,
    access: &mut String,
) -> Result<Response<Body>, OriginError> {
    let path = MediaPath::parse(path)
        .ok_or_else(|| OriginError::NotFound("no media has such a path".into()))?;
    let shown = app.catalogue.shown(&path.asset).await?;
    if let Some(shown) = &shown {
        access.clone_from(&shown.access);
    }
    admit(app, token, &path, access).await?;
    let shown = shown.ok_or_else(|| OriginError::NotFound(format!("no asset {}", path.asset)))?;
    let object = match &path.file {
        File::Manifest(manifest) => manifest_object(app, &path.asset, shown, *manifest).await?,
        File::Playlist { version, track } => {
            let presentation = app.catalogue.presentation(version);
            let owned = shown.version == *version;
            let presentation = if owned {
                Some(presentation.await?)
            } else {
                None
            };
            let rendered = presentation.and_then(|presentation| {
                let track = presentation
                    .tracks
                    .iter()
                    .find(|t| t.name == track.as_str())?;
                let text = media::hls::media_playlist(track, &presentation);
                Some((text, presentation.sealed))
            });
            let (text, sealed) = rendered.ok_or_else(|| missing(&path))?;
            text_object(
                text,
                Manifest::Hls,
                sealed,
                tags(&path.asset, version.as_str()),
            )
        }
        File::Init { version, track } => {
            let blob = app.catalogue.init(&path.asset, version, track).await?;
            let name = format!("{version}.{track}.init");
            blob_object(
                blob.ok_or_else(|| missing(&path))?,
                &name,
                &path.asset,
                version.as_str(),
            )
        }
        File::Segment {
            version,
            track,
            number,
        } => {
            let blob = app
                .catalogue
                .segment(&path.asset, version, track, *number)
                .await?;
            let name = format!("{version}.{track}.{number}");
            blob_object(
                blob.ok_or_else(|| missing(&path))?,
                &name,
                &path.asset,
                version.as_str(),
            )
        }
    };
    object::send(&app.store, object, asked).await
}

/// An edge of ours, a key that opens the path, or an asset open to all.
async fn admit(
    app: &App,
    token: Option<&str>,
    path: &MediaPath,
    access: &str,
) -> Result<(), OriginError> {
    match token {
        Some(token) if app.keyring.is_join(token) => Ok(()),
        Some(token) => {
            let key = app.verify(token).await?;
            if key.opens(&path.text) {
                return Ok(());
            }
            Err(OriginError::Forbidden("this key does not open this".into()))
        }
        None if access == access::PUBLIC => Ok(()),
        None => Err(unauthorized(
            kind::KEY_MISSING,
            "watching this needs a key: /k/<key>/v/…",
        )),
    }
}

async fn manifest_object(
    app: &App,
    asset: &AssetId,
    shown: Shown,
    manifest: Manifest,
) -> Result<Object, OriginError> {
    match (shown.state, manifest) {
        (AssetState::Failed, _) => {
            return Err(OriginError::PackagingFailed(
                shown
                    .failure
                    .unwrap_or_else(|| "it could not be packaged".into()),
            ));
        }
        (AssetState::Packaging, _) => return Err(not_yet_playable(app, asset).await?),
        (AssetState::Playable, Manifest::Dash) => {
            return Err(OriginError::NotYetWhole(
                "DASH comes when every track is whole; HLS plays now".into(),
            ));
        }
        _ => {}
    }
    let presentation = app.catalogue.presentation(&shown.version).await?;
    let version = shown.version.as_str();
    let text = match manifest {
        Manifest::Hls => media::hls::multivariant(&presentation, version),
        Manifest::Dash => media::dash::mpd(&presentation, version),
    };
    Ok(text_object(
        text,
        manifest,
        presentation.sealed,
        tags(asset, version),
    ))
}

async fn not_yet_playable(app: &App, asset: &AssetId) -> Result<OriginError, OriginError> {
    let status = app.catalogue.asset(asset).await?;
    let detail = match status.progress {
        Some(progress) => {
            let stage = serde_json::to_string(&progress.stage).unwrap_or_default();
            format!("{} {:.0} %", stage.trim_matches('"'), progress.percent)
        }
        None => "waiting for a worker".to_owned(),
    };
    Ok(OriginError::NotYetPlayable(detail))
}

fn text_object(text: String, manifest: Manifest, sealed: bool, tags: String) -> Object {
    Object {
        etag: content_etag(text.as_bytes()),
        content_type: match manifest {
            Manifest::Hls => "application/vnd.apple.mpegurl",
            Manifest::Dash => "application/dash+xml",
        },
        cache_control: if sealed { SEALED } else { GROWING },
        tags: Some(tags),
        content: Content::Memory(text.into()),
    }
}

fn blob_object(blob: StoredBlob, name: &str, asset: &AssetId, version: &str) -> Object {
    Object {
        etag: format!("\"{name}\""),
        content_type: if blob.is_video {
            "video/mp4"
        } else {
            "audio/mp4"
        },
        cache_control: FOREVER,
        tags: Some(tags(asset, version)),
        content: Content::Blob {
            key: blob.key,
            len_bytes: blob.len_bytes,
        },
    }
}

fn tags(asset: &AssetId, version: &str) -> String {
    format!("{asset} {asset}/{version}")
}

fn missing(path: &MediaPath) -> OriginError {
    OriginError::NotFound(format!("nothing is at {}", path.text))
}

/// A strong validator of these bytes.
pub(super) fn content_etag(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(bytes);
    let mut etag = String::from("\"");
    for byte in &digest[..12] {
        write!(etag, "{byte:02x}").expect("a string takes every write");
    }
    etag.push('"');
    etag
}
