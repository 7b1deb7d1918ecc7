//! The whole system: separate processes of the real binary, as an operator starts them.
//!
//! [`fleet`] starts, kills and restarts them; [`published`] fetches what viewers get and
//! has ffmpeg judge it. The other modules are the specification.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

// Setup.
mod backup;
mod canary;
mod clip;
mod fleet;
mod link;
mod process;
mod published;

// Specification.
mod adding;
#[cfg(feature = "s3")]
mod bucket;
mod collapsing;
mod commands;
mod deleting;
mod demo;
#[cfg(feature = "s3")]
mod direct;
mod encrypting;
mod events;
mod exporting;
mod folders;
mod fsck;
mod handover;
mod health;
mod ingesting;
mod instant;
mod keys;
mod kills;
mod licensed;
#[cfg(all(feature = "postgres", feature = "s3"))]
mod many;
mod odd_inputs;
mod per_title;
mod publishing;
mod saga;
mod sharing;
mod stopping;
mod uploads;
mod valid;
mod warming;
mod webhooks;
