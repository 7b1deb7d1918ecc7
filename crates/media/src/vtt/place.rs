//! Cues on the timeline that all tracks share, and in its segments.

use super::{Cue, document};

/// Longest segment, bytes; cues beyond it are left out. Chosen: an hour's dialogue.
const SEGMENT_LEN_MAX: usize = 1 << 20;
/// All segments of a track together, bytes: cues that last for hours are in each. Chosen.
const SEGMENTS_LEN_MAX: usize = 256 << 20;
/// Text has its own clock, which starts with all other tracks (RFC 8216 §3.5).
const CLOCK: &str = "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n";

/// One document of a text track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// From 0.
    pub number: u32,
    /// From the common zero, milliseconds.
    pub start_ms: u64,
    /// Milliseconds.
    pub duration_ms: u64,
    /// WebVTT.
    pub text: String,
}

/// When segments start and end, milliseconds: the next starts where one ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid(Vec<u64>);

impl Grid {
    /// Where the last segment ends, milliseconds.
    #[must_use]
    pub fn end_ms(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }

    /// Of the video's times, microseconds.
    #[must_use]
    pub fn new(starts_us: &[u64], end_us: u64) -> Self {
        Self(
            starts_us
                .iter()
                .chain([&end_us])
                .copied()
                .map(to_ms)
                .collect(),
        )
    }
}

/// Microseconds as milliseconds, to nearest.
#[must_use]
pub fn to_ms(us: u64) -> u64 {
    (us + 500) / 1000
}

/// The cues that are shown between `zero` and `end` milliseconds after it, counted from
/// there.
#[must_use]
pub fn on_zero(cues: Vec<Cue>, zero: i64, end: i64) -> Vec<Cue> {
    let moved = cues.into_iter().filter_map(|cue| {
        let moved = |time: i64| time.saturating_sub(zero).clamp(0, end);
        let (start, end) = (moved(cue.start), moved(cue.end));
        (start < end).then_some(Cue { start, end, ..cue })
    });
    moved.collect()
}

/// Cues last for so long that they are in very many segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cues last so long that their segments would need more than {SEGMENTS_LEN_MAX} bytes")]
pub struct TooLong;

/// What [`segments`] gives, as long as all of it together is not too long; then an error, and
/// no more.
pub fn bounded<'a>(
    cues: &'a [Cue],
    grid: &'a Grid,
) -> impl Iterator<Item = Result<Segment, TooLong>> + 'a {
    let mut room = Some(SEGMENTS_LEN_MAX);
    segments(cues, grid).map_while(move |segment| {
        room = room?.checked_sub(segment.text.len());
        Some(room.map(|_| segment).ok_or(TooLong))
    })
}

/// One document a segment, empty ones too. A cue that lies in several is in each of them,
/// unchanged (RFC 8216 §3.5). `cues` are in order of their start.
pub(super) fn segments<'a>(cues: &'a [Cue], grid: &'a Grid) -> impl Iterator<Item = Segment> + 'a {
    let (mut next, mut shown) = (0, Vec::<&Cue>::new());
    let spans = grid.0.windows(2).zip(0_u32..);
    spans.map(move |(span, number)| {
        let (start, end) = (span[0], span[1].max(span[0]));
        shown.retain(|cue| cue.end > start as i64);
        while let Some(cue) = cues.get(next).filter(|cue| cue.start < end as i64) {
            if cue.end > start as i64 {
                shown.push(cue);
            }
            next += 1;
        }
        let mut room = SEGMENT_LEN_MAX;
        let fitting = shown.iter().copied().take_while(|cue| {
            let len = cue.payload.len() + cue.settings.len() + 64;
            let fits = room >= len;
            room = room.saturating_sub(len);
            fits
        });
        Segment {
            number,
            start_ms: start,
            duration_ms: end - start,
            text: document::write(CLOCK, fitting),
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cue(start: i64, end: i64) -> Cue {
        Cue {
            start,
            end,
            settings: String::new(),
            payload: format!("{start}-{end}"),
        }
    }

    #[test]
    fn a_cue_over_a_border_is_repeated_unchanged_and_empty_segments_exist() {
        let cues = [cue(500, 2500), cue(2000, 3000), cue(7000, 9000)];
        let grid = Grid::new(&[0, 2_000_000, 4_000_000, 6_000_000], 10_000_000);
        let all: Vec<Segment> = segments(&cues, &grid).collect();
        let text = |n: usize| all[n].text.clone();
        let head = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n";
        let first = "\n00:00:00.500 --> 00:00:02.500\n500-2500\n";
        let second = "\n00:00:02.000 --> 00:00:03.000\n2000-3000\n";
        assert_eq!(text(0), format!("{head}{first}"));
        assert_eq!(text(1), format!("{head}{first}{second}"));
        assert_eq!(text(2), head);
        assert!(text(3).contains("7000-9000"));
        let spans: Vec<_> = all
            .iter()
            .map(|s| (s.number, s.start_ms, s.duration_ms))
            .collect();
        let expected = [
            (0, 0, 2000),
            (1, 2000, 2000),
            (2, 4000, 2000),
            (3, 6000, 4000),
        ];
        assert_eq!(spans, expected);
    }

    #[test]
    fn segments_are_not_longer_than_all_may_be() {
        // A mebibyte in each segment.
        let long = |n: i64| Cue {
            payload: "x".repeat(900),
            ..cue(n, 10_000_000)
        };
        let cues: Vec<Cue> = (0..2000).map(long).collect();
        let count = |segments: u64| {
            let starts: Vec<u64> = (0..segments).map(|n| n * 2_000_000).collect();
            let grid = Grid::new(&starts, segments * 2_000_000);
            let all: Vec<_> = bounded(&cues, &grid).collect();
            (all.len(), all.last().unwrap().is_err())
        };
        assert_eq!(count(200), (200, false));
        let (count, is_over) = count(400);
        assert!((256..320).contains(&count) && is_over, "{count}");
    }

    #[test]
    fn cues_are_cut_at_zero_and_at_the_end() {
        let cues = vec![
            cue(0, 900),
            cue(900, 1100),
            cue(1500, 9000),
            cue(5000, 6000),
        ];
        let placed = on_zero(cues, 1000, 3000);
        let times: Vec<_> = placed.iter().map(|cue| (cue.start, cue.end)).collect();
        assert_eq!(times, [(0, 100), (500, 3000)]);
    }

    #[test]
    fn a_segment_is_bounded() {
        let long = Cue {
            payload: "x".repeat(1000),
            ..cue(0, 1000)
        };
        let grid = Grid::new(&[0], 1_000_000);
        let all: Vec<Segment> = segments(&vec![long; 2000], &grid).collect();
        assert!(all[0].text.len() <= SEGMENT_LEN_MAX + CLOCK.len() + 7);
    }

    proptest! {
        #[test]
        fn segments_follow_each_other_and_show_what_is_shown_in_them(
            mut starts in proptest::collection::btree_set(1_u64..20_000_000, 0..8),
            times in proptest::collection::vec((0_i64..20_000, 1_i64..9_000), 0..30),
        ) {
            starts.insert(0);
            let starts: Vec<u64> = starts.into_iter().collect();
            let mut cues: Vec<Cue> = times.iter().map(|(at, len)| cue(*at, at + len)).collect();
            cues.sort_by_key(|cue| cue.start);
            let grid = Grid::new(&starts, 20_000_000);
            let mut end = 0;
            for segment in segments(&cues, &grid) {
                prop_assert_eq!(segment.start_ms, end);
                end = segment.start_ms + segment.duration_ms;
                let text = &segment.text;
                for cue in &cues {
                    let inside = cue.start < end as i64 && cue.end > segment.start_ms as i64;
                    let payload = format!("\n{}\n", cue.payload);
                    prop_assert_eq!(text.contains(&payload), inside);
                }
            }
            prop_assert_eq!(end, 20_000);
        }
    }
}
