//! The thread that owns the port: it sleeps until there is something to do, then does it, unless a caller already has.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use modemqtt_os::{Moment, Wake, Watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::request::Sleep;
use super::seat::Seat;
use super::shared::Shared;
use super::traffic::Traffic;
use crate::error::Error;
use crate::port::PortError;

pub(super) struct IoThread {
    url: String,
    place: Arc<Seat>,
    port: RawFd,
    watch: Option<Arc<Watch>>,
    wake: Wake,
    shared: Arc<Shared>,
}

impl IoThread {
    /// A thread for this traffic, which it puts in a place where callers find it.
    pub(super) fn new(url: &str, traffic: Traffic, wake: Wake, shared: Arc<Shared>) -> Self {
        Self {
            url: url.to_owned(),
            port: traffic.port().fd().as_raw_fd(),
            place: Arc::new(Seat::new(traffic)),
            watch: None,
            wake,
            shared,
        }
    }

    /// Where callers find the traffic while the thread sleeps.
    pub(super) fn place(&self) -> Arc<Seat> {
        Arc::clone(&self.place)
    }

    pub(super) fn run(mut self) {
        let worked = catch_unwind(AssertUnwindSafe(|| self.work()));
        // From here on no caller finds it. Dropping it closes the port.
        let Some(mut traffic) = self.place.lock().take() else {
            return;
        };
        let ended = worked.and_then(|result| {
            let end = result.err().map_or(Error::Closed, Error::Port);
            catch_unwind(AssertUnwindSafe(|| traffic.abandon(&end))).map(|()| end)
        });
        // A bug of ours must not leave anyone waiting.
        traffic.end(&ended.unwrap_or_else(|_| Error::Port(PortError::broken(&self.url))));
    }

    /// Runs until the program closes the port or the port fails.
    fn work(&mut self) -> Result<(), PortError> {
        let mut readable = false;
        loop {
            let mut place = self.place.lock();
            let Some(traffic) = place.as_mut() else { return Ok(()) };
            // Anything that arrived while the program was stopped is read before any deadline counts as passed.
            if readable || (traffic.is_due() && traffic.has_unread()) {
                traffic.read()?;
            }
            traffic.serve()?;
            if self.shared.closing() {
                return Ok(());
            }
            let (sleep, told) = (traffic.lie_down(), traffic.take_told());
            if self.watch.is_none() {
                self.watch = traffic.watch().cloned();
            }
            let unread = self.place.give_back(place);
            told.wake(&self.shared);
            readable = unread || self.sleep(&sleep)?;
        }
    }

    /// Sleeps until there is something to do; returns whether the port can be read.
    fn sleep(&mut self, sleep: &Sleep) -> Result<bool, PortError> {
        if sleep.none {
            return Ok(true);
        }
        let timeout = sleep.until.map(|at| {
            // Rounded up: before the deadline there would be nothing to do.
            let rest = at.since(Moment::now()) + Duration::from_micros(1);
            Timespec {
                tv_sec: rest.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: rest.subsec_nanos().into(),
            }
        });
        let mut wanted = PollFlags::IN;
        if sleep.writes {
            wanted |= PollFlags::OUT;
        }
        let port = match &self.watch {
            // A thread of the program may be at the front, and is woken instead.
            Some(watch) if !sleep.writes => watch.back(),
            // SAFETY: only this thread takes the port from its place, and only after its last sleep.
            _ => unsafe { BorrowedFd::borrow_raw(self.port) },
        };
        let mut descriptors = [
            PollFd::new(&self.wake, PollFlags::IN),
            PollFd::from_borrowed_fd(port, wanted),
        ];
        // While the port is not read, its closing must not be noticed either.
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
        // What woke the thread at the front may have been left to this one.
        Ok(ready || woken)
    }
}
