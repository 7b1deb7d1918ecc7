//! Where a sealed version is cut, which all that is added to it follows.

use media::vtt::Grid;
use sqlx::AnyConnection;
use wire::AssetId;

use super::{Base, Catalogue, OriginError};
use crate::catalogue::unsigned;

/// Where a sealed version is cut, by its first track to see, else to hear.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cut {
    /// When its segments start, microseconds.
    pub(super) starts_us: Vec<u64>,
    /// When the last of them ends.
    pub(super) end_us: u64,
}

impl Cut {
    /// The same for text.
    pub(crate) fn grid(&self) -> Grid {
        Grid::new(&self.starts_us, self.end_us)
    }
}

impl Catalogue {
    /// Where the asset's newest version is cut.
    ///
    /// # Errors
    /// There is none, or it is not sealed.
    pub(crate) async fn cut(&self, asset: &AssetId) -> Result<Cut, OriginError> {
        let mut tx = self.db.snapshot().await?;
        let base = Base::of(&mut tx, asset).await?;
        cut(&mut tx, &base.version).await
    }
}

/// Sound that ends later than the pictures by less than this ends with them, microseconds:
/// no codec's frame is longer. Chosen.
const FRAME_MAX_US: u64 = 100_000;

/// When sound is to end that is added to a version cut so: players that switch from one to
/// another want both equally long.
pub(super) async fn sound_until_us(
    tx: &mut AnyConnection,
    version: &str,
    cut: &Cut,
) -> Result<u64, OriginError> {
    let ends: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT contiguous_end, timescale FROM tracks WHERE version = $1 AND dropped = 0 \
         AND json_extract(planned, '$.kind.kind') = 'audio' AND timescale > 0",
    )
    .bind(version)
    .fetch_all(tx)
    .await?;
    let mut until_us = cut.end_us;
    for (end, timescale) in ends {
        let end_us = us(end, timescale)?;
        if end_us > cut.end_us.saturating_add(FRAME_MAX_US) {
            until_us = until_us.max(end_us);
        }
    }
    Ok(until_us)
}

pub(super) async fn cut(tx: &mut AnyConnection, version: &str) -> Result<Cut, OriginError> {
    let first: Option<(String, i64)> = sqlx::query_as(
        "SELECT track, timescale FROM tracks WHERE version = $1 AND dropped = 0 \
         AND json_extract(planned, '$.kind.kind') <> 'text' AND timescale > 0 \
         ORDER BY json_extract(planned, '$.kind.kind') = 'video' DESC, position LIMIT 1",
    )
    .bind(version)
    .fetch_optional(&mut *tx)
    .await?;
    let (track, timescale) =
        first.ok_or_else(|| OriginError::Damaged(format!("{version} has no track")))?;
    let times: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT start, start + duration FROM segments WHERE version = $1 AND track = $2 \
         ORDER BY number",
    )
    .bind(version)
    .bind(&track)
    .fetch_all(tx)
    .await?;
    let starts: Result<Vec<u64>, _> = times
        .iter()
        .map(|(start, _)| us(*start, timescale))
        .collect();
    Ok(Cut {
        starts_us: starts?,
        end_us: times.last().map_or(Ok(0), |(_, end)| us(*end, timescale))?,
    })
}

/// A time in microseconds, rounded to nearest.
fn us(time: i64, timescale: i64) -> Result<u64, OriginError> {
    let (time, scale) = (unsigned(time)?, unsigned(timescale)?);
    let us = (u128::from(time) * 1_000_000 + u128::from(scale) / 2) / u128::from(scale);
    u64::try_from(us).map_err(|_| OriginError::Damaged(format!("{time} in a track")))
}
