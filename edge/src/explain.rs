//! What this edge would do with a request, and why: looked at, not done.

mod stored;

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header::AUTHORIZATION, request::Parts};
use tokio::time::Instant;
use wire::{Explanation, StoredBlocks, StoredObject};

use crate::{
    access::{Refusal, Viewer},
    answer,
    fills::FillKey,
    freshness::{Freshness, State},
    head::Object,
    node::Node,
    outcome::Outcome,
    path::{Kind, Target},
    site::Site,
    upstream::Credential,
};

pub(crate) async fn explain(node: &Arc<Node>, request: &Parts) -> Explanation {
    let url = request.uri.path_and_query().map_or("", |it| it.as_str());
    let mut told = Explanation {
        url: keys::redact(url).into_owned(),
        pop: node.config.pop.clone(),
        position: node.purges.now().to_string(),
        ..Explanation::default()
    };
    let outcome = match look(node, request, &mut told).await {
        Ok(outcome) => outcome,
        Err(refused) => {
            told.refused = Some(refused);
            Outcome::Refused
        }
    };
    outcome.as_str().clone_into(&mut told.outcome);
    told
}

/// Fills in what is found, up to what ends the request: why it is refused, as an error.
async fn look(
    node: &Arc<Node>,
    request: &Parts,
    told: &mut Explanation,
) -> Result<Outcome, String> {
    let path = request.uri.path();
    if ["/healthz", "/readyz"].contains(&path) {
        return Ok(Outcome::Local);
    }
    if node.names.loops(&request.headers) {
        return Err("the request has passed this edge before".to_owned());
    }
    let site = node.sites.of(request);
    let site = site.ok_or("no site of this edge has this host")?;
    told.site = Some(site.to_string());
    told.upstream = Some(site.origin.to_string());
    let target = answer::parse(node, site, request).map_err(|refused| refused.why())?;
    told.key = Some(keys::redact(target.key.as_str()).into_owned());
    let fields = || site.passed.of(&request.headers);
    let object = node.store.peek(&target.key, fields).await;
    let status = object.as_ref().map_or(StatusCode::OK, |it| it.head.status);
    told.rule = site.rule(target.key.path(), status);
    let mut found = Found {
        object,
        blocks: None,
    };
    told.stored = found.look(node, &target, site.kind);
    let own = request.headers.get(AUTHORIZATION);
    let looking = Looking {
        node,
        viewer: viewer(node, site, &target, own)?,
        own: own.is_some() && site.kind == Kind::Plain,
        target,
    };
    Ok(looking.judge(&found, told))
}

fn viewer(
    node: &Node,
    site: &Site,
    target: &Target,
    own: Option<&HeaderValue>,
) -> Result<Viewer, String> {
    match node.gate.as_ref().filter(|_| site.kind == Kind::Weir) {
        None => Ok(Viewer::Anyone),
        Some(gate) => {
            let admitted = gate.admit(target, own, answer::unix_now());
            admitted.map(|(viewer, _)| viewer).map_err(why)
        }
    }
}

/// What is stored: whole, or in parts.
struct Found {
    object: Option<Arc<Object>>,
    blocks: Option<(Freshness, StoredBlocks)>,
}

impl Found {
    fn look(&mut self, node: &Node, target: &Target, kind: Kind) -> Option<StoredObject> {
        if let Some(object) = &self.object {
            return Some(stored::whole(object, kind));
        }
        let (told, freshness) = stored::in_blocks(node, &target.key, kind)?;
        self.blocks = told.blocks.map(|blocks| (freshness, blocks));
        Some(told)
    }
}

/// One request that passed the gate.
struct Looking<'a> {
    node: &'a Node,
    target: Target,
    viewer: Viewer,
    /// It has a credential of its own for the origin.
    own: bool,
}

impl Looking<'_> {
    fn judge(&self, found: &Found, told: &mut Explanation) -> Outcome {
        let key = self.key();
        told.fetching = self.node.fills.runs(&key);
        told.alone = self.node.unshared.holds(&key);
        let now = Instant::now();
        let object = found.object.as_deref();
        if object.is_some_and(|it| !self.viewer.may_read(it.head.access)) {
            told.refused = Some(why(Refusal::Missing));
        }
        match self.readable(found).map(|it| it.state(now)) {
            Some(State::Fresh) => return Outcome::Hit,
            Some(State::WhileRevalidate) => return Outcome::Stale,
            Some(State::Stale) | None => {}
        }
        let keyless = self.viewer == Viewer::Keyless;
        let asset = self.target.asset().filter(|_| keyless);
        if asset.is_some_and(|asset| self.node.refusals.holds(asset, now)) {
            told.refused = Some(why(Refusal::Missing));
            return Outcome::Negative;
        }
        match self.own {
            true => Outcome::Bypass,
            false if told.fetching && !told.alone => Outcome::Collapsed,
            false => Outcome::Miss,
        }
    }

    /// How fresh that is which this request may have, if all of it is stored.
    fn readable<'a>(&self, found: &'a Found) -> Option<&'a Freshness> {
        if let Some(object) = found.object.as_deref() {
            let may_share = !self.own || object.head.says_shared;
            let may_read = may_share && self.viewer.may_read(object.head.access);
            return may_read.then_some(&object.head.freshness);
        }
        let (freshness, blocks) = found.blocks.as_ref()?;
        (blocks.held == blocks.count && !self.own).then_some(freshness)
    }

    fn key(&self) -> FillKey {
        FillKey {
            cache: self.target.key.clone(),
            credential: match self.viewer {
                Viewer::Keyed { .. } => Credential::Edge,
                Viewer::Keyless | Viewer::Anyone => Credential::Anonymous,
            },
        }
    }
}

fn why(refusal: Refusal) -> String {
    match refusal {
        Refusal::Missing => "a key is needed".to_owned(),
        Refusal::Invalid(error) => format!("the key is invalid: {error}"),
        Refusal::Expired => "the key has expired".to_owned(),
        Refusal::Revoked => "the key was revoked".to_owned(),
        Refusal::Scope => "the key does not open this path".to_owned(),
        Refusal::NotReady => "the origin's public keys have not been fetched yet".to_owned(),
    }
}
