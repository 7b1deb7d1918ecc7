//! What every request handler can reach.

use std::{
    fs::{DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wire::PackageSettings;

use crate::{
    Config, OriginError,
    blobs::Blobs,
    busy::BusyUploads,
    catalogue::{Catalogue, Rules},
    clock::now_secs,
    events::Events,
    keyring::Keyring,
    making::Making,
    own_file::fault,
    random,
    warming::Edges,
};

/// Longest life of a key, seconds. A revocation is kept as long.
pub(crate) const KEY_TTL_MAX_SECS: u64 = keys::LIFE_SECS_MAX;

/// Uploads that are copied to the bucket at one time; more wait. Chosen: each holds up to three
/// parts of it in memory.
const MOVES_MAX: usize = 4;

/// What every request handler can reach.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) catalogue: Catalogue,
    pub(crate) store: Blobs,
    pub(crate) keyring: Keyring,
    pub(crate) busy_uploads: BusyUploads,
    /// Those that are whole, and go to the bucket.
    pub(crate) moving_uploads: BusyUploads,
    /// So many of them at one time.
    pub(crate) moves: Semaphore,
    /// Versions whose bytes are being stored, before any row names them.
    pub(crate) making: Making,
    pub(crate) events: Events,
    pub(crate) edges: Edges,
    /// Work that goes on when its request's connection is lost.
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
    waiters: Semaphore,
    /// Keys of a subject, an asset or a signer that were issued before this Unix second may be
    /// revoked: those that are minted now are not older.
    issue_from: AtomicU64,
    /// `iat` of the newest key.
    issued_newest: AtomicU64,
    /// Held while the origin works in its folder.
    _lock: File,
}

pub(crate) type Shared = Arc<App>;

impl App {
    pub(crate) async fn open(
        config: Config,
        shutdown: CancellationToken,
    ) -> Result<Shared, OriginError> {
        let data_dir = &config.data_dir;
        let lock = claim_folder(data_dir)?;
        let rules = Rules {
            attempts_max: config.attempts_max,
            gc_grace: config.gc_grace,
            warm: config.warm_segments > 0,
        };
        let catalogue = Catalogue::open(&config, rules).await?;
        let keyring = Keyring::open(&config, &catalogue).await?;
        let store = Blobs::open(&config, &catalogue).await?;
        Ok(Arc::new(Self {
            _lock: lock,
            keyring,
            catalogue,
            store,
            busy_uploads: BusyUploads::default(),
            moving_uploads: BusyUploads::default(),
            moves: Semaphore::new(MOVES_MAX),
            making: Making::default(),
            events: Events::default(),
            edges: Edges::default(),
            tasks: TaskTracker::new(),
            waiters: Semaphore::new(config.waiters_max),
            issue_from: AtomicU64::new(0),
            issued_newest: AtomicU64::new(0),
            shutdown,
            config,
        }))
    }

    /// A place among the requests that wait for news.
    pub(crate) fn waiter(&self) -> Result<SemaphorePermit<'_>, OriginError> {
        self.waiters
            .try_acquire()
            .map_err(|_| OriginError::Overloaded("too many requests wait for news".into()))
    }

    pub(crate) fn package_settings(&self) -> PackageSettings {
        PackageSettings {
            segment_secs: self.config.segment.as_secs_f64(),
            ladder: self.config.ladder.clone(),
            copy: self.config.publish_source,
            lead: self.config.lead,
            images: true,
            codecs: self.config.codecs.clone(),
            per_title: self.config.per_title,
            encryption: self.config.encryption,
            key_server: match self.config.key_server.as_str() {
                "" => None,
                url => Some(url.to_owned()),
            },
            rate_control: self.config.rate_control,
        }
    }

    /// All keys that were minted so far were issued before this time, in Unix seconds.
    ///
    /// # Errors
    /// Within this second too many keys and revocations took turns, each pair a second.
    pub(crate) fn revocable_until(&self) -> Result<u64, OriginError> {
        let now = now_secs();
        let until = now.max(self.issued_newest.load(Relaxed)) + 1;
        if until > now + keys::LEEWAY_SECS {
            return Err(OriginError::Overloaded(
                "too many revocations within a second".into(),
            ));
        }
        Ok(until)
    }

    /// What is minted from now on was not issued before this time, in Unix seconds.
    pub(crate) fn issue_from(&self, secs: u64) {
        self.issue_from.fetch_max(secs, Relaxed);
    }

    /// Mints a key of the claims that `claims` makes of (issued, expires, jti).
    pub(crate) fn mint(
        &self,
        ttl: Duration,
        claims: impl FnOnce(u64, u64, String) -> keys::Claims,
    ) -> wire::MintedKey {
        // Ahead by less than every checker's leeway: see `revocable_until`.
        let now = now_secs().max(self.issue_from.load(Relaxed));
        let expires_at = now + ttl.as_secs().min(KEY_TTL_MAX_SECS);
        self.issued_newest.fetch_max(now, Relaxed);
        let jti = random::id();
        let claims = claims(now, expires_at, jti.clone());
        wire::MintedKey {
            token: self.keyring.mint(&claims),
            jti,
            expires_at,
        }
    }
}

/// Makes the folder, readable by its owner alone, and takes it: two origins in one folder
/// would delete each other's half-written blobs.
fn claim_folder(data_dir: &Path) -> Result<File, OriginError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(fault("make", data_dir))?;
    let lock = File::create(data_dir.join("lock")).map_err(fault("write to", data_dir))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OriginError::Locked(data_dir.display().to_string())),
        Err(TryLockError::Error(source)) => Err(fault("lock", data_dir)(source)),
    }
}
