//! Lists, a page at a time. A page names the cursor that the next one starts behind; a
//! cursor means something to the origin that gave it, and to nobody else.

use serde::{Deserialize, Serialize};

use crate::{Addition, AssetState, AssetStatus, PlannedKind, TrackId, VersionId};

/// `GET /api/assets`, with the admin token: the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetPage {
    /// Some of them.
    pub assets: Vec<AssetStatus>,
    /// `cursor` of the next page; `None`: this is the last one.
    pub next: Option<String>,
}

/// `GET /api/assets/<asset>/tracks`, with the admin token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetTracks {
    /// The asset's newest version.
    pub version: VersionId,
    /// How far it is. Tracks are added to and taken from one that is ready.
    pub state: AssetState,
    /// Its tracks, in the plan's order; none before it is planned.
    pub tracks: Vec<AssetTrack>,
    /// Sound that is being added, or could not be.
    pub additions: Vec<Addition>,
}

/// A track of an asset's newest version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetTrack {
    /// Its name in URLs.
    pub track: TrackId,
    /// What it carries: `kind`, and what that kind has.
    #[serde(flatten)]
    pub carries: PlannedKind,
    /// RFC 6381; `None` until its init segment is stored.
    pub codec: Option<String>,
    /// Ceiling of the rate over any second, bits per second; 0 for text.
    pub bitrate_max: u64,
    /// Segments that are stored.
    pub segments: u64,
    /// It can be taken away: sound and text can, once the version is ready.
    pub removable: bool,
}
