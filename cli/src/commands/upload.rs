//! `weir upload`.

use std::{path::Path, time::Duration};

use wire::{AssetId, AssetState, AssetStatus, Priority, UploadId};

use super::progress::Progress;
use crate::{
    args::UploadArgs,
    client::Client,
    tus::{self, Upload},
};

/// How often a job's progress is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(args: UploadArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.origin, args.key)?;
    let upload = send(
        &client,
        (&args.file, tus::UPLOADS, args.priority),
        args.patience,
    )
    .await?;
    let (asset, key) = asset_of(&client, &upload, args.patience).await?;
    let base = args.edge.as_deref().unwrap_or(client.base());
    tell(base, &asset.asset, &key.token);
    if args.wait {
        follow(&client, &upload).await?;
    }
    Ok(())
}

/// Where an asset is watched.
pub(super) fn tell(base: &str, asset: &AssetId, key: &str) {
    let base = base.trim_end_matches('/');
    println!("asset  {asset}");
    println!("watch  {base}/watch/{asset}#k={key}");
    println!("hls    {base}/k/{key}/v/{asset}/master.m3u8");
}

/// What a whole upload became, and a key that plays it. An origin with a bucket copies the file
/// there first, which takes as long as it takes.
async fn asset_of(
    client: &Client,
    upload: &UploadId,
    patience: Duration,
) -> anyhow::Result<(AssetStatus, wire::MintedKey)> {
    let mut is_told = false;
    loop {
        let status = tus::persisting_status(client, upload, patience).await?;
        if let (Some(asset), Some(key)) = (status.asset, status.key) {
            return Ok((asset, key));
        }
        if !is_told {
            eprintln!("the origin has the whole file, and copies it to its bucket");
            is_told = true;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Sends a file to where it starts, with a bar.
pub(super) async fn send(
    client: &Client,
    (file, place, priority): (&Path, &str, Priority),
    patience: Duration,
) -> anyhow::Result<UploadId> {
    let template = "upload  [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}";
    let mut progress = Progress::new(template, 0)?;
    let upload = Upload {
        client,
        file,
        place,
        priority,
        patience,
        state: tus::state_file(file, (client.base(), place)),
    };
    let told = |there, all| progress.show("upload", there, all, String::new());
    upload.run(told).await
}

/// Follows the packaging with a bar, until it is ready.
async fn follow(client: &Client, upload: &UploadId) -> anyhow::Result<()> {
    let mut progress = packaging()?;
    let mut ticks = tokio::time::interval(ASK_EVERY);
    loop {
        ticks.tick().await;
        // An origin that restarts is asked again: the job goes on without us.
        let Ok(status) = tus::status(client, upload).await else {
            continue;
        };
        let Some(asset) = &status.asset else { continue };
        show(&mut progress, asset);
        match asset.state {
            AssetState::Packaging | AssetState::Playable => {}
            AssetState::Ready => {
                drop(progress);
                for warning in &asset.warnings {
                    println!("warning: {warning}");
                }
                return Ok(());
            }
            AssetState::Failed => {
                drop(progress);
                return Err(tus::failed(
                    asset.failure.as_deref().unwrap_or("no reason is known"),
                ));
            }
        }
    }
}

/// Progress of a job.
pub(super) fn packaging() -> anyhow::Result<Progress> {
    Progress::new("{prefix:9} [{bar:30}] {pos:>3} % {msg}", 100)
}

/// Shows how far a job is.
pub(super) fn show(progress: &mut Progress, asset: &AssetStatus) {
    if let Some(job) = &asset.progress {
        let stage = format!("{:?}", job.stage).to_lowercase();
        let speed = job.speed.map_or(String::new(), |s| format!("at {s:.2}×"));
        progress.show(&stage, job.percent.clamp(0.0, 100.0) as u64, 100, speed);
    }
}
