use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        AUTHORIZATION, COOKIE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
        PROXY_AUTHORIZATION, VIA,
    },
    uri::PathAndQuery,
};

use super::{
    Origin,
    error::FetchError,
    names::{CDN_LOOP, Names},
    peer::Ask,
};
use crate::path::CacheKey;

/// In whose name the origin is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Credential {
    /// Nobody's.
    Anonymous,
    /// This edge's own.
    Edge,
}

/// What to ask for.
pub(crate) struct Question<'a> {
    pub(crate) key: &'a CacheKey,
    pub(crate) credential: Credential,
    pub(crate) method: &'a Method,
    /// What goes up of the client's fields.
    pub(crate) fields: &'a HeaderMap,
    /// Fields of the stored answer, to ask whether it still holds.
    pub(crate) known: Option<&'a HeaderMap>,
}

impl Origin {
    /// All that goes up of it, beside a body.
    pub(super) fn question(&self, question: &Question<'_>) -> Result<Ask, FetchError> {
        let mut ask = self.plain(question.key.path_and_query())?;
        ask.method.clone_from(question.method);
        for (name, value) in question.fields {
            if *name == VIA || *name == CDN_LOOP {
                put_before(&mut ask.headers, name, value);
            } else {
                ask.headers.append(name, value.clone());
            }
        }
        if question.credential == Credential::Edge {
            self.put_join(&mut ask.headers);
        }
        // RFC 9111 §4.3.1.
        for (stored, condition) in [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)] {
            if let Some(value) = question.known.and_then(|known| known.get(stored)) {
                ask.headers.insert(condition, value.clone());
            }
        }
        Ok(ask)
    }

    /// With nothing of a client's request but its path and query.
    pub(super) fn plain(&self, path: &str) -> Result<Ask, FetchError> {
        let target = path.parse::<PathAndQuery>();
        let target = target.map_err(|error| FetchError::BadAnswer(error.to_string()))?;
        let Names { via, cdn_loop } = &self.names;
        let fields = [(VIA, via.clone()), (CDN_LOOP, cdn_loop.clone())];
        Ok(Ask {
            method: Method::GET,
            target,
            headers: HeaderMap::from_iter(fields),
        })
    }

    pub(super) fn put_join(&self, headers: &mut HeaderMap) {
        if let Some(join) = &self.join {
            headers.insert(AUTHORIZATION, join.clone());
        }
    }
}

/// Puts what others on the way here said before what we say.
fn put_before(headers: &mut HeaderMap, name: &HeaderName, theirs: &HeaderValue) {
    let ours = headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let both = [theirs.as_bytes(), b", ", ours].concat();
    if let Ok(both) = HeaderValue::from_bytes(&both) {
        headers.insert(name, both);
    }
}

/// Takes away what only the site's own origins may see: our credential, the client's.
pub(super) fn make_anonymous(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE] {
        headers.remove(name);
    }
}

/// Whether the origin may hold a request until there is something new: low-latency HLS
/// (RFC 8216bis §6.2.5.2) and long polls.
pub(super) fn is_held(target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    names.any(|name| name == "_HLS_msn" || name == "wait")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_held_by_the_names_in_its_query() {
        for (target, held) in [
            ("/v/a/1/x/index.m3u8?_HLS_msn=7&_HLS_part=1", true),
            ("/news?after=3&wait=30", true),
            ("/wait?await=1", false),
            ("/x?a=wait", false),
            ("/_HLS_msn=7", false),
        ] {
            assert_eq!(is_held(target), held, "{target}");
        }
    }
}
