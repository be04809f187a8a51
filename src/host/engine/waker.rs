//! Waking a thread out of `poll`.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The end that wakes.
#[derive(Clone, Debug)]
pub(super) struct Waker {
    stream: Arc<UnixStream>,
    pending: Arc<AtomicBool>,
}

/// The end that is polled.
#[derive(Debug)]
pub(super) struct Wake {
    stream: UnixStream,
    pending: Arc<AtomicBool>,
}

/// A connected pair.
pub(super) fn pair() -> io::Result<(Waker, Wake)> {
    let (sender, receiver) = UnixStream::pair()?;
    sender.set_nonblocking(true)?;
    receiver.set_nonblocking(true)?;
    let pending = Arc::new(AtomicBool::new(false));
    let waker = Waker {
        stream: Arc::new(sender),
        pending: Arc::clone(&pending),
    };
    Ok((
        waker,
        Wake {
            stream: receiver,
            pending,
        },
    ))
}

impl Waker {
    /// Wakes the other end; once is enough until it has woken.
    pub(super) fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            // The stream is empty, so the byte fits; an error means that the thread has ended.
            let _ = (&*self.stream).write(&[1]);
        }
    }
}

impl Wake {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Takes the wake-up. What was asked for before it is looked at afterwards.
    pub(super) fn clear(&mut self) {
        let mut byte = [0];
        // Nothing to read is no error here.
        let _ = self.stream.read(&mut byte);
        // What was asked for before the byte that was skipped is seen from here on.
        self.pending.swap(false, Ordering::AcqRel);
    }
}
