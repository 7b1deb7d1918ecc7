//! What is looked for, and what was found.

use std::fmt;

/// What is done besides looking for blobs and their lengths.
#[derive(Debug, Clone, Copy, Default)]
pub struct FsckOptions {
    /// Delete what nothing names.
    pub repair: bool,
    /// Read every blob that has a checksum.
    pub read: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The blob's name.
    pub blob: String,
    /// What is wrong with it.
    pub fault: Fault,
    /// Assets that it is a part of.
    pub assets: Vec<String>,
    /// It is no more: `repair` has deleted it.
    pub repaired: bool,
}

/// What is wrong with a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing names it; it has so many bytes.
    Orphan(u64),
    /// Parts of a blob that nobody will finish.
    Parts,
    /// It is named, and not there.
    Missing,
    /// It has other than so many bytes.
    Length {
        /// In the store.
        has: u64,
        /// In the catalogue.
        wanted: u64,
    },
    /// Its bytes are not those that were stored.
    Rotten,
    /// It can't be read, for this reason.
    Unreadable(String),
}

/// What was looked at, and how much of it is not as it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FsckSummary {
    /// Blobs that are there and named.
    pub blobs: u64,
    /// All they have, bytes.
    pub bytes: u64,
    /// Those that were read and have the checksum that was stored with them.
    pub sound: u64,
    /// Those of which nothing but the length is known: without `read`, all.
    pub unread: u64,
    /// What was told.
    pub findings: u64,
    /// Of that, what is no more.
    pub repaired: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Orphan(bytes) => write!(f, "orphan: {bytes} bytes that nothing names"),
            Self::Parts => f.write_str("orphan: parts that nobody will finish"),
            Self::Missing => f.write_str("missing"),
            Self::Length { has, wanted } => write!(f, "length: {has} bytes instead of {wanted}"),
            Self::Rotten => f.write_str("rotten: not the bytes that were stored"),
            Self::Unreadable(reason) => write!(f, "unreadable: {reason}"),
        }
    }
}
