//! The renditions in AV1, where they are wanted: which, and how they are encoded.

use wire::PlannedTrack;

use crate::{
    plan::{
        ladder,
        recipe::{Av1, Settings},
    },
    probe::Video,
};

/// SVT-AV1's preset. Chosen: with a rate factor of 35, the quality of x264 veryfast at 21 (by
/// SSIM) for 0.56 of its bits and 2.3 times its time; 8 takes 4 times, for 0.5 of them.
const PRESET: u8 = 10;
/// SVT-AV1's constant rate factor above x264's for about the same quality, measured as above.
const CRF_MORE: u8 = 14;
/// SVT-AV1's worst.
const CRF_MAX: u8 = 63;

/// What is in AV1 of a version.
#[derive(Default)]
pub(super) struct Planned {
    pub(super) tracks: Vec<PlannedTrack>,
    /// How; `None` where there is none.
    pub(super) recipe: Option<Av1>,
    /// Why there is none, in words for the uploader.
    pub(super) warning: Option<String>,
}

/// The same `renditions` in AV1. `seeks` are where decoding of each segment starts; `None`
/// where segments are not known before they are encoded, so that none can be a run of its own.
pub(super) fn planned(
    renditions: &[PlannedTrack],
    video: &Video,
    seeks: Option<Vec<Option<f64>>>,
    encoder: &Settings,
) -> Planned {
    let tracks = ladder::in_av1(renditions, video.colour.range());
    if tracks.is_empty() {
        return Planned::default();
    }
    let Some(seeks) = seeks else {
        let warning = "AV1 left out: the source has no index by which it could be split";
        return Planned {
            warning: Some(warning.to_owned()),
            ..Planned::default()
        };
    };
    let recipe = Av1 {
        preset: PRESET,
        crf: encoder.crf.saturating_add(CRF_MORE).min(CRF_MAX),
        seeks,
    };
    Planned {
        tracks,
        recipe: Some(recipe),
        warning: None,
    }
}
