//! The thread that has the port: it sleeps until there is something to do, and then does it, unless a caller has.
//!
//! A seam of the operating system: `docs/windows.md` says what another one has instead.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use modemqtt_os::{Mutex, Wake};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::request::Sleep;
use super::shared::Shared;
use super::traffic::{Seat, Traffic};
use crate::error::Error;
use crate::port::PortError;

/// How many bytes are read at once to begin with. It is more once more come together.
const BUFFER: usize = 1024;

pub(super) struct IoThread {
    url: String,
    place: Arc<Seat>,
    port: RawFd,
    wake: Wake,
    shared: Arc<Shared>,
}

impl IoThread {
    /// A thread for that, which is put in a place where callers find it.
    pub(super) fn new(url: &str, traffic: Traffic, wake: Wake, shared: Arc<Shared>) -> Self {
        Self {
            url: url.to_owned(),
            port: traffic.port().fd().as_raw_fd(),
            place: Arc::new(Mutex::new(Some(Box::new(traffic)))),
            wake,
            shared,
        }
    }

    /// Where callers find what they carry on while this sleeps.
    pub(super) fn place(&self) -> Arc<Seat> {
        Arc::clone(&self.place)
    }

    pub(super) fn run(mut self) {
        let worked = catch_unwind(AssertUnwindSafe(|| self.work()));
        // From here on no caller finds it. The port is closed with it.
        let Some(mut traffic) = self.place.lock().take() else {
            return;
        };
        let ended = worked.and_then(|result| {
            let end = result.err().map_or(Error::Closed, Error::Port);
            catch_unwind(AssertUnwindSafe(|| traffic.abandon(&end))).map(|()| end)
        });
        // A mistake of ours must not leave anyone waiting.
        traffic.end(&ended.unwrap_or_else(|_| Error::Port(PortError::broken(&self.url))));
    }

    /// Until the program closes the port, or the port fails.
    fn work(&mut self) -> Result<(), PortError> {
        let mut buffer = vec![0; BUFFER];
        let mut readable = false;
        loop {
            let mut place = self.place.lock();
            let Some(traffic) = place.as_mut() else { return Ok(()) };
            if readable {
                traffic.read(&mut buffer)?;
            }
            traffic.serve()?;
            if self.shared.closing() {
                return Ok(());
            }
            let (sleep, told) = (traffic.lie_down(), traffic.take_told());
            drop(place);
            told.wake(&self.shared);
            readable = self.sleep(&sleep)?;
        }
    }

    /// Sleeps until there is something to do; whether the port can be read.
    fn sleep(&mut self, sleep: &Sleep) -> Result<bool, PortError> {
        if sleep.none {
            return Ok(true);
        }
        let timeout = sleep.until.map(|at| {
            // Rounded up: waking before the deadline would be waking for nothing.
            let rest = at.saturating_duration_since(Instant::now()) + Duration::from_micros(1);
            Timespec {
                tv_sec: rest.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: rest.subsec_nanos().into(),
            }
        });
        let mut wanted = PollFlags::IN;
        if sleep.writes {
            wanted |= PollFlags::OUT;
        }
        // SAFETY: the port is in the place, from which this thread alone takes it, behind its last sleep.
        let port = unsafe { BorrowedFd::borrow_raw(self.port) };
        let mut descriptors = [
            PollFd::new(&self.wake, PollFlags::IN),
            PollFd::from_borrowed_fd(port, wanted),
        ];
        // Of a port that is not read not even its end is to be known.
        let watched = if sleep.reads.is_none() { 1 } else { 2 };
        match poll(&mut descriptors[..watched], timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(PortError::lost(&self.url, Some(&error.into()))),
        }
        let readable = PollFlags::IN | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        let ready = descriptors[1].revents().intersects(readable);
        let woken = !descriptors[0].revents().is_empty();
        self.shared.count(|statistics| statistics.wakeups += 1);
        if woken {
            self.wake.clear();
        }
        Ok(ready)
    }
}
