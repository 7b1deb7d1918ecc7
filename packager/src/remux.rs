//! Containers without a usable index are copied once, stream by stream, into one that has
//! one (Matroska), before anything else is asked of them: so that they can be split, and
//! so that times which jump do it once, and for all streams together.

use std::{io::Read, path::Path};

use crate::{Config, PackagerError, capture::Capture};

/// How much of a file says what it is, bytes: five packets of a transport stream.
const HEAD_LEN: u64 = 1024;
/// What is kept, and what is where Matroska does not know some of the text.
const STREAMS: [&str; 2] = ["-map 0:v? -map 0:a? -map 0:s?", "-map 0:v? -map 0:a?"];

/// What a file starts with tells that it has no index to seek by, or one that is not to
/// be relied on.
pub(crate) fn lacks_index(file: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(file).and_then(|f| f.take(HEAD_LEN).read_to_end(&mut head));
    read.is_ok() && is_unindexed(&head)
}

/// Copies `file` to `to`, the only file in its folder that ffmpeg may touch. False where
/// it cannot be done: then the file is used as it is.
///
/// # Errors
/// ffmpeg cannot be started, or is silent for too long.
pub(crate) async fn remux(config: &Config, file: &Path, to: &Path) -> Result<bool, PackagerError> {
    for streams in STREAMS {
        let copy = Capture {
            input: "-fflags +genpts".to_owned(),
            file,
            outputs: format!("{streams} -c copy -y -f matroska"),
            to: Some(to),
            len_max: &[],
        };
        let copied = copy.run(config).await?;
        if copied.ended_well && copied.complaints.errors == 0 {
            return Ok(true);
        }
        let said = copied.complaints.last_words();
        tracing::debug!(said, streams, "not remuxed");
    }
    // There may be none.
    let _ = std::fs::remove_file(to);
    Ok(false)
}

fn is_unindexed(head: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [
        // MPEG program stream, FLV, Ogg, MXF, ASF.
        &[0, 0, 1, 0xba],
        b"FLV\x01",
        b"OggS",
        &[6, 14, 43, 52],
        &[0x30, 0x26, 0xb2, 0x75],
    ];
    let avi = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"AVI ");
    let sync = |first: usize, len: usize| (0..4).all(|n| head.get(first + n * len) == Some(&0x47));
    // A transport stream, plain or with time codes between its packets.
    avi || sync(0, 188) || sync(4, 192) || starts.iter().any(|start| head.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::Clip;

    #[test]
    fn containers_are_known_by_how_they_start() {
        let packets = |ahead: usize| {
            let packet = [vec![0; ahead], vec![0x47], vec![0; 187]].concat();
            packet.repeat(5)
        };
        for head in [packets(0), packets(4), b"RIFF\0\0\0\0AVI LIST".to_vec()] {
            assert!(is_unindexed(&head));
        }
        let indexed: [&[u8]; 4] = [
            b"\0\0\0\x20ftypisom",
            &[0x1a, 0x45, 0xdf, 0xa3],
            b"RIFF\0\0\0\0WAVEfmt ",
            b"#EXTM3U",
        ];
        for head in indexed {
            assert!(!is_unindexed(head));
        }
        assert!(!is_unindexed(&[]) && !is_unindexed(&packets(0)[..300]));
    }

    #[tokio::test]
    async fn a_transport_stream_gets_an_index_and_keeps_every_picture() {
        let clip = Clip::with_sound("64x64", "30", 3.0).remade("clip.ts", "-c copy");
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("indexed");
        assert!(lacks_index(&clip.path()));
        assert!(remux(&Config::unjailed(), &clip.path(), &to).await.unwrap());
        assert!(!lacks_index(&to));
        let source = crate::probe::probe(&Config::unjailed(), &to).await.unwrap();
        assert!(crate::plan::splits(&source), "{source:?}");
        let video = source.video.as_ref().unwrap();
        let index = crate::probe::index(&Config::unjailed(), &to, video)
            .await
            .unwrap();
        assert_eq!((index.packets.len(), index.untimed), (90, 0));
    }

    #[tokio::test]
    async fn what_cannot_be_copied_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("broken");
        std::fs::write(&file, b"OggS").unwrap();
        let to = dir.path().join("indexed");
        assert!(!remux(&Config::unjailed(), &file, &to).await.unwrap());
        assert!(!to.exists());
    }
}
