//! What is neither GET nor HEAD, passed on.

use std::sync::Arc;

use http::{
    HeaderMap, Method,
    header::{AUTHORIZATION, MAX_FORWARDS},
    request::Parts,
};
use http_body::Body as _;
use hyper::body::Incoming;

use super::{Exchange, local, parse};
use crate::{
    access::Viewer,
    forward,
    node::Node,
    outcome::Outcome,
    pump::Order,
    respond::{self, Answer, Asked},
    site::{self, Site},
    upstream::{FetchError, Upload},
};

/// Passes on what is neither GET nor HEAD.
pub(super) async fn pass(
    node: &Arc<Node>,
    site: &Arc<Site>,
    request: &Parts,
    body: Incoming,
) -> Answer {
    let target = match parse(node, site, request) {
        Ok(target) => target,
        Err(refused) => return local::target_refused(refused),
    };
    let hops = hops_left(request);
    if hops == Some(0) {
        return local::options();
    }
    let most = node.config.request_max.as_u64();
    if body.size_hint().lower() > most {
        return respond::fetch_failed(&FetchError::RequestTooLong);
    }
    let exchange = Exchange {
        node,
        site,
        own: request.headers.get(AUTHORIZATION),
        target,
        asked: Asked {
            headers: &request.headers,
            head_only: false,
            viewer: Viewer::Anyone,
        },
    };
    let order = exchange.order(None, true);
    let mut fields = order.fields.clone();
    fields.extend(forward::conditions(&request.headers));
    if let Some(hops) = hops {
        fields.insert(MAX_FORWARDS, (hops - 1).into());
    }
    let order = Order {
        fields,
        method: request.method.clone(),
        host: site::authority(request).map(Into::into),
        upload: Some(Upload::new(body, &node.config)),
        ..order
    };
    // Its conditions and its range were the origin's to judge, and are by now: none of them
    // is held against the answer (RFC 9110 §13.2.1, §14.2).
    let judged = HeaderMap::new();
    let asked = Asked {
        headers: &judged,
        ..exchange.asked
    };
    let exchange = Exchange { asked, ..exchange };
    exchange.fetch_by(order, Outcome::Bypass, None).await
}

/// How far an OPTIONS may go on (RFC 9110 §7.6.2); of other methods that is not looked at.
fn hops_left(request: &Parts) -> Option<u32> {
    let field = request.headers.get(MAX_FORWARDS)?;
    let text = field
        .to_str()
        .ok()
        .filter(|_| request.method == Method::OPTIONS)?;
    text.trim().parse().ok()
}
