//! The edge as its clients and its origin see it, over real sockets.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod access_log;
mod cache;
mod coalescing;
mod disk;
mod explain;
mod faults;
mod keys;
mod licence;
mod limits;
mod operator;
mod parts;
mod purge;
mod requests;
mod rfc9111;
mod setup;
mod shutdown;
mod sites;
