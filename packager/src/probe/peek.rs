//! The first frames of a file whose streams start beside each other, seen in the same run
//! of ffprobe that tells what the streams are.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::probe::report::{Frame, Report};

/// What is asked besides: the first packets, and the frames that are decoded from them.
pub(super) const ENTRIES: &str =
    ":packet=stream_index,pos:frame=stream_index,pkt_pos,pts_time,best_effort_timestamp_time";
/// How many packets, of all streams. Chosen: video is up to three packets ahead of sound
/// where B-frames are, nothing is heard of the first of AAC, and to decode 8 of 2160p takes 20
/// ms more than 4, where a run of ffprobe takes 80.
pub(super) const PACKETS: &str = "%+#8";

/// A packet, or a frame.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    /// None of subtitles, which are neither and are named all the same.
    stream_index: Option<usize>,
    /// Where a packet lies in the file, in bytes.
    pos: Option<String>,
    /// Where the packet of a frame does.
    pkt_pos: Option<String>,
    #[serde(flatten)]
    frame: Frame,
}

/// When the first frame of each stream is shown or heard, seconds in the file's own time; only
/// of streams where it was seen. Of pictures it is that of the first packet, as decoders may
/// give another first; of sound any, as nothing may be heard of the first packets.
pub(super) fn first_frames(report: &Report) -> BTreeMap<usize, f64> {
    let seen = &report.packets_and_frames;
    let mut first_packets: BTreeMap<usize, &str> = BTreeMap::new();
    for packet in seen {
        if let (Some(stream), Some(pos)) = (packet.stream_index, &packet.pos) {
            first_packets.entry(stream).or_insert(pos);
        }
    }
    let times = first_packets.into_iter().filter_map(|(stream, pos)| {
        let is_sound = report.of_type("audio").any(|s| s.index == stream);
        let of_it = |it: &&Seen| {
            let pkt_pos = it.pkt_pos.as_deref();
            it.stream_index == Some(stream) && pkt_pos.is_some_and(|of| of == pos || is_sound)
        };
        let frame = seen.iter().find(of_it)?;
        Some((stream, frame.frame.time()?))
    });
    times.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: &str) -> Report {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_streams_first_picture_is_that_of_its_first_packet() {
        let report = report(
            r#"{"streams":[{"index":0,"codec_type":"video"},{"index":1,"codec_type":"video"}],
                "packets_and_frames":[
                {"type":"packet","stream_index":0,"pos":"48"},
                {"type":"packet","stream_index":0,"pos":"90"},
                {"type":"frame","stream_index":0,"pkt_pos":"90","pts_time":"0.1"},
                {"type":"frame","stream_index":0,"pkt_pos":"48","pts_time":"0.2"},
                {"type":"packet","stream_index":1,"pos":"60"},
                {"type":"packet","stream_index":1,"pos":"70"},
                {"type":"frame","stream_index":1,"pkt_pos":"70","pts_time":"0.0"}]}"#,
        );
        assert_eq!(first_frames(&report), BTreeMap::from([(0, 0.2)]));
    }

    /// As ffprobe 5.1 says it of mp4 with AAC and mov_text.
    #[test]
    fn the_first_sound_may_come_from_the_second_packet_and_subtitles_are_passed_over() {
        let report = report(
            r#"{"streams":[{"index":1,"codec_type":"audio"}],
                "packets_and_frames":[
                {"type":"packet","stream_index":1,"pos":"6280"},
                {"type":"packet","stream_index":1,"pos":"7400"},
                {"type":"frame","stream_index":1,"pkt_pos":"7400","pts_time":"0.0"},
                {"type":"packet","stream_index":2,"pos":"7658"},
                {"type":"subtitle"}]}"#,
        );
        assert_eq!(first_frames(&report), BTreeMap::from([(1, 0.0)]));
    }
}
