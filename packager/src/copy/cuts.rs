//! Which of the places where segments may start they do start at.

use std::fmt;

/// Shortest segment but the last, seconds: two, less what a group of 48 frames at 25/s
/// lacks.
const SECS_MIN: f64 = 1.9;
/// Longest segment, seconds: what rounds to 10 in a playlist's target duration. A group of
/// 250 frames, x264's own choice, is 10.43 s of a film.
const SECS_MAX: f64 = 10.49;
/// How many segments at the start are short, and how short.
const SHORT_COUNT: usize = 3;
const SHORT_SECS: f64 = 2.0;
/// What a wrong length costs at the start, where a viewer waits for it, and what a short
/// one costs at the end, where there is no more; 1 between. Chosen.
const SHORT_WEIGHT: f64 = 10.0;
const LAST_WEIGHT: f64 = 0.25;

/// No cuts make segments that are short enough: keyframes are too far apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    /// The longest wait for a keyframe, seconds, and when it starts.
    secs: f64,
    at: f64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secs, at } = self;
        write!(
            f,
            "its keyframes are too far apart: {secs:.1} s without one from {at:.1} s on; \
             10 s is the most"
        )
    }
}

/// Chooses among the times at which segments may start, of which the first is zero, so
/// that lengths are nearest to what is asked for in the sum of squares: 2 s for the first
/// three, `segment_secs` for the others. Gives their numbers.
pub(super) fn choose(times: &[f64], end: f64, segment_secs: f64) -> Result<Vec<usize>, Gap> {
    let target = segment_secs.clamp(SHORT_SECS, 10.0);
    let places = times.len();
    // The cheapest way to have place `i` start segment `k` (3: or a later one): its cost,
    // and the place and segment before.
    let mut best: Vec<[Option<Way>; SHORT_COUNT + 1]> = vec![[None; SHORT_COUNT + 1]; places + 1];
    let Some(first) = best.first_mut().filter(|_| places > 0) else {
        return Err(gap(times, end));
    };
    first[0] = Some(Way {
        cost: 0.0,
        from: (0, 0),
    });
    let mut nearest = 0;
    for place in 1..=places {
        let last = place == places;
        let time = if last { end } else { times[place] };
        while nearest < place && time - times[nearest] > SECS_MAX {
            nearest += 1;
        }
        for from in nearest..place {
            let secs = time - times[from];
            if secs < SECS_MIN && !last {
                break;
            }
            for segment in 0..=SHORT_COUNT {
                let Some(way) = best[from][segment] else {
                    continue;
                };
                let wanted = if segment < SHORT_COUNT {
                    SHORT_SECS
                } else {
                    target
                };
                let weight = match segment {
                    0..SHORT_COUNT => SHORT_WEIGHT,
                    _ if last && secs < wanted => LAST_WEIGHT,
                    _ => 1.0,
                };
                let cost = way.cost + weight * (secs - wanted) * (secs - wanted);
                let then = &mut best[place][(segment + 1).min(SHORT_COUNT)];
                if then.is_none_or(|then| cost < then.cost) {
                    *then = Some(Way {
                        cost,
                        from: (from, segment),
                    });
                }
            }
        }
    }
    walk_back(&best).ok_or_else(|| gap(times, end))
}

#[derive(Debug, Clone, Copy)]
struct Way {
    cost: f64,
    from: (usize, usize),
}

fn walk_back(best: &[[Option<Way>; SHORT_COUNT + 1]]) -> Option<Vec<usize>> {
    let end = best.len() - 1;
    let (segment, _) = (best[end].iter().enumerate())
        .filter_map(|(segment, way)| Some((segment, way.as_ref()?.cost)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let mut chosen = Vec::new();
    let mut at = (end, segment);
    while at.0 > 0 {
        at = best[at.0][at.1]?.from;
        chosen.push(at.0);
    }
    chosen.reverse();
    Some(chosen)
}

fn gap(times: &[f64], end: f64) -> Gap {
    let ends = times.iter().skip(1).chain([&end]);
    let gaps = times.iter().zip(ends).map(|(at, next)| Gap {
        secs: next - at,
        at: *at,
    });
    let longest = gaps.max_by(|a, b| a.secs.total_cmp(&b.secs));
    longest.unwrap_or(Gap { secs: end, at: 0.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn every(secs: f64, count: u32) -> Vec<f64> {
        (0..count).map(|n| f64::from(n) * secs).collect()
    }

    fn lengths(times: &[f64], end: f64) -> Vec<f64> {
        let chosen = choose(times, end, 4.0).unwrap();
        let starts: Vec<f64> = chosen.iter().map(|n| times[*n]).chain([end]).collect();
        starts.windows(2).map(|w| w[1] - w[0]).collect()
    }

    #[test]
    fn three_short_segments_come_first() {
        let found = lengths(&every(1.0, 26), 26.0);
        assert_eq!(found, [2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0]);
        assert_eq!(lengths(&every(5.0, 4), 20.0), [5.0; 4]);
        assert_eq!(lengths(&every(10.0, 2), 13.0), [10.0, 3.0]);
    }

    #[test]
    fn what_is_shorter_than_a_segment_is_one() {
        assert_eq!(lengths(&[0.0], 0.4), [0.4]);
        assert_eq!(lengths(&[0.0, 0.2], 0.4), [0.4]);
    }

    #[test]
    fn groups_just_below_two_seconds_are_segments_and_shorter_ones_are_merged() {
        assert_eq!(lengths(&every(1.92, 4), 7.68)[0], 1.92);
        let merged = lengths(&every(1.5, 12), 18.0);
        assert!(merged.iter().all(|secs| *secs >= SECS_MIN), "{merged:?}");
    }

    #[test]
    fn a_way_is_found_that_the_nearest_cut_would_miss() {
        // 0 → 2 is the wish, but then 10.49 s do not reach 12.6.
        assert_eq!(lengths(&[0.0, 2.0, 2.6, 12.6], 14.6), [2.6, 10.0, 2.0]);
    }

    #[test]
    fn keyframes_too_far_apart_are_named() {
        let refused = choose(&[0.0, 4.0, 16.0], 18.0, 4.0).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "its keyframes are too far apart: 12.0 s without one from 4.0 s on; 10 s is the most"
        );
    }

    proptest! {
        #[test]
        fn segments_join_and_keep_within_the_limits(
            gaps in prop::collection::vec(0.25_f64..6.0, 0..60), tail in 0.1_f64..6.0,
        ) {
            let mut times = vec![0.0];
            times.extend(gaps.iter().scan(0.0, |at, gap| { *at += gap; Some(*at) }));
            let end = times.last().unwrap() + tail;
            let chosen = choose(&times, end, 4.0).unwrap();
            prop_assert_eq!(chosen[0], 0);
            let starts: Vec<f64> = chosen.iter().map(|n| times[*n]).chain([end]).collect();
            for (n, pair) in starts.windows(2).enumerate() {
                let secs = pair[1] - pair[0];
                prop_assert!(secs <= SECS_MAX);
                prop_assert!(secs >= SECS_MIN || n + 2 == starts.len());
            }
        }
    }
}
