//! One attempt at a task, whoever lent it.

mod pictures;
mod planning;
mod two_pass;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use wire::{
    AddedSound, Codec, Completion, PackageSettings, Pass, Plan, PlannedTrack, Stage, StoredTrack,
    Task, TaskKind, TrackId,
};

use crate::{
    Config, PackagerError, analysis, copy,
    encode::{Encode, Ended, Output, audio::Borders, command, segment::Cutter},
    images,
    input::Input,
    outlet::Outlet,
    plan::recipe::Recipe,
    text,
    worker::{progress::Shared, reach::Need, sources::Source},
};

/// A source that ends earlier than it declares by more than this is damaged.
pub(crate) const SHORTFALL_SECS: f64 = 1.0;

/// A decoder met faults.
pub(crate) const DAMAGED: &str = "parts of the source are damaged";

/// Nothing came of the pictures.
const NO_PICTURE: &str = "no picture of the video could be decoded";

pub(crate) use two_pass::Rate;

/// What an attempt works with.
pub(crate) struct Attempt<'a> {
    pub(crate) config: &'a Config,
    pub(crate) toolchain: &'a str,
    /// What the toolchain encodes.
    pub(crate) codecs: &'a [Codec],
    /// The source as a file.
    pub(crate) source: Source<'a>,
    /// The source where it is.
    pub(crate) input: Input,
    pub(crate) outlet: &'a Outlet,
    pub(crate) settings: &'a PackageSettings,
    pub(crate) task: &'a Task,
    pub(crate) plan: Option<&'a Plan>,
    pub(crate) stored: &'a [StoredTrack],
    /// The source is sound for a version that is sealed.
    pub(crate) addition: Option<&'a AddedSound>,
    pub(crate) passes: &'a [Pass],
    pub(crate) progress: &'a Shared,
}

impl Attempt<'_> {
    /// Does all of it. Safe to drop at any await: ffmpeg is killed, and what is stored
    /// stays for the next attempt.
    pub(crate) async fn run(&self) -> Result<Completion, PackagerError> {
        let plan = match (self.task.kind, self.plan) {
            // Kept by an earlier attempt, whose completion was not heard.
            (TaskKind::Plan, Some(_)) => return Ok(Completion::default()),
            (TaskKind::Plan, None) => return self.make_plan().await,
            (_, Some(plan)) => plan,
            (_, None) => return Err(PackagerError::Encoder("the task has no plan".into())),
        };
        let recipe = Recipe::of(plan)?;
        let warnings = match self.task.kind {
            TaskKind::Lead | TaskKind::Rest | TaskKind::Hevc | TaskKind::Av1 => {
                self.pictures(plan, &recipe).await?
            }
            TaskKind::FirstPass => self.first_pass(plan, &recipe).await?,
            TaskKind::Audio => self.sound(plan, &recipe).await?,
            TaskKind::Text => self.text(plan, &recipe).await?,
            TaskKind::Copy => self.copy(&recipe).await?,
            TaskKind::Images => self.images(&recipe).await?,
            TaskKind::Analysis => return self.analysis(plan, &recipe).await,
            TaskKind::Plan => Vec::new(),
        };
        self.progress.set(Stage::Publish, 1.0, None);
        Ok(Completion {
            warnings,
            analysis: None,
        })
    }

    /// Publishes the source's own streams.
    async fn copy(&self, recipe: &Recipe) -> Result<Vec<String>, PackagerError> {
        let copy = recipe
            .copy
            .as_ref()
            .ok_or_else(|| PackagerError::Encoder("the plan has no copy".into()))?;
        copy::run(copy, &self.input, self.outlet, self.progress, self.stored).await
    }

    /// Looks which rates the renditions need that are encoded after this.
    async fn analysis(&self, plan: &Plan, recipe: &Recipe) -> Result<Completion, PackagerError> {
        let rest = plan.tasks.iter().find(|task| task.kind == TaskKind::Rest);
        let ids = rest.map_or(&[][..], |rest| &rest.tracks);
        let tracks = plan.tracks.iter().filter(|t| ids.contains(&t.track));
        let tracks: Vec<&PlannedTrack> = tracks.collect();
        let task = analysis::Task::of(recipe, &tracks)
            .ok_or_else(|| PackagerError::Encoder("the plan has no samples".into()))?;
        Box::pin(task.run(self.config, &self.source, self.progress)).await
    }

    /// Encodes one audio track.
    async fn sound(&self, plan: &Plan, recipe: &Recipe) -> Result<Vec<String>, PackagerError> {
        let tracks = self.tracks(plan)?;
        let sound = tracks
            .first()
            .and_then(|track| recipe.sounds.iter().find(|s| s.track == track.track))
            .ok_or_else(|| PackagerError::Encoder("the plan has no such sound".into()))?;
        let file = self.part(recipe, &Need::Sound(sound)).await?;
        let borders = match &recipe.grid {
            None => Borders::Cells(recipe.cuts()),
            Some(grid) => Borders::Grid {
                grid: Arc::new(grid.clone()),
                then_us: (recipe.segment_secs * 1e6) as u64,
            },
        };
        let args = command::sound(&file, sound);
        let output = self.output(&sound.track, Cutter::audio(borders, sound.format), 0, false);
        let ended = self
            .encode(&file, plan.duration_secs)
            .run(args, vec![output])
            .await?;
        if ended.ends.iter().flatten().all(|end| *end <= 0.0) {
            return Err(PackagerError::Source(format!(
                "no sound could be decoded ({})",
                ended.complaints.last_words()
            )));
        }
        // Where the pictures are all there, the sound may well be the shorter one.
        let pictures_lack = recipe.pictures_lacking(plan.duration_secs).is_some();
        let told = !plan.warnings.is_empty();
        let decides = recipe.picture.is_none() || (pictures_lack && !told);
        Ok(warnings(&ended, decides.then_some(plan.duration_secs)))
    }

    /// Makes one text track.
    async fn text(&self, plan: &Plan, recipe: &Recipe) -> Result<Vec<String>, PackagerError> {
        let words = self
            .task
            .tracks
            .first()
            .and_then(|track| recipe.texts.iter().find(|words| words.track == *track))
            .ok_or_else(|| PackagerError::Encoder("the plan has no such text".into()))?;
        let file = self.source.file(self.config, self.progress).await?;
        let (starts_us, end_us) = recipe.borders_us(plan.duration_secs);
        let task = text::Task {
            config: self.config,
            file: &file,
            text: &words.text,
            track: &words.track,
            zero_secs: recipe.source.zero_secs,
            starts_us: &starts_us,
            end_us,
            outlet: self.outlet,
        };
        self.progress.set(Stage::Encode, 0.0, None);
        text::run(&task).await
    }

    /// Makes the poster, the storyboard and the chapters.
    async fn images(&self, recipe: &Recipe) -> Result<Vec<String>, PackagerError> {
        let file = self.source.file(self.config, self.progress).await?;
        let task = images::Task {
            config: self.config,
            file: &file,
            source: &recipe.source,
            keys_apart_secs: recipe.picture.as_ref().and_then(|p| p.keys_apart_secs),
            outlet: self.outlet,
        };
        self.progress.set(Stage::Encode, 0.0, None);
        images::run(&task).await.map(|made| made.warnings)
    }

    /// A file that has what is needed of the source.
    async fn part(&self, recipe: &Recipe, need: &Need<'_>) -> Result<PathBuf, PackagerError> {
        let told = (self.config, self.progress);
        self.source.part(told, recipe, need).await
    }

    fn encode<'e>(&'e self, file: &'e Path, duration_secs: f64) -> Encode<'e> {
        Encode {
            config: self.config,
            file,
            outlet: self.outlet,
            progress: self.progress,
            duration_secs,
            before_secs: 0.0,
            logs: None,
        }
    }

    /// `first`: number of the first segment that comes.
    fn output(&self, track: &TrackId, cutter: Cutter, first: u32, aligned: bool) -> Output {
        let stored = self.stored.iter().find(|stored| stored.track == *track);
        Output {
            track: track.clone(),
            cutter,
            stored: first + stored.map_or(0, |stored| stored.segments),
            aligned,
        }
    }

    /// The plan's tracks that the task writes.
    fn tracks<'p>(&self, plan: &'p Plan) -> Result<Vec<&'p PlannedTrack>, PackagerError> {
        let of = |id: &TrackId| plan.tracks.iter().find(|track| track.track == *id);
        let tracks: Option<Vec<_>> = self.task.tracks.iter().map(of).collect();
        tracks
            .filter(|tracks| !tracks.is_empty())
            .ok_or_else(|| PackagerError::Encoder("the task's tracks are not in the plan".into()))
    }
}

/// What viewers should know of a run; `declared_secs` where it should have come to that.
fn warnings(ended: &Ended, declared_secs: Option<f64>) -> Vec<String> {
    let end_secs = ended.ends.iter().flatten().copied().fold(0.0, f64::max);
    match declared_secs {
        Some(declared) if end_secs + SHORTFALL_SECS < declared => {
            vec![cut_short(end_secs, declared)]
        }
        _ if ended.complaints.errors > 0 => vec![DAMAGED.to_owned()],
        _ => Vec::new(),
    }
}

/// Words for a source that ends before it should.
pub(crate) fn cut_short(end_secs: f64, declared_secs: f64) -> String {
    format!(
        "the source is cut short or damaged: \
         {end_secs:.1} s of {declared_secs:.1} s could be read"
    )
}
