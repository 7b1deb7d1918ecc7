//! Paths under `/v/`, parsed once.

use media::bmff::cbcs::KeyId;
use wire::{AssetId, TrackId, VersionId};

use crate::file_name::{FileName, number};

/// A path under `/v/` that can exist.
#[derive(Debug, PartialEq)]
pub(crate) struct MediaPath {
    /// As it came, without a key.
    pub(crate) text: String,
    pub(crate) asset: AssetId,
    pub(crate) file: File,
}

/// What of an asset is asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum File {
    Info,
    Events,
    /// The keys by which it is decrypted.
    Licence,
    /// The bytes of one of them.
    Key(KeyId),
    Manifest(Manifest),
    Playlist {
        version: VersionId,
        track: TrackId,
    },
    /// Pictures alone, for trick play.
    IFrames {
        version: VersionId,
        track: TrackId,
    },
    Init {
        version: VersionId,
        track: TrackId,
    },
    Segment {
        version: VersionId,
        track: TrackId,
        number: u32,
        /// WebVTT; else a fragment of an mp4.
        is_text: bool,
    },
    /// Beside the tracks.
    Beside {
        version: VersionId,
        name: FileName,
    },
}

/// A manifest of all tracks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Manifest {
    Hls,
    Dash,
}

impl MediaPath {
    /// `None` for anything that no writer of ours ever names.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix("/v/")?.splitn(5, '/').collect();
        let file = match parts[1..] {
            ["master.m3u8"] => File::Manifest(Manifest::Hls),
            ["manifest.mpd"] => File::Manifest(Manifest::Dash),
            ["info.json"] => File::Info,
            ["events"] => File::Events,
            ["license"] => File::Licence,
            [key] => File::Key(key_id(key)?),
            [version, name] => File::Beside {
                version: version.parse().ok()?,
                name: FileName::parse(name)?,
            },
            [version, track, name] => {
                let (version, track) = (version.parse().ok()?, track.parse().ok()?);
                match name {
                    "index.m3u8" => File::Playlist { version, track },
                    "iframes.m3u8" => File::IFrames { version, track },
                    "init.mp4" => File::Init { version, track },
                    _ => {
                        let (digits, extension) = name.split_once('.')?;
                        let is_text = match extension {
                            "vtt" => true,
                            "m4s" => false,
                            _ => return None,
                        };
                        File::Segment {
                            version,
                            track,
                            number: number(digits)?,
                            is_text,
                        }
                    }
                }
            }
            _ => return None,
        };
        Some(Self {
            text: path.to_owned(),
            asset: parts[0].parse().ok()?,
            file,
        })
    }
}

/// Of `<id>.key`, in the one spelling that is ever written.
fn key_id(name: &str) -> Option<KeyId> {
    let digits = name.strip_suffix(".key")?;
    let id: KeyId = digits.parse().ok()?;
    (id.hex() == digits).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_an_asset_has_one_path() {
        let (version, track): (VersionId, TrackId) = ("v1".parse().unwrap(), "a1".parse().unwrap());
        for (path, file) in [
            ("/v/x/master.m3u8", File::Manifest(Manifest::Hls)),
            ("/v/x/manifest.mpd", File::Manifest(Manifest::Dash)),
            (
                "/v/x/v1/a1/7.m4s",
                File::Segment {
                    version: version.clone(),
                    track: track.clone(),
                    number: 7,
                    is_text: false,
                },
            ),
            (
                "/v/x/v1/a1/iframes.m3u8",
                File::IFrames {
                    version: version.clone(),
                    track,
                },
            ),
            (
                "/v/x/v1/poster.jpg",
                File::Beside {
                    version,
                    name: FileName::parse("poster.jpg").unwrap(),
                },
            ),
            ("/v/x/events", File::Events),
            ("/v/x/license", File::Licence),
            (
                "/v/x/0102030405060708090a0b0c0d0e0f10.key",
                File::Key(KeyId(std::array::from_fn(|n| n as u8 + 1))),
            ),
        ] {
            let parsed = MediaPath::parse(path).unwrap();
            assert_eq!((parsed.asset.as_str(), parsed.file), ("x", file));
        }
        for bad in [
            "/v/",
            "/v/x",
            "/v/x/",
            "/v/x/v1/a1/07.m4s",
            "/v/x/v1/a1/+7.m4s",
            "/v/x/v1/a1/.m4s",
            "/v/x/v1/a1/7.mp4",
            "/v/x/v1/other.jpg",
            "/v/x/v1/a1/7.m4s/",
            "/v/../master.m3u8",
            "/v/x/v1/../7.m4s",
            "/v/x/v1/a1/4294967296.m4s",
            "/v/x/0102.key",
            "/v/x/0102030405060708090A0B0C0D0E0F10.key",
        ] {
            assert_eq!(MediaPath::parse(bad), None, "{bad}");
        }
    }
}
