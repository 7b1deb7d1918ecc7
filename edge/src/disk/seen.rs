//! What was asked for lately and is not stored on disk: the ghost of a cache.

use super::name::Name;

/// Names a bucket remembers; the oldest goes first.
const WAYS: usize = 4;
/// Disk for each name that is remembered, bytes. Chosen: several times as many names as
/// a disk holds objects of a video.
const DISK_PER_NAME: u64 = 16 << 10;
const NAMES_MIN: u64 = 1 << 12;
const NAMES_MAX: u64 = 1 << 20;

/// Remembers a bounded number of names, four bytes each. One in a thousand million that
/// it says it knows, it does not.
pub(crate) struct Seen {
    buckets: Box<[[u32; WAYS]]>,
}

impl Seen {
    pub(crate) fn new(disk_bytes: u64) -> Self {
        let names = (disk_bytes / DISK_PER_NAME).clamp(NAMES_MIN, NAMES_MAX);
        let count = usize::try_from(names).unwrap_or(usize::MAX) / WAYS;
        Self {
            buckets: vec![[0; WAYS]; count].into(),
        }
    }

    /// Whether `name` was noted before; it is from now on.
    pub(crate) fn note(&mut self, name: Name) -> bool {
        let (place, mark) = (name.high(), (name.low() as u32).max(1));
        let count = self.buckets.len() as u64;
        let bucket = &mut self.buckets[(place % count) as usize];
        if bucket.contains(&mark) {
            return true;
        }
        bucket.rotate_right(1);
        bucket[0] = mark;
        false
    }

    /// What it takes in memory, bytes.
    pub(crate) fn weight(&self) -> u64 {
        (self.buckets.len() * WAYS * 4) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u64) -> Name {
        Name::of(&n.to_string())
    }

    #[test]
    fn a_name_is_new_once_and_forgotten_after_many_others() {
        let mut seen = Seen::new(0);
        assert!(!seen.note(name(0)));
        assert!(seen.note(name(0)));
        let known = (1..100 * NAMES_MIN).filter(|n| seen.note(name(*n))).count();
        assert_eq!(known, 0);
        assert!(!seen.note(name(0)));
    }
}
