//! What waits for the program: one queue per listener, and one limit on the bytes in all of them.
//!
//! If the fullest queue has no room and someone is taking from it, a port that can make the other end wait is not read,
//! so nothing is lost. If nobody is taking from it, or while a call waits for its answer, its oldest entry is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use modemqtt_at::ClientIndex;
use modemqtt_os::{Moment, Mutex, Waker};

use super::inbox::{Inbox, Queue, Weigh};
use super::shared::{Messages, Notice, Stamped};
use super::stock::Stock;
use crate::message::Content;

/// How many bytes are read at once.
pub(super) const READ: usize = 16 * 1024;
/// The least room worth a read.
const LEAST_READ: usize = 512;
/// The most bytes in the queues per byte read: lines of one character are stored twice.
const GROWTH: usize = 64;
/// The most that a message begun before the room ran out may weigh.
const BEGUN: usize = 1024 * 1024;
/// The largest share of the room, as a divisor, for entries that a callback also gets and for lines that nobody has
/// ever asked for.
const PART: usize = 16;
/// The least room for lines that nobody has ever asked for.
const UNASKED: usize = 64 * 1024;
/// What an entry weighs besides its text.
const ENTRY: usize = 64;

/// How much may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// At most this many bytes.
    UpTo(usize),
    /// Nothing, until there is room or this time has come.
    HeldUntil(Moment),
}

impl Reading {
    /// How many bytes; with `None` the port is not watched.
    pub(super) const fn at_most(self) -> Option<usize> {
        match self {
            Self::UpTo(most) => Some(most),
            Self::HeldUntil(_) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Queues {
    stock: Arc<Stock>,
    messages: Mutex<BTreeMap<ClientIndex, Arc<Messages>>>,
    pub(super) urcs: Inbox<Stamped<String>>,
    pub(super) notices: Inbox<Notice>,
    /// Whether the port can wait for the program to take entries.
    patient: AtomicBool,
    over: AtomicBool,
}

impl Queues {
    pub(super) fn new(limit: usize, waker: Waker) -> Self {
        let stock = Arc::new(Stock::new(limit, Some(waker)));
        Self {
            messages: Mutex::default(),
            urcs: Inbox::new(Arc::clone(&stock)),
            notices: Inbox::new(Arc::clone(&stock)),
            stock,
            patient: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    pub(super) fn messages(&self, client: ClientIndex) -> Arc<Messages> {
        let mut messages = self.messages.lock();
        let inbox = messages.entry(client).or_insert_with(|| {
            let inbox = Inbox::new(Arc::clone(&self.stock));
            if self.over.load(Ordering::Acquire) {
                inbox.end();
            }
            Arc::new(inbox)
        });
        Arc::clone(inbox)
    }

    /// Messages that were lost.
    pub(super) fn messages_dropped(&self) -> u64 {
        self.messages.lock().values().map(|inbox| inbox.dropped()).sum()
    }

    /// Takes messages of a client and keeps them for who asks for them, and for its callback, if it has one and the program `listens`.
    pub(super) fn put_messages(&self, client: ClientIndex, messages: &mut Vec<Stamped<Content>>, listens: bool) {
        let inbox = self.messages(client);
        if inbox.has_copies() {
            // A callback finds there what it is called for.
            inbox.push_all(messages.iter().cloned());
            inbox.shrink_to(self.stock.limit() / PART);
            let notices = messages.drain(..).filter(|_| listens);
            self.notices.push_all(notices.map(Notice::Message));
        } else {
            inbox.push_all(messages.drain(..));
        }
        self.make_room();
    }

    /// Keeps a line that no one waited for; returns whether a callback gets it too.
    pub(super) fn put_urc(&self, urc: Stamped<String>) -> bool {
        let (is_known, copies) = (self.urcs.is_known(), self.urcs.has_copies());
        self.urcs.push(urc);
        if copies {
            self.urcs.shrink_to(self.stock.limit() / PART);
        } else if !is_known {
            self.urcs.shrink_to((self.stock.limit() / PART).max(UNASKED));
        }
        self.make_room();
        copies
    }

    pub(super) fn put_notice(&self, notice: Notice) {
        self.notices.push(notice);
        self.make_room();
    }

    /// Wakes every thread waiting for an entry.
    pub(super) fn wake(&self) {
        for inbox in self.messages.lock().values() {
            inbox.wake();
        }
        self.urcs.wake();
        self.notices.wake();
    }

    /// Returns to the limit, unless someone is about to take what exceeds it.
    fn make_room(&self) {
        if self.stock.beyond() == 0 {
            return;
        }
        let patient = self.patient.load(Ordering::Relaxed);
        let messages: Vec<_> = self.messages.lock().values().cloned().collect();
        while self.stock.beyond() > 0 {
            let fullest = self.fullest(&messages);
            let kept = patient && self.stock.beyond() < BEGUN && fullest.attended_until() > Some(Moment::now());
            if kept || !fullest.evict() {
                return;
            }
        }
    }

    fn fullest<'a>(&'a self, messages: &'a [Arc<Messages>]) -> &'a dyn Queue {
        let others = messages.iter().map(|inbox| &**inbox as &dyn Queue);
        let queues = others.chain([&self.urcs as &dyn Queue]);
        queues.fold(&self.notices as &dyn Queue, |fullest, queue| {
            if queue.weight() > fullest.weight() {
                queue
            } else {
                fullest
            }
        })
    }

    /// How much may be read from a port; `patient` if it can wait.
    pub(super) fn reading(&self, patient: bool, now: Moment) -> Reading {
        self.patient.store(patient, Ordering::Relaxed);
        self.stock.go_on();
        let room = self.stock.left() / GROWTH;
        if !patient || room >= READ {
            return Reading::UpTo(READ);
        }
        if room >= LEAST_READ {
            return Reading::UpTo(room);
        }
        let messages: Vec<_> = self.messages.lock().values().cloned().collect();
        match self.fullest(&messages).attended_until().filter(|until| *until > now) {
            None => Reading::UpTo(READ),
            Some(until) if self.stock.hold() => Reading::HeldUntil(until),
            Some(_) => Reading::UpTo(LEAST_READ),
        }
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
        for inbox in self.messages.lock().values() {
            inbox.end();
        }
        self.urcs.end();
        self.notices.end();
    }
}

impl Weigh for Stamped<Content> {
    fn weight(&self) -> usize {
        2 * ENTRY + self.value.topic_bytes().len() + self.value.payload().len()
    }
}

impl Weigh for Stamped<String> {
    fn weight(&self) -> usize {
        ENTRY + self.value.len()
    }
}

impl Weigh for Notice {
    const FOR_CALLBACKS: bool = true;

    fn weight(&self) -> usize {
        match self {
            Self::Message(message) => message.weight(),
            Self::Urc(line) => ENTRY + line.len(),
            Self::Reconnected(_, publishes) => 4 * ENTRY * (1 + publishes.len()),
            _ => 4 * ENTRY,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::time::Duration;

    use super::*;
    use crate::event::Event;

    const LIMIT: usize = 64 * 1024;

    fn queues() -> Queues {
        let (waker, _) = modemqtt_os::waker::pair().expect("two descriptors");
        Queues::new(LIMIT, waker)
    }

    fn urc(number: usize) -> Stamped<String> {
        Stamped {
            timestamp: 0.0,
            value: format!("{number:064}"),
        }
    }

    fn put_urcs(queues: &Queues, numbers: Range<usize>) {
        for number in numbers {
            queues.put_urc(urc(number));
        }
    }

    fn taken(queues: &Queues) -> Vec<usize> {
        let lines = queues.urcs.take_some(usize::MAX, usize::MAX);
        lines.iter().map(|line| line.value.parse().expect("a number")).collect()
    }

    /// How many lines fit.
    const ROOM: usize = LIMIT / 128;

    #[test]
    fn the_oldest_of_the_fullest_queue_goes_where_nobody_takes() {
        let queues = queues();
        let restarted = Event::Restarted.told().expect("a restart is told");
        queues.put_notice(Notice::Told(restarted));
        put_urcs(&queues, 0..ROOM + 5);
        assert_eq!(queues.reading(true, Moment::now()), Reading::UpTo(READ));
        // The notice displaces two lines.
        assert_eq!(queues.urcs.dropped(), 7);
        assert_eq!(queues.notices.take_some(9, usize::MAX).len(), 1);
        assert_eq!(taken(&queues), (7..ROOM + 5).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_queue_that_someone_empties_stops_the_reading() {
        let queues = queues();
        let now = Moment::now();
        put_urcs(&queues, 0..ROOM - 1);
        assert_eq!(
            queues.urcs.take(Duration::ZERO).map(|line| line.value),
            Ok(urc(0).value)
        );
        let Reading::HeldUntil(until) = queues.reading(true, now) else {
            panic!("it is read");
        };
        assert!(until >= now + Duration::from_secs(1));
        // A message already begun still fits.
        put_urcs(&queues, ROOM - 1..ROOM + 5);
        // Nobody has taken anything for a second, or a call is waiting.
        assert_eq!(queues.reading(true, until), Reading::UpTo(READ));
        assert_eq!(queues.reading(false, now), Reading::UpTo(READ));
        assert_eq!(taken(&queues), (1..ROOM + 5).collect::<Vec<_>>());
        assert_eq!(queues.reading(true, now), Reading::UpTo(LIMIT / GROWTH));
    }

    #[test]
    fn while_a_call_waits_the_oldest_goes_although_someone_takes() {
        let queues = queues();
        put_urcs(&queues, 0..ROOM);
        assert!(queues.urcs.take(Duration::ZERO).is_ok());
        assert_eq!(queues.reading(false, Moment::now()), Reading::UpTo(READ));
        put_urcs(&queues, ROOM..ROOM + 5);
        assert_eq!(queues.urcs.dropped(), 4);
    }

    #[test]
    fn lines_that_nobody_has_ever_asked_for_take_up_a_share() {
        let (waker, _) = modemqtt_os::waker::pair().expect("two descriptors");
        let queues = Queues::new(2 * PART * LIMIT, waker);
        put_urcs(&queues, 0..3 * ROOM);
        assert_eq!(queues.urcs.dropped(), ROOM as u64);
        assert_eq!(queues.urcs.take_some(9, usize::MAX).len(), 9);
        put_urcs(&queues, 0..3 * ROOM);
        assert_eq!(queues.urcs.dropped(), ROOM as u64);
    }

    #[test]
    fn what_a_callback_also_gets_takes_up_a_share_and_is_not_lost_with_it() {
        let queues = queues();
        queues.urcs.set_copies(true);
        put_urcs(&queues, 0..ROOM);
        assert_eq!(queues.urcs.dropped(), 0);
        assert_eq!(taken(&queues), (ROOM - ROOM / PART..ROOM).collect::<Vec<_>>());
    }
}
