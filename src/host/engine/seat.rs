//! Where the I/O thread and threads of the program find the traffic, and how one that waits reads the port itself.
//!
//! The I/O thread always watches the port from the back. A thread that waits for an answer or for a message goes to the
//! front, if nobody is there: then it alone is woken by what comes, and passes it on. It may leave whenever it likes, so it ends
//! no time, unless it is the thread for callbacks, which comes back.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use modemqtt_os::watch::Awoken;
use modemqtt_os::{Moment, Mutex, MutexGuard, Waker, Watch};

use super::shared::Shared;
use super::traffic::Traffic;

/// How soon to ask again when bytes held back end, if another thread had the traffic.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// What a thread waits for.
pub(super) trait Awaited {
    /// What it gets.
    type Found;

    /// Whether the thread comes back at once for the next, and so may see to what the I/O thread would be woken for.
    const COMES_BACK: bool;

    /// Takes it if it is there. If not, this calls the thread that looks, provided that it waits at the port.
    fn look(&self, caller: Option<&Waker>) -> Option<Self::Found>;

    /// The thread at the port no longer waits to be called.
    fn turn_away(&self);

    /// Sleeps until it is there, whoever reads the port; `None` once the deadline has come.
    fn sleep_until(&self, deadline: Moment) -> Option<Self::Found>;
}

/// Who waits for something.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// How many threads sleep until it comes.
    pub(super) asleep: usize,
    /// What calls the one that waits at the port.
    pub(super) at_port: Option<Waker>,
}

impl Waiters {
    pub(super) const fn is_anyone(&self) -> bool {
        self.asleep > 0 || self.at_port.is_some()
    }

    /// Notes what calls the thread at the port. Another thread, which has none, does not displace it.
    pub(super) fn note(&mut self, caller: Option<&Waker>) {
        if caller.is_some() {
            self.at_port = caller.cloned();
        }
    }

    /// Calls the thread at the port, once.
    pub(super) fn call(&mut self) {
        if let Some(waker) = self.at_port.take() {
            waker.wake();
        }
    }
}

/// The traffic, until the port is closed or lost.
#[derive(Debug)]
pub(super) struct Seat {
    traffic: Mutex<Option<Box<Traffic>>>,
    /// Whether the thread at the front has left what it was woken for to whoever had the traffic.
    left: AtomicBool,
    /// The traffic's own, for a look without the lock. It goes with the traffic.
    watch: OnceLock<Weak<Watch>>,
}

impl Seat {
    pub(super) fn new(traffic: Traffic) -> Self {
        Self {
            traffic: Mutex::new(Some(Box::new(traffic))),
            left: AtomicBool::new(false),
            watch: OnceLock::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Box<Traffic>>> {
        self.traffic.lock()
    }

    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Option<Box<Traffic>>>> {
        self.traffic.try_lock()
    }

    /// Gives the traffic back. Returns whether the thread at the front was woken meanwhile and has left the reading to this one.
    pub(super) fn give_back(&self, traffic: MutexGuard<'_, Option<Box<Traffic>>>) -> bool {
        drop(traffic);
        // The other thread notes first and looks then, this one gives back first and looks then: one of them sees.
        fence(Ordering::SeqCst);
        self.left.swap(false, Ordering::SeqCst)
    }

    /// The traffic for the thread at the front. If another thread has it, that one is told to read.
    fn take_or_leave(&self) -> Option<MutexGuard<'_, Option<Box<Traffic>>>> {
        if let Some(traffic) = self.try_lock() {
            return Some(traffic);
        }
        self.left.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let traffic = self.try_lock()?;
        self.left.store(false, Ordering::SeqCst);
        Some(traffic)
    }

    /// The two places from which the port is watched; `None` where there is only one. The first time, the I/O thread has
    /// to go to the back.
    fn watch(&self, io: &Waker) -> Option<Arc<Watch>> {
        if let Some(known) = self.watch.get() {
            return known.upgrade();
        }
        let mut place = self.lock();
        let (watch, is_new) = place.as_mut()?.watch_twice();
        let watch = watch.cloned();
        let unread = self.give_back(place);
        self.watch
            .get_or_init(|| watch.as_ref().map(Arc::downgrade).unwrap_or_default());
        if is_new || unread {
            io.wake();
        }
        watch
    }

    /// Waits at the port and reads what comes, until it brings what is awaited. Returns `None` if another thread is at the
    /// port already or has the traffic, if the port must not be read now, or when the deadline has come.
    pub(super) fn read_until<A: Awaited>(
        &self,
        deadline: Moment,
        awaited: &A,
        io: &Waker,
        shared: &Shared,
    ) -> Option<A::Found> {
        if deadline <= Moment::now() {
            return None;
        }
        let watch = self.watch(io)?;
        let mut front = watch.front()?;
        loop {
            if let Some(found) = awaited.look(Some(front.waker())) {
                return Some(found);
            }
            let held_until = self.held_until(A::COMES_BACK);
            let awoken = front.wait(held_until.map_or(deadline, |at| deadline.min(at)));
            awaited.turn_away();
            if awoken == Awoken::Called {
                continue;
            }
            // If it is late, too: Linux before 5.10 may have woken nobody for what came at the last moment.
            let goes_on = self.read(A::COMES_BACK, io, shared);
            if !goes_on || awoken == Awoken::Late && deadline <= Moment::now() {
                return None;
            }
        }
    }

    /// By when bytes held back end, for a thread that comes back.
    fn held_until(&self, comes_back: bool) -> Option<Moment> {
        if !comes_back {
            return None;
        }
        match self.try_lock() {
            Some(place) => place.as_ref().and_then(|traffic| traffic.held_until()),
            None => Some(Moment::now() + ASK_AGAIN),
        }
    }

    /// Reads what has come and passes it on; returns whether this may go on.
    fn read(&self, comes_back: bool, io: &Waker, shared: &Shared) -> bool {
        let Some(mut place) = self.take_or_leave() else {
            return false;
        };
        let Some(traffic) = place.as_mut().filter(|traffic| traffic.is_readable()) else {
            return false;
        };
        if shared.closing() {
            return false;
        }
        let (wake, told) = traffic.read_for_waiter(comes_back);
        let goes_on = traffic.is_readable();
        drop(place);
        told.wake(shared);
        if wake {
            io.wake();
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_thread_at_the_front_leaves_is_told_once_to_who_has_the_traffic() {
        let seat = Seat {
            traffic: Mutex::new(None),
            left: AtomicBool::new(false),
            watch: OnceLock::new(),
        };
        let traffic = seat.lock();
        assert!(seat.take_or_leave().is_none());
        assert!(seat.give_back(traffic));
        let traffic = seat.take_or_leave().expect("nobody has it");
        assert!(!seat.give_back(traffic));
    }
}
