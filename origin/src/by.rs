//! On whose behalf something is done, for the audit trail: an address, and once it has shown
//! what it holds, a name. It goes with the request, so that what writes the trail, deep in a
//! transaction, need not be told by all between.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::{extract::Request, middleware::Next, response::Response};

tokio::task_local! {
    static BY: Arc<By>;
}

/// Who asks.
#[derive(Debug, Default)]
pub(crate) struct By {
    peer: Option<IpAddr>,
    who: OnceLock<String>,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What is nobody's request: sweeping, and what started before.
const ORIGIN: &str = "origin";

/// Around every request.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let by = By {
        peer,
        ..By::default()
    };
    BY.scope(Arc::new(by), next.run(request)).await
}

/// Who asks has shown that it is this one. The first name stays.
pub(crate) fn is(who: impl FnOnce() -> String) {
    // Nobody asks: nothing to name.
    let _ = BY.try_with(|by| by.who.get_or_init(who).len());
}

/// The name that was shown, and the address as text, which may be empty.
pub(crate) fn current() -> (String, String) {
    let told = BY.try_with(|by| {
        let who = by.who.get().map_or("nobody", String::as_str);
        let peer = by.peer.map(|ip| ip.to_canonical().to_string());
        (who.to_owned(), peer.unwrap_or_default())
    });
    told.unwrap_or_else(|_| (ORIGIN.to_owned(), String::new()))
}

/// The same for work that outlives its request, in a task of its own.
pub(crate) async fn carry<T>(work: impl Future<Output = T>, by: Option<Arc<By>>) -> T {
    match by {
        Some(by) => BY.scope(by, work).await,
        None => work.await,
    }
}

/// What [`carry`] takes.
pub(crate) fn here() -> Option<Arc<By>> {
    BY.try_with(Arc::clone).ok()
}
