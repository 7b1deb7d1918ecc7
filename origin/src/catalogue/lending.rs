//! Claims that come at one time are made in one transaction, which is written to disk once
//! for all of them.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Mutex as Turn, oneshot};
use wire::{LeaseRequest, TaskKind};

use super::{
    Catalogue, OriginError,
    jobs::{self, Claimed},
};

/// Most claims in one transaction: others that write wait for it. Chosen: about 10 ms.
const TOGETHER_MAX: usize = 64;

/// What came of a claim: the job's row, if there was one to take.
type Taken = Option<Claimed>;

/// Claims that wait. Whoever's turn it is makes those of all.
#[derive(Debug, Default)]
pub(super) struct Lending {
    waiting: Mutex<Vec<Waiting>>,
    turn: Turn<()>,
}

#[derive(Debug)]
struct Waiting {
    ask: LeaseRequest,
    taken: oneshot::Sender<Taken>,
}

impl Waiting {
    /// What decides which jobs it may have.
    fn taste(&self) -> (&[TaskKind], &str) {
        (&self.ask.kinds, &self.ask.toolchain)
    }
}

impl Lending {
    fn join(&self, ask: &LeaseRequest) -> oneshot::Receiver<Taken> {
        let (taken, takes) = oneshot::channel();
        let ask = ask.clone();
        self.all().push(Waiting { ask, taken });
        takes
    }

    /// The first that wait, and are still waited for.
    fn next(&self) -> Vec<Waiting> {
        let mut all = self.all();
        all.retain(|it| !it.taken.is_closed());
        let now = all.len().min(TOGETHER_MAX);
        let later = all.split_off(now);
        mem::replace(&mut *all, later)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalogue {
    /// Marks the next job for a worker as lent, with those for all who ask meanwhile.
    pub(super) async fn take_next(
        &self,
        ask: &LeaseRequest,
        lease: Duration,
    ) -> Result<Taken, OriginError> {
        let mut takes = self.lending.join(ask);
        loop {
            tokio::select! {
                biased;
                taken = &mut takes => match taken {
                    Ok(taken) => return Ok(taken),
                    // Who had the turn failed, or went away: nothing of theirs was kept.
                    Err(_) => takes = self.lending.join(ask),
                },
                _turn = self.lending.turn.lock() => self.take_all(lease).await?,
            }
        }
    }

    async fn take_all(&self, lease: Duration) -> Result<(), OriginError> {
        let waiting = self.lending.next();
        if waiting.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        let mut taken: Vec<Taken> = Vec::with_capacity(waiting.len());
        for (n, one) in waiting.iter().enumerate() {
            let had_none = |(other, taken): (&Waiting, &Taken)| {
                taken.is_none() && other.taste() == one.taste()
            };
            taken.push(match waiting[..n].iter().zip(&taken).any(had_none) {
                true => None,
                false => jobs::take(&mut tx, &one.ask, lease).await?,
            });
        }
        if taken.iter().any(Option::is_some) {
            tx.commit().await?;
        }
        for (one, taken) in waiting.into_iter().zip(taken) {
            // Who went away meanwhile has lost a lease, and the next gets it when it ends.
            let _ = one.taken.send(taken);
        }
        Ok(())
    }
}
