//! Read-through cache: knows HTTP, never media.
