//! A mapped page of 2 MiB: the one place with memory that the compiler does not see through.
#![allow(
    unsafe_code,
    reason = "memory shared by one writer and readers behind it"
)]

use std::{ops::Range, ptr::NonNull, slice};

#[cfg(target_os = "linux")]
use rustix::mm::{Advice, madvise};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A page, bytes. Chosen: two of the longest runs.
///
/// The kernel is not asked to back it by a huge page: on a virtual machine, where memory is
/// the host's until it is touched, misses then took 2.6 CPU s per GB instead of 1.4.
pub(super) const LEN: usize = 2 << 20;

/// What a page is given out in, bytes: areas begin at multiples of it.
pub(super) const UNIT: usize = LEN / u128::BITS as usize;

/// Mapped memory of [`LEN`] bytes; zeros at first.
pub(super) struct Page(NonNull<u8>);

// SAFETY: it owns its memory, as a `Box<[u8]>` does; who reads and who writes what of it is
// for `Area` to say.
unsafe impl Send for Page {}
// SAFETY: as above; `&Page` alone gives no access.
unsafe impl Sync for Page {}

impl Page {
    /// `None` if the kernel has no memory, or no room for another mapping.
    pub(super) fn map() -> Option<Self> {
        map(LEN).map(Self)
    }

    /// Bytes from `start` on.
    ///
    /// # Panics
    /// They are not in this page.
    pub(super) fn area(&self, start: usize, len: usize) -> Area {
        assert!(
            start <= LEN && len <= LEN - start,
            "an area lies in its page"
        );
        // SAFETY: checked above.
        let start = unsafe { self.0.add(start) };
        Area { start, len }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: a mapping of ours that nobody looks at any more.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), LEN) };
    }
}

fn map(len: usize) -> Option<NonNull<u8>> {
    let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new mapping, wherever the kernel likes, touches nothing there is.
    let mapped = unsafe { mmap_anonymous(std::ptr::null_mut(), len, rights, flags) };
    NonNull::new(mapped.ok()?.cast())
}

/// Bytes of a page. Whoever has it sees to it that the page stays, and that no other area
/// has the same bytes.
pub(super) struct Area {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a pointer and a length; the methods say what must hold.
unsafe impl Send for Area {}
// SAFETY: as above.
unsafe impl Sync for Area {}

impl Area {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Has the kernel give the memory of `len` bytes from `at` on at once, which costs less than
    /// a fault for each 4 KiB. Where it can't, those come.
    pub(super) fn populate(&self, at: usize, len: usize) {
        let at = at.min(self.len);
        let begin = at + self.start.as_ptr().wrapping_add(at).align_offset(UNIT);
        let Some(len) = len.min(self.len - at).checked_sub(begin - at) else {
            return;
        };
        #[cfg(target_os = "linux")]
        // SAFETY: inside the area; what stands there stays.
        let _ = unsafe {
            let start = self.start.add(begin).as_ptr().cast();
            madvise(start, len, Advice::LinuxPopulateWrite)
        };
        #[cfg(not(target_os = "linux"))]
        let _ = len;
    }

    /// Gives its memory back to the kernel, of a body of which nobody reads anything.
    ///
    /// # Safety
    /// No slice of [`Self::read`] is left.
    pub(super) unsafe fn discard(&self) {
        #[cfg(target_os = "linux")]
        if rustix::param::page_size() <= UNIT {
            // SAFETY: nobody looks at it; what the kernel takes besides, up to the end of its own
            // page, is in this area's last unit, which is no other's.
            let _ = unsafe { madvise(self.start.as_ptr().cast(), self.len, Advice::LinuxDontNeed) };
        }
    }

    /// Writes `bytes` from `at` on.
    ///
    /// # Safety
    /// The page is mapped, and no slice of [`Self::read`] has any of these bytes, nor does
    /// another thread write them.
    ///
    /// # Panics
    /// They don't fit.
    pub(super) unsafe fn write(&self, at: usize, bytes: &[u8]) {
        assert!(
            at <= self.len && bytes.len() <= self.len - at,
            "it has room"
        );
        // SAFETY: inside the area, which is nobody else's, so `bytes` is elsewhere.
        unsafe {
            let to = self.start.add(at);
            to.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
    }

    /// The bytes of `range`, to be written.
    ///
    /// # Safety
    /// As with [`Self::write`], while the slice is used.
    ///
    /// # Panics
    /// They are not all inside.
    #[allow(
        clippy::mut_from_ref,
        reason = "who calls sees to it that there is one"
    )]
    pub(super) unsafe fn room(&self, range: Range<usize>) -> &mut [u8] {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "it has room"
        );
        // SAFETY: inside the area; mapped memory was zeros before it was written.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr().add(range.start), range.len()) }
    }

    /// The first `len` bytes.
    ///
    /// # Safety
    /// The page stays mapped while the slice is used, and nobody writes these bytes any more.
    ///
    /// # Panics
    /// There are not so many.
    pub(super) unsafe fn read(&self, len: usize) -> &[u8] {
        assert!(len <= self.len, "it has so many bytes");
        // SAFETY: inside the area; mapped memory was zeros before it was written.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zeros_that_keep_what_is_written() {
        let pages: Vec<_> = (0..5).map(|_| Page::map().unwrap()).collect();
        for page in &pages {
            let area = page.area(0, LEN);
            area.populate(0, LEN);
            // SAFETY: the page lives, and this is its only area.
            unsafe {
                assert!(area.read(LEN).iter().all(|byte| *byte == 0));
                area.write(LEN - 2, &[1, 2]);
                assert_eq!(area.read(LEN)[LEN - 3..], [0, 1, 2]);
            }
        }
    }

    #[test]
    #[should_panic(expected = "in its page")]
    fn no_area_reaches_out_of_its_page() {
        Page::map().unwrap().area(LEN - 1, 2);
    }

    #[test]
    #[should_panic(expected = "it has room")]
    fn nothing_is_written_behind_an_area() {
        let page = Page::map().unwrap();
        // SAFETY: the page lives, and this is its only area.
        unsafe { page.area(10, 5).write(4, &[1, 2]) };
    }
}
