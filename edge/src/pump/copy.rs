//! A body, from the origin to who waits for it and into the store.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::Pump;
use crate::{
    fills::Portion,
    freshness::Share,
    head::{Head, Object},
    memory::{Growth, Intake},
    upstream::{self, FetchError},
};

/// What a piece costs in memory beside its bytes, estimated.
const PIECE_OVERHEAD: u64 = 64;

impl Pump {
    pub(super) async fn copy(
        &self,
        head: &Head,
        mut body: upstream::Body,
        mut portion: Portion,
    ) -> Result<(), FetchError> {
        let idle = self.node.config.body_idle_timeout;
        let mut keeping = head.store || head.share != Share::Nobody;
        let mut intake = self.intake(head, &body);
        let (mut len, mut overhead) = (0, 0);
        if intake.room().is_some() && timeout(idle, body.straighten()).await.is_err() {
            return Err(body.stalled(idle));
        }
        while self.fill.room().await {
            let Some(grown) = next(&mut body, &mut intake, idle).await? else {
                return self.end(head, intake, portion, keeping).await;
            };
            len += grown.iter().map(|it| it.new as u64).sum::<u64>();
            overhead += PIECE_OVERHEAD;
            let fits = len <= self.node.config.object_max.as_u64();
            if keeping && !(fits && portion.grow_to(len + overhead)) {
                keeping = false;
                intake.stop();
                self.node.fills.close(&self.order.key, &self.fill);
                self.fill.pass();
            }
            // The last piece is given out when the object is stored, so that whoever has
            // read it all finds it there.
            if Some(len) == head.length {
                self.fill.keep_back(grown);
                return self.end(head, intake, portion, keeping).await;
            }
            self.fill.grow(grown);
            self.gauge();
        }
        Err(FetchError::Stopped)
    }

    /// Memory for a body that is to be stored.
    fn intake(&self, head: &Head, body: &upstream::Body) -> Intake {
        let len = body.size_hint().exact();
        let stored = head.store && self.order.is_read();
        self.node.store.memory().intake(len.filter(|_| stored))
    }

    async fn end(
        &self,
        head: &Head,
        intake: Intake,
        portion: Portion,
        keeping: bool,
    ) -> Result<(), FetchError> {
        if keeping && head.store && self.fill.may_store() {
            let body = intake.whole(|| self.fill.pieces()).await;
            // Counted with the stored ones from now on.
            drop(portion);
            self.store(Object::new(head, body.clone()));
            self.fill.replace(&body);
        }
        self.fill.give_out();
        Ok(())
    }
}

/// What comes next of a body, taken in; `None` at its end.
async fn next(
    body: &mut upstream::Body,
    intake: &mut Intake,
    idle: Duration,
) -> Result<Option<Vec<Growth>>, FetchError> {
    if body.is_straight()
        && let Some(room) = intake.room()
    {
        let Ok(read) = timeout(idle, body.read(room)).await else {
            return Err(body.stalled(idle));
        };
        return Ok(Some(intake.wrote(read?)));
    }
    let piece = next_piece(body, idle).await?;
    Ok(piece.map(|piece| intake.take(piece)))
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next_piece(
    body: &mut upstream::Body,
    idle: Duration,
) -> Result<Option<Bytes>, FetchError> {
    loop {
        let Ok(frame) = timeout(idle, body.frame()).await else {
            return Err(body.stalled(idle));
        };
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(error),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                // Trailers are not passed on (RFC 9110 §6.5.1 allows it).
                _ => {}
            },
        }
    }
}
