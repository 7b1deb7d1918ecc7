//! Requests with an `Idempotency-Key` that run at this moment.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The keys of those that run: at most as many as there are connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashSet<String>>>);

/// A request that runs; another with its key may when it is dropped.
#[derive(Debug)]
pub(crate) struct Run {
    all: Running,
    key: String,
}

impl Running {
    /// `None`: one with this key runs.
    pub(crate) fn claim(&self, key: &str) -> Option<Run> {
        self.keys().insert(key.to_owned()).then(|| Run {
            all: self.clone(),
            key: key.to_owned(),
        })
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.all.keys().remove(&self.key);
    }
}
