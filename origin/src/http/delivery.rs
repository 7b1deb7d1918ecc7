//! `/v/`: manifests, init segments, segments, to edges and to holders of keys.

use std::borrow::Cow;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
    response::IntoResponse,
    routing::any,
};
use keys::Verified;
use sha2::{Digest, Sha256};
use wire::{AssetId, AssetState, access, kind};

use super::object::{self, Content, Object};
use crate::{
    OriginError,
    app::{App, Shared},
    auth::{bearer, unauthorized},
    catalogue::{Shown, StoredBlob},
    clock::now_secs,
    media_path::{File, Manifest, MediaPath},
};

/// Segments never change.
const FOREVER: &str = "public, max-age=31536000, immutable";
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
    let mut key = None;
    let answer = answer(&app, token, path, &head.headers, &mut access, &mut key).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if let Some(key) = key {
        keep_private(response.headers_mut(), key.seconds_left(now_secs()));
    }
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
    key: &mut Option<Verified>,
) -> Result<Response<Body>, OriginError> {
    let path = MediaPath::parse(path)
        .ok_or_else(|| OriginError::NotFound("no media has such a path".into()))?;
    let shown = app.catalogue.shown(&path.asset).await?;
    if let Some(shown) = &shown {
        access.clone_from(&shown.access);
    }
    *key = admit(app, token, &path, access).await?;
    let shown = shown.ok_or_else(|| OriginError::NotFound(format!("no asset {}", path.asset)))?;
    let object = match &path.file {
        File::Info => info_object(app, &path.asset, &shown).await?,
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
                Some((text, kept(&presentation)))
            });
            let (text, kept) = rendered.ok_or_else(|| missing(&path))?;
            let tags = tags(&path.asset, version.as_str());
            text_object(text, Manifest::Hls, kept, tags)
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

/// An edge of ours, a key that opens the path (it is given back), or an asset open to all.
async fn admit(
    app: &App,
    token: Option<&str>,
    path: &MediaPath,
    access: &str,
) -> Result<Option<Verified>, OriginError> {
    match token {
        Some(token) if app.keyring.is_join(token) => Ok(None),
        Some(token) => {
            let key = app.verify(token).await?;
            if key.opens(&path.text) {
                return Ok(Some(key));
            }
            Err(OriginError::Forbidden("this key does not open this".into()))
        }
        None if access == access::PUBLIC => Ok(None),
        None => Err(unauthorized(
            kind::KEY_MISSING,
            "watching this needs a key: /k/<key>/v/…",
        )),
    }
}

/// What was opened by a key outlives the key in no cache, and in none that others share.
fn keep_private(headers: &mut HeaderMap, left_secs: u64) {
    headers.remove("surrogate-key");
    let age = headers
        .get(header::CACHE_CONTROL)
        .and_then(|value| value.to_str().ok());
    let age = age.and_then(|value| {
        value
            .split("max-age=")
            .nth(1)?
            .split(',')
            .next()?
            .parse()
            .ok()
    });
    let Some(age) = age else { return };
    let age_max = left_secs.min(age);
    let value = HeaderValue::from_str(&format!("private, max-age={age_max}"));
    headers.insert(
        header::CACHE_CONTROL,
        value.expect("a number is good in a header"),
    );
}

/// What the watch page shows above the picture.
async fn info_object(app: &App, asset: &AssetId, shown: &Shown) -> Result<Object, OriginError> {
    let status = app.catalogue.asset(asset).await?;
    let text = serde_json::json!({
        "title": status.title,
        "state": status.state,
        "duration_secs": status.duration_secs,
    });
    let text = text.to_string();
    Ok(Object {
        etag: content_etag(text.as_bytes()),
        content_type: "application/json",
        cache_control: growing(2.0),
        tags: Some(tags(asset, shown.version.as_str())),
        content: Content::Memory(text.into()),
    })
}

/// Half a segment, and never stale: a player that reloads must see what is new.
fn growing(segment_secs: f64) -> Cow<'static, str> {
    let half = (segment_secs / 2.0).floor().max(1.0);
    Cow::Owned(format!("public, max-age={half}, must-revalidate"))
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
        kept(&presentation),
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

/// How long a playlist may be kept.
fn kept(presentation: &media::Presentation) -> Cow<'static, str> {
    match presentation.sealed {
        true => Cow::Borrowed(SEALED),
        false => growing(presentation.segment_secs),
    }
}

fn text_object(
    text: String,
    manifest: Manifest,
    cache_control: Cow<'static, str>,
    tags: String,
) -> Object {
    Object {
        etag: content_etag(text.as_bytes()),
        content_type: match manifest {
            Manifest::Hls => "application/vnd.apple.mpegurl",
            Manifest::Dash => "application/dash+xml",
        },
        cache_control,
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
        cache_control: Cow::Borrowed(FOREVER),
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
