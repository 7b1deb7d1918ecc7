//! Progressive mp4 and mov (ISO/IEC 14496-12, and QuickTime where cameras write it): what
//! a file holds, and where each sample is, without reading the samples.
//!
//! Input is untrusted: anything malformed is a [`BoxError`](super::BoxError); memory is
//! bounded by [`MOOV_LEN_MAX`], and by what tables really hold, not by what they claim.
//!
//! - [`Locate`]: which bytes to read to find `moov`.
//! - [`Movie`]: what `moov` says; [`Table`]: where and when each sample is.
//! - [`Nals`]: what the first bytes of a picture's sample say of it.
//! - [`Sps`]: what H.264 says of all pictures.
//! - [`write_init`]: an init segment of one track.

mod edit;
mod entry;
mod fields;
mod init;
mod locate;
mod movie;
mod nal;
pub(in crate::bmff) mod sps;
mod table;

pub use edit::{Edit, EditList};
pub use entry::{Entry, EntryKind};
pub use init::{Init, write_init};
pub use locate::{HEAD_LEN, Locate, MOOV_LEN_MAX};
pub use movie::{Movie, Track};
pub use nal::{Nals, Picture, Scan};
pub use sps::Sps;
pub use table::{Iter, Placed, SAMPLES_MAX, Table};
