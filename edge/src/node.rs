//! All that one edge process holds.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use moka::sync::Cache;
use tokio::{
    sync::{RwLock, Semaphore},
    time::{Duration, Instant},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, EdgeError,
    access::Gate,
    access_log::Log,
    admin::Token,
    blocks::Blocks,
    clients::Clients,
    config::SiteConfig,
    connection::Register,
    fills::{Budget, Fills},
    heap::Parked,
    invalidate::Changes,
    lanes::Lanes,
    marks::Marks,
    metrics::Metrics,
    path::Kind,
    purge::Purges,
    site::Sites,
    store::Store,
    upstream::{self, Names, Origin},
};

/// How long "a key is needed" is remembered of an asset. The design page says one second.
const REFUSAL_KEPT: Duration = Duration::from_secs(1);

pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) names: Names,
    pub(crate) sites: Sites,
    /// Of the site that is no other's: Weir's, where keys are judged.
    pub(crate) origin: Arc<Origin>,
    /// Judges keys; none on a plain site.
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) purges: Arc<Purges>,
    pub(crate) store: Store,
    pub(crate) blocks: Blocks,
    pub(crate) fills: Fills,
    pub(crate) fill_ram: Arc<Budget>,
    pub(crate) refusals: Refusals,
    /// What could not be shared when it last came: each request has its own fetch.
    pub(crate) unshared: Marks,
    pub(crate) changes: Changes,
    pub(crate) metrics: Metrics,
    /// Of requests, where there is one.
    pub(crate) log: Option<Arc<Log>>,
    /// Held by a purge while it is put in force, and alone by a take-over: what this process
    /// would be told meanwhile, the next would not know.
    pub(crate) purging: Arc<RwLock<()>>,
    /// Of the operator, where there is an admin listener.
    pub(crate) admin: Option<Token>,
    pub(crate) lanes: Lanes,
    /// One for each connection of a client.
    pub(crate) places: Arc<Semaphore>,
    /// The connections themselves, and what each address may take.
    pub(crate) lines: Register,
    pub(crate) parked: Parked,
    pub(crate) clients: Clients,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<crate::tls::Acceptor>>,
    /// Whether answers are stored: not while another process has the cache folder.
    storing: AtomicBool,
    /// Every task of this node runs here.
    pub(crate) tasks: TaskTracker,
    /// Ends what is left when the drain is over.
    pub(crate) cut: CancellationToken,
}

impl Node {
    pub(crate) fn new(config: Config, join: Option<&str>) -> Result<Self, EdgeError> {
        config.validate()?;
        let names = Names::new(&config.pop)?;
        let gate = join.map(|_| Gate::open(&config)).transpose()?.map(Arc::new);
        let fill_ram = Budget::new(config.fill_ram.as_u64());
        let origin = Arc::new(Origin::new(&config, join, &names)?);
        let kind = match join {
            Some(_) => Kind::Weir,
            None => Kind::Plain,
        };
        let open = |site: &SiteConfig| Origin::new(&upstream::of_site(&config, site), None, &names);
        let (ram_bytes, block) = (config.ram.as_u64(), config.block.as_u64());
        let store = Store::open(&config, fill_ram.clone())?;
        let metrics = Metrics::new(&config.pop);
        let log = Log::open(&config, &metrics)?.map(Arc::new);
        Ok(Self {
            sites: Sites::new(&config, kind, &origin, open)?,
            origin,
            names,
            gate,
            fills: Fills::new(
                config.fill_window.as_u64(),
                config.waiters_max,
                store.purges().clone(),
            ),
            purges: store.purges().clone(),
            store,
            blocks: Blocks::new(block, ram_bytes),
            fill_ram,
            refusals: Refusals(Cache::new(config.refusals_max as u64)),
            unshared: Marks::new(),
            changes: Changes::new(),
            metrics,
            log,
            purging: Arc::default(),
            admin: Token::open(&config)?,
            lanes: Lanes::new(config.threads).map_err(EdgeError::Threads)?,
            places: Arc::new(Semaphore::new(config.connections_max)),
            lines: Register::default(),
            parked: Parked::default(),
            clients: Clients::new(&config),
            #[cfg(feature = "tls")]
            tls: crate::tls::Acceptor::new(&config)?.map(Arc::new),
            storing: AtomicBool::new(true),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
            config,
        })
    }

    pub(crate) fn is_storing(&self) -> bool {
        self.storing.load(Relaxed)
    }

    pub(crate) fn set_storing(&self, storing: bool) {
        self.storing.store(storing, Relaxed);
    }

    /// Connections of clients.
    pub(crate) fn open(&self) -> usize {
        self.config.connections_max - self.places.available_permits()
    }

    /// Runs a task until it ends, or the node is cut.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            cut.run_until_cancelled(task).await;
        });
    }
}

/// The assets of which the origin said a moment ago that they need a key.
pub(crate) struct Refusals(Cache<Box<str>, Instant>);

impl Refusals {
    pub(crate) fn keep(&self, asset: &str, now: Instant) {
        self.0.insert(asset.into(), now + REFUSAL_KEPT);
    }

    pub(crate) fn holds(&self, asset: &str, now: Instant) -> bool {
        self.0.get(asset).is_some_and(|until| now < until)
    }
}
