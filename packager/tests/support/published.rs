//! What a worker published, and what a decoder makes of it.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
};

use bytes::Bytes;
use media::bmff::{Fragment, InitInfo, init_info};
use wire::{Plan, PlannedKind};

/// All tracks, as stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Published {
    pub(crate) plan: Option<Plan>,
    pub(crate) tracks: BTreeMap<String, Track>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Track {
    pub(crate) init: Option<Bytes>,
    pub(crate) segments: Vec<Stored>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) bytes: Bytes,
}

impl Published {
    pub(crate) fn track(&self, name: &str) -> &Track {
        self.tracks
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.names()))
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.tracks.keys().map(String::as_str).collect()
    }

    /// Width and height as planned.
    pub(crate) fn size(&self, name: &str) -> (u32, u32) {
        let plan = self.plan.as_ref().unwrap();
        let track = plan
            .tracks
            .iter()
            .find(|t| t.track.as_str() == name)
            .unwrap();
        match track.kind {
            PlannedKind::Video { width, height, .. } => (width, height),
            PlannedKind::Audio { .. } => panic!("{name} is audio"),
        }
    }
}

impl Track {
    pub(crate) fn info(&self) -> InitInfo {
        init_info(self.init.as_ref().expect("stored")).unwrap()
    }

    pub(crate) fn fragments(&self) -> Vec<Fragment<'_>> {
        let info = self.info();
        self.segments
            .iter()
            .map(|s| Fragment::read(&s.bytes, &info).unwrap())
            .collect()
    }

    /// Start and duration of each segment, in its timescale.
    pub(crate) fn cuts(&self) -> Vec<(u64, u64)> {
        self.segments
            .iter()
            .map(|s| (s.start, s.duration))
            .collect()
    }

    /// Start of each segment, seconds.
    pub(crate) fn starts_secs(&self) -> Vec<f64> {
        let timescale = f64::from(self.info().timescale);
        self.segments
            .iter()
            .map(|s| s.start as f64 / timescale)
            .collect()
    }

    pub(crate) fn end_secs(&self) -> f64 {
        let last = self.segments.last().unwrap();
        (last.start + last.duration) as f64 / f64::from(self.info().timescale)
    }

    /// Each segment's own times say what was told of it: `tfdt` and the first picture
    /// are at its start, its samples fill its duration, and there is no hole.
    pub(crate) fn assert_exact(&self) {
        let mut end = 0;
        for (stored, fragment) in self.segments.iter().zip(self.fragments()) {
            assert_eq!(stored.start, end);
            assert_eq!(fragment.base_decode_time, stored.start);
            assert_eq!(fragment.earliest_presentation_time(), stored.start as i64);
            assert_eq!(fragment.duration(), stored.duration);
            end = stored.start + stored.duration;
        }
    }

    /// The whole track in one file.
    pub(crate) fn file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
        let mut all = self.init.clone().expect("stored").to_vec();
        self.segments
            .iter()
            .for_each(|s| all.extend_from_slice(&s.bytes));
        std::fs::write(file.path(), all).unwrap();
        file
    }

    /// How many frames a decoder gets, after it has found no fault.
    pub(crate) fn decoded_frames(&self) -> usize {
        let file = self.file();
        let path = file.path().to_str().unwrap();
        let args = [
            "-v",
            "warning",
            "-i",
            path,
            "-fps_mode",
            "passthrough",
            "-f",
            "framemd5",
            "-",
        ];
        let output = run("ffmpeg", &args);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter(|line| !line.starts_with('#')).count()
    }

    /// Presentation times of all frames, seconds.
    pub(crate) fn times(&self) -> Vec<f64> {
        times(self.file().path())
    }

    /// Decoded samples, one channel at 48 kHz.
    pub(crate) fn samples(&self) -> Vec<i16> {
        let file = self.file();
        let path = file.path().to_str().unwrap();
        let args = [
            "-v", "error", "-i", path, "-ac", "1", "-ar", "48000", "-f", "s16le", "-",
        ];
        let output = run("ffmpeg", &args);
        output
            .stdout
            .chunks_exact(2)
            .map(|b| i16::from_le_bytes([b[0], b[1]]))
            .collect()
    }

    /// Mean brightness of each picture, 0 to 255.
    pub(crate) fn brightness(&self) -> Vec<u8> {
        let file = self.file();
        let path = file.path().to_str().unwrap();
        let filter = "scale=1:1:flags=area,format=gray";
        let args = [
            "-v", "error", "-i", path, "-vf", filter, "-f", "rawvideo", "-",
        ];
        run("ffmpeg", &args).stdout
    }
}

/// Presentation times of a file's first video stream, seconds, in order.
pub(crate) fn times(path: &std::path::Path) -> Vec<f64> {
    let path = path.to_str().unwrap();
    let entries = "packet=pts_time";
    let args = [
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        entries,
        "-of",
        "csv=p=0",
    ];
    let output = run("ffprobe", &[&args[..], &[path]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |line: &str| line.trim_end_matches(',').parse().ok();
    let mut times: Vec<f64> = text.lines().filter_map(number).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
