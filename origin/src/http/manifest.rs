//! Manifests and playlists, rendered as they are asked for, edited by their query.

use std::borrow::Cow;

use media::{Edit, KeyFormat, ManifestError, Method, Presentation, Storyboard, dash, hls};
use wire::{AssetId, AssetState, VersionId};

use super::{
    delivery::{content_etag, growing, missing, tags},
    made::read_whole,
    object::{Content, Object},
};
use crate::{
    OriginError,
    app::App,
    catalogue::Shown,
    media_path::{File, Manifest, MediaPath},
};

/// A sealed playlist stays as it is; what may change is which version is the newest.
const SEALED: &str = "public, max-age=60, stale-while-revalidate=60";

/// The playlist or manifest at a path. A query that is no edit is a bad request; names
/// that it does not know, such as CMCD, are nobody's business.
pub(super) async fn object(
    app: &App,
    path: &MediaPath,
    shown: Shown,
    query: &str,
) -> Result<Object, OriginError> {
    let edit = Edit::parse(query).map_err(|error| OriginError::BadRequest(error.to_string()))?;
    let version = match &path.file {
        File::Playlist { version, .. } | File::IFrames { version, .. }
            if *version != shown.version =>
        {
            // One before it: players that loaded it go on with it.
            if !app.catalogue.is_sealed(&path.asset, version).await? {
                return Err(missing(path));
            }
            version.clone()
        }
        File::Playlist { .. } | File::IFrames { .. } if shown.state == AssetState::Failed => {
            return Err(missing(path));
        }
        File::Manifest(manifest) => {
            refuse_early(app, &path.asset, &shown, *manifest).await?;
            shown.version
        }
        _ => shown.version,
    };
    let mut presentation = app.catalogue.presentation(&version).await?;
    if let Some(encryption) = &mut presentation.encryption
        && encryption.method == Method::Cbcs
        && edit.key_format != Some(KeyFormat::Identity)
    {
        // hls.js plays by a licence alone, so that is what is said unasked.
        encryption.key_url = None;
    }
    if path.file == File::Manifest(Manifest::Dash) {
        presentation.storyboard = storyboard(app, &path.asset, &version, &presentation).await?;
    }
    let text = render(path, &presentation, version.as_str(), &edit)?;
    Ok(Object {
        etag: content_etag(text.as_bytes()),
        content_type: match path.file {
            File::Manifest(Manifest::Dash) => "application/dash+xml",
            _ => "application/vnd.apple.mpegurl",
        },
        cache_control: match presentation.sealed {
            true => Cow::Borrowed(SEALED),
            false => growing(presentation.segment_secs),
        },
        tags: Some(tags(&path.asset, version.as_str())),
        content: Content::Memory(text.into()),
    })
}

fn render(
    path: &MediaPath,
    presentation: &Presentation,
    version: &str,
    edit: &Edit,
) -> Result<String, OriginError> {
    let track = |name: &wire::TrackId| {
        let mut tracks = presentation.tracks.iter();
        tracks
            .find(|track| track.name == name.as_str())
            .ok_or_else(|| missing(path))
    };
    let text = match &path.file {
        File::Manifest(Manifest::Hls) => hls::multivariant(presentation, version, edit),
        File::Manifest(Manifest::Dash) => dash::mpd(presentation, version, edit),
        File::Playlist { track: name, .. } => hls::media_playlist(track(name)?, presentation, edit),
        File::IFrames { track: name, .. } => hls::iframe_playlist(track(name)?, presentation, edit),
        _ => return Err(missing(path)),
    };
    text.map_err(|error| match error {
        ManifestError::NotYet => OriginError::NotYetPlayable(error.to_string()),
        _ => OriginError::NotFound(error.to_string()),
    })
}

/// What state the version is in decides which manifests there are.
async fn refuse_early(
    app: &App,
    asset: &AssetId,
    shown: &Shown,
    manifest: Manifest,
) -> Result<(), OriginError> {
    match (shown.state, manifest) {
        (AssetState::Failed, _) => Err(OriginError::PackagingFailed(
            shown
                .failure
                .clone()
                .unwrap_or_else(|| "it could not be packaged".into()),
        )),
        (AssetState::Packaging, _) => Err(not_yet_playable(app, asset).await?),
        (AssetState::Playable, Manifest::Dash) => Err(OriginError::NotYetWhole(
            "DASH comes when every track is whole; HLS plays now".into(),
        )),
        _ => Ok(()),
    }
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

/// What the version's storyboard looks like, read from its own file.
async fn storyboard(
    app: &App,
    asset: &AssetId,
    version: &VersionId,
    presentation: &Presentation,
) -> Result<Option<Storyboard>, OriginError> {
    const NAME: &str = "storyboard.vtt";
    if !presentation.files.iter().any(|file| file == NAME) {
        return Ok(None);
    }
    let Some((blob, _)) = app.catalogue.file(asset, version, NAME).await? else {
        return Ok(None);
    };
    let text = read_whole(app, &blob).await?;
    let board = Storyboard::from_vtt(&String::from_utf8_lossy(&text));
    let image_len_bytes = app.catalogue.sheet_len_bytes(version).await?;
    Ok(board.map(|board| Storyboard {
        image_len_bytes,
        ..board
    }))
}
