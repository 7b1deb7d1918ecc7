//! Presentation model, HLS and DASH writers, and the boxes of ISO-BMFF; pure.
