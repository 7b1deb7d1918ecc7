//! Fetches the beginning of what the origin has just published, before a viewer asks.

use std::{
    future::poll_fn,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, stream};
use http::HeaderMap;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};
use wire::{EDGE_NAME_LEN_MAX, WarmList};

use crate::{
    fill::Reader,
    fills::{FillKey, Joined},
    freshness::State,
    head::Object,
    keyring::{Pace, pause},
    node::Node,
    path::{Reading, Target},
    pump::{self, Order},
    upstream::{Credential, FetchError},
};

/// Fetches at one time. Chosen: viewers' own come first.
const FETCHES: usize = 2;

/// Runs until dropped.
pub(crate) async fn follow(node: Arc<Node>, pace: Pace) {
    let name = name(&node.config.pop);
    let (mut after, mut faults) = (None, 0_u32);
    loop {
        let asked = Instant::now();
        match node.origin.warm_list(after, pace.wait, &name).await {
            Ok(Some(list)) => {
                faults = 0;
                after = Some(list.offset);
                fetch_all(&node, list).await;
            }
            // An origin that does not hold the question is not asked without pause.
            Ok(None) if asked.elapsed() < pace.wait / 2 => sleep(pace.retry_max).await,
            Ok(None) => faults = 0,
            Err(error) => {
                if faults == 0 {
                    warn!(%error, "can't ask what is new at the origin; trying again");
                }
                sleep(pause(faults, pace.retry_max)).await;
                faults = faults.saturating_add(1);
            }
        }
    }
}

/// Another one each time an edge starts: it starts with nothing.
fn name(pop: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let started = since.unwrap_or_default().as_nanos();
    let mut name = format!("{started:x}-{pop}");
    name.truncate(EDGE_NAME_LEN_MAX);
    name
}

async fn fetch_all(node: &Arc<Node>, list: WarmList) {
    let (offset, paths) = (list.offset, list.paths.len());
    if paths == 0 {
        return;
    }
    let began = Instant::now();
    // Owned, so that no closure over borrows is held while waiting.
    let fetches = stream::iter(list.paths).map(|path| fetch(node.clone(), path));
    let fetches = fetches.buffer_unordered(FETCHES);
    fetches.for_each(async |()| {}).await;
    info!(offset, paths, took = ?began.elapsed(), "fetched ahead");
}

/// Fetches one object into the store, unless it is there. What fails is left to viewers.
async fn fetch(node: Arc<Node>, path: String) {
    let Ok(target) = Target::parse(&path, None, Reading::WEIR) else {
        return debug!(path, "no path of media");
    };
    let Some(asset) = target.asset().map(Into::into) else {
        return debug!(path, "no path of media");
    };
    let key = FillKey {
        cache: target.key,
        credential: Credential::Edge,
    };
    let is_fresh = |it: &Arc<Object>| it.head.freshness.state(Instant::now()) == State::Fresh;
    let stored = node.store.find(&key.cache, HeaderMap::new).await;
    if stored.is_some_and(|it| is_fresh(&it)) {
        return;
    }
    let fresh = || {
        let stored = node.store.get(&key.cache, HeaderMap::new);
        stored.filter(is_fresh)
    };
    let Some(site) = node.sites.main().cloned() else {
        return debug!(path, "no site of Weir's");
    };
    let ended = match node.fills.join(&key, fresh) {
        Joined::Leader(fill, reader) => {
            let order = Order {
                asset: Some(asset),
                ..Order::new(site, key.clone())
            };
            pump::start(&node, fill, order);
            node.metrics.warmed.increment(1);
            end(reader).await
        }
        Joined::Follower(reader) => end(reader).await,
        Joined::Done(_) | Joined::Full => Ok(()),
    };
    if let Err(error) = ended {
        debug!(%error, path, "can't be fetched ahead");
    }
}

/// Waits until the fetch has ended.
async fn end(reader: Reader) -> Result<(), FetchError> {
    reader.arrival().await?;
    while let Some(piece) = poll_fn(|cx| reader.poll_piece(cx)).await {
        piece?;
    }
    Ok(())
}
