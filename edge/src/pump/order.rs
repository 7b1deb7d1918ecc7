//! What to fetch.

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};

use crate::{
    blocks::Part,
    fills::FillKey,
    freshness::Received,
    head::{Access, Head, Object, Taking},
    node::Node,
    path::CacheKey,
    site::Site,
    upstream::{Credential, Upload},
};

/// See the module.
pub(crate) struct Order {
    pub(crate) site: Arc<Site>,
    /// Who asks for the same may wait for this fetch.
    pub(crate) key: FillKey,
    /// What it is stored under; names what is asked for.
    pub(crate) place: CacheKey,
    pub(crate) method: Method,
    /// As the client wrote it, with port; of methods that may change something.
    pub(crate) host: Option<Box<str>>,
    /// Under `/v/`: the asset.
    pub(crate) asset: Option<Box<str>>,
    /// What goes up of the client's fields.
    pub(crate) fields: HeaderMap,
    /// The client's credential is among them.
    pub(crate) authorized: bool,
    /// What is stored and not fresh; to HEAD, whatever is stored.
    pub(crate) stale: Option<Arc<Object>>,
    /// What of it to ask for first, where it may be had in blocks.
    pub(crate) part: Option<Part>,
    /// For one request only: not shared while it runs.
    pub(crate) apart: bool,
    /// What the client sends.
    pub(crate) upload: Option<Upload>,
}

impl Order {
    /// A GET of `key`, in nobody's name but ours.
    pub(crate) fn new(site: Arc<Site>, key: FillKey) -> Self {
        Self {
            site,
            place: key.cache.clone(),
            key,
            method: Method::GET,
            host: None,
            asset: None,
            fields: HeaderMap::new(),
            authorized: false,
            stale: None,
            part: None,
            apart: false,
            upload: None,
        }
    }

    /// How an answer to it is taken over.
    pub(crate) fn taking<'a>(
        &'a self,
        node: &'a Node,
        status: StatusCode,
        received: Received,
    ) -> Taking<'a> {
        let path = self.place.path();
        Taking {
            received,
            terms: self.site.terms(path, status, self.authorized),
            via: &node.names.via,
            our_cors: self.site.has_our_cors(),
            sent: &self.fields,
        }
    }

    /// Nothing that was fetched without a key is kept where holders of keys would find
    /// it, unless all may read it.
    pub(crate) fn may_store(&self, head: &Head) -> bool {
        self.asset.is_none()
            || self.key.credential == Credential::Edge
            || head.access == Access::Public
    }

    pub(super) fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    /// None of a client's conditions went up.
    pub(super) fn is_unconditional(&self) -> bool {
        self.is_read() || self.method == Method::HEAD
    }
}
