//! A segment from a file of this machine into another: it is never whole in memory.

use std::{fs::File, io, os::unix::fs::FileExt, path::PathBuf, sync::Arc};

use media::bmff::mp4::{Nals, Scan};

use super::segments::Wanted;
use crate::{PackagerError, local::partial::Partial};

/// How much is copied at once. Chosen: it stays in a processor's own cache between reading
/// and writing.
const PIECE_LEN: usize = 256 << 10;
/// How much of a picture is read to see what it is; and how much where that does not reach
/// its first slice, as in `heads`.
const HEAD_LEN: usize = 256;
const LONG_HEAD_LEN: usize = 64 << 10;

/// Where segments are read from. Cheap to clone.
#[derive(Clone)]
pub(super) struct Transfer {
    pub(super) file: Arc<File>,
    /// Where it is, for messages.
    pub(super) path: PathBuf,
    pub(super) nals: Arc<Nals>,
}

impl Transfer {
    /// Writes the segment.
    pub(super) fn run(
        &self,
        mut wanted: Wanted,
        to: &mut Partial,
    ) -> Result<media::Segment, PackagerError> {
        if wanted.is_video {
            let scans: Result<Vec<Scan>, _> = wanted.samples().map(|at| self.scan(at)).collect();
            wanted.flag(scans?)?;
        }
        let head = wanted.head();
        to.write(&head)?;
        self.copy(&wanted, to)?;
        Ok(media::Segment {
            start: wanted.start,
            duration: wanted.duration,
            len_bytes: (head.len() + wanted.data_len()) as u64,
            iframe_len_bytes: wanted.iframe_len(head.len()),
        })
    }

    /// What a picture is.
    fn scan(&self, (at, len): (u64, usize)) -> Result<Scan, PackagerError> {
        let mut short = [0; HEAD_LEN];
        let short = &mut short[..len.min(HEAD_LEN)];
        self.read(short, at)?;
        let scan = self.nals.scan(short);
        if scan.picture.is_some() || len <= HEAD_LEN {
            return Ok(scan);
        }
        let mut long = vec![0; len.min(LONG_HEAD_LEN)];
        self.read(&mut long, at)?;
        Ok(self.nals.scan(&long))
    }

    /// Copies the samples, in their order.
    fn copy(&self, wanted: &Wanted, to: &mut Partial) -> Result<(), PackagerError> {
        let mut piece = vec![0; PIECE_LEN.min(wanted.data_len())];
        let mut filled = 0;
        for (mut at, mut left) in wanted.runs.iter().copied() {
            while left > 0 {
                let len = left.min(piece.len() - filled);
                self.read(&mut piece[filled..filled + len], at)?;
                (at, left, filled) = (at + len as u64, left - len, filled + len);
                if filled == piece.len() {
                    to.write(&piece)?;
                    filled = 0;
                }
            }
        }
        to.write(&piece[..filled])
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> Result<(), PackagerError> {
        let read = self.file.read_exact_at(buffer, at);
        read.map_err(|source: io::Error| PackagerError::WorkDir {
            path: self.path.clone(),
            source,
        })
    }
}
