//! The edge as its clients and its origin see it, over real sockets.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod cache;
mod coalescing;
mod disk;
mod faults;
mod keys;
mod licence;
mod limits;
mod parts;
mod requests;
mod rfc9111;
mod setup;
mod shutdown;
mod sites;
