//! The edge as its clients and its origin see it, over real sockets.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod blocks;
mod cache;
mod clients;
mod coalescing;
mod connections;
mod disk;
mod faults;
mod frames;
mod handover;
mod http2;
mod kept;
mod keys;
mod licence;
mod limits;
mod pace;
mod parts;
mod readers;
mod refusals;
mod requests;
mod rfc9111;
mod setup;
mod shutdown;
mod sites;
#[cfg(feature = "tls")]
mod tls;
mod upstream;
mod versions;
mod waiters;
