//! An edge as its operator meets it: the real binary, its errors, its metrics, and what it
//! must never show.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

// Setup.
#[path = "../fleet/process.rs"]
#[allow(dead_code, reason = "the fleet needs more of it")]
mod process;
mod running;

// Specification.
mod metrics;
mod refusals;
mod secrets;
