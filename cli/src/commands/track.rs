//! Tracks that are taken away: `weir text remove` and `weir audio remove`.

use http::Method;
use wire::{TrackId, TracksRemoved};

use super::secret;
use crate::{args::RemoveArgs, client::NOTHING};

/// Publishes an asset without a track.
pub(super) async fn remove(args: RemoveArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let path = format!("/api/assets/{}/tracks/{}", args.asset, args.track);
    let removed: TracksRemoved = client.json(Method::DELETE, &path, NOTHING).await?;
    let names: Vec<&str> = removed.tracks.iter().map(TrackId::as_str).collect();
    println!(
        "{} is without {} in version {}; players get it at their next load",
        args.asset,
        names.join(", "),
        removed.version
    );
    Ok(())
}
