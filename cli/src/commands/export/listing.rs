//! Which files a version is made of: what its playlists name, and what lies beside.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::address::Address;
use crate::exit::{Exit, error};

/// Files that a version may have besides what playlists name.
const BESIDE: [&str; 3] = ["poster.jpg", "chapters.json", STORYBOARD];
const STORYBOARD: &str = "storyboard.vtt";

/// A version's files.
pub(super) struct Listing {
    pub(super) version: String,
    /// Playlists and the MPD with their bytes, in the order to write them.
    pub(super) manifests: Vec<(String, Bytes)>,
    /// All others.
    pub(super) files: BTreeSet<String>,
}

impl Listing {
    pub(super) async fn load(address: &Address) -> anyhow::Result<Self> {
        let master = must(address, "master.m3u8").await?;
        // None of what is encrypted for HLS alone.
        let mpd = address.text("manifest.mpd").await?;
        let playlists = references("", &master)?;
        let version = version(&playlists)?;
        let mut manifests = Vec::new();
        let mut files = BTreeSet::new();
        let mut beside: BTreeSet<String> = BESIDE.map(str::to_owned).into();
        for name in playlists {
            let text = must(address, &name).await?;
            let (folder, _) = name.rsplit_once('/').unwrap_or_default();
            let named = references(&format!("{folder}/"), &text)?;
            if named.iter().any(|file| file.ends_with(".vtt")) {
                // DASH has the same words in one file.
                beside.extend(
                    folder
                        .rsplit('/')
                        .next()
                        .map(|track| format!("{track}.vtt")),
                );
            }
            files.extend(named);
            manifests.push((name, text));
        }
        for name in beside {
            let path = format!("{version}/{name}");
            let Some(text) = address.text(&path).await? else {
                continue;
            };
            if name == STORYBOARD {
                files.extend(sheets(&format!("{version}/"), &text)?);
            }
            files.insert(path);
        }
        manifests.extend(mpd.map(|mpd| ("manifest.mpd".to_owned(), mpd)));
        manifests.push(("master.m3u8".to_owned(), master));
        Ok(Self {
            version,
            manifests,
            files,
        })
    }
}

async fn must(address: &Address, name: &str) -> anyhow::Result<Bytes> {
    let text = address.text(name).await?;
    text.ok_or_else(|| error(Exit::Failed, format!("there is no {name}")))
}

/// What a playlist refers to: lines that are no tags, and `URI` attributes but those of keys,
/// which are no part of what is published.
fn references(folder: &str, playlist: &[u8]) -> anyhow::Result<BTreeSet<String>> {
    let text = String::from_utf8_lossy(playlist);
    let uri = |line: &str| match line.strip_prefix('#') {
        None => Some(line.to_owned()),
        Some(tag) if tag.starts_with("EXT-X-KEY:") || tag.starts_with("EXT-X-SESSION-KEY:") => None,
        Some(tag) => {
            let (_, value) = tag.split_once("URI=\"")?;
            value.split('"').next().map(str::to_owned)
        }
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .filter_map(uri)
        .map(|uri| below(folder, &uri))
        .collect()
}

/// The pictures that a storyboard shows parts of.
fn sheets(folder: &str, vtt: &[u8]) -> anyhow::Result<BTreeSet<String>> {
    let text = String::from_utf8_lossy(vtt);
    let names = text.lines().filter_map(|line| line.split_once("#xywh="));
    names.map(|(name, _)| below(folder, name)).collect()
}

/// A name in a folder of the version. Whoever answers chooses the names, and is not to
/// choose where they are written.
fn below(folder: &str, name: &str) -> anyhow::Result<String> {
    let good = |part: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !part.starts_with('.') && !part.is_empty() && part.bytes().all(fits)
    };
    let path = format!("{folder}{name}");
    if path.split('/').all(good) {
        return Ok(path);
    }
    Err(error(
        Exit::Failed,
        format!("{name:?} is no name of a file of Weir"),
    ))
}

/// The folder that all are in.
fn version(playlists: &BTreeSet<String>) -> anyhow::Result<String> {
    let mut folders = playlists.iter().map(|name| name.split_once('/'));
    let first = folders.next().flatten().map(|(folder, _)| folder);
    match first {
        Some(version) if folders.all(|f| f.is_some_and(|(folder, _)| folder == version)) => {
            Ok(version.to_owned())
        }
        _ => Err(error(Exit::Failed, "master.m3u8 names no version")),
    }
}

#[cfg(test)]
mod tests {
    use super::{references, sheets};

    #[test]
    fn a_playlist_names_lines_and_attributes_once_each() {
        let text = b"#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n\
            #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"../../license#0a\"\n#EXTINF:4,\n0.m4s\n\n0.m4s\n1.m4s\n";
        let names: Vec<_> = references("v/t/", text).unwrap().into_iter().collect();
        assert_eq!(names, ["v/t/0.m4s", "v/t/1.m4s", "v/t/init.mp4"]);
    }

    #[test]
    fn a_sheet_is_named_once_however_many_tiles_it_has() {
        let text = b"WEBVTT\n\n00:00 --> 00:02\nstoryboard-0.jpg#xywh=0,0,1,1\n\n\
            00:02 --> 00:04\nstoryboard-0.jpg#xywh=1,0,1,1\n";
        assert_eq!(sheets("v/", text).unwrap().len(), 1);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for bad in [
            "../x",
            "/etc/x",
            "a/../b",
            "http://h/x",
            "a//b",
            ".x",
            "a b",
            "C:x",
        ] {
            assert!(references("v/", bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
