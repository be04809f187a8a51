//! Where the thread leaves things until the program takes them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use modemqtt_os::{Condvar, Moment, Mutex, Waker};

use super::seat::{Awaited, Waiters};
use super::stock::Stock;

/// How long after its last look a listener is expected to come back.
const ATTENTION: Duration = Duration::from_secs(1);
/// Once a queue is empty, capacity beyond this is given back.
const PLACES: usize = 32;

/// Something that takes up memory.
pub trait Weigh {
    /// Whether only the thread for callbacks takes it, which comes back for the next.
    const FOR_CALLBACKS: bool = false;

    /// Approximate size in bytes.
    fn weight(&self) -> usize;
}

/// Why nothing comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// Nothing is there yet.
    Waiting,
    /// The port is closed, and everything has been taken.
    Over,
}

/// A queue whose oldest entries may be dropped to make room.
#[derive(Debug)]
pub struct Inbox<T> {
    state: Mutex<Contents<T>>,
    filled: Condvar,
    stock: Arc<Stock>,
    /// Whether another queue also holds its entries, so that dropping them here loses nothing.
    copies: AtomicBool,
    /// Entries lost in all, and those not yet asked about.
    dropped: AtomicU64,
    untold: AtomicU64,
}

#[derive(Debug)]
struct Contents<T> {
    entries: VecDeque<T>,
    weight: usize,
    waiting: Waiters,
    /// When a listener last looked for something.
    looked_at: Option<Moment>,
    over: bool,
}

impl<T: Weigh> Inbox<T> {
    pub(super) fn new(stock: Arc<Stock>) -> Self {
        let state = Contents {
            entries: VecDeque::new(),
            weight: 0,
            waiting: Waiters::default(),
            looked_at: None,
            over: false,
        };
        Self {
            state: Mutex::new(state),
            filled: Condvar::new(),
            stock,
            copies: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            untold: AtomicU64::new(0),
        }
    }

    /// Takes the oldest entry, waiting at most this long for one.
    ///
    /// # Errors
    ///
    /// Nothing came in time, or nothing more will come.
    pub fn take(&self, at_most: Duration) -> Result<T, Empty> {
        self.sleep_until(Moment::now() + at_most).unwrap_or(Err(Empty::Waiting))
    }

    /// Takes the oldest entries, at most this many and about this many bytes, without waiting.
    pub fn take_some(&self, most: usize, bytes: usize) -> Vec<T> {
        let mut state = self.state.lock();
        state.looked_at = Some(Moment::now());
        let (mut count, mut weight) = (0, 0);
        for entry in state.entries.iter().take(most) {
            if weight >= bytes {
                break;
            }
            weight += entry.weight();
            count += 1;
        }
        let some: Vec<_> = state.entries.drain(..count).collect();
        if count > 0 {
            state.taken(weight);
        }
        drop(state);
        self.stock.release(weight);
        some
    }

    /// Whether anyone is waiting for an entry.
    pub fn is_awaited(&self) -> bool {
        self.state.lock().waiting.is_anyone()
    }

    /// How many entries were lost since the last time this was asked.
    pub fn take_dropped(&self) -> u64 {
        self.untold.swap(0, Ordering::AcqRel)
    }

    pub(super) fn push(&self, entry: T) {
        self.push_all([entry]);
    }

    /// Puts down several, in order.
    pub(super) fn push_all(&self, entries: impl IntoIterator<Item = T>) {
        let mut state = self.state.lock();
        if state.over {
            return;
        }
        let mut weight = 0;
        state
            .entries
            .extend(entries.into_iter().inspect(|entry| weight += entry.weight()));
        state.weight += weight;
        self.stock.add(weight);
    }

    /// Drops the oldest entries until the others weigh at most this, or one is left.
    pub(super) fn shrink_to(&self, most: usize) {
        let mut state = self.state.lock();
        let (mut count, mut weight) = (0, 0);
        for entry in state.entries.iter().take(state.entries.len().saturating_sub(1)) {
            if state.weight - weight <= most {
                break;
            }
            weight += entry.weight();
            count += 1;
        }
        if count == 0 {
            return;
        }
        state.weight -= weight;
        let gone: Vec<_> = state.entries.drain(..count).collect();
        drop(state);
        self.forgo(gone.len() as u64, weight);
    }

    /// Counts entries that were dropped, and gives their room back.
    fn forgo(&self, count: u64, weight: usize) {
        if !self.has_copies() {
            self.dropped.fetch_add(count, Ordering::AcqRel);
            self.untold.fetch_add(count, Ordering::AcqRel);
        }
        self.stock.release(weight);
    }

    /// Wakes who waits, once for all that was put down before.
    pub(super) fn wake(&self) {
        let mut state = self.state.lock();
        let wanted = state.waiting.is_anyone() && !state.entries.is_empty();
        if wanted {
            state.waiting.call();
        }
        drop(state);
        if wanted {
            self.filled.notify_all();
        }
    }

    /// Says whether another queue also holds its entries.
    pub(super) fn set_copies(&self, copies: bool) {
        self.copies.store(copies, Ordering::Release);
    }

    pub(super) fn has_copies(&self) -> bool {
        self.copies.load(Ordering::Acquire)
    }

    /// Whether anyone has ever looked for an entry.
    pub(super) fn is_known(&self) -> bool {
        let state = self.state.lock();
        state.waiting.is_anyone() || state.looked_at.is_some()
    }

    /// How many entries were lost.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Acquire)
    }

    /// Takes the oldest entry if there is one, or says that it is over.
    fn found(&self, state: &mut Contents<T>) -> Option<Result<T, Empty>> {
        state.looked_at = Some(Moment::now());
        let Some(entry) = state.entries.pop_front() else {
            return state.over.then_some(Err(Empty::Over));
        };
        state.taken(entry.weight());
        self.stock.release(entry.weight());
        Some(Ok(entry))
    }

    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.over = true;
        state.waiting.call();
        drop(state);
        self.filled.notify_all();
    }
}

impl<T: Weigh> Awaited for Inbox<T> {
    type Found = Result<T, Empty>;

    const COMES_BACK: bool = T::FOR_CALLBACKS;

    fn look(&self, caller: Option<&Waker>) -> Option<Self::Found> {
        let mut state = self.state.lock();
        let found = self.found(&mut state);
        if found.is_none() {
            state.waiting.note(caller);
        }
        found
    }

    fn turn_away(&self) {
        self.state.lock().waiting.at_port = None;
    }

    fn sleep_until(&self, deadline: Moment) -> Option<Self::Found> {
        let mut state = self.state.lock();
        let mut late = false;
        loop {
            let found = self.found(&mut state);
            if found.is_some() || late {
                return found;
            }
            state.waiting.asleep += 1;
            late = self.filled.wait_until(&mut state, deadline);
            state.waiting.asleep -= 1;
        }
    }
}

/// A queue of any kind, as seen when looking for room.
pub(super) trait Queue {
    /// The size of its entries in bytes.
    fn weight(&self) -> usize;
    /// Until when a listener is expected to empty it.
    fn attended_until(&self) -> Option<Moment>;
    /// Drops the oldest entry; returns whether there was one.
    fn evict(&self) -> bool;
}

impl<T: Weigh> Queue for Inbox<T> {
    fn weight(&self) -> usize {
        self.state.lock().weight
    }

    fn attended_until(&self) -> Option<Moment> {
        let state = self.state.lock();
        let looked_at = if state.waiting.is_anyone() {
            Some(Moment::now())
        } else {
            state.looked_at
        };
        looked_at.map(|at| at + ATTENTION)
    }

    fn evict(&self) -> bool {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.pop_front() else {
            return false;
        };
        state.weight -= entry.weight();
        drop(state);
        self.forgo(1, entry.weight());
        true
    }
}

impl<T> Contents<T> {
    fn taken(&mut self, weight: usize) {
        self.weight -= weight;
        if self.entries.is_empty() && self.entries.capacity() > PLACES {
            self.entries = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for u8 {
        fn weight(&self) -> usize {
            usize::from(*self)
        }
    }

    fn inbox() -> Inbox<u8> {
        Inbox::new(Arc::new(Stock::new(100, None)))
    }

    #[test]
    fn what_is_put_down_is_taken_in_order_and_weighs_nothing_then() {
        let inbox = inbox();
        (1..=4).for_each(|number| inbox.push(number));
        assert_eq!((inbox.weight(), inbox.stock.left()), (10, 90));
        assert_eq!(inbox.take(Duration::ZERO), Ok(1));
        assert_eq!(inbox.take_some(2, 9), [2, 3]);
        assert_eq!((inbox.weight(), inbox.stock.left()), (4, 96));
        (5..=7).for_each(|number| inbox.push(number));
        assert_eq!(inbox.take_some(9, 10), [4, 5, 6]);
    }

    #[test]
    fn several_are_put_down_and_the_oldest_dropped_at_once() {
        let inbox = inbox();
        inbox.push(1);
        inbox.push_all(2..=5);
        inbox.shrink_to(9);
        assert_eq!((inbox.weight(), inbox.stock.left(), inbox.dropped()), (9, 91, 3));
        inbox.set_copies(true);
        // The last one stays, whatever it weighs.
        inbox.shrink_to(0);
        assert_eq!((inbox.weight(), inbox.stock.left(), inbox.dropped()), (5, 95, 3));
        assert_eq!(inbox.take_some(9, 99), [5]);
        inbox.end();
        inbox.push_all(6..=7);
        assert_eq!((inbox.weight(), inbox.stock.left()), (0, 100));
    }

    #[test]
    fn a_thread_at_the_port_is_still_called_when_another_has_looked() {
        let inbox = inbox();
        let (waker, _wake) = modemqtt_os::waker::pair().unwrap();
        assert_eq!(inbox.look(Some(&waker)), None);
        assert_eq!(inbox.take(Duration::ZERO), Err(Empty::Waiting));
        assert!(inbox.is_awaited());
    }

    #[test]
    fn what_is_lost_is_told_once_and_what_is_elsewhere_is_not_lost() {
        let inbox = inbox();
        (1..=4).for_each(|number| inbox.push(number));
        assert!(inbox.evict() && inbox.evict());
        inbox.set_copies(true);
        assert!(inbox.evict());
        assert_eq!((inbox.take_dropped(), inbox.take_dropped(), inbox.dropped()), (2, 0, 2));
        assert_eq!(inbox.take_some(9, 9), [4]);
        assert!(!inbox.evict());
    }

    #[test]
    fn after_the_end_what_is_left_is_taken_and_nothing_is_added() {
        let inbox = inbox();
        assert_eq!(inbox.take(Duration::ZERO), Err(Empty::Waiting));
        inbox.push(1);
        inbox.end();
        inbox.push(2);
        assert_eq!(inbox.take(Duration::from_secs(9)), Ok(1));
        assert_eq!(inbox.take(Duration::from_secs(9)), Err(Empty::Over));
    }

    #[test]
    fn a_queue_is_attended_for_a_second_after_someone_has_looked() {
        let inbox = inbox();
        inbox.push(1);
        assert_eq!(inbox.attended_until(), None);
        let before = Moment::now();
        assert_eq!(inbox.take(Duration::ZERO), Ok(1));
        assert!(inbox.attended_until() >= Some(before + ATTENTION));
    }
}
