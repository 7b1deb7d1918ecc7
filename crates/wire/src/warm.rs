//! What edges fetch before anyone asks for it: `GET /api/warm?after=N&wait=S&edge=NAME`.

use serde::{Deserialize, Serialize};

/// Longest name of an edge, letters: of `a–z`, `0–9` and `-`.
pub const EDGE_NAME_LEN_MAX: usize = 64;

/// The paths of one version that was published behind offset `after`; to ask on with
/// `after=offset` says that they were fetched. The origin holds a request that finds none
/// up to `wait` seconds, then answers 204. Without `after` the newest offset is answered at
/// once: who starts with nothing does not fetch what is old.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmList {
    /// Grows with each version that is published.
    pub offset: u64,
    /// Paths below `/v/`, in the order in which they are needed.
    pub paths: Vec<String>,
}
