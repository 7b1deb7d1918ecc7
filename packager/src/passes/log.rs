//! What x264's first pass writes for the second one: a line of text a picture, and what
//! later pictures take from each of its blocks (`mbtree`).

use std::{
    fs,
    io::{self, Read},
    ops::Range,
    path::Path,
};

use bytes::Bytes;
use wire::{PassCost, PlannedTrack};

use super::pixels;
use crate::PackagerError;

/// Longest log, bytes: the origin takes no longer one. That of 20 s of 4096 × 2160 at 60
/// frames/s is two thirds of it.
const LOG_LEN_MAX: u64 = 128 << 20;
/// Longest line of a picture, bytes. Chosen: twice the longest that was seen.
const LINE_LEN: f64 = 512.0;
/// Pixels of a block, and bytes that are written of it.
const BLOCK_PIXELS: f64 = 256.0;
const BLOCK_LEN: f64 = 2.0;
/// In front of a log: how long its text is.
const LEN_LEN: usize = 8;

/// x264's log of one span of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    text: Vec<u8>,
    /// Empty where there is none.
    tree: Vec<u8>,
}

/// The log of a picture this large may have a tree: of so many seconds it is no longer
/// than [`LOG_LEN_MAX`]. Without it, the same bits look a little worse.
pub(crate) fn tree_fits(track: &PlannedTrack, frames: f64) -> bool {
    // Blocks at the edges are counted whole.
    let blocks = pixels(track) / BLOCK_PIXELS * 1.2 + 1.0;
    frames * (blocks * BLOCK_LEN + LINE_LEN) <= LOG_LEN_MAX as f64
}

/// What ffmpeg calls the log of its `n`th output, for a log file of [`PREFIX`].
fn names(n: usize) -> [String; 2] {
    let text = format!("{PREFIX}-{n}.log");
    [text.clone(), format!("{text}.mbtree")]
}

/// What ffmpeg's names of logs start with.
pub(crate) const PREFIX: &str = "pass";

impl Log {
    /// What the `n`th output left in a folder. `None` where there was no picture.
    pub(crate) fn read(folder: &Path, n: usize) -> Result<Option<Self>, PackagerError> {
        let [text, tree] = names(n);
        let read = |name: &String| read(&folder.join(name)).map_err(|e| fault(folder, e));
        let log = Self {
            text: read(&text)?,
            tree: read(&tree)?,
        };
        Ok((log.pictures().count() > 0).then_some(log))
    }

    /// Puts it where the `n`th output will look for it.
    pub(crate) fn write(&self, folder: &Path, n: usize) -> Result<(), PackagerError> {
        let [text, tree] = names(n);
        fs::write(folder.join(text), &self.text)
            .and_then(|()| fs::write(folder.join(tree), &self.tree))
            .map_err(|source| fault(folder, source))
    }

    /// What its pictures needed.
    pub(crate) fn cost(&self) -> Result<PassCost, PackagerError> {
        let mut cost = PassCost {
            texture_bits: 0,
            motion_bits: 0,
            other_bits: 0,
            scale: 0.0,
            pictures: 0,
            secs: 0.0,
        };
        let tick_secs = self.tick_secs().ok_or_else(|| unknown(""))?;
        for line in self.pictures() {
            let number = |name: &str| -> Option<f64> {
                let field = line
                    .split_ascii_whitespace()
                    .find_map(|f| f.strip_prefix(name));
                field?.parse().ok().filter(|n: &f64| n.is_finite())
            };
            let names = ["dur:", "q:", "tex:", "mv:", "misc:"];
            let [
                Some(ticks),
                Some(quantizer),
                Some(texture),
                Some(motion),
                Some(other),
            ] = names.map(number)
            else {
                return Err(unknown(line));
            };
            cost.texture_bits += texture as u64;
            cost.motion_bits += motion as u64;
            cost.other_bits += other as u64;
            // x264's `qp2qscale`.
            cost.scale += 0.85 * ((quantizer - 12.0) / 6.0).exp2();
            cost.pictures += 1;
            cost.secs += ticks * tick_secs;
        }
        cost.scale /= f64::from(cost.pictures);
        Ok(cost)
    }

    /// Half a tick of its time base: x264 counts fields.
    fn tick_secs(&self) -> Option<f64> {
        let text = std::str::from_utf8(&self.text).ok()?;
        let options = text.lines().next()?.split_ascii_whitespace();
        let (num, den) = { options }
            .find_map(|option| option.strip_prefix("timebase="))?
            .split_once('/')?;
        let (num, den): (f64, f64) = (num.parse().ok()?, den.parse().ok()?);
        (num > 0.0 && den > 0.0).then_some(num / den / 2.0)
    }

    fn pictures(&self) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        text.lines().filter(|line| line.starts_with("in:"))
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        let len = (self.text.len() as u64).to_be_bytes();
        [&len, self.text.as_slice(), self.tree.as_slice()]
            .concat()
            .into()
    }

    /// What [`Self::to_bytes`] gave.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Self, PackagerError> {
        let cut = || PackagerError::Encoder("the log of the first pass is cut short".into());
        let (len, rest) = bytes.split_first_chunk::<LEN_LEN>().ok_or_else(cut)?;
        let len = usize::try_from(u64::from_be_bytes(*len)).map_err(|_| cut())?;
        let (text, tree) = rest.split_at_checked(len).ok_or_else(cut)?;
        Ok(Self {
            text: text.to_vec(),
            tree: tree.to_vec(),
        })
    }
}

/// A file of a log, of bounded length; empty where there is none.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LOG_LEN_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LOG_LEN_MAX {
        true => Err(io::Error::other("the log of the first pass is too long")),
        false => Ok(bytes),
    }
}

/// A log's bytes in pieces that are asked for one by one.
pub(crate) fn pieces(len_bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let starts = (0..len_bytes).step_by(PIECE_LEN as usize);
    starts.map(move |from| from..len_bytes.min(from + PIECE_LEN))
}

/// Bytes of a log that are asked for at once. Chosen.
const PIECE_LEN: u64 = 4 << 20;

fn unknown(line: &str) -> PackagerError {
    PackagerError::Encoder(format!(
        "x264 wrote a log that is not understood: {line:.200}"
    ))
}

fn fault(path: &Path, source: io::Error) -> PackagerError {
    PackagerError::WorkDir {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "#options: 64x36 fps=30/1 timebase=1/30\n\
        in:0 out:0 type:I dur:2 cpbdur:2 q:24.00 aq:11.65 tex:1000 mv:200 misc:30 imb:9 d:- ref:;\n\
        in:1 out:1 type:P dur:2 cpbdur:2 q:24.00 aq:19.23 tex:500 mv:100 misc:20 imb:1 d:- ref:0 ;\n";

    fn log() -> Log {
        Log {
            text: TEXT.into(),
            tree: vec![1, 2, 3],
        }
    }

    #[test]
    fn a_log_says_what_its_pictures_needed() {
        let cost = log().cost().unwrap();
        let bits = (cost.texture_bits, cost.motion_bits, cost.other_bits);
        assert_eq!(bits, (1500, 300, 50));
        assert!((cost.scale - 3.4).abs() < 1e-9);
        assert_eq!(cost.pictures, 2);
        assert!((cost.secs - 2.0 / 30.0).abs() < 1e-9);
    }

    #[test]
    fn a_log_that_is_not_understood_is_an_error() {
        for (part, other) in [
            ("misc", "other"),
            ("timebase=", "tick="),
            ("dur:2", "dur:x"),
        ] {
            let text = TEXT.replace(part, other).into();
            assert!(Log { text, tree: vec![] }.cost().is_err(), "{part}");
        }
    }

    #[test]
    fn a_log_survives_its_way() {
        assert_eq!(Log::of_bytes(&log().to_bytes()).unwrap(), log());
        assert!(Log::of_bytes(&log().to_bytes()[..40]).is_err());
        assert!(Log::of_bytes(&[0; 3]).is_err());
        let folder = tempfile::tempdir().unwrap();
        log().write(folder.path(), 2).unwrap();
        assert_eq!(Log::read(folder.path(), 2).unwrap(), Some(log()));
        assert_eq!(Log::read(folder.path(), 0).unwrap(), None);
    }

    #[test]
    fn pieces_are_all_of_it() {
        assert_eq!(pieces(0).count(), 0);
        let all: Vec<_> = pieces(2 * PIECE_LEN + 1).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(all[2], 2 * PIECE_LEN..2 * PIECE_LEN + 1);
    }
}
