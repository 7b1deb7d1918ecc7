//! What an origin promises, over real sockets.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod analysis;
mod assets;
mod audit;
mod backup;
mod blobs;
mod concatenation;
mod creation;
mod data;
mod delivery;
mod documented;
mod draft;
mod edits;
mod encryption;
mod events;
mod fetching;
mod few_uses;
mod files;
mod idempotency;
mod job_list;
mod jobs;
mod keys;
mod minting;
mod openapi;
#[cfg(feature = "postgres")]
mod origins;
mod passes;
mod plans;
mod playable;
mod priority;
mod repeated;
mod saga;
mod segments;
mod signers;
mod sniffed;
mod sound;
mod sound_ends;
mod support;
mod takeover;
mod text;
mod uploads;
mod warming;
mod webhooks;
