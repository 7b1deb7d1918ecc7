//! Errands: what a worker does at addresses that somebody named, a few at once.

mod api;
mod deliver;
mod fetch;

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wire::{Errand, ErrandFailure, ErrandKind, ErrandWork};

use crate::{
    Config, PackagerError,
    outward::{Connector, OutwardError},
    worker::{
        api::{Api, Bearer},
        call::{Backoff, causes},
    },
};
use api::Lent;

/// Longest time to tell the origin that an attempt failed; if it does not hear it, the lease
/// runs out.
const FAREWELL: Duration = Duration::from_secs(5);

/// Takes errands from the origin.
pub(crate) struct Errands {
    shared: Arc<Shared>,
    /// How many of a kind at once.
    lanes: Vec<(ErrandKind, usize)>,
}

/// What each of them needs.
struct Shared {
    api: Api,
    name: String,
    connector: Connector,
    config: Config,
    shutdown: CancellationToken,
}

/// Why an attempt ended without a result.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// Whoever was called did not do it: words for who asked for it.
    #[error("{reason}")]
    Called {
        reason: String,
        permanent: bool,
        /// When it wants to be called again.
        retry_after_secs: Option<u64>,
        /// What it answered, where that is told.
        status: Option<u16>,
    },
    #[error(transparent)]
    Outward(#[from] OutwardError),
    #[error(transparent)]
    Origin(#[from] PackagerError),
}

impl Fault {
    fn permanent(reason: impl Into<String>) -> Self {
        Self::Called {
            reason: reason.into(),
            permanent: true,
            retry_after_secs: None,
            status: None,
        }
    }

    fn is_permanent(&self) -> bool {
        match self {
            Self::Called { permanent, .. } => *permanent,
            Self::Outward(error) => error.is_permanent(),
            Self::Origin(error) => error.is_permanent(),
        }
    }
}

impl Errands {
    /// # Errors
    /// The settings name a file that cannot be used.
    pub(crate) fn open(
        config: &Config,
        (api, name): (&Api, &str),
        shutdown: &CancellationToken,
    ) -> Result<Self, PackagerError> {
        let lanes = vec![
            (ErrandKind::Fetch, config.outward.fetches),
            (ErrandKind::Deliver, config.outward.deliveries),
        ];
        let shared = Shared {
            api: api.clone(),
            name: name.to_owned(),
            connector: Connector::open(config.outward.clone()).map_err(PackagerError::Outward)?,
            config: config.clone(),
            shutdown: shutdown.clone(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            lanes,
        })
    }

    /// Does errands until the worker stops; those under way are given back.
    pub(crate) async fn run(&self, join: &Bearer) -> Result<(), PackagerError> {
        let lanes = self.lanes.iter().filter(|(_, most)| *most > 0);
        let lanes = lanes.map(|(kind, most)| self.lane(join, *kind, *most));
        try_join_all(lanes).await.map(drop)
    }

    async fn lane(
        &self,
        join: &Bearer,
        kind: ErrandKind,
        most: usize,
    ) -> Result<(), PackagerError> {
        let room = Arc::new(Semaphore::new(most));
        let mut running = JoinSet::new();
        loop {
            let place = Arc::clone(&room).acquire_owned().await;
            let place = place.expect("it is never closed");
            while running.try_join_next().is_some() {}
            let errand = tokio::select! {
                errand = self.shared.lease(join, kind) => errand?,
                () = self.shared.shutdown.cancelled() => break,
            };
            let shared = Arc::clone(&self.shared);
            let span = tracing::info_span!(
                "errand", errand = %errand.errand, attempt = errand.attempt, kind = kind.as_str()
            );
            let work = async move {
                shared.work(&errand).await;
                drop(place);
            };
            running.spawn(work.instrument(span));
        }
        while running.join_next().await.is_some() {}
        Ok(())
    }
}

impl Shared {
    /// Asks until there is one. An origin that does not answer is asked again.
    async fn lease(&self, join: &Bearer, kind: ErrandKind) -> Result<Errand, PackagerError> {
        let mut backoff = Backoff::new(Duration::MAX);
        let wait = self.config.lease_wait;
        loop {
            match api::lease(&self.api, join, (&self.name, kind, wait)).await {
                Ok(Some(errand)) => return Ok(errand),
                Ok(None) => backoff = Backoff::new(Duration::MAX),
                Err(error @ PackagerError::JoinRefused { .. }) => return Err(error),
                // The other lanes warn of it. An origin of another age lends none.
                Err(error) => {
                    tracing::debug!(%error, "cannot get errands, trying on");
                    backoff.sleep().await;
                }
            }
        }
    }

    async fn work(&self, errand: &Errand) {
        let lent = match Lent::new(&self.api, errand) {
            Ok(lent) => lent,
            Err(error) => return tracing::error!(%error, "the lease's key is not one"),
        };
        let outcome = match self.attempt(&lent, errand).await {
            Ok(()) => "done",
            Err(fault) => {
                let reason = causes(&fault);
                tracing::info!(reason, permanent = fault.is_permanent(), "attempt ended");
                farewell(&lent, fault).await;
                "failed"
            }
        };
        let kind = errand.work.kind().as_str();
        metrics::counter!(
            "weir_worker_errands_total", "role" => "worker", "kind" => kind, "result" => outcome
        )
        .increment(1);
        tracing::info!(outcome, "errand ended");
    }

    async fn attempt(&self, lent: &Lent, errand: &Errand) -> Result<(), Fault> {
        let work = async {
            match &errand.work {
                ErrandWork::Fetch {
                    url,
                    len_bytes_max,
                    source,
                } => {
                    let fetch = fetch::Fetch {
                        connector: &self.connector,
                        config: &self.config,
                        lent,
                        url,
                        len_bytes_max: *len_bytes_max,
                    };
                    fetch.run(source.clone()).await?;
                    Ok(lent.complete(None).await?)
                }
                ErrandWork::Deliver {
                    url,
                    message,
                    timestamp,
                    signature,
                    body,
                } => {
                    let call = deliver::Call {
                        url,
                        message,
                        timestamp: *timestamp,
                        signature,
                        body,
                    };
                    let status = call.make(&self.connector, &self.config).await?;
                    Ok(lent.complete(Some(status)).await?)
                }
            }
        };
        // Whichever ends first drops the others.
        tokio::select! {
            done = Box::pin(work) => done,
            lost = self.hold(lent, errand) => Err(lost.into()),
            () = self.shutdown.cancelled() => Err(PackagerError::Stopped.into()),
        }
    }

    /// Holds the errand with heartbeats; returns when it is lost or not wanted any more. An
    /// origin that does not answer is told again: an attempt whose lease ran out keeps its
    /// errand unless another took it.
    async fn hold(&self, lent: &Lent, errand: &Errand) -> PackagerError {
        let third =
            (Duration::from_secs(u64::from(errand.lease_secs)) / 3).max(Duration::from_millis(100));
        loop {
            sleep(third).await;
            match lent.lives(third).await {
                Ok(false) => {}
                Ok(true) => return PackagerError::Cancelled,
                Err(PackagerError::LeaseLost | PackagerError::Refused { .. }) => {
                    return PackagerError::LeaseLost;
                }
                Err(error) => tracing::debug!(%error, "heartbeat not heard"),
            }
        }
    }
}

/// Tells the origin why the attempt ended, unless that is not for this worker to say.
async fn farewell(lent: &Lent, fault: Fault) {
    let (retry_after_secs, status) = match &fault {
        Fault::Origin(PackagerError::LeaseLost | PackagerError::Cancelled) => return,
        Fault::Called {
            retry_after_secs,
            status,
            ..
        } => (*retry_after_secs, *status),
        _ => (None, None),
    };
    let failure = ErrandFailure {
        reason: causes(&fault),
        permanent: fault.is_permanent(),
        given_back: matches!(&fault, Fault::Origin(PackagerError::Stopped)),
        retry_after_secs,
        status,
    };
    match timeout(FAREWELL, lent.fail(&failure)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the origin was not told"),
        Err(_) => tracing::warn!("the origin was not told in time"),
    }
}
