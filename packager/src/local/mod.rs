//! Packaging without a server: the tasks of one source, done here, into a folder.

pub(crate) mod board;
pub(crate) mod partial;
mod paths;
pub(crate) mod shelf;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::try_join_all;
use media::Encryption;
use tokio::time::sleep;
use wire::{Analysis, Codec, Completion, PackageSettings, Pass, Plan, Task, TaskKind};

use crate::{
    Config, PackagerError,
    attempt::Attempt,
    input::Input,
    local::{
        board::Board,
        shelf::{Shelf, WORK},
    },
    outlet::Outlet,
    protect::{Protection, Protector},
    remux::{lacks_index, remux},
    tool,
    worker::{call::causes, progress::Shared, sources::Source},
};

pub use paths::check_paths;

/// Where a copy for HLS alone is.
const HLS_COPY: &str = "aes";

/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// How to package one file.
#[derive(Debug, Clone)]
pub struct Packaging {
    /// What to make.
    pub settings: PackageSettings,
    /// How many spans are encoded at once, at least 1.
    pub workers: usize,
    /// How it is encrypted, if it is.
    pub protection: Option<Protection>,
    /// How a copy for HLS alone is encrypted, in the folder `aes`, if there is one.
    pub hls_copy: Option<Protection>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Far {
    /// Of all work, 0 to 1.
    pub fraction: f64,
    /// Seconds of media per second, once known.
    pub speed: Option<f64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Packaged {
    /// Duration of the longest track, seconds.
    pub duration_secs: f64,
    /// Names of the tracks.
    pub tracks: Vec<String>,
    /// What viewers should know.
    pub warnings: Vec<String>,
    /// The rates that were chosen by what the source is, where that was asked for.
    pub analysis: Option<Analysis>,
}

/// Packages `file` into the folder `out`, which must be new or empty. `tell` hears how
/// far it is. On an error, or when it is dropped, nothing stays.
///
/// # Errors
/// What a worker reports of a source, or the folder's.
pub async fn package(
    config: &Config,
    (file, out): (&Path, &Path),
    packaging: &Packaging,
    tell: impl Fn(Far),
) -> Result<Packaged, PackagerError> {
    let (toolchain, codecs) = match packaging.settings.ladder.is_empty() {
        // Nothing depends on it.
        true => (String::new(), Vec::new()),
        false => {
            let tools = tool::check(config).await?;
            tools.must_encode()?;
            (tools.toolchain(), tools.codecs())
        }
    };
    let input = Input::open(file)?;
    let shelf = Shelf::open(out)?;
    let unkept = shelf.unless_kept();
    let copy = match &packaging.hls_copy {
        Some(protection) => Some((Shelf::open(&out.join(HLS_COPY))?, protection)),
        None => None,
    };
    // Dropped before that of the folder that it is in.
    let unkept_copy = copy.as_ref().map(|(copy, _)| copy.unless_kept());
    let indexed = indexed(config, file, out).await?;
    let file = indexed.as_ref().map_or(file, |indexed| &indexed.file);
    let work = Work(out.join(WORK));
    let bench = Bench {
        config,
        work: &work.0,
        toolchain,
        codecs,
        file,
        input,
        outlet: match &copy {
            None => outlet(&shelf, packaging.protection.as_ref()),
            Some((copy, protection)) => Outlet::Both(
                Box::new(outlet(&shelf, packaging.protection.as_ref())),
                Box::new(outlet(copy, Some(protection))),
            ),
        },
        settings: &packaging.settings,
        encryption: packaging.protection.as_ref().map(Protection::encryption),
        copy: copy
            .as_ref()
            .map(|(copy, protection)| (copy, protection.encryption())),
    };
    let done = bench.all(&shelf, packaging.workers.max(1), tell).await?;
    if let Some(unkept) = unkept_copy {
        unkept.keep();
    }
    unkept.keep();
    Ok(done)
}

/// What takes the tracks of the shelf.
fn outlet(shelf: &Shelf, protection: Option<&Protection>) -> Outlet {
    let folder = Outlet::Folder(shelf.clone());
    match protection {
        None => folder,
        Some(Protection { method, keys, .. }) => {
            Outlet::Encrypted(Protector::new(*method, keys.clone()), Box::new(folder))
        }
    }
}

/// A copy of the source that can be split, in a folder of its own that goes with it.
struct Indexed {
    folder: PathBuf,
    file: PathBuf,
}

impl Drop for Indexed {
    fn drop(&mut self) {
        // What cannot be removed stays where the user sees it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A folder for what tasks leave to each other, which goes with it.
struct Work(PathBuf);

impl Drop for Work {
    fn drop(&mut self) {
        // Most never need it; what cannot be removed stays where the user sees it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Makes one below `out`, where the source's container has no index.
async fn indexed(
    config: &Config,
    file: &Path,
    out: &Path,
) -> Result<Option<Indexed>, PackagerError> {
    if !lacks_index(file) {
        return Ok(None);
    }
    let folder = out.join(".source");
    let fault = |source| PackagerError::Output {
        path: folder.clone(),
        source,
    };
    std::fs::create_dir(&folder).map_err(fault)?;
    let indexed = Indexed {
        file: folder.join("indexed"),
        folder,
    };
    let done = remux(config, file, &indexed.file).await?;
    Ok(done.then_some(indexed))
}

/// What all tasks work with.
struct Bench<'a> {
    config: &'a Config,
    toolchain: String,
    codecs: Vec<Codec>,
    file: &'a Path,
    work: &'a Path,
    input: Input,
    outlet: Outlet,
    settings: &'a PackageSettings,
    encryption: Option<Encryption>,
    /// A second shelf, and how it is encrypted.
    copy: Option<(&'a Shelf, Encryption)>,
}

impl Bench<'_> {
    async fn all(
        &self,
        shelf: &Shelf,
        workers: usize,
        tell: impl Fn(Far),
    ) -> Result<Packaged, PackagerError> {
        let lane = Lane::default();
        self.one(&Task::plan(), (None, &[]), &lane.progress).await?;
        let mut plan = shelf
            .plan()
            .ok_or_else(|| PackagerError::Encoder("no plan was made".into()))?;
        self.analyse(&mut plan, &lane.progress).await?;
        let board = Board::new(&plan)?;
        // One more, so that sound and pictures go on at the same time.
        let lanes: Vec<Lane> = (0..=workers).map(|_| Lane::default()).collect();
        let work = lanes
            .iter()
            .enumerate()
            .map(|(n, lane)| self.lane((n == 0, lane), &plan, &board, shelf));
        let watch = async {
            loop {
                tell(far(&board, &lanes));
                sleep(TELL_EVERY).await;
            }
        };
        tokio::select! {
            done = try_join_all(work) => done?,
            () = watch => unreachable!("it never ends"),
        };
        tell(Far {
            fraction: 1.0,
            speed: None,
        });
        let (warnings, dropped) = board.ended(&plan);
        shelf.drop_tracks(&dropped);
        let duration_secs = shelf
            .seal(self.settings.segment_secs, self.encryption.clone())
            .await?;
        if let Some((copy, encryption)) = &self.copy {
            copy.drop_tracks(&dropped);
            copy.seal(self.settings.segment_secs, Some(encryption.clone()))
                .await?;
        }
        let left = plan.tracks.iter().filter(|t| !dropped.contains(&t.track));
        Ok(Packaged {
            duration_secs,
            tracks: left.map(|t| t.track.to_string()).collect(),
            warnings: plan.warnings.iter().cloned().chain(warnings).collect(),
            analysis: plan.analysis,
        })
    }

    /// Chooses rates, where that is planned, before anything is encoded with them.
    async fn analyse(&self, plan: &mut Plan, progress: &Shared) -> Result<(), PackagerError> {
        let is_analysis = |task: &Task| task.kind == TaskKind::Analysis;
        let Some(at) = plan.tasks.iter().position(is_analysis) else {
            return Ok(());
        };
        let task = plan.tasks.remove(at);
        match self.one(&task, (Some(plan), &[]), progress).await {
            Ok(done) => {
                plan.warnings.extend(done.warnings);
                plan.analysis = done.analysis;
                Ok(())
            }
            Err(error) if task.optional => {
                tracing::warn!(error = causes(&error), "left out");
                let what = task.kind.as_str();
                plan.warnings
                    .push(format!("{what} left out: {}", causes(&error)));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Does tasks until there is none; `side` prefers those beside the pictures.
    async fn lane(
        &self,
        (side, lane): (bool, &Lane),
        plan: &Plan,
        board: &Board,
        shelf: &Shelf,
    ) -> Result<(), PackagerError> {
        while let Some((task, weight)) = board.next(side).await {
            lane.start(&task, weight);
            let known = (Some(plan), shelf.passes());
            let done = self.one(&task, (known.0, &known.1), &lane.progress).await;
            match done {
                Ok(done) => {
                    board.seen(&task, &done.warnings);
                    board.done(weight, done.warnings);
                }
                Err(error) if task.optional => {
                    tracing::warn!(error = causes(&error), "left out");
                    board.dropped(weight, &task, &error);
                }
                Err(error) => return Err(error),
            }
            lane.end();
        }
        Ok(())
    }

    async fn one(
        &self,
        task: &Task,
        (plan, passes): (Option<&Plan>, &[Pass]),
        progress: &Shared,
    ) -> Result<Completion, PackagerError> {
        let attempt = Attempt {
            config: self.config,
            toolchain: &self.toolchain,
            codecs: &self.codecs,
            source: Source::File {
                path: self.file,
                work: self.work,
            },
            input: self.input.clone(),
            outlet: &self.outlet,
            settings: self.settings,
            task,
            plan,
            stored: &[],
            addition: None,
            passes,
            progress,
        };
        Box::pin(attempt.run()).await
    }
}

/// What one lane does now.
struct Lane {
    progress: Shared,
    /// Weight of its task.
    now: Mutex<Option<f64>>,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            progress: Shared::new(),
            now: Mutex::new(None),
        }
    }
}

impl Lane {
    fn start(&self, task: &Task, weight: f64) {
        tracing::debug!(kind = task.kind.as_str(), span = task.span, "starts");
        self.progress.set(wire::Stage::Encode, 0.0, None);
        self.set(Some(weight));
    }

    fn end(&self) {
        self.set(None);
    }

    fn set(&self, now: Option<f64>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// How much of its task's weight is done, and how fast it is.
    fn far(&self) -> (f64, Option<f64>) {
        let now = *self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = self.progress.get();
        now.map_or((0.0, None), |weight| {
            (weight * f64::from(progress.percent) / 100.0, progress.speed)
        })
    }
}

fn far(board: &Board, lanes: &[Lane]) -> Far {
    let (mut running, mut speed) = (0.0, None);
    for (more, pace) in lanes.iter().map(Lane::far) {
        running += more;
        speed = pace.or(speed);
    }
    Far {
        fraction: board.fraction(running),
        speed,
    }
}
