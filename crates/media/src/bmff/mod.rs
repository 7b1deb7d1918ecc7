//! The boxes of ISO-BMFF (ISO/IEC 14496-12), as much as fragmented mp4 needs.
//!
//! Input is untrusted: anything malformed is a [`BoxError`], and memory is bounded by
//! the input's length and by named constants.
//!
//! - [`boxes()`]: walk the boxes of a slice.
//! - [`TopLevel`]: cut an encoder's output into its init segment and its fragments.
//! - [`init_info`]: what an init segment says of its one track.
//! - [`Fragment`]: times and samples of a `moof` + `mdat`.
//! - [`patch_tfdt`]: move a fragment in time, in place; [`patch_pre_skip`]: tell how much
//!   priming a stream of Opus has; [`with_sequence_header`]: what AV1 says of
//!   itself; [`with_entry_boxes`]: what else there is to say of pictures.
//! - [`write_fragment`]: a new `moof` + `mdat` of given samples; [`fragment_head`]: the
//!   same without their bytes.
//! - [`cbcs`]: encryption of init segments and fragments.
//! - [`mp4`]: progressive mp4 and mov: what they hold, and where.

mod av1;
mod avc;
mod bits;
mod boxes;
pub mod cbcs;
mod entry;
mod error;
mod esds;
mod fragment;
mod hevc;
mod init;
pub mod mp4;
mod opus;
mod patch;
mod split;
mod write;

pub use av1::with_sequence_header;
pub use boxes::{BoxRef, Boxes, FourCc, boxes};
pub use entry::with_entry_boxes;
pub use error::BoxError;
pub use fragment::{Fragment, SAMPLES_MAX, Sample};
pub use init::{InitInfo, InitKind, SampleDefaults, init_info};
pub use opus::patch_pre_skip;
pub use patch::patch_tfdt;
pub use split::{Piece, TopLevel};
pub use write::{SampleHead, fragment_head, fragment_head_len_max, write_fragment};
