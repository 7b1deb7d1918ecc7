//! Asks the origins of a site, of which any may be slow, broken or gone.
//!
//! A [`Question`] goes to the first origin of a [`group`] whose [`health`] lets it, on a
//! connection that waits for it or a new one ([`peer`], [`dial`]); if that fails before
//! the answer's head is here, to the next ([`ask`]), within a [`budget`]. What comes back
//! is [`sane`], and its [`body`] ends well only where it ends as it said. A long one is read
//! [`straight`] from its [`wire`] to where it stays, without hyper.

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
mod names;
mod news;
mod patience;
mod peer;
mod place;
mod question;
mod redirect;
mod resolve;
mod sane;
mod settings;
mod straight;
mod tls;
mod upload;
mod wire;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use ::metrics::Counter;
use http::{HeaderValue, Response};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

pub(crate) use body::{Body, finish_unread};
pub(crate) use checks::watch;
pub(crate) use error::FetchError;
pub(crate) use names::{CDN_LOOP, Names};
pub(crate) use peer::are_events;
pub(crate) use question::{Credential, Question};
pub(crate) use settings::{of_site, validate};
pub(crate) use upload::Upload;

use crate::{Config, EdgeError, freshness::Detour, path::CacheKey};
use budget::Budget;
use checks::Checks;
use group::Group;
use patience::Patience;
use peer::Ask;
use question::{is_held, make_anonymous};
use redirect::{REDIRECTS_MAX, Redirects};

/// Slowest pace at which a body may go up on the whole, client and origin together, bytes
/// a second. Chosen: a bad mobile line's.
const UPLOAD_RATE_MIN: u64 = 16 << 10;

/// The right to one fetch.
pub(crate) type Slot<'a> = SemaphorePermit<'a>;

/// The origins of one site.
pub(crate) struct Origin {
    group: Arc<Group>,
    redirects: Redirects,
    checks: Checks,
    names: Names,
    join: Option<HeaderValue>,
    budget: Mutex<Budget>,
    retries: Counter,
    slots: Semaphore,
    /// Of requests that the origin may hold.
    held: Semaphore,
    /// Of requests whose body goes up, at their clients' pace.
    uploads: Semaphore,
    slot_wait: Duration,
    first_byte: Duration,
    held_wait: Duration,
    upload_wait: Duration,
}

/// All of a site's, in the order of the config, and which are kept out.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.group.states();
        for (n, (peer, is_in)) in self.group.peers().iter().zip(states).enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            let out = if is_in { "" } else { " (kept out)" };
            write!(f, "{comma}{}{out}", peer.place)?;
        }
        Ok(())
    }
}

impl Origin {
    pub(crate) fn new(
        config: &Config,
        join: Option<&str>,
        names: &Names,
    ) -> Result<Self, EdgeError> {
        let (group, redirects) = settings::groups(config)?;
        Ok(Self {
            group,
            redirects,
            checks: Checks {
                path: config.health_path.clone(),
                every: config.health_every,
            },
            names: names.clone(),
            join: join.map(|token| bearer(token.trim())).transpose()?,
            budget: Mutex::new(Budget::new(Instant::now())),
            retries: metrics::retries(&config.pop),
            slots: Semaphore::new(config.fetches_max),
            held: Semaphore::new(config.held_max),
            uploads: Semaphore::new(config.uploads_max),
            slot_wait: config.fetch_wait,
            first_byte: config.first_byte_timeout,
            held_wait: config.held_timeout,
            upload_wait: config.first_byte_timeout
                + Duration::from_secs(config.request_max.as_u64() / UPLOAD_RATE_MIN),
        })
    }

    /// Waits for the right to fetch this; held until the body's end.
    pub(crate) async fn slot(&self, key: &CacheKey) -> Result<Slot<'_>, FetchError> {
        let held = is_held(key.path_and_query());
        self.one_of(if held { &self.held } else { &self.slots })
            .await
    }

    /// Waits for the right to send this: none of a fetch's, for which all would wait while
    /// bodies come slowly.
    pub(crate) async fn slot_to_send(
        &self,
        key: &CacheKey,
        upload: &Upload,
    ) -> Result<Slot<'_>, FetchError> {
        if upload.is_none() {
            return self.slot(key).await;
        }
        self.one_of(&self.uploads).await
    }

    async fn one_of<'a>(&self, slots: &'a Semaphore) -> Result<Slot<'a>, FetchError> {
        match timeout(self.slot_wait, slots.acquire()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(FetchError::Overloaded),
        }
    }

    /// Asks, and asks again or elsewhere while no answer has begun, as far as may be;
    /// follows redirects where they may be followed.
    pub(crate) async fn get(&self, question: &Question<'_>) -> Result<Response<Body>, FetchError> {
        let held = is_held(question.key.path_and_query());
        let whole = if held {
            self.held_wait
        } else {
            self.first_byte
        };
        let patience = Patience::of(whole, held);
        let mut ask = self.question(question)?;
        let (response, peer) = self.ask(&self.group, &ask, patience).await?;
        if self.redirects.0.is_empty() || !ask.method.is_safe() {
            return Ok(response);
        }
        make_anonymous(&mut ask.headers);
        let place = peer.place.clone();
        self.follow(response, place, ask, patience).await
    }

    /// Sends what may not be sent twice, with its body: once.
    pub(crate) async fn send(
        &self,
        question: &Question<'_>,
        upload: Upload,
    ) -> Result<Response<Body>, FetchError> {
        let ask = self.question(question)?;
        let patience = Patience::of(self.first_byte, !upload.is_none());
        let sent = timeout(self.upload_wait, self.send_once(&ask, upload, patience));
        sent.await
            .unwrap_or(Err(FetchError::Silent(self.upload_wait)))
    }

    /// Follows redirects, in nobody's name.
    async fn follow(
        &self,
        mut response: Response<Body>,
        mut from: place::Place,
        mut ask: Ask,
        patience: Patience,
    ) -> Result<Response<Body>, FetchError> {
        let mut detour = Detour::default();
        for followed in 0..=REDIRECTS_MAX {
            let Some((place, target)) = redirect::target(&from, &ask.target, &response) else {
                if followed > 0 {
                    detour.mark(&mut response);
                }
                return Ok(response);
            };
            let Some(group) = self.redirects.group(&place) else {
                if followed > 0 {
                    redirect::make_absolute(&mut response, &place, &target);
                    detour.mark(&mut response);
                }
                return Ok(response);
            };
            if followed == REDIRECTS_MAX {
                break;
            }
            detour.add(response.headers(), SystemTime::now());
            ask.target = target;
            finish_unread(response.into_body()).await;
            (response, _) = self.ask(group, &ask, patience).await?;
            from = place;
        }
        let why = format!("it redirects more than {REDIRECTS_MAX} times");
        Err(FetchError::BadAnswer(why))
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests;

fn bearer(token: &str) -> Result<HeaderValue, EdgeError> {
    let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let field = HeaderValue::try_from(format!("Bearer {token}"));
    let mut field = field.ok().filter(|_| visible).ok_or(EdgeError::JoinToken)?;
    field.set_sensitive(true);
    Ok(field)
}
