//! What operators say of an asset, besides its title.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Priority;

/// Who may read an asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anyone.
    Public,
    /// Only the holder of a key that opens its path.
    #[default]
    Keyed,
}

impl Access {
    /// As in JSON, in the catalogue and in [`crate::WEIR_ACCESS`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => crate::access::PUBLIC,
            Self::Keyed => crate::access::KEYED,
        }
    }
}

/// What `PATCH /api/assets/<asset>` changes, besides the title.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AssetDetails {
    /// Who may read it.
    pub access: Access,
    /// Words to find it by, in lower case, each once, in order.
    pub tags: Vec<String>,
    /// How soon it is made, before others or after them.
    pub priority: Priority,
    /// Whatever else there is to say; kept unread.
    pub metadata: Map<String, Value>,
}
