//! The pictures of a span, in all renditions of the task.

use std::{path::Path, sync::Arc};

use wire::{Plan, PlannedTrack, TaskKind};

use super::{Attempt, NO_PICTURE, warnings};
use crate::{
    PackagerError, analysis,
    encode::{
        Encode, Output,
        coder::{Coder, Passes},
        command,
        segment::Cutter,
    },
    plan::{
        grid::{Grid, Span},
        recipe::{Picture, Recipe},
    },
    worker::reach::Need,
};

impl Attempt<'_> {
    /// Encodes a span, or all that comes, in several renditions.
    pub(super) async fn pictures(
        &self,
        plan: &Plan,
        recipe: &Recipe,
    ) -> Result<Vec<String>, PackagerError> {
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
                let need = Need::span(picture, grid, span);
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
