//! Waking a thread out of `poll`.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Kept;
use crate::lock::Mutex;

/// The end that wakes. Once the other end is gone it has no descriptor.
#[derive(Clone, Debug)]
pub struct Waker {
    shared: Arc<WakeState>,
}

/// The end that is polled.
#[derive(Debug)]
pub struct Wake {
    _kept: Kept,
    reader: PipeReader,
    shared: Arc<WakeState>,
}

#[derive(Debug)]
struct WakeState {
    writer: Mutex<Option<Writer>>,
    pending: AtomicBool,
}

#[derive(Debug)]
struct Writer {
    _kept: Kept,
    pipe: PipeWriter,
}

/// A connected pair.
pub fn pair() -> io::Result<(Waker, Wake)> {
    let (reader, pipe) = io::pipe()?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    rustix::io::ioctl_fionbio(&pipe, true)?;
    let writer = Writer {
        _kept: Kept::new(&pipe),
        pipe,
    };
    let shared = Arc::new(WakeState {
        writer: Mutex::new(Some(writer)),
        pending: AtomicBool::new(false),
    });
    let waker = Waker {
        shared: Arc::clone(&shared),
    };
    let wake = Wake {
        _kept: Kept::new(&reader),
        reader,
        shared,
    };
    Ok((waker, wake))
}

impl Waker {
    /// Wakes the other end; once is enough until it has woken.
    pub fn wake(&self) {
        if self.shared.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        let writer = self.shared.writer.lock();
        if let Some(Writer { pipe, .. }) = &*writer {
            // The pipe is empty, so the byte fits.
            let _ = (&*pipe).write(&[1]);
        }
    }
}

impl Wake {
    /// Takes the wake-up. Look afterwards at what was asked for before it.
    pub fn clear(&mut self) {
        let mut byte = [0];
        // Having nothing to read is not an error here.
        let _ = self.reader.read(&mut byte);
        // What was asked for before the byte that was skipped is seen from here on.
        self.shared.pending.swap(false, Ordering::AcqRel);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        let mut writer = self.shared.writer.lock();
        writer.take();
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_awake(wake: &Wake) -> bool {
        let mut descriptors = [PollFd::new(wake, PollFlags::IN)];
        poll(&mut descriptors, Some(&Timespec::default())).unwrap() > 0
    }

    #[test]
    fn waking_twice_is_waking_once() {
        let (waker, mut wake) = pair().unwrap();
        assert!(!is_awake(&wake));
        waker.wake();
        waker.clone().wake();
        assert!(is_awake(&wake));
        wake.clear();
        assert!(!is_awake(&wake));
        waker.wake();
        assert!(is_awake(&wake));
    }

    #[test]
    fn a_waker_without_its_other_end_has_no_descriptor_and_does_no_harm() {
        let (waker, wake) = pair().unwrap();
        drop(wake);
        assert!(waker.shared.writer.lock().is_none());
        waker.wake();
    }
}
