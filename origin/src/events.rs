//! How far assets are, told to all who listen.
//!
//! One task for each asset that somebody listens to looks at the catalogue when it
//! changed, at most twice a second, and tells all of its listeners; so the work does not
//! grow with their number.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep_until},
};
use wire::{Addition, AssetId, AssetProgress, AssetState};

use crate::{OriginError, app::Shared, catalogue::Topic};

/// Listeners at once. Chosen: some hundred assets, a few pages each.
const LISTENERS_MAX: usize = 1024;

/// Shortest time between two looks at one asset.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the listeners of an asset are told: `None` once it is gone.
type Told = Option<AssetProgress>;

/// The assets that somebody listens to.
#[derive(Debug)]
pub(crate) struct Events {
    rooms: Mutex<HashMap<AssetId, watch::Sender<Told>>>,
    listeners: Arc<Semaphore>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            rooms: Mutex::default(),
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
        }
    }
}

/// One who listens to an asset.
#[derive(Debug)]
pub(crate) struct Listener {
    told: watch::Receiver<Told>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

/// Starts to listen.
///
/// # Errors
/// No such asset, or too many listen.
pub(crate) async fn listen(app: &Shared, asset: &AssetId) -> Result<Listener, OriginError> {
    let place = Arc::clone(&app.events.listeners).try_acquire_owned();
    let place = place.map_err(|_| OriginError::Overloaded("too many listen".into()))?;
    let now = app.catalogue.progress(asset).await?;
    let mut rooms = app
        .events
        .rooms
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let mut told = match rooms.get(asset) {
        Some(room) => room.subscribe(),
        None => {
            let (room, told) = watch::channel(Some(now));
            rooms.insert(asset.clone(), room);
            app.tasks.spawn(tell(app.clone(), asset.clone()));
            told
        }
    };
    told.mark_changed();
    Ok(Listener {
        told,
        ended: false,
        _place: place,
    })
}

impl Listener {
    /// The next state; `None` once there will be no other. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<AssetProgress> {
        if self.ended {
            return None;
        }
        let gone = self.told.changed().await.is_err();
        let told = self.told.borrow_and_update().clone();
        self.ended = gone || told.as_ref().is_none_or(is_final);
        told.filter(|_| !gone)
    }
}

fn is_final(progress: &AssetProgress) -> bool {
    let is_added = |adds: &Addition| adds.state == AssetState::Packaging;
    matches!(progress.state, AssetState::Ready | AssetState::Failed)
        && !progress.additions.iter().any(is_added)
}

/// Looks, and tells, until nobody listens or there is no more to tell.
async fn tell(app: Shared, asset: AssetId) {
    loop {
        let changed = app.catalogue.news(Topic::Changed);
        let look_again = Instant::now() + LOOK_EVERY;
        let told = match app.catalogue.progress(&asset).await {
            Ok(progress) => Some(progress),
            Err(OriginError::NotFound(_)) => None,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "events");
                None
            }
        };
        if !app.events.tell(&asset, told) {
            return;
        }
        sleep_until(look_again).await;
        tokio::select! {
            () = changed => {}
            () = app.events.nobody_listens(&asset) => {}
            () = app.shutdown.cancelled() => {
                app.events.rooms.lock().unwrap_or_else(PoisonError::into_inner).remove(&asset);
                return;
            }
        }
    }
}

impl Events {
    /// Tells the listeners of an asset, if that is news. False: there is nobody, or it was
    /// the last word, and the room is closed.
    fn tell(&self, asset: &AssetId, told: Told) -> bool {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(room) = rooms.get(asset) else {
            return false;
        };
        let last = told.as_ref().is_none_or(is_final);
        room.send_if_modified(|before| {
            let news = *before != told;
            *before = told;
            news
        });
        let over = last || room.is_closed();
        if over {
            rooms.remove(asset);
        }
        !over
    }

    /// Resolves when the last listener of an asset has gone.
    async fn nobody_listens(&self, asset: &AssetId) {
        let room = {
            let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            rooms.get(asset).cloned()
        };
        if let Some(room) = room {
            room.closed().await;
        }
    }
}
