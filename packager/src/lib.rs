//! Probe, plan, encode, cut, publish; the worker loop.
