//! Paths under `/v/`, parsed once.

use wire::{AssetId, TrackId, VersionId};

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
    Manifest(Manifest),
    Playlist {
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
            [version, track, name] => {
                let (version, track) = (version.parse().ok()?, track.parse().ok()?);
                match name {
                    "index.m3u8" => File::Playlist { version, track },
                    "init.mp4" => File::Init { version, track },
                    _ => File::Segment {
                        version,
                        track,
                        number: number(name)?,
                    },
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

/// `12` of `12.m4s`, written in its one way.
fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".m4s")?;
    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
    canonical.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_an_asset_has_one_path() {
        let (version, track) = ("v1".parse().unwrap(), "a1".parse().unwrap());
        for (path, file) in [
            ("/v/x/master.m3u8", File::Manifest(Manifest::Hls)),
            ("/v/x/manifest.mpd", File::Manifest(Manifest::Dash)),
            (
                "/v/x/v1/a1/7.m4s",
                File::Segment {
                    version,
                    track,
                    number: 7,
                },
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
            "/v/x/v1/a1/7.m4s/",
            "/v/../master.m3u8",
            "/v/x/v1/../7.m4s",
            "/v/x/v1/a1/4294967296.m4s",
        ] {
            assert_eq!(MediaPath::parse(bad), None, "{bad}");
        }
    }
}
