//! The edge as its clients and its origin see it, over real sockets.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod blocks;
mod cache;
mod coalescing;
mod faults;
mod kept;
mod keys;
mod licence;
mod limits;
mod pace;
mod parts;
mod readers;
mod requests;
mod rfc9111;
mod setup;
mod shutdown;
mod sites;
mod versions;
mod waiters;
