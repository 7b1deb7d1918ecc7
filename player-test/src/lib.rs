//! Virtual players with parsers of their own, and a browser driver for tests.
//!
//! Nothing here shares code with the roles it tests: a wrong writer cannot agree with
//! itself. [`play()`] lets any number of players watch an HLS stream as viewers would, and
//! checks every byte they get; [`validate()`] holds a presentation against the standards;
//! [`webdriver`] drives a real Chromium.

mod abr;
mod boxes;
mod cache_status;
mod error;
mod fetch;
mod lane;
mod play;
mod playback;
mod player;
mod playlist;
mod rendition;
mod report;
mod session;
mod timeline;
mod url;
mod validate;
pub mod webdriver;

pub use error::PlayError;
pub use play::{Options, PLAYERS_MAX, play};
pub use report::{CacheReport, Report, Spread, Stalls};
pub use validate::{
    Checked, Finding, Severity, ValidateOptions, Validation, validate, validation_rules,
};
