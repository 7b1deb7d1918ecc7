//! `weir audio`.

use std::time::Duration;

use tokio::time::Instant;
use wire::{Addition, AssetState, Priority, UploadId};

use super::{progress::Progress, secret, text::encoded, track, upload};
use crate::{
    args::{AudioAddArgs, AudioCommand},
    client::Client,
    exit::{self, Exit, error},
    tus,
};

/// How often it is asked how far the sound is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// HLS' CHARACTERISTICS of sound that tells what is to be seen.
const DESCRIBES_VIDEO: &str = "public.accessibility.describes-video";

/// Runs one of its commands.
pub(super) async fn run(command: AudioCommand) -> anyhow::Result<()> {
    match command {
        AudioCommand::Add(args) => add(args).await,
        AudioCommand::Remove(args) => track::remove(args).await,
    }
}

/// Adds sound to an asset that is ready; ends when it is published.
async fn add(args: AudioAddArgs) -> anyhow::Result<()> {
    let client = secret::operator(&args.operator)?;
    let place = place(&args);
    let upload = upload::send(
        &client,
        (&args.file, &place, Priority::Normal),
        args.patience,
    )
    .await?;
    let addition = follow(&client, &upload, args.patience).await?;
    for warning in &addition.warnings {
        eprintln!("warning: {warning}");
    }
    match addition.state {
        AssetState::Failed => Err(tus::failed(
            addition.failure.as_deref().unwrap_or("no reason is known"),
        )),
        _ => {
            println!(
                "{} has the sound in version {}; players get it at their next load",
                args.asset, addition.version
            );
            Ok(())
        }
    }
}

/// Where the upload starts.
fn place(args: &AudioAddArgs) -> String {
    let (asset, language) = (&args.asset, encoded(&args.track.language));
    let mut place = format!("/api/assets/{asset}/audio?language={language}");
    if let Some(name) = &args.track.name {
        place += &format!("&name={}", encoded(name));
    }
    if args.track.default {
        place += "&default=true";
    }
    let described = args.describes_video.then(|| DESCRIBES_VIDEO.to_owned());
    let ids: Vec<String> = described
        .into_iter()
        .chain(args.characteristics.iter().cloned())
        .collect();
    if !ids.is_empty() {
        place += &format!("&characteristics={}", encoded(&ids.join(",")));
    }
    place
}

/// Waits, with a bar, until the sound is published or has failed. It is encoded all the
/// same if this process ends before.
async fn follow(
    client: &Client,
    upload: &UploadId,
    patience: Duration,
) -> anyhow::Result<Addition> {
    let mut progress = upload::packaging()?;
    let mut ticks = tokio::time::interval(ASK_EVERY);
    let mut give_up = Instant::now() + patience;
    loop {
        ticks.tick().await;
        let status = match tus::status(client, upload).await {
            Ok(status) => status,
            // An origin that restarts is asked again.
            Err(fault) if exit::of(&fault) == Exit::Unreachable && Instant::now() < give_up => {
                continue;
            }
            Err(fault) => return Err(fault),
        };
        give_up = Instant::now() + patience;
        if status.asset.is_none() {
            // It is on its way to the origin's bucket.
            continue;
        }
        let Some(addition) = status.addition else {
            let words = "the origin does not know any more what came of the sound";
            return Err(error(Exit::Failed, words));
        };
        match addition.state {
            AssetState::Packaging | AssetState::Playable => show(&mut progress, &addition),
            AssetState::Ready | AssetState::Failed => return Ok(addition),
        }
    }
}

fn show(progress: &mut Progress, addition: &Addition) {
    if let Some(stage) = addition.stage {
        let stage = format!("{stage:?}").to_lowercase();
        let percent = addition.percent.clamp(0.0, 100.0) as u64;
        progress.show(&stage, percent, 100, String::new());
    }
}
