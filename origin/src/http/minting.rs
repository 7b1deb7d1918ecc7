//! Keys made for operators: each opens what was asked for, and no more.

use std::time::Duration;

use ::keys::{Audience, Claims, MINTED_LEN_MAX, Parts, Scope};
use axum::{
    body::Body,
    extract::{Request, State},
    http::Response,
};
use wire::{AssetId, MintRequest, Opens, TrackId, VersionId};

use super::{json, json_body, keys::check_name};
use crate::{
    OriginError,
    app::{App, KEY_TTL_MAX_SECS, Shared},
    clock::now_secs,
};

/// Most audiences of a key, most tracks, and most uploads. Chosen: a key is short.
const AUDIENCES_MAX: usize = 8;
const TRACKS_MAX: usize = 16;
const USES_MAX: u32 = 10_000;

pub(super) async fn mint(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response<Body>, OriginError> {
    app.require_admin(request.headers())?;
    let ask: MintRequest = json_body(request.into_body()).await?;
    check(&ask)?;
    if let Opens::Play {
        asset,
        version,
        tracks,
    } = &ask.opens
    {
        check_parts(&app, (asset, version.as_ref()), tracks).await?;
    }
    let ttl = ask.ttl_secs.map_or(app.config.key_ttl, Duration::from_secs);
    // Its time counts from when it begins.
    let begins = ask.not_before.unwrap_or_default();
    let wait = Duration::from_secs(begins.saturating_sub(now_secs()));
    let key = app.mint(ttl.saturating_add(wait), |issued, expires, jti| Claims {
        nbf: ask.not_before,
        sub: ask.subject.clone(),
        aud: audience(&ask.audience),
        ..claims(&app, &ask.opens, (issued, expires), jti)
    });
    let len = key.token.len();
    if len > MINTED_LEN_MAX {
        return Err(OriginError::BadRequest(format!(
            "the key would have {len} bytes, and {MINTED_LEN_MAX} is the most: name fewer \
             tracks or audiences, or a shorter subject"
        )));
    }
    app.catalogue.record_issue(&issued(&key.jti, &ask)).await?;
    tracing::info!(jti = key.jti, expires_at = key.expires_at, "key minted");
    Ok(json(&key))
}

/// A key's name, and what it opens, for the audit trail.
fn issued(jti: &str, ask: &MintRequest) -> String {
    let opens = match &ask.opens {
        Opens::Play { asset, .. } => format!("plays asset {asset}"),
        Opens::Upload { uses: Some(n), .. } => format!("begins {n} upload(s)"),
        Opens::Upload { uses: None, .. } => "uploads".to_owned(),
    };
    let subject = ask.subject.as_ref();
    let whose = subject.map_or_else(String::new, |name| format!(", subject {name}"));
    format!("key {jti} {opens}{whose}")
}

fn claims(app: &App, opens: &Opens, (issued, expires): (u64, u64), jti: String) -> Claims {
    match opens {
        Opens::Play {
            asset,
            version,
            tracks,
        } => {
            let tracks: Vec<&str> = tracks.iter().map(TrackId::as_str).collect();
            let parts = Parts {
                asset: asset.as_str(),
                version: version.as_ref().map(VersionId::as_str),
                tracks: &tracks,
            };
            ::keys::play_parts(&parts, issued, expires, jti)
        }
        Opens::Upload {
            max_bytes,
            media_type,
            uses,
        } => {
            let most = app.config.upload_max.as_u64();
            let len_bytes_max = max_bytes.unwrap_or(most).min(most);
            Claims {
                weir: Scope::Upload {
                    len_bytes_max,
                    media_type: media_type.clone(),
                    uses: *uses,
                },
                ..::keys::upload(len_bytes_max, issued, expires, jti)
            }
        }
    }
}

fn audience(names: &[String]) -> Option<Audience> {
    match names {
        [] => None,
        [name] => Some(Audience::One(name.clone())),
        names => Some(Audience::Many(names.to_vec())),
    }
}

/// What can be said without a look at anything.
fn check(ask: &MintRequest) -> Result<(), OriginError> {
    let bad = |detail: String| Err(OriginError::BadRequest(detail));
    if let Some(subject) = &ask.subject {
        check_name(subject, "subject")?;
    }
    for name in &ask.audience {
        check_name(name, "audience")?;
    }
    let latest = now_secs() + KEY_TTL_MAX_SECS;
    if ask.not_before.is_some_and(|begins| begins >= latest) {
        return bad("not_before is more than 30 days ahead, the longest life of a key".into());
    }
    if ask.ttl_secs == Some(0) {
        return bad("ttl_secs must be at least 1".into());
    }
    if ask.audience.len() > AUDIENCES_MAX {
        return bad(format!("a key is for {AUDIENCES_MAX} audiences at most"));
    }
    match &ask.opens {
        Opens::Play { tracks, .. } if tracks.len() > TRACKS_MAX => {
            bad(format!("a key names {TRACKS_MAX} tracks at most"))
        }
        Opens::Upload { uses: Some(n), .. } if !(1..=USES_MAX).contains(n) => {
            bad(format!("uses must be 1 to {USES_MAX}"))
        }
        Opens::Upload {
            max_bytes: Some(0), ..
        } => bad("max_bytes must be at least 1".into()),
        Opens::Upload {
            media_type: Some(text),
            ..
        } if !is_media_type(text) => bad(format!(
            "{text:?} is no media type: write it as video/mp4, or video/* for all videos"
        )),
        _ => Ok(()),
    }
}

/// `type/subtype` of RFC 9110 §8.3.1, in lower case and without parameters.
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-._".contains(&b);
        (1..=64).contains(&part.len()) && part.bytes().all(fits)
    };
    text.split_once('/')
        .is_some_and(|(main, sub)| is_token(main) && (sub == "*" || is_token(sub)))
}

/// A slip of the pen would be a key that opens nothing.
async fn check_parts(
    app: &App,
    (asset, version): (&AssetId, Option<&VersionId>),
    tracks: &[TrackId],
) -> Result<(), OriginError> {
    app.catalogue.asset(asset).await?;
    if let Some(version) = version
        && !app.catalogue.has_version(asset, version).await?
    {
        let detail = format!("asset {asset} has no version {version}");
        return Err(OriginError::NotFound(detail));
    }
    for track in tracks {
        if !app.catalogue.has_track(asset, version, track).await? {
            let detail = format!("asset {asset} has no track {track} (yet)");
            return Err(OriginError::NotFound(detail));
        }
    }
    Ok(())
}
