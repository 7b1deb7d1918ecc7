//! Content keys: one table holds them, and nothing else does.
//!
//! They are there before a version's first segment, and go with its rows. A version that
//! takes another's place has the same, as its blobs are the same.

use bytes::Bytes;
use media::bmff::cbcs::{Key, KeyId, Whole, key_bytes};
use sqlx::AnyConnection;
use wire::{
    AssetId, ContentKey, ContentKeys, Encryption, JobId, PackageSettings, TaskKind, VersionId,
};

use super::{Catalogue, OriginError, Tx, fence, from_json};
use crate::random;

const VIDEO: &str = "video";
const AUDIO: &str = "audio";

impl Catalogue {
    /// Keeps the keys that a key server gave to the worker that plans: the first ones, which
    /// every later attempt works with.
    pub(crate) async fn set_content_keys(
        &self,
        job: &JobId,
        attempt: u32,
        keys: &ContentKeys,
    ) -> Result<(), OriginError> {
        check(keys)?;
        let mut tx = self.db.begin().await?;
        let fenced = fence(&mut tx, job.as_str(), attempt).await?;
        let settings = settings(&mut tx, &fenced.version).await?;
        if fenced.task.kind != TaskKind::Plan || settings.key_server.is_none() {
            let detail = "only the task that plans stores keys, where a key server is named";
            return Err(OriginError::BadRequest(detail.into()));
        }
        if of(&mut tx, &fenced.version).await?.is_none() {
            insert(&mut tx, &fenced.version, keys).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// An init segment as it was before its worker encrypted it, where that encrypts it as a
    /// whole; else as it came.
    pub(crate) async fn clear_init(
        &self,
        version: &VersionId,
        init: Bytes,
    ) -> Result<Bytes, OriginError> {
        let mut tx = self.db.snapshot().await?;
        let settings = settings(&mut tx, version.as_str()).await?;
        let keys = match settings.encryption {
            Encryption::Aes128 => of(&mut tx, version.as_str()).await?,
            Encryption::None | Encryption::Cbcs => None,
        };
        drop(tx);
        let Some(keys) = keys else {
            return Ok(init);
        };
        let clear = |key: &ContentKey| {
            let (id, secret) = (key.id.parse().ok()?, key_bytes(&key.secret).ok()?);
            let clear = Whole::new(&Key::new(id, secret, None)).clear(&init)?;
            media::bmff::init_info(&clear).is_ok().then_some(clear)
        };
        let clear = clear(&keys.video).or_else(|| clear(&keys.audio));
        let detail = "the init segment is not encrypted with a key of this version";
        clear
            .map(Bytes::from)
            .ok_or_else(|| OriginError::BadRequest(detail.into()))
    }

    /// All keys that any version of the asset needs, each once.
    ///
    /// # Errors
    /// It needs none.
    pub(crate) async fn licence(&self, asset: &AssetId) -> Result<Vec<ContentKey>, OriginError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT k.kid, k.secret FROM content_keys k \
             JOIN versions v ON v.id = k.version WHERE v.asset = $1 ORDER BY k.kid",
        )
        .bind(asset.as_str())
        .fetch_all(&self.db.read)
        .await?;
        if rows.is_empty() {
            return Err(OriginError::NotFound(format!(
                "nothing of {asset} is encrypted"
            )));
        }
        Ok(rows.into_iter().map(key).collect())
    }
}

/// Makes the keys of a new version at random, where it is to be encrypted and nobody else
/// is asked for them.
pub(super) async fn make(
    tx: &mut Tx,
    version: &str,
    settings: &PackageSettings,
) -> Result<(), OriginError> {
    match (settings.encryption, &settings.key_server) {
        (Encryption::None, _) | (_, Some(_)) => Ok(()),
        (_, None) => insert(tx, version, &random_keys()).await,
    }
}

/// Gives a version that is made for another's tracks the same keys.
pub(super) async fn share(tx: &mut Tx, from: &str, version: &str) -> Result<(), OriginError> {
    sqlx::query(
        "INSERT INTO content_keys (version, kind, kid, secret) \
         SELECT $2, kind, kid, secret FROM content_keys WHERE version = $1",
    )
    .bind(from)
    .bind(version)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn random_keys() -> ContentKeys {
    let key = || ContentKey {
        id: random::hex::<16>(),
        secret: random::hex::<16>(),
    };
    ContentKeys {
        video: key(),
        audio: key(),
    }
}

async fn insert(tx: &mut Tx, version: &str, keys: &ContentKeys) -> Result<(), OriginError> {
    for (kind, key) in [(VIDEO, &keys.video), (AUDIO, &keys.audio)] {
        sqlx::query(
            "INSERT INTO content_keys (version, kind, kid, secret) VALUES ($1, $2, $3, $4)",
        )
        .bind(version)
        .bind(kind)
        .bind(key.id.to_ascii_lowercase())
        .bind(key.secret.to_ascii_lowercase())
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// The keys of a version, where it has some.
pub(super) async fn of(
    tx: &mut AnyConnection,
    version: &str,
) -> Result<Option<ContentKeys>, OriginError> {
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT kind, kid, secret FROM content_keys WHERE version = $1")
            .bind(version)
            .fetch_all(tx)
            .await?;
    let find = |wanted: &str| {
        let row = rows.iter().find(|(kind, ..)| kind == wanted);
        row.map(|(_, kid, secret)| key((kid.clone(), secret.clone())))
    };
    Ok(match (find(VIDEO), find(AUDIO)) {
        (Some(video), Some(audio)) => Some(ContentKeys { video, audio }),
        _ => None,
    })
}

/// Nobody starts to encrypt without keys.
pub(super) async fn must_be_there(tx: &mut Tx, version: &str) -> Result<(), OriginError> {
    let wanted = settings(tx, version).await?.encryption != Encryption::None;
    if wanted && of(tx, version).await?.is_none() {
        let detail = "the version has no content keys yet: they come before its plan ends";
        return Err(OriginError::BadRequest(detail.into()));
    }
    Ok(())
}

/// What manifests say of a version's encryption: which keys, and where they are given.
pub(super) async fn encryption(
    tx: &mut AnyConnection,
    version: &str,
    wanted: Encryption,
) -> Result<Option<media::Encryption>, OriginError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT kind, kid FROM content_keys WHERE version = $1")
            .bind(version)
            .fetch_all(tx)
            .await?;
    let id = |wanted: &str| -> Result<Option<KeyId>, OriginError> {
        let row = rows.iter().find(|(kind, _)| kind == wanted);
        row.map(|(_, kid)| {
            kid.parse()
                .map_err(|error| OriginError::Damaged(format!("a key's id: {error}")))
        })
        .transpose()
    };
    let (Some(video), Some(audio)) = (id(VIDEO)?, id(AUDIO)?) else {
        return Ok(None);
    };
    Ok(Some(media::Encryption {
        method: match wanted {
            Encryption::Aes128 => media::Method::Aes128,
            Encryption::None | Encryption::Cbcs => media::Method::Cbcs,
        },
        video,
        audio,
        license_url: Some("license".to_owned()),
        key_url: Some("{kid}.key".to_owned()),
        up: "../../".to_owned(),
    }))
}

/// The version's keys are needed no more.
pub(super) async fn forget(tx: &mut Tx, version: &str) -> Result<(), OriginError> {
    sqlx::query("DELETE FROM content_keys WHERE version = $1")
        .bind(version)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn settings(tx: &mut AnyConnection, version: &str) -> Result<PackageSettings, OriginError> {
    let (settings,): (String,) = sqlx::query_as("SELECT settings FROM versions WHERE id = $1")
        .bind(version)
        .fetch_one(tx)
        .await?;
    from_json(&settings, "settings")
}

fn key((id, secret): (String, String)) -> ContentKey {
    ContentKey { id, secret }
}

/// Says what is wrong, and repeats nothing of it.
fn check(keys: &ContentKeys) -> Result<(), OriginError> {
    for (kind, key) in [(VIDEO, &keys.video), (AUDIO, &keys.audio)] {
        let wrong = |what| {
            move |error| OriginError::BadRequest(format!("the {what} for {kind} is wrong: {error}"))
        };
        key_bytes(&key.id).map_err(wrong("key id"))?;
        key_bytes(&key.secret).map_err(wrong("key"))?;
    }
    let same_id = keys.video.id.eq_ignore_ascii_case(&keys.audio.id);
    if same_id && !keys.video.secret.eq_ignore_ascii_case(&keys.audio.secret) {
        let detail = "two keys have one id";
        return Err(OriginError::BadRequest(detail.into()));
    }
    Ok(())
}
