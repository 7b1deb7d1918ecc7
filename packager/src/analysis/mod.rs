//! Per-title encoding: samples of a source are encoded with a few rate factors and held
//! against what was encoded; what comes of it chooses the factor of each rendition.
//!
//! A factor is never below that of the settings, so that no rendition gets more bits than it
//! would without; and its ceiling stays. What is chosen stands in the version's plan: all
//! spans are encoded alike, whoever does them.

mod choice;
mod compare;
mod metric;
mod trial;

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use tokio::time::{Instant, timeout};
use wire::{Analysis, ChosenRate, Completion, PlannedTrack, Rate, Stage, TrackId};

use crate::{
    Config, PackagerError,
    analysis::{
        choice::Pool,
        trial::{Trial, Yield},
    },
    plan::{
        CRF_MAX, HEVC_CRF_MORE,
        grid::Grid,
        recipe::{Picture, Recipe, Settings},
        samples::Sample,
    },
    worker::{progress::Shared, sources::Source},
};

pub use metric::Metric;

/// By how much the factors that are tried are above that of the settings. Chosen: between
/// them the logarithms of the rate and of what SSIM lacks are nearly straight lines
/// (measured: half way, one of three factors in between was 0.4 higher than by two); and by
/// ten more a picture is visibly worse, whatever a metric says of it.
const MORE: [u8; 2] = [0, 10];
/// What is between two factors that can be chosen.
const STEP: f64 = 0.5;

/// An analysis to be made.
pub(crate) struct Task<'a> {
    recipe: &'a Recipe,
    picture: &'a Picture,
    grid: &'a Grid,
    /// The renditions.
    tracks: &'a [&'a PlannedTrack],
}

impl<'a> Task<'a> {
    /// `None` where the plan has nothing to look at.
    pub(crate) fn of(recipe: &'a Recipe, tracks: &'a [&'a PlannedTrack]) -> Option<Self> {
        let there = !recipe.samples.is_empty() && !tracks.is_empty();
        there.then_some(())?;
        Some(Self {
            recipe,
            picture: recipe.picture.as_ref()?,
            grid: recipe.grid.as_ref()?,
            tracks,
        })
    }

    /// Makes it. One that takes too long, or in which no sample can be decoded, has no
    /// result but a warning: then the version is encoded with the settings' factor.
    ///
    /// # Errors
    /// What is not the source's fault.
    pub(crate) async fn run(
        &self,
        config: &Config,
        source: &Source<'_>,
        progress: &Shared,
    ) -> Result<Completion, PackagerError> {
        let begun = Instant::now();
        progress.set(Stage::Probe, 0.0, None);
        let trials = Box::pin(self.trials(config, source, progress));
        let Ok(done) = timeout(config.analysis_timeout, trials).await else {
            let secs = config.analysis_timeout.as_secs_f64();
            return Ok(without(&format!("it took longer than {secs} s")));
        };
        let (pools, lacking) = done?;
        let (metric, target) = (config.quality_metric, config.quality_target);
        let Some(analysis) = self.chosen(&pools, metric, target) else {
            return Ok(without(&format!("no sample could be measured: {lacking}")));
        };
        let took_secs = begun.elapsed().as_secs_f64();
        tracing::info!(took_secs, ?analysis, "analysed");
        Ok(Completion {
            warnings: Vec::new(),
            analysis: Some(analysis),
        })
    }

    /// What all samples together say of each rendition; and why one is not among them.
    async fn trials(
        &self,
        config: &Config,
        source: &Source<'_>,
        progress: &Shared,
    ) -> Result<(Vec<Pool>, String), PackagerError> {
        let factors = factors(self.recipe.encoder.crf);
        let parts = self.recipe.samples.iter();
        let trials: Vec<Trial<'_>> = parts.map(|sample| self.trial(sample, &factors)).collect();
        let all = trials.len();
        let runs: Vec<BoxFuture<'_, Result<Vec<Yield>, PackagerError>>> = trials
            .iter()
            .map(|trial| trial.run(config, source, progress).boxed())
            .collect();
        // In their order, whichever is done first.
        let mut trials = stream::iter(runs).buffered(config.spans().min(all).max(1));
        let mut pools = vec![Pool::new(&factors); self.tracks.len()];
        let (mut done, mut lacking) = (0, String::new());
        while let Some(yields) = trials.next().await {
            done += 1;
            progress.set(Stage::Probe, done as f64 / all as f64, None);
            match yields {
                Ok(yields) => add(&mut pools, &yields, factors.len()),
                // The others may do without it.
                Err(error @ (PackagerError::Source(_) | PackagerError::Encoder(_))) => {
                    tracing::warn!(%error, "a sample was left out");
                    lacking = error.to_string();
                }
                Err(error) => return Err(error),
            }
        }
        Ok((pools, lacking))
    }

    fn trial<'t>(&'t self, sample: &Sample, factors: &'t [f64]) -> Trial<'t> {
        Trial {
            recipe: self.recipe,
            picture: self.picture,
            part: sample.alone(self.grid),
            to_end: sample.end >= self.grid.end,
            tracks: self.tracks,
            factors,
        }
    }

    fn chosen(&self, pools: &[Pool], metric: Metric, target: f64) -> Option<Analysis> {
        let samples = pools.iter().map(|pool| pool.len()).min()?;
        let secs = |sample: &Sample| {
            let (grid, _) = sample.alone(self.grid);
            grid.start_secs(1) - grid.start_secs(0)
        };
        let sampled_secs = self.recipe.samples.iter().map(secs).sum();
        let renditions = self.tracks.iter().zip(pools).map(|(track, pool)| {
            let curve = pool.curve();
            let (fixed, chosen) = (curve[0], pool.choose(metric, target));
            let saved = 1.0 - chosen.bitrate as f64 / fixed.bitrate.max(1) as f64;
            ChosenRate {
                track: track.track.clone(),
                chosen: rounded(metric, chosen),
                fixed: rounded(metric, fixed),
                saving_percent: (saved * 1000.0).round() / 10.0,
            }
        });
        (samples > 0).then(|| Analysis {
            metric: metric.as_str().to_owned(),
            target,
            samples,
            sampled_secs,
            renditions: renditions.collect(),
        })
    }
}

/// A sample's yields, by rendition and factor.
fn add(pools: &mut [Pool], yields: &[Yield], factors: usize) {
    for (pool, yields) in pools.iter_mut().zip(yields.chunks(factors)) {
        pool.add(yields);
    }
}

/// The factors to try, from that of the settings up, all different.
fn factors(crf: u8) -> Vec<f64> {
    let mut factors = MORE.map(|more| (crf + more).min(CRF_MAX)).to_vec();
    factors.dedup();
    factors.into_iter().map(f64::from).collect()
}

fn rounded(metric: Metric, rate: Rate) -> Rate {
    Rate {
        quality: metric.rounded(rate.quality),
        ..rate
    }
}

fn without(reason: &str) -> Completion {
    Completion {
        warnings: vec![format!(
            "bit rates are those of any source: the analysis of this one ended without a \
             result: {reason}"
        )],
        analysis: None,
    }
}

/// The settings with what was chosen for single renditions. HEVC takes the step that H.264
/// of the same size does, unmeasured.
pub(crate) fn applied(settings: &Settings, analysis: Option<&Analysis>) -> Settings {
    let mut settings = settings.clone();
    for rate in analysis.iter().flat_map(|analysis| &analysis.renditions) {
        let crf = rate.chosen.crf;
        settings.chosen.insert(rate.track.clone(), crf);
        if let Ok(hevc) = format!("{}-hevc", rate.track).parse::<TrackId>() {
            let crf = (crf + f64::from(HEVC_CRF_MORE)).min(f64::from(CRF_MAX));
            settings.chosen.insert(hevc, crf);
        }
    }
    settings
}
