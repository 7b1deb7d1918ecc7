//! How to package a source.

use serde::{Deserialize, Serialize};

use crate::{Codec, Encryption, RateControl};

/// How to package a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackageSettings {
    /// Length of a segment, seconds, 2 to 10.
    pub segment_secs: f64,
    /// Heights of the renditions wanted, pixels, highest first.
    pub ladder: Vec<u32>,
    /// Publish the source's own streams as they are, where players can play them.
    #[serde(default = "yes")]
    pub copy: bool,
    /// Whether the lowest rendition is encoded by itself, ahead of the others.
    #[serde(default)]
    pub lead: Lead,
    /// Make a poster and a storyboard, for which pictures are decoded.
    #[serde(default = "yes")]
    pub images: bool,
    /// What it is encoded in: H.264 always, with AAC; see [`Codec::fault`].
    #[serde(default = "h264")]
    pub codecs: Vec<Codec>,
    /// Choose the rates of the renditions by what the source is: see [`Analysis`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub per_title: bool,
    /// How its audio and video are encrypted.
    #[serde(default)]
    pub encryption: Encryption,
    /// Whom the worker that plans asks for the keys, by [`KeyRequest`](crate::KeyRequest);
    /// without it, the origin has made them.
    #[serde(default)]
    pub key_server: Option<String>,
    /// What decides how many bits H.264 pictures get.
    #[serde(default, skip_serializing_if = "RateControl::is_crf")]
    pub rate_control: RateControl,
}

/// Whether the lowest rendition is encoded by itself, ahead of the others: viewers can
/// start sooner, and all costs one more decode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lead {
    /// Where the plan finds that it is worth it.
    #[default]
    Auto,
    /// Wherever there is more than one rendition.
    On,
    /// Never.
    Off,
}

impl Default for PackageSettings {
    fn default() -> Self {
        Self {
            segment_secs: 4.0,
            ladder: vec![1080, 720, 480, 360],
            copy: true,
            lead: Lead::Auto,
            images: true,
            codecs: h264(),
            per_title: false,
            encryption: Encryption::None,
            key_server: None,
            rate_control: RateControl::Crf,
        }
    }
}

fn yes() -> bool {
    true
}

fn is_false(value: &bool) -> bool {
    !value
}

fn h264() -> Vec<Codec> {
    vec![Codec::H264]
}
