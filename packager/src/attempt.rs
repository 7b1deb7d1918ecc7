//! One attempt at a job: download, probe, plan, encode, complete.

use wire::{Completion, Lease, Plan, PlannedKind, Stage};

use crate::{
    Config, PackagerError,
    api::Job,
    cuts::Cuts,
    download,
    encode::Encode,
    plan,
    probe::{self, Source},
    progress::Shared,
    workspace::Folder,
};

/// What an attempt works with.
pub(crate) struct Attempt<'a> {
    pub(crate) config: &'a Config,
    pub(crate) job: &'a Job,
    pub(crate) lease: &'a Lease,
    pub(crate) folder: &'a Folder,
    pub(crate) progress: &'a Shared,
}

impl Attempt<'_> {
    /// Does all of it. Safe to drop at any await: ffmpeg is killed, and what the origin
    /// stored stays for the next attempt.
    pub(crate) async fn run(&self) -> Result<(), PackagerError> {
        let Self {
            config,
            job,
            lease,
            progress,
            ..
        } = *self;
        let file = self.folder.source();
        progress.set(Stage::Download, 0.0, None);
        download::source(config, job, lease.source_len_bytes, &file, progress).await?;
        progress.set(Stage::Probe, 0.0, None);
        let source = probe::probe(config, &file).await?;
        tracing::info!(?source, "probed");
        let plan = self.plan(&source)?;
        job.put_plan(&plan).await?;
        let encode = Encode {
            config,
            job,
            file: &file,
            source: &source,
            plan: &plan,
            stored: &lease.stored,
            cuts: Cuts::new(lease.settings.segment_secs),
            progress,
        };
        let warnings = encode.run().await?;
        progress.set(Stage::Publish, 0.0, None);
        job.complete(&Completion { warnings }).await
    }

    /// An earlier attempt's plan is kept: its segments are published.
    fn plan(&self, source: &Source) -> Result<Plan, PackagerError> {
        let Some(plan) = &self.lease.plan else {
            return Ok(plan::plan(source, &self.lease.settings));
        };
        let fits = plan.tracks.iter().all(|track| match track.kind {
            PlannedKind::Video { .. } => source.video.is_some(),
            PlannedKind::Audio { .. } => source.audio.is_some(),
        });
        if fits && !plan.tracks.is_empty() {
            return Ok(plan.clone());
        }
        Err(PackagerError::Encoder(
            "the earlier attempt's plan is of another source".to_owned(),
        ))
    }
}
