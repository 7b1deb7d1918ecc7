//! One run of ffmpeg: its outputs are cut and stored while it works.

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    sync::mpsc,
    time::{Instant, sleep},
};
use wire::{Plan, PlannedKind, PlannedTrack, Stage, StoredTrack};

use crate::{
    Config, PackagerError,
    api::Job,
    command::{self, Task},
    cuts::Cuts,
    encoder::{Complaints, Encoder, ProgressLines},
    pace::Pace,
    probe::Source,
    progress::Shared,
    segment::{Cutter, Part, Segment},
    timing::Timing,
};

/// Segments of one track that wait for the origin; then ffmpeg waits.
const QUEUE_LEN: usize = 2;
/// Bytes read from a pipe at once: what a pipe of Linux holds.
const READ_LEN: usize = 64 << 10;
/// How often it is looked whether ffmpeg is alive, per `idle_timeout`.
const LOOKS: u32 = 20;
/// A source that ends earlier than it declares by more than this is damaged.
const SHORTFALL_SECS: f64 = 1.0;

/// What is encoded, and for whom.
pub(crate) struct Encode<'a> {
    pub(crate) config: &'a Config,
    pub(crate) job: &'a Job,
    pub(crate) file: &'a Path,
    pub(crate) source: &'a Source,
    pub(crate) plan: &'a Plan,
    pub(crate) stored: &'a [StoredTrack],
    pub(crate) cuts: Cuts,
    pub(crate) progress: &'a Shared,
}

impl Encode<'_> {
    /// Encodes and stores what is not stored yet; gives warnings for viewers.
    pub(crate) async fn run(&self) -> Result<Vec<String>, PackagerError> {
        self.tell(0, None);
        let from = self.from();
        let task = Task {
            source: self.source,
            plan: self.plan,
            cuts: self.cuts,
            skip_frames: from.frame,
        };
        let args = command::arguments(self.config, self.file, &task);
        let encoder = Encoder::start(&self.config.ffmpeg, args, self.plan.tracks.len())?;
        let (mut ffmpeg, outputs, lines, stderr) = encoder.split();
        let run = Run::new(from);
        let tracks = self.plan.tracks.iter().zip(outputs);
        let tracks = tracks.map(|(track, pipe)| self.track(track, pipe, &run));
        let work = async {
            tokio::try_join!(
                try_join_all(tracks),
                self.watch(lines, &run),
                async { Complaints::read(stderr).await.map_err(broken) },
                async { ffmpeg.wait().await.map_err(broken) },
            )
        };
        let (cutters, (), complaints, status) = tokio::select! {
            done = work => done?,
            error = run.pulse.stops(self.config.idle_timeout) => return Err(error),
        };
        if !status.success() {
            let words = complaints.last_words();
            tracing::warn!(%status, words, "ffmpeg failed");
            return Err(PackagerError::Encoder(match status.signal() {
                Some(signal) => format!("ffmpeg was ended by signal {signal}"),
                None => words,
            }));
        }
        self.finish(cutters, &run, &complaints).await
    }

    /// Stores what was held back until ffmpeg ended well, and judges the whole.
    async fn finish(
        &self,
        cutters: Vec<Cutter>,
        run: &Run,
        complaints: &Complaints,
    ) -> Result<Vec<String>, PackagerError> {
        let mut end_secs: f64 = 0.0;
        for (track, cutter) in self.plan.tracks.iter().zip(cutters) {
            let (last, end) = cutter.finish()?;
            if let Some(segment) = last {
                self.store(track, Part::Segment(segment), run).await?;
            }
            if end.is_none() && run.from.segment == 0 && is_video(track) {
                return Err(PackagerError::Source(format!(
                    "no picture of the video could be decoded ({})",
                    complaints.last_words()
                )));
            }
            end_secs = end_secs.max(end.unwrap_or(0.0));
        }
        if end_secs == 0.0 {
            let words = complaints.last_words();
            return Err(PackagerError::Source(format!(
                "nothing could be decoded ({words})"
            )));
        }
        Ok(self.warnings(end_secs, complaints.errors))
    }

    fn warnings(&self, end_secs: f64, errors: u64) -> Vec<String> {
        let mut warnings = Vec::new();
        let declared_secs = self.plan.duration_secs;
        // Where frames come at any time, the last may be declared to stay for long.
        let timing = self.source.video.as_ref().map(|video| video.timing);
        let constant = !matches!(timing, Some(Timing::Variable { .. }));
        if end_secs + SHORTFALL_SECS < declared_secs && (constant || errors > 0) {
            warnings.push(format!(
                "the source is cut short or damaged: \
                 {end_secs:.1} s of {declared_secs:.1} s could be read"
            ));
        } else if errors > 0 {
            warnings.push(format!("parts of the source are damaged ({errors} errors)"));
        }
        warnings
    }

    /// Where video starts: at the last segment that all video tracks have, which is
    /// encoded again so that there is something to encode.
    fn from(&self) -> From {
        let Some(Timing::Constant { rate }) = self.source.video.as_ref().map(|v| v.timing) else {
            // Where frames come at any time, the frame that starts a segment is only
            // known by looking at all before it.
            return From {
                segment: 0,
                frame: 0,
                rate: (1, 1),
            };
        };
        let video = self.plan.tracks.iter().filter(|track| is_video(track));
        let stored = video.map(|track| self.stored_of(track)).min().unwrap_or(0);
        let segment = stored.saturating_sub(1);
        From {
            segment,
            frame: self.cuts.first_frame(segment, rate),
            rate,
        }
    }

    fn stored_of(&self, track: &PlannedTrack) -> u32 {
        let stored = self
            .stored
            .iter()
            .find(|stored| stored.track == track.track);
        stored.map_or(0, |stored| stored.segments)
    }

    /// Reads one output to its end, cuts it and stores what is cut.
    async fn track(
        &self,
        track: &PlannedTrack,
        mut pipe: pipe::Receiver,
        run: &Run,
    ) -> Result<Cutter, PackagerError> {
        let from = &run.from;
        let mut cutter = match track.kind {
            PlannedKind::Video { .. } => {
                Cutter::video(self.cuts, from.segment, from.frame, from.rate)
            }
            PlannedKind::Audio { .. } => Cutter::audio(self.cuts),
        };
        let (queue, mut queued) = mpsc::channel(QUEUE_LEN);
        let read = async move {
            let mut buffer = vec![0; READ_LEN];
            loop {
                let len = pipe.read(&mut buffer).await.map_err(broken)?;
                if len == 0 {
                    // The queue closes with this block; then storing ends.
                    drop(queue);
                    return Ok(cutter);
                }
                run.pulse.beat();
                for part in cutter.push(&buffer[..len])? {
                    if let (Part::Segment(segment), true) = (&part, is_video(track)) {
                        run.grid.check(segment, from.segment)?;
                    }
                    let _waiting = run.pulse.waits();
                    // Closed only when storing has failed, which ends all of this.
                    let _ = queue.send(part).await;
                }
            }
        };
        let store = async {
            while let Some(part) = queued.recv().await {
                self.store(track, part, run).await?;
            }
            Ok(())
        };
        let (cutter, ()) = tokio::try_join!(read, store)?;
        Ok(cutter)
    }

    async fn store(
        &self,
        track: &PlannedTrack,
        part: Part,
        run: &Run,
    ) -> Result<(), PackagerError> {
        match part {
            // Also where it is stored: so the origin finds out if it is another.
            Part::Init(bytes) => self.job.put_init(&track.track, bytes).await,
            Part::Segment(segment) if segment.number < self.stored_of(track) => Ok(()),
            Part::Segment(segment) => {
                self.job.put_segment(&track.track, &segment).await?;
                // A later attempt's sound may be new long before its picture is.
                if is_video(track) || !self.plan.tracks.iter().any(is_video) {
                    run.grows.store(true, Ordering::Relaxed);
                }
                let len = segment.bytes.len() as u64;
                metrics::counter!("weir_worker_segments_total", "role" => "worker").increment(1);
                metrics::counter!("weir_worker_bytes_total", "role" => "worker").increment(len);
                tracing::debug!(track = %track.track, number = segment.number, len, "stored");
                Ok(())
            }
        }
    }

    /// Passes ffmpeg's progress on.
    async fn watch(&self, mut lines: ProgressLines, run: &Run) -> Result<(), PackagerError> {
        let mut newest_us = 0;
        let mut pace = Pace::default();
        while let Some(out_us) = lines.next().await.map_err(broken)? {
            // While frames are skipped there is no output, and that it reports is all.
            if out_us != newest_us || (run.from.frame > 0 && newest_us == 0) {
                run.pulse.beat();
            }
            newest_us = out_us;
            let grows = run.grows.load(Ordering::Relaxed);
            self.tell(out_us, pace.at(Instant::now(), out_us, grows));
        }
        Ok(())
    }

    /// Tells how much is encoded and stored, counting what earlier attempts stored.
    fn tell(&self, out_us: u64, speed: Option<f64>) {
        let tracks = self.plan.tracks.iter();
        let stored = tracks.map(|track| self.stored_of(track)).min();
        let done_us = out_us.max(self.cuts.start_us(stored.unwrap_or(0)));
        let done = done_us as f64 / 1e6 / self.plan.duration_secs;
        self.progress.set(Stage::Encode, done, speed);
        if let Some(speed) = speed {
            metrics::gauge!("weir_worker_encode_speed", "role" => "worker").set(speed);
        }
    }
}

/// What the parts of one run of ffmpeg share.
struct Run {
    from: From,
    pulse: Pulse,
    grid: Grid,
    /// This run has stored a segment of the picture, or of sound where that is all,
    /// that no attempt had stored before.
    grows: AtomicBool,
}

impl Run {
    fn new(from: From) -> Self {
        Self {
            from,
            pulse: Pulse::new(),
            grid: Grid::default(),
            grows: AtomicBool::new(false),
        }
    }
}

/// Where video starts to be encoded.
struct From {
    segment: u32,
    frame: u64,
    rate: (u32, u32),
}

fn is_video(track: &PlannedTrack) -> bool {
    matches!(track.kind, PlannedKind::Video { .. })
}

fn broken(error: std::io::Error) -> PackagerError {
    PackagerError::Encoder(format!("a pipe to ffmpeg broke: {error}"))
}

/// All renditions must have the same cuts: the first to reach a segment fixes it.
#[derive(Default)]
struct Grid(Mutex<Vec<(u64, u64)>>);

impl Grid {
    fn check(&self, segment: &Segment, first: u32) -> Result<(), PackagerError> {
        let mut cuts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = (segment.start, segment.duration);
        match cuts.get((segment.number - first) as usize) {
            None => cuts.push(cut),
            Some(known) if *known == cut => {}
            Some(known) => {
                let number = segment.number;
                return Err(PackagerError::Encoder(format!(
                    "segment {number} is at {cut:?} in one rendition and at {known:?} in another"
                )));
            }
        }
        Ok(())
    }
}

/// When ffmpeg last gave a sign of life. Time in which the origin keeps it waiting does
/// not count.
struct Pulse {
    since: Instant,
    last_ms: AtomicU64,
    waiting: AtomicUsize,
}

impl Pulse {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            last_ms: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    fn beat(&self) {
        self.last_ms
            .store(self.since.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn waits(&self) -> Waits<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(self)
    }

    /// Returns when there was none for `idle`.
    async fn stops(&self, idle: Duration) -> PackagerError {
        loop {
            sleep(idle / LOOKS).await;
            if self.waiting.load(Ordering::Relaxed) > 0 {
                self.beat();
            }
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            if self.since.elapsed() > last + idle {
                let secs = idle.as_secs();
                return PackagerError::Encoder(format!("ffmpeg made no progress for {secs} s"));
            }
        }
    }
}

struct Waits<'a>(&'a Pulse);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.beat();
    }
}
