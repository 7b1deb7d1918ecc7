//! Asks the origins of a site, of which any may be slow, broken or gone.
//!
//! A [`Question`] goes to the first origin of a [`group`] whose [`health`] lets it, on a
//! connection that waits for it or a new one ([`peer`], [`dial`]); if that fails before
//! the answer's head is here, to the next ([`ask`]), within a [`budget`]. What comes back
//! is [`sane`], and its [`body`] ends well only where it ends as it said.

mod ask;
mod body;
mod budget;
mod checks;
mod conn;
mod dial;
mod error;
mod group;
mod health;
mod metrics;
mod name;
mod news;
mod peer;
mod place;
mod redirect;
mod sane;
mod settings;
mod tls;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use ::metrics::Counter;
use http::{
    HeaderMap, HeaderValue, Method, Response,
    header::{AUTHORIZATION, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, VIA},
    uri::PathAndQuery,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

pub(crate) use body::Body;
pub(crate) use checks::watch;
pub(crate) use error::FetchError;
pub(crate) use peer::are_events;
pub(crate) use settings::validate;

use crate::{Config, EdgeError, path::CacheKey};
use budget::Budget;
use checks::Checks;
use group::Group;
use peer::{Ask, Patience};
use redirect::{REDIRECTS_MAX, Redirects};

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
    /// The client's own, on a plain site.
    pub(crate) authorization: Option<&'a HeaderValue>,
    /// Fields of the stored answer, to ask whether it still holds.
    pub(crate) known: Option<&'a HeaderMap>,
}

/// The right to one fetch.
pub(crate) type Slot<'a> = SemaphorePermit<'a>;

/// The origins of one site.
pub(crate) struct Origin {
    group: Arc<Group>,
    redirects: Redirects,
    checks: Checks,
    via: HeaderValue,
    join: Option<HeaderValue>,
    budget: Mutex<Budget>,
    retries: Counter,
    slots: Semaphore,
    /// Of requests that the origin may hold.
    held: Semaphore,
    slot_wait: Duration,
    first_byte: Duration,
    held_wait: Duration,
}

impl Origin {
    pub(crate) fn new(
        config: &Config,
        join: Option<&str>,
        via: HeaderValue,
    ) -> Result<Self, EdgeError> {
        let (group, redirects) = settings::groups(config)?;
        Ok(Self {
            group,
            redirects,
            checks: Checks {
                path: config.health_path.clone(),
                every: config.health_every,
            },
            via,
            join: join.map(|token| bearer(token.trim())).transpose()?,
            budget: Mutex::new(Budget::new(Instant::now())),
            retries: metrics::retries(&config.pop),
            slots: Semaphore::new(config.fetches_max),
            held: Semaphore::new(config.held_max),
            slot_wait: config.fetch_wait,
            first_byte: config.first_byte_timeout,
            held_wait: config.held_timeout,
        })
    }

    /// Waits for the right to fetch this; held until the body's end.
    pub(crate) async fn slot(&self, key: &CacheKey) -> Result<Slot<'_>, FetchError> {
        let slots = if is_held(key.as_str()) {
            &self.held
        } else {
            &self.slots
        };
        match timeout(self.slot_wait, slots.acquire()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(FetchError::Overloaded),
        }
    }

    /// Asks, and asks again or elsewhere while no answer has begun, as far as may be;
    /// follows redirects where they may be followed.
    pub(crate) async fn get(&self, question: &Question<'_>) -> Result<Response<Body>, FetchError> {
        let path = question.key.as_str();
        let held = is_held(path);
        let whole = if held {
            self.held_wait
        } else {
            self.first_byte
        };
        let patience = Patience::of(whole, held);
        let mut ask = self.plain(path, conditions(question))?;
        self.put_credential(question, &mut ask.headers);
        let (response, peer) = self.ask(&self.group, &ask, patience).await?;
        ask.headers.remove(AUTHORIZATION);
        self.follow(response, peer.place.clone(), ask, patience)
            .await
    }

    /// Follows redirects, in nobody's name.
    async fn follow(
        &self,
        mut response: Response<Body>,
        mut from: place::Place,
        mut ask: Ask,
        patience: Patience,
    ) -> Result<Response<Body>, FetchError> {
        if self.redirects.0.is_empty() {
            return Ok(response);
        }
        for followed in 0..=REDIRECTS_MAX {
            let Some((place, target)) = redirect::target(&from, &ask.target, &response) else {
                return Ok(response);
            };
            let Some(group) = self.redirects.group(&place) else {
                if followed > 0 {
                    redirect::make_absolute(&mut response, &place, &target);
                }
                return Ok(response);
            };
            if followed == REDIRECTS_MAX {
                break;
            }
            ask.target = target;
            (response, _) = self.ask(group, &ask, patience).await?;
            from = place;
        }
        let why = format!("it redirects more than {REDIRECTS_MAX} times");
        Err(FetchError::BadAnswer(why))
    }

    /// Nothing of a client's request goes up but its path and query.
    fn plain(&self, path: &str, mut headers: HeaderMap) -> Result<Ask, FetchError> {
        let target = path.parse::<PathAndQuery>();
        let target = target.map_err(|error| FetchError::BadAnswer(error.to_string()))?;
        headers.insert(VIA, self.via.clone());
        Ok(Ask {
            method: Method::GET,
            target,
            headers,
        })
    }

    fn put_credential(&self, question: &Question<'_>, headers: &mut HeaderMap) {
        if question.credential == Credential::Edge {
            self.put_join(headers);
        } else if let Some(own) = question.authorization {
            headers.insert(AUTHORIZATION, own.clone());
        }
    }

    fn put_join(&self, headers: &mut HeaderMap) {
        if let Some(join) = &self.join {
            headers.insert(AUTHORIZATION, join.clone());
        }
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().expect("no holder panics")
    }
}

fn conditions(question: &Question<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(known) = question.known else {
        return headers;
    };
    if let Some(etag) = known.get(ETAG) {
        headers.insert(IF_NONE_MATCH, etag.clone());
    } else if let Some(modified) = known.get(LAST_MODIFIED) {
        headers.insert(IF_MODIFIED_SINCE, modified.clone());
    }
    headers
}

/// Whether the origin may hold a request until there is something new: low-latency HLS
/// (RFC 8216bis §6.2.5.2) and long polls.
fn is_held(target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    names.any(|name| name == "_HLS_msn" || name == "wait")
}

fn bearer(token: &str) -> Result<HeaderValue, EdgeError> {
    let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let field = HeaderValue::try_from(format!("Bearer {token}"));
    let mut field = field.ok().filter(|_| visible).ok_or(EdgeError::JoinToken)?;
    field.set_sensitive(true);
    Ok(field)
}
