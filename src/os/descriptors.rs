//! The descriptors that a forked child has to let go of.
//!
//! A child has a copy of each of its parent's descriptors, and none of the threads that use them. As long as it keeps a copy,
//! a port stays locked, a server goes on listening and the other end of a line is not told of its end. Descriptors are noted
//! here by number, one bit each: fork meets no lock on its way, so a child never waits for one that no one can release.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many descriptors can be noted; one with a higher number stays open in a child.
const MOST: usize = 65_536;

static NOTED: [AtomicU64; MOST / 64] = [const { AtomicU64::new(0) }; MOST / 64];

/// A descriptor that a forked child lets go of, for as long as this lives. It must be dropped before the descriptor: in a struct it
/// stands before its owner.
#[derive(Debug)]
pub struct Kept {
    descriptor: RawFd,
}

impl Kept {
    /// Notes a descriptor.
    pub fn new(descriptor: &impl AsFd) -> Self {
        let descriptor = descriptor.as_fd().as_raw_fd();
        if let Some((word, bit)) = place(descriptor) {
            word.fetch_or(bit, Ordering::AcqRel);
        }
        Self { descriptor }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some((word, bit)) = place(self.descriptor) {
            word.fetch_and(!bit, Ordering::AcqRel);
        }
    }
}

/// Closes in a forked child what belongs to its parent.
///
/// # Safety
///
/// Only for a child that has just been forked, before it opens anything: the threads of its parent's that own the descriptors
/// do not exist in it, and whatever else owns one must not close it there.
pub unsafe fn let_go() {
    for (at, word) in NOTED.iter().enumerate() {
        let mut bits = word.swap(0, Ordering::AcqRel);
        while bits != 0 {
            let descriptor = at * 64 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if let Ok(descriptor) = RawFd::try_from(descriptor) {
                // SAFETY: it was open when it was noted, it was still noted when the process was forked, and the caller vouches that
                // no one closes it a second time.
                unsafe { rustix::io::close(descriptor) };
            }
        }
    }
}

fn place(descriptor: RawFd) -> Option<(&'static AtomicU64, u64)> {
    let descriptor = usize::try_from(descriptor).ok()?;
    Some((NOTED.get(descriptor / 64)?, 1 << (descriptor % 64)))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn is_noted(descriptor: RawFd) -> bool {
        place(descriptor).is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    #[test]
    fn a_descriptor_is_noted_for_as_long_as_its_note_lives() {
        let file = File::open("/dev/null").unwrap();
        let kept = Kept::new(&file);
        assert!(is_noted(file.as_raw_fd()));
        drop(kept);
        assert!(!is_noted(file.as_raw_fd()));
    }

    #[test]
    fn a_descriptor_beyond_the_table_is_left_alone() {
        assert!(place(RawFd::try_from(MOST).unwrap()).is_none());
        assert!(place(-1).is_none());
    }
}
