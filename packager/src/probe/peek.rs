//! The first frames of a file whose streams start beside each other, seen in the same run
//! of ffprobe that tells what the streams are.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::probe::report::Frame;

/// What is asked besides: the first packets, and the frames that are decoded from them.
pub(super) const ENTRIES: &str =
    ":packet=stream_index,pos:frame=stream_index,pkt_pos,pts_time,best_effort_timestamp_time";
/// How many packets, of all streams. Chosen: video is up to three packets ahead of sound
/// where B-frames are, and 4 pictures are decoded in some milliseconds.
pub(super) const PACKETS: &str = "%+#4";

/// A packet, or a frame.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    stream_index: usize,
    /// Where a packet lies in the file, in bytes.
    pos: Option<String>,
    /// Where the packet of a frame does.
    pkt_pos: Option<String>,
    #[serde(flatten)]
    frame: Frame,
}

/// When the frame of each stream's first packet is shown or heard, seconds in the file's
/// own time; only of streams where it was seen.
pub(super) fn first_frames(seen: &[Seen]) -> BTreeMap<usize, f64> {
    let mut first_packets: BTreeMap<usize, &str> = BTreeMap::new();
    for packet in seen {
        if let Some(pos) = &packet.pos {
            first_packets.entry(packet.stream_index).or_insert(pos);
        }
    }
    let times = first_packets.into_iter().filter_map(|(stream, pos)| {
        let of_it = |it: &&Seen| it.stream_index == stream && it.pkt_pos.as_deref() == Some(pos);
        let frame = seen.iter().find(of_it)?;
        Some((stream, frame.frame.time()?))
    });
    times.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streams_first_frame_is_that_of_its_first_packet() {
        let seen: Vec<Seen> = serde_json::from_str(
            r#"[{"type":"packet","stream_index":0,"pos":"48"},
                {"type":"packet","stream_index":0,"pos":"90"},
                {"type":"frame","stream_index":0,"pkt_pos":"90","pts_time":"0.1"},
                {"type":"frame","stream_index":0,"pkt_pos":"48","pts_time":"0.2"},
                {"type":"packet","stream_index":1,"pos":"60"},
                {"type":"packet","stream_index":1,"pos":"70"},
                {"type":"frame","stream_index":1,"pkt_pos":"70","pts_time":"0.0"}]"#,
        )
        .unwrap();
        assert_eq!(first_frames(&seen), BTreeMap::from([(0, 0.2)]));
    }
}
