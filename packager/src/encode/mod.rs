//! One run of ffmpeg: its outputs are cut and stored while it works.

pub(crate) mod audio;
pub(crate) mod coder;
pub(crate) mod command;
pub(crate) mod encoder;
pub(crate) mod pace;
pub(crate) mod picture;
pub(crate) mod pulse;
pub(crate) mod segment;

use std::{
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::try_join_all;
use tokio::{io::AsyncReadExt, net::unix::pipe, sync::mpsc, time::Instant};
use wire::{Stage, TrackId};

use crate::{
    Config, PackagerError,
    encode::{
        encoder::{Complaints, Encoder, ProgressLines},
        pace::Pace,
        pulse::Pulse,
        segment::{Cutter, Part, Segment},
    },
    jail::{Access, Tools},
    outlet::Outlet,
    worker::progress::Shared,
};

/// Segments of one track that wait to be stored; then ffmpeg waits.
const QUEUE_LEN: usize = 2;
/// Bytes read from a pipe at once: what a pipe of Linux holds.
const READ_LEN: usize = 64 << 10;

/// What is encoded, and for whom.
pub(crate) struct Encode<'a> {
    pub(crate) config: &'a Config,
    /// The source.
    pub(crate) file: &'a Path,
    pub(crate) outlet: &'a Outlet,
    pub(crate) progress: &'a Shared,
    /// Seconds of media that the task makes, as far as is known,
    pub(crate) duration_secs: f64,
    /// and of these, what was made before.
    pub(crate) before_secs: f64,
    /// Where the logs of passes are, or go.
    pub(crate) logs: Option<&'a Path>,
}

/// One output of ffmpeg.
pub(crate) struct Output {
    pub(crate) track: TrackId,
    pub(crate) cutter: Cutter,
    /// Segments below this number are stored already.
    pub(crate) stored: u32,
    /// Its segments must be the same as those of all others of which this is said.
    pub(crate) aligned: bool,
}

/// What came of a run that ended well.
pub(crate) struct Ended {
    /// Where each output ends, seconds; `None` where nothing came.
    pub(crate) ends: Vec<Option<f64>>,
    pub(crate) complaints: Complaints,
}

impl Encode<'_> {
    /// Runs ffmpeg, cuts and stores what it writes. Output `n` is read from the `n`th
    /// pipe.
    pub(crate) async fn run(
        &self,
        args: Vec<OsString>,
        outputs: Vec<Output>,
    ) -> Result<Ended, PackagerError> {
        self.tell(0, None);
        let tools = Tools::of(self.config);
        let access = Access {
            read: &[self.file.to_owned()],
            write: self.logs.map(Path::to_owned),
        };
        let encoder = Encoder::start(&tools, &access, args, outputs.len())?;
        let (mut ffmpeg, pipes, lines, stderr) = encoder.split();
        let run = Run::default();
        let tracks = outputs.into_iter().zip(pipes);
        let tracks = tracks.map(|(output, pipe)| self.track(output, pipe, &run));
        let work = async {
            tokio::try_join!(
                try_join_all(tracks),
                self.watch(lines, &run),
                async { Complaints::read(stderr).await.map_err(broken) },
                async { ffmpeg.wait().await.map_err(broken) },
            )
        };
        let (outputs, (), complaints, status) = tokio::select! {
            done = work => done?,
            error = run.pulse.stops(self.config.idle_timeout) => return Err(error),
        };
        if !status.success() {
            let words = complaints.last_words();
            tracing::warn!(%status, words, "ffmpeg failed");
            tools.refused(&tools.ffmpeg, status, &words)?;
            return Err(PackagerError::Encoder(match status.signal() {
                Some(signal) => format!("ffmpeg was ended by signal {signal}"),
                None => words,
            }));
        }
        let ends = self.finish(outputs, &run).await?;
        Ok(Ended { ends, complaints })
    }

    /// Stores what was held back until ffmpeg ended well.
    async fn finish(
        &self,
        outputs: Vec<Output>,
        run: &Run,
    ) -> Result<Vec<Option<f64>>, PackagerError> {
        let mut ends = Vec::with_capacity(outputs.len());
        for output in outputs {
            let (last, end) = output.cutter.finish()?;
            if let Some(segment) = last {
                let place = (&output.track, output.stored);
                self.store(place, Part::Segment(segment), run).await?;
            }
            ends.push(end);
        }
        Ok(ends)
    }

    /// Reads one output to its end, cuts it and stores what is cut.
    async fn track(
        &self,
        mut output: Output,
        mut pipe: pipe::Receiver,
        run: &Run,
    ) -> Result<Output, PackagerError> {
        let (queue, mut queued) = mpsc::channel(QUEUE_LEN);
        let track = output.track.clone();
        let stored = output.stored;
        let read = async move {
            let mut buffer = vec![0; READ_LEN];
            loop {
                let len = pipe.read(&mut buffer).await.map_err(broken)?;
                if len == 0 {
                    // The queue closes with this block; then storing ends.
                    drop(queue);
                    return Ok(output);
                }
                run.pulse.beat();
                for part in output.cutter.push(&buffer[..len])? {
                    if let (Part::Segment(segment), true) = (&part, output.aligned) {
                        run.alignment.check(segment)?;
                    }
                    let _waiting = run.pulse.waits();
                    // Closed only when storing has failed, which ends all of this.
                    let _ = queue.send(part).await;
                }
            }
        };
        let store = async {
            while let Some(part) = queued.recv().await {
                self.store((&track, stored), part, run).await?;
            }
            Ok(())
        };
        let (output, ()) = tokio::try_join!(read, store)?;
        Ok(output)
    }

    /// `stored`: segments below this number are stored already.
    async fn store(
        &self,
        (track, stored): (&TrackId, u32),
        part: Part,
        run: &Run,
    ) -> Result<(), PackagerError> {
        match part {
            // Also where it is stored: so the origin finds out if it is another.
            Part::Init(bytes) => self.outlet.put_init(track, bytes).await,
            Part::Segment(segment) if segment.number < stored => Ok(()),
            Part::Segment(segment) => {
                self.outlet.put_segment(track, &segment).await?;
                run.grows.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Passes ffmpeg's progress on.
    async fn watch(&self, mut lines: ProgressLines, run: &Run) -> Result<(), PackagerError> {
        let mut newest_us = 0;
        let mut pace = Pace::default();
        while let Some(out_us) = lines.next().await.map_err(broken)? {
            if out_us != newest_us {
                run.pulse.beat();
            }
            newest_us = out_us;
            let grows = run.grows.load(Ordering::Relaxed);
            self.tell(out_us, pace.at(Instant::now(), out_us, grows));
        }
        Ok(())
    }

    fn tell(&self, out_us: u64, speed: Option<f64>) {
        let secs = self.before_secs + out_us as f64 / 1e6;
        let done = secs / self.duration_secs.max(f64::MIN_POSITIVE);
        self.progress.set(Stage::Encode, done, speed);
        if let Some(speed) = speed {
            metrics::gauge!("weir_worker_encode_speed", "role" => "worker").set(speed);
        }
    }
}

/// What the parts of one run of ffmpeg share.
#[derive(Default)]
struct Run {
    pulse: Pulse,
    alignment: Alignment,
    /// This run has stored a segment that no attempt had stored before.
    grows: AtomicBool,
}

fn broken(error: std::io::Error) -> PackagerError {
    PackagerError::Encoder(format!("a pipe to ffmpeg broke: {error}"))
}

/// All renditions must have the same cuts: the first to reach a segment fixes it.
#[derive(Default)]
struct Alignment(Mutex<Vec<(u32, u64, u64)>>);

impl Alignment {
    fn check(&self, segment: &Segment) -> Result<(), PackagerError> {
        let mut cuts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, cut) = (segment.number, (segment.start, segment.duration));
        match cuts.iter().rev().find(|known| known.0 == number) {
            None => cuts.push((number, cut.0, cut.1)),
            Some(known) if (known.1, known.2) == cut => {}
            Some(known) => {
                return Err(PackagerError::Encoder(format!(
                    "segment {number} is at {cut:?} in one rendition and at {known:?} in another"
                )));
            }
        }
        Ok(())
    }
}
