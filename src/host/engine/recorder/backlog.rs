//! What is recorded but not written yet: the port's thread puts it here as it is, and the writer takes it all at once.

use std::ops::Range;
use std::time::Duration;

use modemqtt_os::{Condvar, Moment, Mutex};
use modemqtt_recording::{What, begins_command};

/// How many bytes may wait; any beyond that are missing, and counted in the recording itself.
const WAITING: usize = 16 * 1024 * 1024;
/// What an item weighs besides its bytes.
const WEIGHT: usize = 64;
/// The time between two looks at the backlog while the line is busy.
const PACE: Duration = Duration::from_millis(5);

/// What both threads have of it.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    queue: Mutex<Unwritten>,
    /// There is something to write, or something has been written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Unwritten {
    taken: Batch,
    /// Bytes dropped for lack of room since the last that fitted.
    missing: u64,
    /// Whether the writer waits for something to write.
    idle: bool,
    over: bool,
    /// How many flushes were requested, and how many are done.
    wanted: u64,
    written: u64,
    /// Why recording has stopped.
    failure: Option<String>,
}

/// What the writer takes at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) items: Vec<(Moment, Item)>,
}

/// What is due besides writing that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// It is the last.
    pub(super) over: bool,
    /// The flush that is done when it is written.
    pub(super) flush: Option<u64>,
}

#[derive(Debug)]
pub(super) enum Item {
    /// This many of the bytes.
    Bytes {
        sent: bool,
        count: usize,
        /// Where secrets stand in them.
        secrets: Vec<Range<usize>>,
    },
    /// A message has reached the program. It has no memory of its own, since there are as many as lines.
    Message {
        client: u8,
        length: u64,
    },
    Note(Box<What>),
    Invented(Vec<u8>),
    Secret(Vec<u8>),
}

impl Backlog {
    /// Adds an item, and the bytes that belong to it. This waits for nothing but the writer's exchange of two buffers.
    pub(super) fn push(&self, at: Moment, item: Item, bytes: &[u8]) {
        self.fill(|queue| queue.push(at, item, bytes));
    }

    /// Adds items without bytes.
    pub(super) fn push_all(&self, items: impl IntoIterator<Item = (Moment, Item)>) {
        self.fill(|queue| items.into_iter().for_each(|(at, item)| queue.push(at, item, &[])));
    }

    fn fill(&self, fill: impl FnOnce(&mut Unwritten)) {
        let mut queue = self.queue.lock();
        fill(&mut queue);
        let idle = std::mem::take(&mut queue.idle);
        drop(queue);
        if idle {
            self.changed.notify_all();
        }
    }

    /// Has the writer write everything so far, waiting at most this long; returns whether it has.
    pub(super) fn flush(&self, at_most: Duration) -> bool {
        let deadline = Moment::now() + at_most;
        let mut queue = self.queue.lock();
        queue.wanted += 1;
        let wanted = queue.wanted;
        self.changed.notify_all();
        while queue.written < wanted {
            if self.changed.wait_until(&mut queue, deadline) && queue.written < wanted {
                return false;
            }
        }
        true
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        self.queue.lock().over = true;
        self.changed.notify_all();
    }

    /// Takes no more, for this reason.
    pub(super) fn fail(&self, failure: String) {
        let mut queue = self.queue.lock();
        queue.failure = Some(failure);
        queue.written = u64::MAX;
        queue.taken = Batch::default();
        self.changed.notify_all();
    }

    /// Why it takes no more.
    pub(super) fn failure(&self) -> Option<String> {
        self.queue.lock().failure.clone()
    }

    /// Waits for something to write, at most until then, and takes it in exchange for the empty buffers.
    pub(super) fn take(&self, taken: &mut Batch, until: Option<Moment>) -> Due {
        let mut queue = self.queue.lock();
        let mut paced = Moment::now() + PACE;
        loop {
            let now = Moment::now();
            let flush = (queue.written < queue.wanted).then_some(queue.wanted);
            let late = until.is_some_and(|until| until <= now);
            let something = !queue.taken.items.is_empty() && paced <= now;
            if queue.over || flush.is_some() || late || something {
                std::mem::swap(taken, &mut queue.taken);
                taken.note_missing(std::mem::take(&mut queue.missing), now);
                let over = queue.over;
                return Due { over, flush };
            }
            if queue.taken.items.is_empty() {
                queue.idle = true;
                queue.taken.give_back();
                taken.give_back();
                let rest = until.map_or(Duration::from_hours(1), |until| until - now);
                self.changed.wait_for(&mut queue, rest);
                if std::mem::take(&mut queue.idle) {
                    continue;
                }
                // The line was silent and is busy now: a little of the traffic is collected first.
                paced = Moment::now() + PACE;
            } else {
                self.changed.wait_for(&mut queue, paced - now);
            }
        }
    }

    /// That flush is done.
    pub(super) fn flushed(&self, flush: u64) {
        self.queue.lock().written = flush;
        self.changed.notify_all();
    }
}

impl Unwritten {
    fn push(&mut self, at: Moment, item: Item, bytes: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        let is_needed = match &item {
            Item::Secret(_) | Item::Invented(_) => true,
            Item::Note(what) => matches!(**what, What::Mark(_)),
            _ => false,
        };
        let Batch { bytes: all, items } = &self.taken;
        if !is_needed && all.len() + WEIGHT * items.len() + bytes.len() > WAITING {
            self.missing += bytes.len() as u64;
            return;
        }
        self.taken.note_missing(std::mem::take(&mut self.missing), at);
        let Batch { bytes: all, items } = &mut self.taken;
        all.extend_from_slice(bytes);
        // Pieces read at the same time are joined.
        if let (
            Item::Bytes { sent, count, secrets },
            Some((
                last,
                Item::Bytes {
                    sent: was_sent,
                    count: whole,
                    secrets: places,
                },
            )),
        ) = (&item, items.last_mut())
            && sent == was_sent
            && *last == at
            && !(*sent && begins_command(bytes))
        {
            places.extend(secrets.iter().map(|place| *whole + place.start..*whole + place.end));
            *whole += count;
            return;
        }
        items.push((at, item));
    }
}

impl Batch {
    /// Notes that bytes are missing here, if any are.
    fn note_missing(&mut self, missing: u64, at: Moment) {
        if missing > 0 {
            self.items.push((at, Item::Note(Box::new(What::Missing(missing)))));
        }
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    /// Gives back the memory that a burst has taken.
    fn give_back(&mut self) {
        self.bytes.shrink_to(WAITING / 64);
        self.items.shrink_to(WAITING / 64 / WEIGHT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(queue: &mut Unwritten, at: Moment, bytes: &[u8]) {
        let (count, secrets) = (bytes.len(), Vec::new());
        let item = Item::Bytes {
            sent: false,
            count,
            secrets,
        };
        queue.push(at, item, bytes);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_what_others_need_is_taken_all_the_same() {
        let (mut queue, now) = (Unwritten::default(), Moment::now());
        bytes(&mut queue, now, &vec![b'a'; WAITING - WEIGHT]);
        bytes(&mut queue, now, &[b'b'; WEIGHT]);
        bytes(&mut queue, now, &[b'c'; 7]);
        assert_eq!((queue.taken.items.len(), queue.missing), (1, WEIGHT as u64 + 7));
        let secret = Item::Secret(b"hunter2".to_vec());
        queue.push(now, secret, &[]);
        // The gap stands where it was: before whatever is taken next.
        let told: Vec<_> = queue.taken.items.drain(..).skip(1).map(|(_, item)| item).collect();
        let gap = WEIGHT as u64 + 7;
        assert!(
            matches!(&told[..], [Item::Note(what), Item::Secret(_)] if **what == What::Missing(gap)),
            "{told:?}"
        );
        let mark = Item::Note(Box::new(What::Mark("test a".into())));
        queue.push(now, mark, &[]);
        assert!(matches!(&queue.taken.items[..], [(_, Item::Note(_))]));
    }

    #[test]
    fn a_gap_at_the_end_is_counted_too() {
        let (backlog, now) = (Backlog::default(), Moment::now());
        bytes(&mut backlog.queue.lock(), now, &vec![b'a'; WAITING]);
        bytes(&mut backlog.queue.lock(), now, &[b'b'; 7]);
        backlog.end();
        let mut taken = Batch::default();
        assert!(backlog.take(&mut taken, None).over);
        let last = taken.items.pop().map(|(_, item)| item);
        assert!(
            matches!(&last, Some(Item::Note(what)) if **what == What::Missing(7)),
            "{last:?}"
        );
    }

    #[test]
    fn what_was_read_at_once_is_one_piece_and_a_command_begins_another() {
        let (mut queue, now) = (Unwritten::default(), Moment::now());
        bytes(&mut queue, now, b"+CSQ");
        bytes(&mut queue, now, b": 20,0");
        bytes(&mut queue, now + Duration::from_millis(1), b"OK");
        for line in [b"AT\r", b"AT\r"] {
            let (count, secrets) = (line.len(), Vec::new());
            let item = Item::Bytes {
                sent: true,
                count,
                secrets,
            };
            queue.push(now, item, line);
        }
        let counts: Vec<_> = queue
            .taken
            .items
            .iter()
            .map(|(_, item)| match item {
                Item::Bytes { count, .. } => *count,
                _ => 0,
            })
            .collect();
        assert_eq!(counts, [10, 2, 3, 3]);
    }

    #[test]
    fn nothing_waits_once_recording_has_stopped() {
        let mut queue = Unwritten {
            failure: Some("nothing is recorded any more".into()),
            ..Unwritten::default()
        };
        bytes(&mut queue, Moment::now(), b"OK");
        assert_eq!(
            (queue.taken.items.len(), queue.taken.bytes.len(), queue.missing),
            (0, 0, 0)
        );
    }
}
