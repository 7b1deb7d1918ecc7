//! Where samples lie in their file.

use media::bmff::{SampleHead, mp4::Placed};
use wire::TrackId;

use super::super::segments::{Wanted, runs};

fn wanted(places: &[(u64, u32)]) -> Wanted {
    let placed = places.iter().map(|(offset, size)| Placed {
        number: 0,
        offset: *offset,
        size: *size,
        decode_time: 0,
        duration: 1,
        presentation_time: 0,
        sync: false,
        entry: 0,
    });
    let heads = places.iter().map(|(_, size)| SampleHead {
        duration: 1,
        composition_offset: 0,
        flags: 0,
        size: *size,
    });
    let track: TrackId = "v1".parse().unwrap();
    Wanted {
        track,
        is_video: true,
        number: 0,
        start: 0,
        duration: places.len() as u64,
        timescale: 25,
        heads: heads.collect(),
        runs: runs(&placed.collect::<Vec<_>>()),
    }
}

#[test]
fn an_empty_sample_moves_no_other_wherever_it_lies() {
    for empty in [(100, 0), (105, 0), (900, 0), (0, 0)] {
        let wanted = wanted(&[(100, 5), empty, (105, 7), (200, 3)]);
        let places: Vec<(u64, usize)> = wanted.samples().filter(|(_, len)| *len > 0).collect();
        assert_eq!(places, [(100, 5), (105, 7), (200, 3)], "{empty:?}");
        assert_eq!(wanted.data_len(), 15);
    }
}
