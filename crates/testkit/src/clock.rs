use std::{
    sync::mpsc::{Sender, channel},
    time::Duration,
};

/// Stops tokio's clock until it is dropped, on a current-thread runtime. Paused time
/// jumps ahead by itself whenever all tasks wait, also when they wait for a socket;
/// this one does not.
#[derive(Debug)]
pub struct Still(Option<Sender<()>>);

impl Still {
    /// Stops the clock.
    #[must_use]
    pub fn now() -> Self {
        tokio::time::pause();
        let (hold, held) = channel::<()>();
        // While a blocking task runs, tokio does not jump ahead.
        tokio::task::spawn_blocking(move || {
            let _ = held.recv();
        });
        Self(Some(hold))
    }

    /// Moves the clock on. Timers are precise to the millisecond only: to let one end,
    /// go past it.
    pub async fn advance(&self, by: Duration) {
        tokio::time::advance(by).await;
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        self.0.take();
        tokio::time::resume();
    }
}
