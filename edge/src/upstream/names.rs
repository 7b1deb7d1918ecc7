//! What this edge calls itself towards others.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::EdgeError;

/// Most CDN hops of a request. Chosen: tiers are three.
const HOPS_MAX: usize = 16;

/// RFC 8586.
pub(crate) const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// What this edge calls itself.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// `1.1 weir-<pop>` (RFC 9110 §7.6.3).
    pub(crate) via: HeaderValue,
    /// `weir-<pop>;id=<of this process>` (RFC 8586 §2).
    pub(crate) cdn_loop: HeaderValue,
}

impl Names {
    pub(crate) fn new(pop: &str) -> Result<Self, EdgeError> {
        use std::hash::{BuildHasher, RandomState};
        let field =
            |text: String| HeaderValue::try_from(text).map_err(|_| EdgeError::Pop(pop.to_owned()));
        let id = RandomState::new().hash_one(pop);
        Ok(Self {
            via: field(format!("1.1 weir-{pop}"))?,
            cdn_loop: field(format!("weir-{pop};id={id:x}"))?,
        })
    }

    /// A request that passed here before, or too many like this edge.
    pub(crate) fn loops(&self, request: &HeaderMap) -> bool {
        let fields = request.get_all(CDN_LOOP).iter();
        let mut hops = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
        let mut count = 0;
        hops.any(|hop| {
            count += 1;
            hop.trim_ascii() == self.cdn_loop.as_bytes() || count > HOPS_MAX
        })
    }
}
