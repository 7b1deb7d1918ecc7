//! Where the samples of a source are, so that only some of them need be read.

use std::ops::Range;

use bytes::Bytes;
use media::bmff::mp4::Movie;

use crate::{
    PackagerError,
    copy::index::{self, Index},
    input::Reads,
    probe::Source,
    worker::download::{Download, Reading},
};

/// Most boxes of a file. Chosen: files have five or six.
const BOXES_MAX: usize = 64;
/// Longest box besides `moov` and those of samples that is read, bytes. Chosen.
const BOX_LEN_MAX: u64 = 1 << 20;
/// Size, type, and the large size.
const HEADER_LEN: u64 = 16;
/// Boxes in which ffmpeg reads nothing but samples.
const SAMPLES: [&[u8; 4]; 4] = [b"mdat", b"free", b"skip", b"wide"];

/// What a source's index says. All of the file but its samples was read.
pub(crate) struct Layout {
    pub(crate) movie: Movie,
    /// Length of the file, bytes.
    pub(crate) len_bytes: u64,
}

struct Reader<'a> {
    download: &'a Download,
    reading: Reading<'a>,
}

impl Reads for Reader<'_> {
    fn len(&self) -> u64 {
        self.download.len_bytes()
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, PackagerError> {
        self.download.bytes(self.reading, range).await
    }
}

impl Layout {
    /// Such a source may have an index.
    pub(crate) fn may_be_of(source: &Source) -> bool {
        source.format.starts_with("mov,")
    }

    /// Reads the index, and all other boxes that hold no samples. `None` where there is
    /// none that says where all samples are.
    pub(crate) async fn fetch(
        download: &Download,
        reading: Reading<'_>,
    ) -> Result<Option<Self>, PackagerError> {
        let reader = Reader { download, reading };
        let movie = match index::fetch(&reader).await? {
            Index::Mp4(movie, _) if !movie.fragmented => movie,
            Index::Mp4(..) | Index::Broken(_) | Index::NotMp4 => return Ok(None),
        };
        let layout = Self {
            movie,
            len_bytes: reader.len(),
        };
        Ok(read_boxes(&reader).await?.then_some(layout))
    }
}

/// Reads what stands between the samples; false where that is too much.
async fn read_boxes(reader: &Reader<'_>) -> Result<bool, PackagerError> {
    let (mut at, len) = (0, reader.len());
    for _ in 0..BOXES_MAX {
        let header = reader.read(at..len.min(at + HEADER_LEN)).await?;
        let Some((kind, box_len)) = header_of(&header) else {
            // Less than a header, or nothing that can be skipped: ffmpeg ends here, too.
            return Ok(true);
        };
        let end = box_len
            .and_then(|box_len| at.checked_add(box_len))
            .map_or(len, |end| end.min(len));
        // `moov` is there already.
        if &kind != b"moov" && !SAMPLES.contains(&&kind) {
            if end - at > BOX_LEN_MAX {
                return Ok(false);
            }
            reader.read(at..end).await?;
        }
        if end >= len {
            return Ok(true);
        }
        at = end;
    }
    Ok(false)
}

/// Type and length of a box (ISO/IEC 14496-12, §4.2); no length: to the end of the file.
fn header_of(bytes: &[u8]) -> Option<([u8; 4], Option<u64>)> {
    let size = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let kind = bytes.get(4..8)?.try_into().ok()?;
    let len = match size {
        0 => None,
        1 => Some(u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?)),
        size => Some(size.into()),
    };
    len.is_none_or(|len| len >= 8).then_some((kind, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_say_how_long_they_are() {
        let large = b"\0\0\0\x01mdat\0\0\0\x02\0\0\0\0";
        for (bytes, header) in [
            (&b"\0\0\0\x20ftyp"[..], Some((*b"ftyp", Some(32)))),
            (&b"\0\0\0\0mdat"[..], Some((*b"mdat", None))),
            (&large[..], Some((*b"mdat", Some(2 << 32)))),
            (&large[..12], None),
            (&b"\0\0\0\x04free"[..], None),
            (&b"\0\0\0"[..], None),
        ] {
            assert_eq!(header_of(bytes), header);
        }
    }
}
