//! Fakes and fixtures for tests.
//!
//! [`FakeOrigin`] answers as its script says; [`Gate`]s hold it where a test wants it
//! held; [`get`] and its like ask over real sockets; [`Still`] stops the clock.

mod answer;
mod client;
mod clock;
mod gate;
mod origin;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "s3")]
pub mod s3;

pub use answer::Answer;
pub use client::{Asking, Reply, Stream, get, raw, request};
pub use clock::Still;
pub use gate::Gate;
pub use origin::{FakeOrigin, JOIN, Recorded, unix_now};
