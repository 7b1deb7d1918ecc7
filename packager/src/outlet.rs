//! Where a task's results go: to the origin that lent it, or into a folder.

use bytes::{Bytes, BytesMut};
use wire::{Pass, PassCost, Plan, TrackId};

use crate::{
    PackagerError, encode::segment::Segment, local::shelf::Shelf, passes, protect::Protector,
    worker::api::Job,
};

/// Takes what a task makes. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Outlet {
    /// The origin that lent the task.
    Origin(Box<Job>),
    /// A folder of this machine.
    Folder(Shelf),
    /// One of these, which gets encrypted tracks.
    Encrypted(Protector, Box<Outlet>),
    /// Two that get the same tracks; the first gets all files, and has the say.
    Both(Box<Outlet>, Box<Outlet>),
}

impl Outlet {
    /// The plan, which every other task works by.
    pub(crate) async fn put_plan(&self, plan: &Plan) -> Result<(), PackagerError> {
        match self {
            Self::Origin(job) => job.put_plan(plan).await,
            Self::Folder(shelf) => {
                shelf.put_plan(plan);
                Ok(())
            }
            Self::Encrypted(_, outlet) => Box::pin(outlet.put_plan(plan)).await,
            Self::Both(one, other) => {
                Box::pin(one.put_plan(plan)).await?;
                Box::pin(other.put_plan(plan)).await
            }
        }
    }

    /// The init segment of a track. Repeated with the same bytes, it changes nothing;
    /// other bytes are refused.
    pub(crate) async fn put_init(&self, track: &TrackId, init: Bytes) -> Result<(), PackagerError> {
        let clear = init.clone();
        self.put_stored_init(track, &clear, init).await
    }

    /// What is stored may be encrypted; the clear one then says what it is.
    async fn put_stored_init(
        &self,
        track: &TrackId,
        clear: &Bytes,
        init: Bytes,
    ) -> Result<(), PackagerError> {
        match self {
            Self::Origin(job) => job.put_init(track, init).await,
            Self::Folder(shelf) => shelf.put_init(track, clear, init).await,
            Self::Encrypted(protector, outlet) => {
                let init = protector.init(track, &init)?;
                Box::pin(outlet.put_stored_init(track, clear, init)).await
            }
            Self::Both(one, other) => {
                Box::pin(one.put_stored_init(track, clear, init.clone())).await?;
                Box::pin(other.put_stored_init(track, clear, init)).await
            }
        }
    }

    /// A segment of a track; its place is final. Repeated, it changes nothing.
    pub(crate) async fn put_segment(
        &self,
        track: &TrackId,
        segment: &Segment,
    ) -> Result<(), PackagerError> {
        match self {
            Self::Origin(job) => job.put_segment(track, segment).await?,
            Self::Folder(shelf) => {
                // Text is the only track whose segments are no boxes.
                let text = segment.bytes.starts_with(b"WEBVTT");
                let extension = if text { "vtt" } else { "m4s" };
                shelf.put_segment((track, extension), segment).await?;
            }
            Self::Encrypted(protector, outlet) => {
                let segment = protector.segment(track, segment)?;
                return Box::pin(outlet.put_segment(track, &segment)).await;
            }
            Self::Both(one, other) => {
                Box::pin(one.put_segment(track, segment)).await?;
                return Box::pin(other.put_segment(track, segment)).await;
            }
        }
        let len = segment.bytes.len() as u64;
        metrics::counter!("weir_worker_segments_total", "role" => "worker").increment(1);
        metrics::counter!("weir_worker_bytes_total", "role" => "worker").increment(len);
        tracing::debug!(%track, number = segment.number, len, "stored");
        Ok(())
    }

    /// What a first pass found of a span of a track. Repeated, it changes nothing.
    pub(crate) async fn put_pass(
        &self,
        (span, track, cost): (u32, &TrackId, &PassCost),
        log: Bytes,
    ) -> Result<(), PackagerError> {
        match self {
            Self::Origin(job) => job.put_pass(track, cost, log).await,
            Self::Folder(shelf) => shelf.put_pass((span, track, cost), log).await,
            Self::Encrypted(_, outlet) | Self::Both(outlet, _) => {
                Box::pin(outlet.put_pass((span, track, cost), log)).await
            }
        }
    }

    /// The log of a first pass, of the span that the task encodes.
    pub(crate) async fn pass(&self, pass: &Pass) -> Result<Bytes, PackagerError> {
        match self {
            Self::Origin(job) => {
                let mut log = BytesMut::new();
                for piece in passes::pieces(pass.len_bytes) {
                    log.extend_from_slice(&job.pass_range(&pass.track, piece).await?);
                }
                Ok(log.freeze())
            }
            Self::Folder(shelf) => shelf.pass(pass),
            Self::Encrypted(_, outlet) | Self::Both(outlet, _) => Box::pin(outlet.pass(pass)).await,
        }
    }

    /// A file of the version that is no track, such as `poster.jpg`.
    pub(crate) async fn put_file(
        &self,
        name: &str,
        media_type: &'static str,
        bytes: Bytes,
    ) -> Result<(), PackagerError> {
        match self {
            Self::Origin(job) => job.put_file(name, media_type, bytes).await,
            Self::Folder(shelf) => shelf.put_file(name, bytes).await,
            Self::Encrypted(_, outlet) | Self::Both(outlet, _) => {
                Box::pin(outlet.put_file(name, media_type, bytes)).await
            }
        }
    }
}
