//! The loop: lease a task, do it while heartbeats hold it, tell how it ended.

pub(crate) mod api;
pub(crate) mod call;
pub(crate) mod content_keys;
pub(crate) mod download;
pub(crate) mod key_server;
pub(crate) mod layout;
mod origins;
pub(crate) mod progress;
pub(crate) mod ranges;
pub(crate) mod reach;
pub(crate) mod sources;
pub(crate) mod workspace;

use std::{process, time::Duration};

use futures_util::future::{try_join, try_join_all};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wire::{Codec, Completion, Failure, Lease, TaskKind};

use crate::{
    Config, PackagerError,
    attempt::Attempt,
    errand::Errands,
    input::Input,
    tool,
    worker::{
        api::{Api, Ask, Bearer, Job},
        call::{Backoff, causes},
        progress::Shared,
        sources::{Source, Sources},
        workspace::Workspace,
    },
};

/// Longest time to tell the origin that an attempt failed; if it does not hear it, the
/// lease runs out.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a worker does at the same time: looking at a new source does not wait for the
/// end of an encode, nor the sound for the picture, without both of which nobody can
/// start to watch.
const SIDE_LANES: [&[TaskKind]; 2] = [
    &[TaskKind::Plan, TaskKind::Copy],
    &[TaskKind::Audio, TaskKind::Text, TaskKind::Images],
];
/// As many of these as spans are encoded at once.
const PICTURE_LANE: &[TaskKind] = &[
    TaskKind::Lead,
    TaskKind::Analysis,
    TaskKind::FirstPass,
    TaskKind::Rest,
    TaskKind::Hevc,
    TaskKind::Av1,
];

/// Does one task after the other in each of a few lanes until `shutdown`; tasks under
/// way are given back.
///
/// # Errors
/// Only what no waiting changes: a wrong origin URL, a refused join token, no ffmpeg,
/// no work folder. Tasks that fail are reported to the origin.
pub async fn run(
    config: Config,
    join: String,
    shutdown: CancellationToken,
) -> Result<(), PackagerError> {
    describe_metrics();
    let api = Api::new(&config)?;
    let join = Bearer::new(&join)?;
    let sources = Sources::new(Workspace::open(&config.work_dir)?);
    let (toolchain, codecs) = toolchain(&config).await?;
    let name = worker_name();
    tracing::info!(
        worker = name,
        origin = api.origin(),
        toolchain,
        "waiting for work"
    );
    let errands = Errands::open(&config, (&api, &name), &shutdown)?;
    let worker = Worker {
        name,
        toolchain,
        codecs,
        config,
        api,
        sources,
        shutdown,
    };
    // The first that cannot go on ends all.
    let pictures = std::iter::repeat_n(PICTURE_LANE, worker.config.spans());
    let lanes = SIDE_LANES.into_iter().chain(pictures);
    let lanes: Vec<Vec<TaskKind>> = lanes.map(|kinds| taken(kinds, &worker.config)).collect();
    let lanes = lanes.iter().filter(|kinds| !kinds.is_empty());
    let lanes = try_join_all(lanes.map(|kinds| worker.lane(&join, kinds)));
    try_join(lanes, errands.run(&join)).await?;
    Ok(())
}

/// Of these kinds, those that the worker takes.
fn taken(kinds: &[TaskKind], config: &Config) -> Vec<TaskKind> {
    let named = |kind: &TaskKind| config.kinds.is_empty() || config.kinds.contains(kind);
    // Who encodes the rest can do what that waits for.
    let before_rest = |kind: &TaskKind| matches!(kind, TaskKind::Analysis | TaskKind::FirstPass);
    let takes = |kind: &&TaskKind| named(kind) || before_rest(kind) && named(&TaskKind::Rest);
    kinds.iter().filter(takes).copied().collect()
}

/// What the worker's output depends on, and what it encodes; nothing where it only
/// copies.
async fn toolchain(config: &Config) -> Result<(String, Vec<Codec>), PackagerError> {
    if taken(&TaskKind::ALL, config) == [TaskKind::Copy] {
        return Ok((String::new(), Vec::new()));
    }
    let tools = tool::check(config).await?;
    tools.must_encode()?;
    Ok((tools.toolchain(), tools.codecs()))
}

struct Worker {
    config: Config,
    name: String,
    toolchain: String,
    codecs: Vec<Codec>,
    api: Api,
    sources: Sources,
    shutdown: CancellationToken,
}

impl Worker {
    async fn lane(&self, join: &Bearer, kinds: &[TaskKind]) -> Result<(), PackagerError> {
        loop {
            let lease = tokio::select! {
                lease = self.lease(join, kinds) => lease?,
                () = self.shutdown.cancelled() => return Ok(()),
            };
            let span = tracing::info_span!(
                "job", job = %lease.job, attempt = lease.attempt, task = lease.task.kind.as_str(),
                span = lease.task.span, asset = %lease.asset, version = %lease.version
            );
            self.work(&lease).instrument(span).await;
        }
    }

    /// Asks until there is work. An origin that does not answer is asked again.
    async fn lease(&self, join: &Bearer, kinds: &[TaskKind]) -> Result<Lease, PackagerError> {
        let mut backoff = Backoff::new(Duration::MAX);
        let mut answered = true;
        let ask = Ask {
            worker: &self.name,
            toolchain: &self.toolchain,
            kinds,
            wait: self.config.lease_wait,
        };
        loop {
            match self.api.lease(join, &ask).await {
                Ok(Some(lease)) => return Ok(lease),
                Ok(None) => {
                    backoff = Backoff::new(Duration::MAX);
                    answered = true;
                }
                Err(error @ PackagerError::JoinRefused { .. }) => return Err(error),
                Err(error) => {
                    // Once for each outage.
                    if std::mem::take(&mut answered) {
                        tracing::warn!(%error, "cannot get work, trying on");
                    }
                    backoff.sleep().await;
                }
            }
        }
    }

    /// Does one task to its end, whatever that is.
    async fn work(&self, lease: &Lease) {
        let started = Instant::now();
        let job = match self.api.job(lease) {
            Ok(job) => job,
            Err(error) => return tracing::error!(%error, "the lease's key is not one"),
        };
        let outcome = match self.attempt(&job, lease).await {
            Ok(()) => "done",
            Err(error) => {
                let outcome = error.outcome();
                tracing::warn!(error = causes(&error), outcome, "attempt ended");
                farewell(&job, &error).await;
                outcome
            }
        };
        metrics::gauge!("weir_worker_encode_speed", "role" => "worker").set(0.0);
        metrics::counter!("weir_worker_jobs_total", "role" => "worker", "result" => outcome)
            .increment(1);
        tracing::info!(outcome, secs = started.elapsed().as_secs_f64(), "job ended");
    }

    async fn attempt(&self, job: &Job, lease: &Lease) -> Result<(), PackagerError> {
        let held = self.sources.hold(&lease.version, lease.source_len_bytes)?;
        let outlet = content_keys::outlet(job, lease)?;
        let progress = Shared::new();
        let config = &self.config;
        let attempt = Attempt {
            config,
            toolchain: &self.toolchain,
            codecs: &self.codecs,
            source: Source::Origin { held: &held, job },
            input: Input::Origin {
                job: Box::new(job.clone()),
                len: lease.source_len_bytes,
            },
            outlet: &outlet,
            settings: &lease.settings,
            task: &lease.task,
            plan: lease.plan.as_ref(),
            stored: &lease.stored,
            addition: lease.addition.as_ref(),
            passes: &lease.passes,
            progress: &progress,
        };
        let work = async {
            content_keys::get(job, lease).await?;
            let completion: Completion = attempt.run().await?;
            job.complete(&completion).await
        };
        // Whichever ends first drops the others; that kills ffmpeg.
        tokio::select! {
            done = Box::pin(work) => done,
            lost = hold(config, job, lease, &progress) => Err(lost),
            () = self.shutdown.cancelled() => Err(PackagerError::Stopped),
        }
    }
}

/// Holds the job with heartbeats; returns when it is lost or the work is to stop. While
/// the origin does not answer, the work goes on as long as patience lasts: an attempt
/// whose lease ran out keeps its job unless another took it, and then it is told so.
async fn hold(config: &Config, job: &Job, lease: &Lease, progress: &Shared) -> PackagerError {
    let third = lease.heartbeat_every();
    let every = third
        .min(config.progress_every)
        .max(Duration::from_millis(100));
    let patience = config.patience.max(third * 3);
    let mut heard = Instant::now();
    loop {
        // A new stage is told at once.
        let _ = timeout(every, progress.stage_changed()).await;
        match job.heartbeat(progress.get(), third).await {
            Ok(ack) if ack.cancel => return PackagerError::Cancelled,
            Ok(_) => heard = Instant::now(),
            // The key opens nothing any more: so the lease is over.
            Err(PackagerError::LeaseLost | PackagerError::Refused { .. }) => {
                return PackagerError::LeaseLost;
            }
            Err(error) if heard.elapsed() > patience => return error,
            Err(error) => tracing::debug!(%error, "heartbeat not heard"),
        }
        // Stages can change quickly; this keeps heartbeats apart.
        sleep(Duration::from_millis(50)).await;
    }
}

/// Tells the origin why the attempt ended, unless that is not for this worker to say.
async fn farewell(job: &Job, error: &PackagerError) {
    if matches!(error, PackagerError::LeaseLost | PackagerError::Cancelled) {
        return;
    }
    let failure = Failure {
        reason: causes(error),
        permanent: error.is_permanent(),
        // It says nothing about the source: it costs the job no attempt.
        given_back: matches!(error, PackagerError::Stopped),
    };
    match timeout(FAREWELL, job.fail(&failure)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the origin was not told"),
        Err(_) => tracing::warn!("the origin was not told in time"),
    }
}

fn worker_name() -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!("{host}-{}", process::id())
}

fn describe_metrics() {
    metrics::describe_counter!("weir_worker_jobs_total", "Attempts that ended, by result.");
    metrics::describe_counter!(
        "weir_worker_errands_total",
        "Attempts at errands that ended, by kind and result."
    );
    metrics::describe_counter!(
        "weir_worker_segments_total",
        "Segments stored at the origin."
    );
    metrics::describe_counter!(
        "weir_worker_bytes_total",
        metrics::Unit::Bytes,
        "Bytes of segments stored at the origin."
    );
    metrics::describe_counter!(
        "weir_worker_source_bytes_total",
        metrics::Unit::Bytes,
        "Bytes of sources read."
    );
    metrics::describe_gauge!(
        "weir_worker_encode_speed",
        "Seconds of media encoded per second."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_the_rest_takes_what_it_waits_for() {
        let config = Config {
            kinds: vec![TaskKind::Lead, TaskKind::Rest],
            ..Config::default()
        };
        assert_eq!(
            taken(PICTURE_LANE, &config),
            [
                TaskKind::Lead,
                TaskKind::Analysis,
                TaskKind::FirstPass,
                TaskKind::Rest
            ]
        );
        assert!(taken(SIDE_LANES[0], &config).is_empty());
    }
}
