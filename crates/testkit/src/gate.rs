use tokio::sync::watch;

/// Holds whoever passes it until it is opened; from then on it holds nobody.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets everybody through.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub async fn passed(&self) {
        let mut state = self.0.subscribe();
        state
            .wait_for(|open| *open)
            .await
            .expect("the sender is held by self");
    }
}
