//! `weir ingest`.

use std::time::Duration;

use http::Method;
use wire::{
    AssetId, AssetState, AssetStatus, ErrandState, FetchRequest, FetchStatus, MintRequest,
    MintedKey, WebUrl,
};

use super::{progress::Progress, secret, upload};
use crate::{
    args::IngestArgs,
    client::{Client, NOTHING},
    exit::{self, Exit, error},
    tus,
};

/// How often is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Has a worker fetch what a URL names; the asset is made once all of it came.
pub(super) async fn run(args: IngestArgs) -> anyhow::Result<()> {
    let url: WebUrl = args
        .url
        .parse()
        .map_err(|fault| error(Exit::Config, format!("{fault}")))?;
    let client = secret::operator(&args.operator)?;
    let ask = FetchRequest {
        url,
        title: args.title,
    };
    let fetch: FetchStatus = client.json(Method::POST, "/api/assets", Some(&ask)).await?;
    println!("fetch  {}", fetch.fetch);
    if !args.wait {
        println!("       {}/api/fetches/{}", client.base(), fetch.fetch);
        return Ok(());
    }
    let asset = fetched(&client, &fetch).await?;
    let ask = MintRequest::play(asset.clone());
    let key: MintedKey = client.json(Method::POST, "/api/keys", Some(&ask)).await?;
    let base = args.edge.as_deref().unwrap_or(client.base());
    upload::tell(base, &asset, &key.token);
    packaged(&client, &asset).await
}

/// Waits until all of it came; gives the asset that it became.
async fn fetched(client: &Client, fetch: &FetchStatus) -> anyhow::Result<AssetId> {
    let path = format!("/api/fetches/{}", fetch.fetch);
    let template = "fetch   [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {msg}";
    let mut progress = Progress::new(template, 0)?;
    let mut ticks = tokio::time::interval(ASK_EVERY);
    loop {
        ticks.tick().await;
        // An origin that restarts is asked again: the fetch goes on without us.
        let Some(status) = asked::<FetchStatus>(client, &path).await? else {
            continue;
        };
        let reason = status.reason.clone();
        let remark = match status.state {
            ErrandState::Queued => reason.as_ref().map(|it| format!("({it}; trying again)")),
            _ => None,
        };
        let all = status.length_bytes.unwrap_or(status.received_bytes);
        progress.show(
            "fetch",
            status.received_bytes,
            all,
            remark.unwrap_or_default(),
        );
        match (status.state, status.asset) {
            (ErrandState::Done, Some(asset)) => return Ok(asset),
            (ErrandState::Queued | ErrandState::Leased, _) => {}
            // An origin with a bucket copies it there first.
            (ErrandState::Done, None) if status.length_bytes.is_some() => {}
            (state, _) => {
                let why = match state {
                    ErrandState::Cancelled => "it was taken back".to_owned(),
                    _ => reason.unwrap_or_else(|| "its asset was deleted".to_owned()),
                };
                drop(progress);
                return Err(error(Exit::Refused, format!("it was not fetched: {why}")));
            }
        }
    }
}

/// Waits until the asset is ready.
async fn packaged(client: &Client, asset: &AssetId) -> anyhow::Result<()> {
    let path = format!("/api/assets/{asset}");
    let mut progress = upload::packaging()?;
    let mut ticks = tokio::time::interval(ASK_EVERY);
    loop {
        ticks.tick().await;
        let Some(status) = asked::<AssetStatus>(client, &path).await? else {
            continue;
        };
        upload::show(&mut progress, &status);
        match status.state {
            AssetState::Packaging | AssetState::Playable => {}
            AssetState::Ready => {
                drop(progress);
                for warning in &status.warnings {
                    println!("warning: {warning}");
                }
                return Ok(());
            }
            AssetState::Failed => {
                drop(progress);
                let reason = status.failure.as_deref();
                return Err(tus::failed(reason.unwrap_or("no reason is known")));
            }
        }
    }
}

/// An answer; `None` where none came, or the origin is not well: it is asked again.
async fn asked<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
) -> anyhow::Result<Option<T>> {
    match client.json(Method::GET, path, NOTHING).await {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if exit::of(&fault) == Exit::Refused => Err(fault),
        Err(_) => Ok(None),
    }
}
