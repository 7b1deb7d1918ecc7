//! What viewers get through the edge, and what a decoder makes of it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    process::{Command, Output},
};

use bytes::Bytes;
use media::bmff::{Fragment, init_info};

use crate::fleet::{Asset, Fleet};

/// One rendition, fetched as a player would.
#[derive(Debug)]
pub(crate) struct Track {
    /// The names of its segments, below the asset.
    pub(crate) names: Vec<String>,
    init: Bytes,
    segments: Vec<Bytes>,
    /// Init and segments in one file.
    file: tempfile::NamedTempFile,
}

/// The names of the video renditions that the multivariant playlist offers, in its order.
pub(crate) async fn renditions(fleet: &Fleet, asset: &Asset) -> Vec<String> {
    let master = text(fleet, asset, "master.m3u8").await;
    let variants = master.lines().filter(|line| !line.starts_with('#'));
    variants
        .filter_map(|line| line.strip_suffix("/index.m3u8")?.rsplit('/').next())
        .map(str::to_owned)
        .collect()
}

/// All renditions that the multivariant playlist names.
pub(crate) async fn fetch(fleet: &Fleet, asset: &Asset) -> BTreeMap<String, Track> {
    let mut tracks = BTreeMap::new();
    for playlist in children(&text(fleet, asset, "master.m3u8").await) {
        // Besides, each video track has a playlist of its keyframes.
        let Some(folder) = playlist.strip_suffix("index.m3u8") else {
            assert!(playlist.ends_with("/iframes.m3u8"), "{playlist}");
            continue;
        };
        let name = folder.trim_end_matches('/').rsplit('/').next();
        let name = name.expect("a track has a folder").to_owned();
        if let Entry::Vacant(place) = tracks.entry(name) {
            place.insert(Track::fetch(fleet, asset, folder).await);
        }
    }
    tracks
}

impl Track {
    async fn fetch(fleet: &Fleet, asset: &Asset, folder: &str) -> Self {
        let playlist = text(fleet, asset, &format!("{folder}index.m3u8")).await;
        assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
        let names: Vec<_> = children(&playlist)
            .into_iter()
            .map(|child| format!("{folder}{child}"))
            .collect();
        // The first is the init segment, by EXT-X-MAP.
        let init = body(fleet, asset, &names[0]).await;
        let mut segments = Vec::new();
        for name in &names[1..] {
            segments.push(body(fleet, asset, name).await);
        }
        let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
        let whole = [&init].into_iter().chain(&segments);
        let whole: Vec<&[u8]> = whole.map(|bytes| &bytes[..]).collect();
        std::fs::write(file.path(), whole.concat()).unwrap();
        Self {
            names: names[1..].to_vec(),
            init,
            segments,
            file,
        }
    }

    /// The same bytes in the same segments.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        (&self.init, &self.segments) == (&other.init, &other.segments)
    }

    /// How many frames a decoder gets, after it has found no fault.
    pub(crate) fn decoded_frames(&self) -> usize {
        let found = self.ffmpeg("-f null -");
        assert_eq!(String::from_utf8_lossy(&found.stderr), "");
        let counted = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-of", "csv=p=0"])
            .args(["-show_entries", "stream=nb_read_frames"])
            .arg(self.file.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&counted.stdout).into_owned();
        text.trim().trim_end_matches(',').parse().unwrap()
    }

    /// Presentation times of all samples, seconds, in order: from the boxes, since
    /// ffprobe 5.1 moves fragments with negative composition offsets.
    pub(crate) fn times(&self) -> Vec<f64> {
        let info = init_info(&self.init).unwrap();
        let mut times = Vec::new();
        for segment in &self.segments {
            let fragment = Fragment::read(segment, &info).unwrap();
            let mut decode_time = i64::try_from(fragment.base_decode_time).unwrap();
            for sample in fragment.samples {
                let time = decode_time + i64::from(sample.composition_offset);
                times.push(time as f64 / f64::from(info.timescale));
                decode_time += i64::from(sample.duration);
            }
        }
        times.sort_by(f64::total_cmp);
        times
    }

    /// When the first picture is nearly white, seconds.
    pub(crate) fn first_white(&self) -> f64 {
        let one_pixel = "-fps_mode passthrough -vf scale=1:1:flags=area,format=gray -f rawvideo -";
        let brightness = self.ffmpeg(one_pixel).stdout;
        let white = brightness.iter().position(|mean| *mean > 220);
        let times = self.times();
        assert_eq!(brightness.len(), times.len());
        times[white.expect("a white picture")]
    }

    /// When the first loud sound is heard, seconds.
    pub(crate) fn first_loud(&self) -> f64 {
        const FRAME: usize = 1024;
        let samples = self.ffmpeg("-ac 1 -ar 48000 -f s16le -").stdout;
        let samples: Vec<_> = samples.chunks_exact(2).collect();
        // Nothing is cut off at the start: so the place of a sample is its time.
        let times = self.times();
        assert_eq!((samples.len(), times[0]), (FRAME * times.len(), 0.0));
        let loud = |pair: &&[u8]| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > 4000;
        let first = samples.iter().position(loud).expect("a loud sound");
        first as f64 / 48_000.0
    }

    fn ffmpeg(&self, args: &str) -> Output {
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i"])
            .arg(self.file.path())
            .args(args.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }
}

/// What a playlist refers to, in order: lines that are addresses, and `URI` attributes.
fn children(playlist: &str) -> Vec<String> {
    let child = |line: &str| match line.split_once("URI=\"") {
        Some((_, rest)) => rest.split('"').next().map(str::to_owned),
        None => (!line.is_empty() && !line.starts_with('#')).then(|| line.to_owned()),
    };
    playlist.lines().filter_map(child).collect()
}

pub(crate) async fn text(fleet: &Fleet, asset: &Asset, file: &str) -> String {
    let body = body(fleet, asset, file).await;
    String::from_utf8(body.to_vec()).unwrap()
}

async fn body(fleet: &Fleet, asset: &Asset, file: &str) -> Bytes {
    let reply = fleet.at_edge(&asset.path(file)).await;
    assert_eq!(reply.status, 200, "{file}: {reply:?}");
    assert!(!reply.cut, "{file}");
    reply.body
}
