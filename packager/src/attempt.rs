//! One attempt at a task, whoever lent it.

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
    Config, PackagerError, analysis,
    copy::{self, Copyable, Verdict},
    encode::{
        Encode, Ended, Output,
        audio::Borders,
        command::{self, Coder, Passes},
        segment::Cutter,
    },
    images,
    input::Input,
    outlet::Outlet,
    plan::{
        self, Facts, Tools,
        grid::{Grid, Span},
        recipe::{Picture, Recipe},
    },
    probe,
    probe::timeline::{Timeline, average},
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

    async fn make_plan(&self) -> Result<Completion, PackagerError> {
        self.progress.set(Stage::Download, 0.0, None);
        if let Some(added) = self.addition {
            return self.plan_sound(added).await;
        }
        let copy = copy::look(&self.input, self.settings).await?;
        let looked = match &copy {
            Verdict::Copy(found) if !found.is_torn() => self.look_at_outline(found).await?,
            _ => None,
        };
        let (source, line) = match looked {
            Some(looked) => looked,
            None => self.look_at_all().await?,
        };
        tracing::info!(?source, "probed");
        // A file's tables of times may be longer than its headers say; one picture, too.
        let frame = source.video.as_ref().map(|video| video.timing.frame_secs());
        for secs in line.iter().map(Timeline::played_secs).chain(frame) {
            probe::check_duration(self.config, secs)?;
        }
        let tools = self.tools();
        let facts = Facts {
            source: &source,
            line: line.as_ref(),
            copy,
        };
        let plan = plan::plan(facts, self.settings, &tools)?;
        self.outlet.put_plan(&plan).await?;
        Ok(Completion::default())
    }

    /// Plans sound for a version that is sealed.
    async fn plan_sound(&self, added: &AddedSound) -> Result<Completion, PackagerError> {
        let file = self.source.file(self.config, self.progress).await?;
        self.progress.set(Stage::Probe, 0.0, None);
        let source = probe::probe(self.config, &file).await?;
        tracing::info!(?source, "probed");
        let lasts_secs = match source.audio.first() {
            Some(audio) => probe::measure(self.config, &file, audio.index).await?,
            None => 0.0,
        };
        let heard = plan::Heard {
            source: &source,
            lasts_secs,
            has_times: !self.source.is_remuxed(&file),
        };
        let plan = plan::addition(&heard, added, self.settings, &self.tools())?;
        self.outlet.put_plan(&plan).await?;
        Ok(Completion::default())
    }

    fn tools(&self) -> Tools<'_> {
        Tools {
            config: self.config,
            toolchain: self.toolchain,
            codecs: self.codecs,
        }
    }

    /// What a source is whose streams can be copied, without reading all of it. `None`
    /// where that does not suffice.
    async fn look_at_outline(
        &self,
        found: &Copyable,
    ) -> Result<Option<(probe::Source, Option<Timeline>)>, PackagerError> {
        let file = self
            .source
            .outline((self.config, self.progress), &found.outline)
            .await?;
        self.progress.set(Stage::Probe, 0.0, None);
        match probe::probe_copyable(self.config, &file).await {
            Ok(source) => Ok(Some((source, Some(found.line.clone())))),
            Err(PackagerError::Source(reason)) => {
                tracing::debug!(reason, "the outline says too little");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What a source is, from all of it.
    async fn look_at_all(&self) -> Result<(probe::Source, Option<Timeline>), PackagerError> {
        let config = self.config;
        let file = self.source.file(config, self.progress).await?;
        self.progress.set(Stage::Probe, 0.0, None);
        let mut source = probe::probe(config, &file).await?;
        let splits = plan::splits(&source);
        let Some(video) = source.video.as_mut() else {
            return Ok((source, None));
        };
        if !splits && !video.timing.varies() {
            return Ok((source, None));
        }
        let index = probe::index(config, &file, video).await?;
        let line = Timeline::new(&index, source.zero_secs);
        if splits {
            return Ok((source, line));
        }
        // All that it is good for where no span can be found.
        if let Some(line) = line {
            // Also those without a time, or with that of another.
            let all = index.packets.len() + index.untimed;
            video.timing = video.timing.averaging(average(all, line.played_secs()));
        }
        Ok((source, None))
    }

    /// Publishes the source's own streams.
    async fn copy(&self, recipe: &Recipe) -> Result<Vec<String>, PackagerError> {
        let copy = recipe
            .copy
            .as_ref()
            .ok_or_else(|| PackagerError::Encoder("the plan has no copy".into()))?;
        copy::run(copy, &self.input, self.outlet, self.progress, self.stored).await
    }

    /// Encodes a span, or all that comes, in several renditions.
    async fn pictures(&self, plan: &Plan, recipe: &Recipe) -> Result<Vec<String>, PackagerError> {
        let foreign = || PackagerError::Encoder("the plan has no such span".into());
        let picture = recipe.picture.as_ref().ok_or_else(foreign)?;
        let part = match &recipe.grid {
            None => None,
            Some(grid) => {
                let span = recipe.spans.get(self.task.span as usize);
                Some((grid, span.ok_or_else(foreign)?))
            }
        };
        let tracks = self.tracks(plan)?;
        let file = match part {
            Some((grid, span)) => {
                let need = Need::Pictures {
                    picture,
                    grid,
                    span,
                };
                self.part(recipe, &need).await?
            }
            None => self.source.file(self.config, self.progress).await?,
        };
        let second = match (self.task.kind, part) {
            (TaskKind::Rest, Some((grid, span))) if !recipe.targets.is_empty() => {
                let part = (picture, grid, span);
                Some(self.second_pass(recipe, part, &tracks).await?)
            }
            _ => None,
        };
        let settings = match self.task.kind {
            TaskKind::Hevc => recipe.hevc.as_ref().ok_or_else(foreign)?,
            _ => &recipe.encoder,
        };
        let settings = analysis::applied(settings, plan.analysis.as_ref());
        let coder = match (self.task.kind, &second) {
            (TaskKind::Hevc, _) => Coder::X265(&settings),
            (TaskKind::Av1, _) => Coder::SvtAv1(recipe.av1.as_ref().ok_or_else(foreign)?),
            (_, Some(two)) => {
                let passes = Passes::Second(two.folder.path(), &two.rates);
                Coder::Passes(&settings, passes)
            }
            (_, None) => Coder::X264(&settings),
        };
        let run = Run {
            plan,
            recipe,
            picture,
            coder,
            part,
            file: &file,
            tracks: &tracks,
            logs: second.as_ref().map(|second| second.folder.path()),
        };
        let (Coder::SvtAv1(av1), Some((_, span))) = (coder, part) else {
            let span = part.map(|(_, span)| span);
            let mut warnings = self.encode_part(&run, span).await?;
            warnings.extend(second.into_iter().flat_map(|second| second.warnings));
            return Ok(warnings);
        };
        let mut warnings = Vec::new();
        for segment in av1.runs(span) {
            warnings.extend(self.encode_part(&run, Some(&segment)).await?);
        }
        warnings.dedup();
        Ok(warnings)
    }

    /// One run of ffmpeg for the pictures of a task, or for this part of them.
    async fn encode_part(
        &self,
        run: &Run<'_>,
        span: Option<&Span>,
    ) -> Result<Vec<String>, PackagerError> {
        let Run { recipe, coder, .. } = *run;
        let part = run.part.map(|(grid, _)| grid).zip(span);
        let grid = part.map(|(grid, _)| Arc::new(grid.clone()));
        let first = run.part.map_or(0, |(_, span)| span.first);
        let outputs = run.tracks.iter().map(|track| {
            let cutter = match (&grid, part) {
                (Some(grid), Some((_, span))) => {
                    Cutter::planned(Arc::clone(grid), span.first, span.end)
                }
                _ => Cutter::open(recipe.cuts()),
            };
            let cutter = cutter.lit(command::light(run.picture, track));
            self.output(&track.track, cutter, first, true)
        });
        let outputs: Vec<Output> = outputs.collect();
        let is_stored = |span: &Span| outputs.iter().all(|output| output.stored >= span.end);
        if matches!(coder, Coder::SvtAv1(_)) && span.is_some_and(is_stored) {
            return Ok(Vec::new());
        }
        let args = command::pictures(run.file, (recipe, coder), run.picture, part, run.tracks);
        let (secs, before_secs) = match (part, run.part) {
            (Some((grid, span)), Some((_, all))) => {
                let from = grid.start_secs(all.first);
                let since = |n| grid.start_secs(n) - from;
                (since(all.end), since(span.first))
            }
            _ => (run.plan.duration_secs, 0.0),
        };
        let encode = Encode {
            before_secs,
            logs: run.logs,
            ..self.encode(run.file, secs)
        };
        let mut ended = encode.run(args, outputs).await?;
        if span.is_some_and(|span| span.seek_secs.is_some()) {
            ended.complaints.forgive_missing();
        }
        if ended.ends.iter().any(Option::is_none) {
            return Err(PackagerError::Source(format!(
                "{NO_PICTURE} ({})",
                ended.complaints.last_words()
            )));
        }
        let open = part.is_none() && !run.picture.timing.varies();
        Ok(warnings(&ended, open.then_some(run.plan.duration_secs)))
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

/// What the runs of ffmpeg for the pictures of a task have in common.
#[derive(Clone, Copy)]
struct Run<'r> {
    plan: &'r Plan,
    recipe: &'r Recipe,
    picture: &'r Picture,
    coder: Coder<'r>,
    /// The task's span; `None`: all that comes.
    part: Option<(&'r Grid, &'r Span)>,
    file: &'r Path,
    tracks: &'r [&'r PlannedTrack],
    /// Where the logs of a first pass are, for a second.
    logs: Option<&'r Path>,
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
