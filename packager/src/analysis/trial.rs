//! One sample, encoded with each factor and held against what was encoded.

use std::{path::Path, sync::Arc};

use wire::{PlannedTrack, TrackId};

use super::compare;
use crate::{
    Config, PackagerError,
    capture::{Captured, Run},
    encode::{
        coder::Coder,
        command,
        segment::{Cutter, Part, SEGMENT_LEN_MAX, Segment},
    },
    jail::Access,
    plan::{
        grid::{Grid, Span},
        recipe::{Picture, Recipe},
    },
    worker::{progress::Shared, reach::Need, sources::Source},
};

/// A sample, and how it is encoded.
pub(super) struct Trial<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) picture: &'a Picture,
    /// The sample, as a span of its own.
    pub(super) part: (Grid, Span),
    /// It ends where the source does.
    pub(super) to_end: bool,
    pub(super) tracks: &'a [&'a PlannedTrack],
    pub(super) factors: &'a [f64],
}

/// What one factor came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Yield {
    /// Sum of all pictures'.
    pub(super) quality: f64,
    /// How many.
    pub(super) pictures: u32,
    /// Bits per second.
    pub(super) bitrate: f64,
}

impl Trial<'_> {
    /// The yields: each rendition's, by factor.
    pub(super) async fn run(
        &self,
        config: &Config,
        source: &Source<'_>,
        progress: &Shared,
    ) -> Result<Vec<Yield>, PackagerError> {
        let (grid, span) = &self.part;
        let need = Need::Pictures {
            picture: self.picture,
            grid,
            span,
            to_end: self.to_end,
        };
        let file = source.part((config, progress), self.recipe, &need).await?;
        let encodes = self.encode(config, &file).await?;
        let rates = encodes.iter().map(|encode| self.rate(encode));
        let rates: Vec<f64> = rates.collect::<Result<_, _>>()?;
        let answers = self.compare(config, &file, encodes).await?;
        let yields = rates.into_iter().zip(&answers).map(|(bitrate, answer)| {
            let (quality, pictures) = config.quality_metric.read(answer);
            Yield {
                quality,
                pictures,
                bitrate,
            }
        });
        let yields: Vec<Yield> = yields.collect();
        match yields.iter().all(|y| y.pictures > 0) {
            true => Ok(yields),
            false => Err(PackagerError::Encoder("nothing could be compared".into())),
        }
    }

    async fn encode(&self, config: &Config, file: &Path) -> Result<Vec<Vec<u8>>, PackagerError> {
        let (mut settings, mut tracks) = (self.recipe.encoder.clone(), Vec::new());
        for track in self.tracks {
            for (n, factor) in self.factors.iter().enumerate() {
                let mut track = (*track).clone();
                track.track = name(&track.track, n)?;
                settings.chosen.insert(track.track.clone(), *factor);
                tracks.push(track);
            }
        }
        let tracks: Vec<&PlannedTrack> = tracks.iter().collect();
        let coder = Coder::X264(&settings);
        let (grid, span) = &self.part;
        let part = Some((grid, span));
        let run = Run {
            args: command::pictures(file, (self.recipe, coder), self.picture, part, &tracks),
            inputs: Vec::new(),
            access: Access {
                read: &[file.to_owned()],
                write: None,
            },
            len_max: &vec![SEGMENT_LEN_MAX; tracks.len()],
        };
        well(run.collect(config).await?)
    }

    async fn compare(
        &self,
        config: &Config,
        file: &Path,
        encodes: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, PackagerError> {
        let len_max = vec![compare::ANSWER_LEN_MAX; encodes.len()];
        let of = (file, &self.part);
        let how = (self.factors.len(), config.quality_metric);
        let run = Run {
            args: compare::command(of, self.picture, self.tracks, how),
            inputs: encodes,
            access: Access {
                read: &[file.to_owned()],
                write: None,
            },
            len_max: &len_max,
        };
        well(run.collect(config).await?)
    }

    /// What an encode would come to in segments of the planned length, bits per second: a
    /// sample is shorter, and its first picture, which refers to no other, costs the most.
    fn rate(&self, encode: &[u8]) -> Result<f64, PackagerError> {
        let grid = &self.part.0;
        let Segment {
            bytes, iframe_len, ..
        } = segment(grid, encode)?;
        let frame_secs = self.picture.timing.frame_secs();
        let secs = (grid.start_secs(1) - grid.start_secs(0)).max(frame_secs);
        let segment_secs = self.recipe.segment_secs.max(secs);
        let (first, rest) = (iframe_len as f64, (bytes.len() as u64 - iframe_len) as f64);
        let longer = match secs > frame_secs {
            true => (segment_secs - frame_secs) / (secs - frame_secs),
            false => 1.0,
        };
        Ok((first + rest * longer) * 8.0 / segment_secs)
    }
}

/// The only segment of an encode.
fn segment(grid: &Grid, encode: &[u8]) -> Result<Segment, PackagerError> {
    let mut cutter = Cutter::planned(Arc::new(grid.clone()), 0, 1);
    let parts = cutter.push(encode)?;
    cutter.finish()?;
    let segments = parts.into_iter().filter_map(|part| match part {
        Part::Segment(segment) => Some(segment),
        Part::Init(_) => None,
    });
    let none = || PackagerError::Encoder("a sample has no pictures".into());
    segments.last().ok_or_else(none)
}

/// A rendition with the `n`th factor.
fn name(track: &TrackId, n: usize) -> Result<TrackId, PackagerError> {
    let name = format!("{track}-{n}").parse();
    name.map_err(|error| PackagerError::Encoder(format!("{track}: {error}")))
}

fn well(captured: Captured) -> Result<Vec<Vec<u8>>, PackagerError> {
    match captured.ended_well {
        true => Ok(captured.outputs),
        false => Err(PackagerError::Encoder(captured.complaints.last_words())),
    }
}
