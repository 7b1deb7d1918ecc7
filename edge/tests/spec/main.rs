//! The edge as its clients and its origin see it, over real sockets.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod access_log;
mod blocks;
mod cache;
mod clients;
mod coalescing;
mod connections;
mod disk;
mod explain;
mod faults;
mod frames;
mod handover;
mod http2;
mod kept;
mod kept_blocks;
mod kept_keys;
mod key_attacks;
mod keys;
mod lanes;
mod licence;
mod limits;
mod operator;
mod pace;
mod parts;
mod purge;
mod readers;
mod refusals;
mod refused_lines;
mod requests;
mod revoked;
mod rfc9111;
mod setup;
mod shutdown;
mod sites;
#[cfg(feature = "tls")]
mod tls;
mod upstream;
mod versions;
mod waiters;
