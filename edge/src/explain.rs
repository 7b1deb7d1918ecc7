//! What this edge would do with a request, and why: looked at, not done.

use std::sync::Arc;

use http::{StatusCode, header::AUTHORIZATION, request::Parts};
use tokio::time::Instant;
use wire::{Explanation, StoredObject};

use crate::{
    access::{Refusal, Viewer},
    answer,
    fills::FillKey,
    freshness::State,
    head::{Access, Content, Object},
    node::Node,
    outcome::Outcome,
    path::{Kind, Target},
    purge::{CACHE_TAG, SURROGATE_KEY},
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
    let outcome = look(node, request, &mut told).await;
    outcome.as_str().clone_into(&mut told.outcome);
    told
}

/// Fills in what is found, up to what ends the request.
async fn look(node: &Arc<Node>, request: &Parts, told: &mut Explanation) -> Outcome {
    let Some(site) = node.sites.of(request) else {
        told.refused = Some("no site of this edge has this host".to_owned());
        return Outcome::Refused;
    };
    let target = match answer::parse(node, site, request) {
        Ok(target) => target,
        Err(refused) => {
            told.refused = Some(refused.why());
            return Outcome::Refused;
        }
    };
    told.key = Some(keys::redact(target.key.as_str()).into_owned());
    told.site = Some(site.to_string());
    told.upstream = Some(site.origin.to_string());
    let fields = || site.passed.of(&request.headers);
    let stored = node.store.find(&target.key, fields).await;
    told.stored = stored.as_deref().map(|it| describe(it, site.kind));
    let status = stored
        .as_deref()
        .map_or(StatusCode::OK, |it| it.head.status);
    told.rule = site.rule(target.key.path(), status);
    let gate = node.gate.as_ref().filter(|_| site.kind == Kind::Weir);
    let viewer = match gate {
        None => Ok(Viewer::Anyone),
        Some(gate) => gate.admit(
            &target,
            request.headers.get(AUTHORIZATION),
            answer::unix_now(),
        ),
    };
    match viewer {
        Ok(viewer) => judge(node, &target, viewer, stored.as_deref(), told),
        Err(refusal) => {
            told.refused = Some(why(refusal));
            Outcome::Refused
        }
    }
}

fn judge(
    node: &Node,
    target: &Target,
    viewer: Viewer,
    stored: Option<&Object>,
    told: &mut Explanation,
) -> Outcome {
    let key = FillKey {
        cache: target.key.clone(),
        credential: match viewer {
            Viewer::Keyed { .. } => Credential::Edge,
            Viewer::Keyless | Viewer::Anyone => Credential::Anonymous,
        },
    };
    told.fetching = node.fills.runs(&key);
    let now = Instant::now();
    let readable = stored.filter(|it| viewer.may_read(it.head.access));
    match readable.map(|it| it.head.freshness.state(now)) {
        Some(State::Fresh) => Outcome::Hit,
        Some(State::WhileRevalidate) => Outcome::Stale,
        Some(State::Stale) | None => {
            let asset = target.asset().filter(|_| viewer == Viewer::Keyless);
            if stored.is_some() && readable.is_none() {
                told.refused = Some(why(Refusal::Missing));
            }
            if asset.is_some_and(|asset| node.refusals.holds(asset, now)) {
                told.refused = Some(why(Refusal::Missing));
                return Outcome::Negative;
            }
            if told.fetching {
                Outcome::Collapsed
            } else {
                Outcome::Miss
            }
        }
    }
}

fn describe(object: &Object, kind: Kind) -> StoredObject {
    let now = Instant::now();
    let freshness = &object.head.freshness;
    let state = match freshness.state(now) {
        State::Fresh => "fresh",
        State::WhileRevalidate => "stale-while-revalidate",
        State::Stale => "stale",
    };
    let tier = match object.body {
        Content::Ram(_) => "ram",
        Content::Disk(_) => "disk",
    };
    let access = match object.head.access {
        Access::Public => "public",
        Access::Keyed => "keyed",
    };
    let fields = [SURROGATE_KEY, CACHE_TAG];
    let fields = fields
        .iter()
        .flat_map(|name| object.head.headers.get_all(name));
    let tags: Vec<_> = fields.filter_map(|field| field.to_str().ok()).collect();
    StoredObject {
        tier: tier.to_owned(),
        status: object.head.status.as_u16(),
        len: object.len(),
        state: state.to_owned(),
        age_secs: freshness.age(now).as_secs(),
        lifetime_secs: freshness.lifetime.as_secs(),
        ttl_secs: freshness.ttl_secs(now),
        access: (kind == Kind::Weir).then(|| access.to_owned()),
        position: object.head.position.to_string(),
        tags: (!tags.is_empty()).then(|| tags.join(", ")),
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
