//! Which units of a page are free: one bit each, the first in the lowest.

/// Where a run of free units is, and how many it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl Found {
    /// These units' bits.
    pub(super) fn bits(self) -> u128 {
        let ones = match self.count {
            u128::BITS => u128::MAX,
            count => (1 << count) - 1,
        };
        ones << self.first
    }
}

/// The first run of at least `want` free units, cut to that; else the longest.
pub(super) fn find(free: u128, want: u32) -> Found {
    let (mut longest, mut from) = (Found::default(), 0);
    while from < u128::BITS {
        let rest = free >> from;
        if rest == 0 {
            break;
        }
        let first = from + rest.trailing_zeros();
        let count = (free >> first).trailing_ones();
        if count >= want {
            return Found { first, count: want };
        }
        if count > longest.count {
            longest = Found { first, count };
        }
        from = first + count;
    }
    longest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_run_that_is_long_enough_is_cut_to_length() {
        let found = |first, count| Found { first, count };
        assert_eq!(find(0b0111_0110, 2), found(1, 2));
        assert_eq!(find(0b0111_0110, 3), found(4, 3));
        assert_eq!(find(0b0111_0110, 4), found(4, 3));
        assert_eq!(find(u128::MAX, 128), found(0, 128));
        assert_eq!(find(1 << 127, 1), found(127, 1));
        assert_eq!(find(0, 1), found(0, 0));
    }

    proptest! {
        #[test]
        fn what_is_found_is_free_and_as_long_as_can_be(free: u128, want in 1..129_u32) {
            let found = find(free, want);
            prop_assert_eq!(found.bits() & free, found.bits());
            prop_assert_eq!(found.bits().count_ones(), found.count);
            let bit = |n: u32| free >> n & 1 == 1;
            let runs = (0..128).map(|from| (from..128).take_while(|n| bit(*n)).count() as u32);
            prop_assert_eq!(found.count, runs.max().unwrap().min(want));
        }
    }
}
