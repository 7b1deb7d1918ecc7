//! Valet keys: mint, verify, scope; pure.
