//! Read-through cache: knows HTTP, never media.
//!
//! A [`connection`] brings a request, which becomes a [`path::Target`]; [`access`] judges
//! its key; [`answer`] serves it from the [`store`], or joins or starts a [`fill`]: one
//! fetch from the origin that streams to all who wait for it. Of large objects, ranges are
//! fetched in [`blocks`]. The modules stand in that order, connections last.

mod config;
mod error;
mod off;
mod outcome;

mod path;
mod query;

mod forward;
mod site;

mod access;
mod kept_keys;
mod keyring;

mod freshness;
mod head;
mod purge;

mod disk;
mod heap;
mod held;
mod memory;
mod ram;
mod sieve;
mod store;
mod vary;

mod fill;
mod fills;
mod invalidate;
mod marks;
mod pump;
mod upstream;

mod blocks;

mod lanes;
mod node;
mod warm;

mod access_log;
mod admin;
mod answer;
mod body;
mod conditional;
mod cors;
mod explain;
mod range;
mod respond;

mod clients;
mod connection;
mod request;
#[cfg(feature = "tls")]
mod tls;

mod handover;
mod listeners;
mod metrics;
mod server;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;

pub use access_log::Format as LogFormat;
pub use config::{All, Config, Profile, QueryRule, RuleConfig, SiteConfig, Ttl};
pub use error::EdgeError;
pub use handover::take_over;
pub use listeners::Listeners;
pub use server::serve;
