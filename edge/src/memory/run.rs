//! A run of units of a page: written from its begin on, by one, and read by many behind that.
#![allow(unsafe_code, reason = "what `page` asks for, held in one type")]

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{page::Area, pages::Pages, units::Found};
use crate::held::Held;

/// Least memory that the kernel is asked for at once, bytes. Chosen.
const POPULATE_STEP: usize = 128 << 10;

/// What is written, and how far that is. The one who has it is the one who writes.
pub(crate) struct Run {
    inner: Arc<Inner>,
    filled: usize,
    /// How far the kernel has given memory.
    populated: usize,
}

struct Inner {
    /// Ours alone until we are dropped, in a page that stays for as long.
    area: Area,
    pages: Arc<Pages>,
    page: u32,
    units: Found,
    /// Where its bytes are counted.
    held: OnceLock<Held>,
}

/// Bytes that are written.
struct View {
    inner: Arc<Inner>,
    len: usize,
}

impl Run {
    /// `area` is `units` of a page, which `pages` gives to nobody else until it gets them back.
    pub(super) fn new(area: Area, pages: Arc<Pages>, page: u32, units: Found) -> Self {
        let inner = Inner {
            area,
            pages,
            page,
            units,
            held: OnceLock::new(),
        };
        Self {
            inner: Arc::new(inner),
            filled: 0,
            populated: 0,
        }
    }

    /// Bytes there is room for.
    pub(super) fn len(&self) -> usize {
        self.inner.area.len()
    }

    /// Adds as many of these bytes as there is room for: how many.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.len() - self.filled);
        self.populate(len);
        // SAFETY: our area, and its page is mapped while we are. Views have what is before
        // `filled`; only the one `Run` writes, here.
        unsafe { self.inner.area.write(self.filled, &bytes[..len]) };
        self.filled += len;
        len
    }

    /// Room for what comes next, at most so many bytes; what is written there counts once
    /// [`Self::advance`] says so.
    pub(super) fn room(&mut self, most: usize) -> &mut [u8] {
        let len = most.min(self.len() - self.filled);
        self.populate(len);
        // SAFETY: our area, and its page is mapped while we are. Views have what is before
        // `filled`; only the one `Run` writes, which is borrowed as long as the slice.
        unsafe { self.inner.area.room(self.filled..self.filled + len) }
    }

    /// So many bytes of the room were written, as far as there is room.
    pub(super) fn advance(&mut self, len: usize) -> usize {
        let len = len.min(self.len() - self.filled);
        self.filled += len;
        len
    }

    /// Memory for `len` bytes more. Not for all at once: what was cleared just before is still
    /// in the processor's cache when it is written.
    fn populate(&mut self, len: usize) {
        let end = self.filled + len;
        if end > self.populated {
            let step = (end - self.populated).max(POPULATE_STEP);
            self.inner.area.populate(self.populated, step);
            self.populated += step;
        }
    }

    /// What was written from `start` on.
    pub(super) fn since(&self, start: usize) -> Bytes {
        let (inner, len) = (self.inner.clone(), self.filled);
        Bytes::from_owner(View { inner, len }).slice(start..)
    }

    pub(super) fn is_full(&self) -> bool {
        self.filled == self.len()
    }

    /// Counts its bytes, until the last who reads them lets go.
    pub(super) fn count(&self, held: &Held) {
        if self.inner.held.set(held.clone()).is_ok() {
            held.add(self.len() as u64);
        }
    }
}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the area is `inner`'s, and its page is mapped while that is. These bytes are
        // before `Run::filled`, so they are written no more.
        unsafe { self.inner.area.read(self.len) }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(held) = self.held.get() {
            held.sub(self.area.len() as u64);
        }
        self.pages.give_back(self.page, self.units, &self.area);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn readers_see_what_was_written_while_more_is() {
        let pages = Arc::<Pages>::default();
        let mut run = pages.take(100_000).unwrap();
        let mut readers = Vec::new();
        for n in 0..10_u8 {
            let before = usize::from(n) * 10_000;
            assert_eq!(run.write(&[n; 10_000]), 10_000);
            let (new, all) = (run.since(before), run.since(0));
            readers.push(thread::spawn(move || {
                assert!(new.iter().all(|byte| *byte == n));
                assert!(
                    all.chunks(10_000)
                        .zip(0..)
                        .all(|(part, n)| part == [n; 10_000])
                );
            }));
        }
        assert_eq!(run.write(&[1]), 0);
        readers.into_iter().for_each(|it| it.join().unwrap());
    }

    #[test]
    fn its_bytes_count_once_and_until_the_last_slice_is_gone() {
        let (pages, held) = (Arc::<Pages>::default(), Held::default());
        let mut run = pages.take(100_000).unwrap();
        run.write(&[7; 1000]);
        run.count(&held);
        run.count(&held);
        let part = run.since(0).slice(10..20);
        drop(run);
        assert_eq!((held.bytes(), &part[..]), (100_000, &[7; 10][..]));
        drop(part);
        assert_eq!(held.bytes(), 0);
    }
}
