use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::entry::Ticket;
use crate::{access::Leash, body::Body, upstream::FetchError};

/// A body that is counted for the log, where there is one.
pub(crate) struct Watched {
    body: Body,
    ticket: Option<Ticket>,
    /// Of the key that opened it.
    pub(crate) leash: Option<Leash>,
}

impl Watched {
    pub(crate) fn new(body: Body, mut ticket: Option<Ticket>, leash: Option<Leash>) -> Self {
        if let Some(ticket) = ticket.as_mut().filter(|_| body.is_end_stream()) {
            ticket.is_whole();
        }
        Self {
            body,
            ticket,
            leash,
        }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = FetchError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let Self { body, ticket, .. } = &mut *self;
        if let Some(ticket) = ticket {
            if let Some(Ok(frame)) = &frame {
                ticket.add(frame.data_ref().map_or(0, Bytes::len));
            }
            if frame.is_none() || body.is_end_stream() {
                ticket.is_whole();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
