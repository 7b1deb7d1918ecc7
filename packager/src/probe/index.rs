//! The packet index of a video stream: when each picture is shown, and where decoding
//! can start.

use std::path::Path;

use crate::{
    Config, PackagerError,
    probe::{Video, ffprobe::Ffprobe, refuse},
};

/// Most packets of an index: 12 h at 90 frames/s, 64 MiB. Chosen.
const PACKETS_MAX: usize = 4_000_000;

/// All pictures of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    /// Seconds per tick, as a fraction.
    pub(crate) time_base: (u32, u32),
    /// In order of presentation.
    pub(crate) packets: Vec<Packet>,
    /// How many more pictures there are, without a time.
    pub(crate) untimed: usize,
    /// When the last picture ends as far as the file says it, ticks.
    pub(crate) end: i64,
}

/// One picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packet {
    /// When it is shown, ticks of the file's own time.
    pub(crate) pts: i64,
    /// The container says that decoding can start here.
    pub(crate) key: bool,
}

/// Reads all packets of the video. Those that an edit list hides are not in it.
pub(crate) async fn index(
    config: &Config,
    file: &Path,
    video: &Video,
) -> Result<Index, PackagerError> {
    let stream = video.index.to_string();
    let args = [
        "-select_streams",
        &stream,
        "-show_entries",
        "packet=pts,dts,duration,flags",
    ];
    let (mut packets, mut end, mut untimed) = (Vec::new(), i64::MIN, 0);
    let ffprobe = Ffprobe::new(config, file);
    ffprobe
        .each_line(&args, |line| {
            if packets.len() == PACKETS_MAX {
                return Err(refuse(format!(
                    "the video has more than {PACKETS_MAX} pictures"
                )));
            }
            if let Some((packet, ends)) = read(line) {
                packets.push(packet);
                end = end.max(ends);
            }
            untimed += usize::from(line.starts_with("N/A,N/A,"));
            Ok(())
        })
        .await?;
    if packets.is_empty() {
        return Err(refuse("the video has no pictures".to_owned()));
    }
    packets.sort_unstable();
    Ok(Index {
        time_base: video.time_base,
        packets,
        untimed,
        end,
    })
}

/// `pts,dts,duration,flags`: a packet, and when it ends. Files without presentation times
/// (avi) have no reordering that could be told.
fn read(line: &str) -> Option<(Packet, i64)> {
    let mut fields = line.splitn(4, ',');
    let mut number = || fields.next().map(|field| field.parse::<i64>().ok());
    let (pts, dts, duration) = (number()?, number()?, number()?);
    let flags = fields.next()?.as_bytes();
    if flags.get(1) == Some(&b'D') {
        return None;
    }
    let pts = pts.or(dts)?;
    let key = flags.first() == Some(&b'K');
    Some((
        Packet { pts, key },
        pts.saturating_add(duration.unwrap_or(0)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_packet_that_is_shown() {
        let packet = |pts, key| Packet { pts, key };
        assert_eq!(
            read("1024,0,512,K_"),
            Some((packet(1024, true), 1536)),
            "keyframe"
        );
        assert_eq!(
            read("N/A,40,N/A,__,side"),
            Some((packet(40, false), 40)),
            "avi"
        );
        for none in ["-512,-512,512,KD", "N/A,N/A,1,K_", "", "x"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
