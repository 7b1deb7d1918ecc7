//! Sets of bytes of a file.

use std::ops::Range;

/// Ranges in order, apart from each other, none of them empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// One range alone.
    pub(crate) fn one(range: Range<u64>) -> Self {
        std::iter::once(range).collect()
    }

    /// Adds a range, whatever of it is there.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // Those that touch it become one with it.
        let from = self.0.partition_point(|known| known.end < range.start);
        let until = self.0.partition_point(|known| known.start <= range.end);
        let touched = &self.0[from..until];
        let start = touched.first().map_or(range.start, |r| r.start);
        let end = touched.last().map_or(range.end, |r| r.end);
        let whole = start.min(range.start)..end.max(range.end);
        self.0.splice(from..until, [whole]);
    }

    /// Takes a range out, whatever of it is there.
    pub(crate) fn remove(&mut self, range: &Range<u64>) {
        let left = self.0.iter().flat_map(|known| without(known, range));
        self.0 = left.collect();
    }

    /// What of `range` is not there, in order.
    pub(crate) fn missing(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let from = self.0.partition_point(|known| known.end <= range.start);
        let mut missing = Vec::new();
        let mut at = range.start;
        for known in self.0[from..].iter().take_while(|k| k.start < range.end) {
            missing.push(at..known.start);
            at = known.end;
        }
        missing.push(at..range.end);
        missing.retain(|gap| !gap.is_empty());
        missing
    }

    /// What of `others` is not there, in order.
    pub(crate) fn lacks(&self, others: &Self) -> Self {
        Self(others.0.iter().flat_map(|r| self.missing(r)).collect())
    }

    /// Closes gaps of at most `gap_max` bytes.
    pub(crate) fn join(&mut self, gap_max: u64) {
        self.0.dedup_by(|next, known| {
            let near = next.start - known.end <= gap_max;
            if near {
                known.end = next.end;
            }
            near
        });
    }

    /// The first.
    pub(crate) fn first(&self) -> Option<Range<u64>> {
        self.0.first().cloned()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// How many bytes they are.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }
}

impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut all = Self::default();
        for range in ranges {
            all.insert(range);
        }
        all
    }
}

fn without(known: &Range<u64>, gone: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let before = known.start..known.end.min(gone.start);
    let after = known.start.max(gone.end)..known.end;
    let same = gone.is_empty() || gone.end <= known.start || known.end <= gone.start;
    let left = if same {
        [known.clone(), 0..0]
    } else {
        [before, after]
    };
    left.into_iter().filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = Range<u64>> {
        (0_u64..60, 0_u64..20).prop_map(|(start, len)| start..start + len)
    }

    #[test]
    fn near_ranges_are_read_as_one() {
        let mut ranges: Ranges = [0..10, 14..20, 30..40].into_iter().collect();
        ranges.join(4);
        assert_eq!(ranges.0, [0..20, 30..40]);
    }

    proptest! {
        #[test]
        fn they_are_a_set_of_bytes(steps in proptest::collection::vec((any::<bool>(), range()), 0..20), asked in range()) {
            let (mut ranges, mut bytes) = (Ranges::default(), BTreeSet::new());
            for (adds, range) in steps {
                if adds {
                    ranges.insert(range.clone());
                    bytes.extend(range);
                } else {
                    ranges.remove(&range);
                    bytes.retain(|byte| !range.contains(byte));
                }
                prop_assert!(ranges.0.windows(2).all(|pair| pair[0].end < pair[1].start));
                prop_assert!(ranges.0.iter().all(|range| !range.is_empty()));
            }
            prop_assert_eq!(ranges.len_bytes(), bytes.len() as u64);
            let missing: Vec<u64> = ranges.missing(&asked).into_iter().flatten().collect();
            let expected: Vec<u64> = asked.filter(|byte| !bytes.contains(byte)).collect();
            prop_assert_eq!(missing, expected);
        }
    }
}
