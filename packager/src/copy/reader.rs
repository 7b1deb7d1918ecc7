//! Reading what segments want.

use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use media::bmff::{fragment_head_len_max, mp4::Nals};
use tokio::sync::{Mutex, OnceCell};

use super::{segments::Wanted, transfer::Transfer};
use crate::{PackagerError, encode::segment::Segment, input::Input};

/// A source at an origin is read in pieces of this size, which the tracks share. Chosen:
/// one is there in 40 ms at 100 MB/s, and a call costs little of that.
const WINDOW_LEN: u64 = 4 << 20;
/// So many of them are kept. Chosen: those of the segments that are read at once.
const WINDOWS_MAX: usize = 16;
/// So many are asked for at once for one segment.
const WINDOWS_AT_ONCE: usize = 3;

/// Reads segments from a source.
pub(super) struct Reader {
    input: Input,
    nals: Arc<Nals>,
    /// Those of a source at an origin.
    windows: Mutex<VecDeque<(u64, Window)>>,
}

type Window = Arc<OnceCell<Bytes>>;

impl Reader {
    pub(super) fn new(input: &Input, nals: Nals) -> Self {
        Self {
            input: input.clone(),
            nals: Arc::new(nals),
            windows: Mutex::default(),
        }
    }

    /// How segments go from file to file, where the source is one.
    pub(super) fn transfer(&self) -> Option<Transfer> {
        match &self.input {
            Input::File { file, path, .. } => Some(Transfer {
                file: Arc::clone(file),
                path: path.clone(),
                nals: Arc::clone(&self.nals),
            }),
            Input::Origin { .. } => None,
        }
    }

    /// A segment with its bytes.
    pub(super) async fn read(&self, mut wanted: Wanted) -> Result<Segment, PackagerError> {
        wanted.check(self.input.len())?;
        let nals = Arc::clone(&self.nals);
        match &self.input {
            Input::File { file, path, .. } => {
                let (file, path) = (Arc::clone(file), path.clone());
                let read = move || {
                    let buffer = pread(&file, path, &wanted)?;
                    finish(&mut wanted, &nals, buffer)
                };
                let read = tokio::task::spawn_blocking(read).await;
                read.unwrap_or_else(|e| Err(unreadable(PathBuf::new(), io::Error::other(e))))
            }
            Input::Origin { .. } => {
                let buffer = self.gather(&wanted).await?;
                finish(&mut wanted, &nals, buffer)
            }
        }
    }

    /// The bytes of a segment behind room for its head, out of windows.
    async fn gather(&self, wanted: &Wanted) -> Result<Vec<u8>, PackagerError> {
        let numbers = wanted.runs.iter().flat_map(|(at, len)| {
            let last = (at + *len as u64).saturating_sub(1).max(*at);
            at / WINDOW_LEN..=last / WINDOW_LEN
        });
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut buffer = room(wanted);
        let mut windows = stream::iter(numbers)
            .map(async |number| (number, self.window(number).await))
            .buffered(WINDOWS_AT_ONCE);
        while let Some((number, bytes)) = windows.next().await {
            let (bytes, base) = (bytes?, number * WINDOW_LEN);
            let mut to = buffer.len() - wanted.data_len();
            for (at, len) in &wanted.runs {
                let end = at + *len as u64;
                let (from, until) = ((*at).max(base), end.min(base + bytes.len() as u64));
                if from < until {
                    let place = to + (from - at) as usize;
                    let piece = &bytes[(from - base) as usize..(until - base) as usize];
                    buffer[place..place + piece.len()].copy_from_slice(piece);
                }
                to += len;
            }
        }
        Ok(buffer)
    }

    /// A window: read once, by whoever is first to want it.
    async fn window(&self, number: u64) -> Result<Bytes, PackagerError> {
        let window = {
            let mut windows = self.windows.lock().await;
            let known = windows.iter().find(|(known, _)| *known == number);
            let window = known.map(|(_, window)| Arc::clone(window));
            window.unwrap_or_else(|| {
                let window = Window::default();
                windows.push_back((number, Arc::clone(&window)));
                if windows.len() > WINDOWS_MAX {
                    windows.pop_front();
                }
                window
            })
        };
        let from = number * WINDOW_LEN;
        let until = (from + WINDOW_LEN).min(self.input.len());
        let bytes = window.get_or_try_init(async || {
            let bytes = self.input.read(from..until).await?;
            metrics::counter!("weir_worker_source_bytes_total", "role" => "worker")
                .increment(bytes.len() as u64);
            Ok::<_, PackagerError>(bytes)
        });
        bytes.await.cloned()
    }
}

/// A buffer for a segment: room for the longest head, and its samples.
fn room(wanted: &Wanted) -> Vec<u8> {
    vec![0; fragment_head_len_max(wanted.heads.len()) + wanted.data_len()]
}

/// Reads a segment's samples to where they will be published from.
fn pread(file: &File, path: PathBuf, wanted: &Wanted) -> Result<Vec<u8>, PackagerError> {
    let mut buffer = room(wanted);
    let mut to = buffer.len() - wanted.data_len();
    for (at, len) in &wanted.runs {
        if let Err(source) = file.read_exact_at(&mut buffer[to..to + len], *at) {
            return Err(unreadable(path, source));
        }
        to += len;
    }
    let len = wanted.data_len() as u64;
    metrics::counter!("weir_worker_source_bytes_total", "role" => "worker").increment(len);
    Ok(buffer)
}

fn unreadable(path: PathBuf, source: io::Error) -> PackagerError {
    PackagerError::WorkDir { path, source }
}

/// Looks at a segment's pictures, and puts its head right before its first sample.
fn finish(wanted: &mut Wanted, nals: &Nals, mut buffer: Vec<u8>) -> Result<Segment, PackagerError> {
    let data_at = buffer.len() - wanted.data_len();
    if wanted.is_video {
        let mut rest = &buffer[data_at..];
        let samples: Vec<(u64, usize)> = wanted.samples().collect();
        wanted.flag(samples.into_iter().map(|(_, len)| {
            let (sample, behind) = rest.split_at(len);
            rest = behind;
            nals.scan(sample)
        }))?;
    }
    let head = wanted.head();
    let start = data_at - head.len();
    buffer[start..data_at].copy_from_slice(&head);
    Ok(Segment {
        number: wanted.number,
        start: wanted.start,
        duration: wanted.duration,
        iframe_len: wanted.iframe_len(head.len()),
        bytes: Bytes::from(buffer).slice(start..),
    })
}
