//! Where the thread puts things down until the program takes them.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender};
use modemqtt_os::Mutex;

/// A queue that drops its oldest entry when it is full, and counts that.
#[derive(Debug)]
pub struct Inbox<T> {
    sender: Mutex<Option<Sender<T>>>,
    receiver: Receiver<T>,
    capacity: usize,
    dropped: AtomicU64,
}

impl<T> Inbox<T> {
    /// The channel itself grows with what is in it: a bounded one would hold memory for every entry it could ever have.
    pub(super) fn new(capacity: usize) -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self {
            sender: Mutex::new(Some(sender)),
            receiver,
            capacity,
            dropped: AtomicU64::new(0),
        }
    }

    /// Where the entries come out. It ends when the port is closed and everything was taken.
    pub fn receiver(&self) -> &Receiver<T> {
        &self.receiver
    }

    /// How many entries were lost since this was asked last.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::AcqRel)
    }

    /// Whether an old entry had to go.
    pub(super) fn push(&self, entry: T) -> bool {
        let sender = self.sender.lock();
        let Some(sender) = &*sender else { return false };
        let dropped = self.receiver.len() >= self.capacity && self.receiver.try_recv().is_ok();
        // The receiver is ours: it cannot be gone.
        let _ = sender.send(entry);
        dropped
    }

    /// The entry that had to go was in no other place: it is lost.
    pub(super) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn end(&self) {
        self.sender.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_goes_when_there_is_no_room() {
        let inbox = Inbox::new(2);
        let dropped: Vec<_> = (0..4).map(|number| inbox.push(number)).collect();
        assert_eq!(dropped, [false, false, true, true]);
        assert_eq!(inbox.receiver().try_iter().collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn what_is_lost_is_told_once() {
        let inbox = Inbox::new(1);
        for number in 0..3 {
            if inbox.push(number) {
                inbox.count_dropped();
            }
        }
        assert_eq!((inbox.take_dropped(), inbox.take_dropped()), (2, 0));
    }

    #[test]
    fn after_the_end_what_is_left_is_taken_and_nothing_is_added() {
        let inbox = Inbox::new(2);
        inbox.push(1);
        inbox.end();
        assert!(!inbox.push(2));
        assert_eq!(inbox.receiver().recv(), Ok(1));
        assert!(inbox.receiver().recv().is_err());
    }
}
