//! Waiting for one descriptor in two places, where only one of two waiting threads is woken.
//!
//! Linux alone can do that. On other systems there is no [`Watch`], and only one thread waits.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

#[cfg(not(target_os = "linux"))]
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::lock::{Mutex, MutexGuard};
use crate::waker::{Wake, Waker};
use crate::{Kept, Moment};

/// A descriptor to read from, watched from the front and from the back: while a thread waits at the front, it alone is woken.
///
/// Either may be woken for nothing, or both: whoever wakes reads without blocking. The back is never told of what has woken the
/// front: a thread that leaves the front has read everything, or sees to it that the one at the back is woken.
#[derive(Debug)]
pub struct Watch {
    _kept: [Kept; 2],
    front: OwnedFd,
    back: OwnedFd,
    waker: Waker,
    wake: Mutex<Wake>,
}

/// The front, which has room for one thread.
#[derive(Debug)]
pub struct Front<'a> {
    watch: &'a Watch,
    wake: MutexGuard<'a, Wake>,
}

/// Why a thread at the front goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awoken {
    /// There may be something to read.
    Readable,
    /// Someone has called it.
    Called,
    /// Its time is up.
    Late,
}

impl Watch {
    /// Takes the front, unless another thread has it.
    pub fn front(&self) -> Option<Front<'_>> {
        let wake = self.wake.try_lock()?;
        Some(Front { watch: self, wake })
    }

    /// What to poll at the back: it can be read when the descriptor can, and nobody waits at the front.
    pub fn back(&self) -> BorrowedFd<'_> {
        self.back.as_fd()
    }
}

impl Front<'_> {
    /// Calls the thread at the front.
    pub const fn waker(&self) -> &Waker {
        &self.watch.waker
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::BorrowedFd;
    use std::time::Duration;

    use rustix::event::{Timespec, epoll};

    use super::{Awoken, Front, Moment, Watch};
    use crate::{Kept, Mutex, waker};

    /// What the descriptor is called among the events.
    const DESCRIPTOR: u64 = 0;
    const WAKE: u64 = 1;

    impl Watch {
        /// Watches a descriptor, which must stay open as long as anyone waits.
        ///
        /// # Errors
        ///
        /// The system has no descriptors left, or is not Linux 4.5 or later.
        pub fn new(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
            let (front, back) = (
                epoll::create(epoll::CreateFlags::CLOEXEC)?,
                epoll::create(epoll::CreateFlags::CLOEXEC)?,
            );
            let (waker, wake) = waker::pair()?;
            // Linux wakes exclusive waiters in the order in which they were added, until one of them was asleep.
            let flags = epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE;
            for epoll in [&front, &back] {
                epoll::add(epoll, descriptor, epoll::EventData::new_u64(DESCRIPTOR), flags)?;
            }
            let data = epoll::EventData::new_u64(WAKE);
            epoll::add(&front, &wake, data, epoll::EventFlags::IN)?;
            Ok(Self {
                _kept: [Kept::new(&front), Kept::new(&back)],
                front,
                back,
                waker,
                wake: Mutex::new(wake),
            })
        }
    }

    impl Front<'_> {
        /// Waits until there is something to read, someone calls, or the deadline has come.
        pub fn wait(&mut self, deadline: Moment) -> Awoken {
            let mut events = [MaybeUninit::uninit(); 2];
            // A signal leaves it to the caller to wait again.
            let left = deadline.since(Moment::now());
            let left = Timespec::try_from(left.min(Duration::from_hours(1))).unwrap_or_default();
            let woken = epoll::wait(&self.watch.front, &mut events, Some(&left));
            let woken = woken.map_or(&[][..], |(woken, _)| &*woken);
            let is = |what| woken.iter().any(|event| event.data.u64() == what);
            if is(WAKE) {
                self.wake.clear();
            }
            match (is(DESCRIPTOR), is(WAKE)) {
                (true, _) => Awoken::Readable,
                (false, true) => Awoken::Called,
                (false, false) => Awoken::Late,
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Watch {
    /// There is none here.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn new(_: BorrowedFd<'_>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(target_os = "linux"))]
impl Front<'_> {
    /// Waits for nothing.
    pub fn wait(&mut self, _: Moment) -> Awoken {
        Awoken::Late
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
    use std::thread;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn watched() -> (Watch, PipeReader, PipeWriter) {
        let (reader, writer) = pipe().unwrap();
        (Watch::new(reader.as_fd()).unwrap(), reader, writer)
    }

    fn is_back_awake(watch: &Watch) -> bool {
        let mut back = [PollFd::from_borrowed_fd(watch.back(), PollFlags::IN)];
        poll(&mut back, Some(&Timespec::default())).unwrap() > 0
    }

    fn soon() -> Moment {
        Moment::now() + Duration::from_secs(10)
    }

    /// Waits at the front in another thread until it is asleep there, does something, and returns why it went on.
    fn waits_while(watch: &Watch, act: impl FnOnce()) -> Awoken {
        thread::scope(|scope| {
            let (told, is_there) = std::sync::mpsc::channel();
            let waiter = scope.spawn(move || {
                let mut front = watch.front().unwrap();
                // SAFETY: it only tells a number.
                told.send(unsafe { libc::gettid() }).unwrap();
                front.wait(soon())
            });
            let status = format!("/proc/self/task/{}/stat", is_there.recv().unwrap());
            while !std::fs::read_to_string(&status).unwrap().contains(") S ") {
                thread::yield_now();
            }
            act();
            waiter.join().unwrap()
        })
    }

    #[test]
    fn what_comes_wakes_the_thread_at_the_front_alone() {
        let (watch, mut reader, mut writer) = watched();
        assert_eq!(
            waits_while(&watch, || writer.write_all(b"x").unwrap()),
            Awoken::Readable
        );
        assert!(!is_back_awake(&watch));
        reader.read_exact(&mut [0]).unwrap();
        // Nobody is there any more.
        writer.write_all(b"y").unwrap();
        assert!(is_back_awake(&watch));
        assert_eq!(watch.front().unwrap().wait(soon()), Awoken::Readable);
        reader.read_exact(&mut [0]).unwrap();
        assert!(!is_back_awake(&watch));
        assert_eq!(watch.front().unwrap().wait(Moment::now()), Awoken::Late);
    }

    #[test]
    fn one_thread_is_at_the_front_and_others_call_it() {
        let (watch, _reader, _writer) = watched();
        let front = watch.front().unwrap();
        assert!(watch.front().is_none());
        let waker = front.waker().clone();
        drop(front);
        assert_eq!(waits_while(&watch, || waker.wake()), Awoken::Called);
        assert_eq!(watch.front().unwrap().wait(Moment::now()), Awoken::Late);
    }
}
