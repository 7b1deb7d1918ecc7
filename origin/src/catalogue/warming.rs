//! Versions that edges fetch the beginning of once they are published: the saga's last
//! step, which never takes anything back.

use wire::{AssetId, AssetState, SagaState, SagaStep, TrackId, VersionId};

use super::{Catalogue, OriginError, Topic, Tx, id, saga, signed, unsigned};
use crate::clock::now_ms;

/// How long an edge may be away and still hear of a version, milliseconds: 1 h. Chosen:
/// later its viewers have fetched it themselves.
const KEPT_MS: i64 = 3_600_000;

/// A version to be fetched.
#[derive(Debug)]
pub(crate) struct Warming {
    pub(crate) number: u64,
    pub(crate) asset: AssetId,
    pub(crate) version: VersionId,
    /// Unix time, milliseconds.
    pub(crate) since_ms: i64,
}

/// What of a track is fetched.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) track: TrackId,
    pub(crate) is_text: bool,
    /// How many segments.
    pub(crate) segments: u64,
}

type Columns = (i64, String, String, i64);

impl TryFrom<Columns> for Warming {
    type Error = OriginError;

    fn try_from((number, asset, version, since_ms): Columns) -> Result<Self, OriginError> {
        Ok(Self {
            number: unsigned(number)?,
            asset: id(&asset)?,
            version: id(&version)?,
            since_ms,
        })
    }
}

impl Catalogue {
    /// Tells edges of a version that was just published, where they are to be told.
    pub(super) async fn warm(&self, tx: &mut Tx, version: &str) -> Result<(), OriginError> {
        if !self.rules.warm {
            return Ok(());
        }
        sqlx::query("INSERT INTO warming (version, since, done) VALUES ($1, $2, 0)")
            .bind(version)
            .bind(now_ms())
            .execute(&mut **tx)
            .await?;
        saga::record(tx, version, SagaStep::Warm, SagaState::Started, None).await
    }

    /// The oldest version behind an offset.
    pub(crate) async fn warming_after(&self, after: u64) -> Result<Option<Warming>, OriginError> {
        let row: Option<Columns> = sqlx::query_as(
            "SELECT w.number, v.asset, v.id, w.since FROM warming w \
             JOIN versions v ON v.id = w.version \
             WHERE w.number > $1 AND v.state = $2 ORDER BY w.number LIMIT 1",
        )
        .bind(signed(after)?)
        .bind(AssetState::Ready.as_str())
        .fetch_optional(&self.db.read)
        .await?;
        row.map(Warming::try_from).transpose()
    }

    /// The newest offset that any version ever had, gone ones included.
    pub(crate) async fn warming_newest(&self) -> Result<u64, OriginError> {
        let (newest,): (i64,) = sqlx::query_as(self.db.engine.newest_warming())
            .fetch_one(&self.db.read)
            .await?;
        unsigned(newest)
    }

    /// The first segments of each track of a version, as far as there is no hole, at most so
    /// many.
    pub(crate) async fn beginnings(
        &self,
        version: &VersionId,
        segments_max: u32,
    ) -> Result<Vec<Beginning>, OriginError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT track, json_extract(planned, '$.kind.kind'), contiguous \
             FROM tracks WHERE version = $1 AND dropped = 0 ORDER BY position",
        )
        .bind(version.as_str())
        .fetch_all(&self.db.read)
        .await?;
        let all = rows.into_iter().map(|(track, kind, contiguous)| {
            Ok(Beginning {
                track: id(&track)?,
                is_text: kind == "text",
                segments: unsigned(contiguous)?.min(u64::from(segments_max)),
            })
        });
        all.collect()
    }

    /// Those whose step has not ended.
    pub(crate) async fn warming_open(&self) -> Result<Vec<Warming>, OriginError> {
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT w.number, v.asset, v.id, w.since FROM warming w \
             JOIN versions v ON v.id = w.version WHERE w.done = 0 ORDER BY w.number",
        )
        .fetch_all(&self.db.read)
        .await?;
        rows.into_iter().map(Warming::try_from).collect()
    }

    /// Ends the step, and says what came of it.
    pub(crate) async fn end_warming(
        &self,
        warming: &Warming,
        detail: &str,
    ) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        let ended = sqlx::query("UPDATE warming SET done = 1 WHERE number = $1 AND done = 0")
            .bind(signed(warming.number)?)
            .execute(&mut *tx)
            .await?;
        if ended.rows_affected() > 0 {
            let (version, done) = (warming.version.as_str(), SagaState::Done);
            saga::record(&mut tx, version, SagaStep::Warm, done, Some(detail)).await?;
        }
        tx.commit().await?;
        self.news.tell(Topic::Changed);
        Ok(())
    }

    /// Drops what is too old to be told, but for the newest: its offset counts.
    pub(crate) async fn forget_warmed(&self) -> Result<(), OriginError> {
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "DELETE FROM warming WHERE done = 1 AND since < $1 \
             AND number < (SELECT max(number) FROM warming)",
        )
        .bind(now_ms() - KEPT_MS)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}
