//! What a worker published, and what a decoder makes of it.

use std::{
    collections::BTreeMap,
    ops::RangeBounds,
    path::Path,
    process::{Command, Output},
};

use bytes::Bytes;
use media::bmff::{Fragment, InitInfo, init_info};
use wire::{Plan, PlannedKind, Task};

/// All tracks, as stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Published {
    pub(crate) plan: Option<Plan>,
    pub(crate) tracks: BTreeMap<String, Track>,
    pub(crate) files: BTreeMap<String, Bytes>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Track {
    pub(crate) init: Option<Bytes>,
    /// By number; spans are stored in any order.
    pub(crate) segments: BTreeMap<u32, Stored>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) iframe_len: u64,
    pub(crate) bytes: Bytes,
}

impl Stored {
    pub(crate) fn end(&self) -> u64 {
        self.start + self.duration
    }
}

impl Published {
    /// All that a task is to store.
    pub(crate) fn holds(&self, task: &Task) -> bool {
        task.tracks.iter().all(|track| {
            let Some(track) = self.tracks.get(track.as_str()) else {
                return false;
            };
            let (from, end) = task.segments.unwrap_or((0, track.segments.len() as u32));
            from < end && (from..end).all(|n| track.segments.contains_key(&n))
        })
    }

    /// What [`packager::package`] wrote into a folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let folders = std::fs::read_dir(folder).unwrap().flatten();
        let folders = folders.filter(|entry| entry.path().is_dir());
        let track = |entry: std::fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, Track::in_folder(&entry.path()))
        };
        Self {
            tracks: folders.map(track).collect(),
            ..Self::default()
        }
    }

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
            ref other => panic!("{name} is {other:?}"),
        }
    }
}

impl Track {
    fn in_folder(folder: &Path) -> Self {
        // Text has none; nor is there anything to read of its times.
        let Ok(init) = std::fs::read(folder.join("init.mp4")) else {
            return Self::default();
        };
        let init: Bytes = init.into();
        let info = init_info(&init).unwrap();
        let segment = |n: u32| {
            let bytes = std::fs::read(folder.join(format!("{n}.m4s"))).ok()?;
            let fragment = Fragment::read(&bytes, &info).unwrap();
            let stored = Stored {
                start: fragment.base_decode_time,
                duration: fragment.duration(),
                iframe_len: 0,
                bytes: bytes.into(),
            };
            Some((n, stored))
        };
        Self {
            init: Some(init),
            segments: (0..).map_while(segment).collect(),
        }
    }

    pub(crate) fn info(&self) -> InitInfo {
        init_info(self.init.as_ref().expect("stored")).unwrap()
    }

    pub(crate) fn fragments(&self) -> Vec<Fragment<'_>> {
        let info = self.info();
        self.segments
            .values()
            .map(|s| Fragment::read(&s.bytes, &info).unwrap())
            .collect()
    }

    /// Start and duration of each segment, in its timescale.
    pub(crate) fn cuts(&self) -> Vec<(u64, u64)> {
        self.segments
            .values()
            .map(|s| (s.start, s.duration))
            .collect()
    }

    /// Start of each segment, seconds.
    pub(crate) fn starts_secs(&self) -> Vec<f64> {
        let timescale = f64::from(self.info().timescale);
        self.segments
            .values()
            .map(|s| s.start as f64 / timescale)
            .collect()
    }

    pub(crate) fn end_secs(&self) -> f64 {
        let (_, last) = self.segments.last_key_value().unwrap();
        last.end() as f64 / f64::from(self.info().timescale)
    }

    /// Each segment's own times say what was told of it: `tfdt` and the first picture
    /// are at its start, its samples fill its duration, and there is no hole.
    pub(crate) fn assert_exact(&self) {
        let mut end = 0;
        let numbered = self.segments.iter().zip(0..);
        for (((number, stored), expected), fragment) in numbered.zip(self.fragments()) {
            assert_eq!((*number, stored.start), (expected, end));
            assert_eq!(fragment.base_decode_time, stored.start);
            assert_eq!(fragment.earliest_presentation_time(), stored.start as i64);
            assert_eq!(fragment.duration(), stored.duration);
            end = stored.end();
        }
    }

    /// The highest rate of so many segments after another, bits per second.
    pub(crate) fn peak_rate(&self, count: usize) -> f64 {
        let last = self.segments.len().saturating_sub(count);
        let rates = (0..=last).map(|first| self.rate(first..first + count));
        rates.fold(0.0, f64::max)
    }

    /// The rate of some segments, bits per second.
    pub(crate) fn rate(&self, which: impl RangeBounds<usize>) -> f64 {
        let timescale = f64::from(self.info().timescale);
        let some = (0..).zip(self.segments.values());
        let some: Vec<_> = some.filter(|(n, _)| which.contains(n)).collect();
        let bytes: usize = some.iter().map(|(_, s)| s.bytes.len()).sum();
        let ticks: u64 = some.iter().map(|(_, s)| s.duration).sum();
        bytes as f64 * 8.0 * timescale / ticks as f64
    }

    /// Init and all segments.
    pub(crate) fn same_bytes(&self, other: &Self) -> bool {
        let bytes = |track: &Self| -> Vec<(u32, Bytes)> {
            let segments = track.segments.iter();
            segments.map(|(n, s)| (*n, s.bytes.clone())).collect()
        };
        self.init == other.init && bytes(self) == bytes(other)
    }

    /// The whole track in one file.
    pub(crate) fn file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
        let mut all = self.init.clone().expect("stored").to_vec();
        self.segments
            .values()
            .for_each(|s| all.extend_from_slice(&s.bytes));
        std::fs::write(file.path(), all).unwrap();
        file
    }

    /// What ffprobe says of its pictures: codec, profile, tag, width, height, format, level,
    /// and range, space, transfer and primaries of colours.
    pub(crate) fn facts(&self) -> Vec<String> {
        let entries = "stream=codec_name,codec_tag_string,profile,width,height,pix_fmt,level,\
            color_range,color_space,color_transfer,color_primaries";
        let file = self.file();
        let path = file.path().to_str().unwrap();
        let args = [
            "-v",
            "error",
            "-show_entries",
            entries,
            "-of",
            "default=nk=1:nw=1",
        ];
        let output = run("ffprobe", &[&args[..], &[path]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(str::to_owned).collect()
    }

    /// Numbers of side data, by name: of the stream, or of the first `frame` of the last
    /// segment, which a player may start at.
    pub(crate) fn light(&self, section: &str) -> Vec<(String, f64)> {
        let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
        let (_, last) = self.segments.last_key_value().unwrap();
        let init = self.init.as_ref().expect("stored");
        std::fs::write(file.path(), [&init[..], &last.bytes[..]].concat()).unwrap();
        let entries = format!("{section}_side_data");
        let path = file.path().to_str().unwrap();
        let args = ["-v", "error", "-read_intervals", "%+#1", "-show_entries"];
        let format = ["-of", "default=nk=0:nw=1", path];
        let output = run("ffprobe", &[&args[..], &[&entries], &format].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = |line: &str| {
            let (name, value) = line.split_once('=')?;
            let (num, den) = value.split_once('/').unwrap_or((value, "1"));
            let number = num.parse::<f64>().ok()? / den.parse::<f64>().ok()?;
            Some((name.to_owned(), number))
        };
        text.lines().filter_map(number).collect()
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

    /// Presentation times of all frames, seconds, as the boxes say them: ffmpeg moves
    /// all where composition offsets are negative.
    pub(crate) fn times(&self) -> Vec<f64> {
        let timescale = f64::from(self.info().timescale);
        let mut times = Vec::new();
        for fragment in self.fragments() {
            let mut decode = fragment.base_decode_time as i64;
            for sample in &fragment.samples {
                times.push((decode + i64::from(sample.composition_offset)) as f64 / timescale);
                decode += i64::from(sample.duration);
            }
        }
        times.sort_by(f64::total_cmp);
        times
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
