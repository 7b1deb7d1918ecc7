//! How far the work is: told by those who do it, read by the heartbeat.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use wire::{Progress, Stage};

/// Shared between the work and the heartbeat.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    now: Mutex<Progress>,
    stage_changed: Notify,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let now = Progress {
            stage: Stage::Download,
            percent: 0.0,
            speed: None,
        };
        Self(Arc::new(Inner {
            now: Mutex::new(now),
            stage_changed: Notify::new(),
        }))
    }

    /// `fraction` of the stage, 0 to 1, is done.
    pub(crate) fn set(&self, stage: Stage, fraction: f64, speed: Option<f64>) {
        let percent = (fraction * 100.0).clamp(0.0, 100.0) as f32;
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.stage != stage {
            self.0.stage_changed.notify_one();
        }
        *now = Progress {
            stage,
            percent,
            speed,
        };
    }

    pub(crate) fn get(&self) -> Progress {
        self.0
            .now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for another stage.
    pub(crate) async fn stage_changed(&self) {
        self.0.stage_changed.notified().await;
    }
}
