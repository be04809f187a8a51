//! Descriptors that are kept for their next use, since closing them takes the system long.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Kept;

/// A few descriptors of one kind that nobody uses just now.
///
/// A fork meets no lock here, and a child leaves alone what its parent has put aside: it has let go of it.
#[derive(Debug)]
pub struct Spares<const MOST: usize> {
    /// The process above, the descriptor below; 0 for none.
    places: [AtomicU64; MOST],
}

impl<const MOST: usize> Spares<MOST> {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            places: [const { AtomicU64::new(0) }; MOST],
        }
    }

    /// One that was put aside by this process.
    pub fn take(&self) -> Option<(Kept, OwnedFd)> {
        self.places.iter().find_map(|place| {
            let found = place.swap(0, Ordering::AcqRel);
            let (process, descriptor) = (found >> 32, found & u64::from(u32::MAX));
            let descriptor = RawFd::try_from(descriptor).ok()?;
            if found == 0 || process != u64::from(process::id()) {
                return None;
            }
            // SAFETY: `put` took it over open, in this process, and whoever empties the place owns it alone.
            let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
            Some((Kept::new(&descriptor), descriptor))
        })
    }

    /// Puts one aside; without a place for it, it is closed.
    pub fn put(&self, kept: Kept, descriptor: OwnedFd) {
        let Ok(number) = u32::try_from(descriptor.as_raw_fd()) else {
            return;
        };
        let new = u64::from(process::id()) << 32 | u64::from(number);
        let is_put = |place: &AtomicU64| {
            let put = place.compare_exchange(0, new, Ordering::AcqRel, Ordering::Relaxed);
            put.is_ok()
        };
        if self.places.iter().any(is_put) {
            // It stays open, and noted for children.
            std::mem::forget((kept, descriptor));
        }
    }
}

impl<const MOST: usize> Default for Spares<MOST> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn open() -> (Kept, OwnedFd, RawFd) {
        let descriptor = OwnedFd::from(File::open("/dev/null").unwrap());
        let number = descriptor.as_raw_fd();
        (Kept::new(&descriptor), descriptor, number)
    }

    #[test]
    fn what_was_put_aside_is_taken_once() {
        let spares = Spares::<1>::new();
        let (kept, descriptor, number) = open();
        spares.put(kept, descriptor);
        let (_kept, taken) = spares.take().unwrap();
        assert_eq!(taken.as_raw_fd(), number);
        assert!(rustix::io::fcntl_getfd(&taken).is_ok());
        assert!(spares.take().is_none());
    }

    #[test]
    fn what_finds_no_place_is_closed() {
        let spares = Spares::<0>::new();
        let (kept, descriptor, _) = open();
        spares.put(kept, descriptor);
        assert!(spares.take().is_none());
    }

    #[test]
    fn what_another_process_has_put_aside_is_left_alone() {
        let spares = Spares::<1>::new();
        spares.places[0].store(u64::from(process::id() + 1) << 32 | 1, Ordering::Release);
        assert!(spares.take().is_none());
    }
}
