//! `weir upload`.

use std::{path::Path, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use wire::{AssetState, AssetStatus, UploadId};

use crate::{
    args::UploadArgs,
    client::Client,
    tus::{self, Upload},
};

/// How often a job's progress is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(args: UploadArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.origin, args.key)?;
    let upload = send(&client, &args.file, args.patience).await?;
    let status = tus::status(&client, &upload).await?;
    let (Some(asset), Some(key)) = (&status.asset, &status.key) else {
        anyhow::bail!("the origin has the whole file and made no asset of it");
    };
    let base = args
        .edge
        .as_deref()
        .unwrap_or(client.base())
        .trim_end_matches('/');
    println!("asset  {}", asset.asset);
    println!("watch  {base}/watch/{}#k={}", asset.asset, key.token);
    println!(
        "hls    {base}/k/{}/v/{}/master.m3u8",
        key.token, asset.asset
    );
    if args.wait {
        follow(&client, &upload).await?;
    }
    Ok(())
}

/// Sends a file with a bar.
pub(super) async fn send(
    client: &Client,
    file: &Path,
    patience: Duration,
) -> anyhow::Result<UploadId> {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "upload  [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}",
    )?);
    let upload = Upload {
        client,
        file,
        patience,
        state: tus::state_file(file, client.base()),
    };
    let sent = upload.run(|there, all| {
        bar.set_length(all);
        bar.set_position(there);
    });
    let sent = sent.await;
    bar.finish_and_clear();
    sent
}

/// Follows the packaging with a bar, until it is ready.
async fn follow(client: &Client, upload: &UploadId) -> anyhow::Result<()> {
    let bar = packaging_bar()?;
    let mut ticks = tokio::time::interval(ASK_EVERY);
    loop {
        ticks.tick().await;
        // An origin that restarts is asked again: the job goes on without us.
        let Ok(status) = tus::status(client, upload).await else {
            continue;
        };
        let Some(asset) = &status.asset else { continue };
        show(&bar, asset);
        match asset.state {
            AssetState::Packaging | AssetState::Playable => {}
            AssetState::Ready => {
                bar.finish_and_clear();
                for warning in &asset.warnings {
                    println!("warning: {warning}");
                }
                return Ok(());
            }
            AssetState::Failed => {
                bar.finish_and_clear();
                return Err(tus::failed(
                    asset.failure.as_deref().unwrap_or("no reason is known"),
                ));
            }
        }
    }
}

/// A bar for a job.
pub(super) fn packaging_bar() -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{prefix:9} [{bar:30}] {pos:>3} % {msg}")?;
    Ok(ProgressBar::new(100).with_style(style))
}

/// Shows how far a job is.
pub(super) fn show(bar: &ProgressBar, asset: &AssetStatus) {
    if let Some(progress) = &asset.progress {
        bar.set_prefix(format!("{:?}", progress.stage).to_lowercase());
        bar.set_position(progress.percent.clamp(0.0, 100.0) as u64);
        bar.set_message(
            progress
                .speed
                .map_or(String::new(), |s| format!("at {s:.2}×")),
        );
    }
}
