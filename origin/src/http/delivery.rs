//! `/v/`: manifests, init segments, segments, files, to edges and to holders of keys.

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
use wire::{AssetId, access, kind};

use super::{
    events::Told,
    licence, manifest, multipart,
    object::{self, Content, Object},
};
use crate::{
    OriginError,
    app::{App, Shared},
    auth::{bearer, unauthorized},
    catalogue::{BlobKind, Shown, StoredBlob},
    clock::now_secs,
    media_path::{File, MediaPath},
};

/// Segments never change.
const FOREVER: &str = "public, max-age=31536000, immutable";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v/{*path}", any(serve))
        .route("/k/{*path}", any(serve))
}

async fn serve(State(app): State<Shared>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    if let Some((token, path)) = keys::split(head.uri.path())
        && path.starts_with(multipart::PLACE)
    {
        return multipart::serve(&app, Some(token), path, (&head, body)).await;
    }
    if head.method == Method::POST && head.uri.path().ends_with(licence::PATH_END) {
        // It names the keys that are wanted; all that it could name are in the answer.
        if let Err(error) = super::bytes_body(body, licence::REQUEST_MAX).await {
            return error.into_response();
        }
    } else if !matches!(head.method, Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD, OPTIONS")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
    }
    let (token, path) = match keys::split(head.uri.path()) {
        Some((token, path)) => (Some(token), path),
        None => (bearer(&head.headers), head.uri.path()),
    };
    let mut access = access::KEYED.to_owned();
    let mut key = None;
    let ask = Ask {
        token,
        path,
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
    };
    let answer = answer(&app, &ask, &mut access, &mut key).await;
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

/// A request, taken apart.
struct Ask<'a> {
    token: Option<&'a str>,
    /// Without a key.
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
}

async fn answer(
    app: &Shared,
    ask: &Ask<'_>,
    access: &mut String,
    key: &mut Option<Verified>,
) -> Result<Response<Body>, OriginError> {
    let path = MediaPath::parse(ask.path)
        .ok_or_else(|| OriginError::NotFound("no media has such a path".into()))?;
    let shown = app.catalogue.shown(&path.asset).await?;
    if let Some(shown) = &shown {
        access.clone_from(&shown.access);
    }
    *key = admit(app, ask.token, &path, access).await?;
    let shown = shown.ok_or_else(|| OriginError::NotFound(format!("no asset {}", path.asset)))?;
    let object = match &path.file {
        File::Events => return super::events::answer(app, &path.asset, Told::ToViewers).await,
        File::Licence => return licence::answer(app, &path.asset).await,
        File::Key(id) => return licence::key(app, &path.asset, *id).await,
        File::Info => info_object(app, &path.asset, &shown).await?,
        File::Manifest(_) | File::Playlist { .. } | File::IFrames { .. } => {
            manifest::object(app, &path, shown, ask.query).await?
        }
        _ => stored_object(app, &path).await?,
    };
    object::send(&app.store, object, ask.headers).await
}

/// Bytes as a worker stored them: they never change.
async fn stored_object(app: &App, path: &MediaPath) -> Result<Object, OriginError> {
    let asset = &path.asset;
    let catalogue = &app.catalogue;
    let (version, name, content_type, blob) = match &path.file {
        File::Init { version, track } => {
            let blob = catalogue.init(asset, version, track).await?;
            let blob = blob.ok_or_else(|| missing(path))?;
            let name = format!("{version}.{track}.init");
            (version, name, media_type(blob.kind), blob.into())
        }
        File::Segment {
            version,
            track,
            number,
            is_text,
        } => {
            let blob = catalogue.segment(asset, version, track, *number).await?;
            let named_so = |blob: &StoredBlob| (blob.kind == BlobKind::Text) == *is_text;
            let blob = blob.filter(named_so).ok_or_else(|| missing(path))?;
            let name = format!("{version}.{track}.{number}");
            (version, name, media_type(blob.kind), blob.into())
        }
        File::Beside { version, name } => {
            let blob = catalogue.file(asset, version, name.as_str()).await?;
            let blob = blob.ok_or_else(|| missing(path))?;
            let etag = format!("{version}.{}", name.as_str());
            (version, etag, name.content_type(), blob)
        }
        _ => return Err(missing(path)),
    };
    let (key, len_bytes) = blob;
    Ok(Object {
        etag: format!("\"{name}\""),
        content_type,
        cache_control: Cow::Borrowed(FOREVER),
        tags: Some(tags(asset, version.as_str())),
        content: Content::Blob { key, len_bytes },
    })
}

fn media_type(kind: BlobKind) -> &'static str {
    match kind {
        BlobKind::Video => "video/mp4",
        BlobKind::Audio => "audio/mp4",
        BlobKind::Text => "text/vtt; charset=utf-8",
    }
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
            let key = app.verify(token, Some(&path.asset)).await?;
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

/// What the watch page shows above the picture; asked again and again, it does where
/// events can't.
async fn info_object(app: &App, asset: &AssetId, shown: &Shown) -> Result<Object, OriginError> {
    let (title, progress) = app.catalogue.watched(asset).await?;
    let progress = Told::ToViewers.of(progress);
    let mut info = serde_json::to_value(progress).expect("the wire's types are always JSON");
    info["title"] = title.into();
    let text = info.to_string();
    Ok(Object {
        etag: content_etag(text.as_bytes()),
        content_type: "application/json",
        cache_control: growing(2.0),
        tags: Some(tags(asset, shown.version.as_str())),
        content: Content::Memory(text.into()),
    })
}

/// Half a segment, and never stale: a player that reloads must see what is new.
pub(super) fn growing(segment_secs: f64) -> Cow<'static, str> {
    let half = (segment_secs / 2.0).floor().max(1.0);
    Cow::Owned(format!("public, max-age={half}, must-revalidate"))
}

pub(super) fn tags(asset: &AssetId, version: &str) -> String {
    format!("{asset} {asset}/{version}")
}

pub(super) fn missing(path: &MediaPath) -> OriginError {
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
