//! The two passes of a span.

use std::collections::BTreeMap;

use wire::{Pass, Plan, PlannedTrack};

use super::{Attempt, NO_PICTURE};
use crate::{
    PackagerError,
    encode::{
        Encode,
        coder::{Coder, Passes},
        command,
    },
    passes::{self, Allotment, Log, Part, tree_fits},
    plan::{
        grid::{Grid, Span},
        recipe::{Picture, Recipe},
    },
    worker::{reach::Need, workspace::Scratch},
};

/// What a second pass goes by.
pub(super) struct Second {
    /// Where the logs are.
    pub(super) folder: Scratch,
    /// Of each track, what it gets.
    pub(super) rates: Vec<Rate>,
    /// What viewers should know of that.
    pub(super) warnings: Vec<String>,
}

/// What first passes found of a track, by span.
type Found<'a> = BTreeMap<u32, &'a Pass>;

/// What a track gets in a pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Average of the span, kb/s; nothing for the first pass.
    pub(crate) kbps: u64,
    /// The first pass tells what later pictures take of each block.
    pub(crate) tree: bool,
}

impl Attempt<'_> {
    /// Looks at what a span's pictures need.
    pub(super) async fn first_pass(
        &self,
        plan: &Plan,
        recipe: &Recipe,
    ) -> Result<Vec<String>, PackagerError> {
        let foreign = || PackagerError::Encoder("the plan has no such first pass".into());
        let number = self.task.span;
        let picture = recipe.picture.as_ref().ok_or_else(foreign)?;
        let grid = recipe.grid.as_ref().ok_or_else(foreign)?;
        let span = recipe.spans.get(number as usize).ok_or_else(foreign)?;
        let tracks = passes::tracks(plan, number);
        let need = Need::span(picture, grid, span);
        let file = self.part(recipe, &need).await?;
        let folder = self.source.scratch()?;
        let rates: Vec<Rate> = (tracks.iter())
            .map(|track| Rate {
                kbps: 0,
                tree: has_tree(track, picture, (grid, span)),
            })
            .collect();
        let coder = Coder::Passes(&recipe.encoder, Passes::First(folder.path(), &rates));
        let part = Some((grid, span));
        let args = command::pictures(&file, (recipe, coder), picture, part, &tracks);
        let encode = Encode {
            logs: Some(folder.path()),
            ..self.encode(&file, secs(grid, span))
        };
        let ended = encode.run(args, Vec::new()).await?;
        for (n, track) in tracks.iter().enumerate() {
            let log = Log::read(folder.path(), n)?.ok_or_else(|| {
                let words = ended.complaints.last_words();
                PackagerError::Source(format!("{NO_PICTURE} ({words})"))
            })?;
            let pass = (number, &track.track, &log.cost()?);
            self.outlet.put_pass(pass, log.to_bytes()).await?;
        }
        // What is damaged is told by those who encode it.
        Ok(Vec::new())
    }

    /// What the second pass of a span goes by.
    pub(super) async fn second_pass(
        &self,
        recipe: &Recipe,
        (picture, grid, span): (&Picture, &Grid, &Span),
        tracks: &[&PlannedTrack],
    ) -> Result<Second, PackagerError> {
        let mut second = Second {
            folder: self.source.scratch()?,
            rates: Vec::with_capacity(tracks.len()),
            warnings: Vec::new(),
        };
        for (n, track) in tracks.iter().enumerate() {
            let found = self.passes.iter().filter(|pass| pass.track == track.track);
            let found: Found<'_> = found.map(|pass| (pass.span, pass)).collect();
            let own = found.get(&self.task.span).ok_or_else(unknown)?;
            let log = self.outlet.pass(own).await?;
            Log::of_bytes(&log)?.write(second.folder.path(), n)?;
            let Allotment { kbps, is_short } = allot(recipe, grid, track, &found)?;
            let kbps = *kbps.get(self.task.span as usize).ok_or_else(unknown)?;
            tracing::debug!(track = %track.track, kbps, "allotted");
            second.rates.push(Rate {
                kbps,
                tree: has_tree(track, picture, (grid, span)),
            });
            if is_short {
                second.warnings.push(format!(
                    "{} has too little in it for its target: it stays below {} kb/s",
                    track.track,
                    recipe.target(&track.track).unwrap_or_default() / 1000
                ));
            }
        }
        Ok(second)
    }
}

/// What each span of a track gets, of what was found of all.
fn allot(
    recipe: &Recipe,
    grid: &Grid,
    track: &PlannedTrack,
    found: &Found<'_>,
) -> Result<Allotment, PackagerError> {
    let target = recipe.target(&track.track).ok_or_else(unknown)?;
    let spans = (0..).zip(&recipe.spans).map(|(number, span)| {
        let pass = found.get(&number);
        Ok(Part {
            secs: secs(grid, span),
            segments: span.end - span.first,
            cost: pass.ok_or_else(unknown)?.cost,
        })
    });
    let spans = spans.collect::<Result<Vec<_>, PackagerError>>()?;
    Ok(passes::allot((target, track.bitrate_max), &spans))
}

fn has_tree(track: &PlannedTrack, picture: &Picture, (grid, span): (&Grid, &Span)) -> bool {
    let (num, den) = picture.timing.rate();
    tree_fits(track, secs(grid, span) * f64::from(num) / f64::from(den))
}

fn secs(grid: &Grid, span: &Span) -> f64 {
    grid.start_secs(span.end) - grid.start_secs(span.first)
}

fn unknown() -> PackagerError {
    PackagerError::Encoder("a first pass of this track is not known".into())
}
