//! Room for the publishes that wait to be sent.

use std::collections::HashMap;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_os::{Condvar, Moment, Mutex};

/// How many publishes of a client may wait in the queue.
pub const MOST_QUEUED: usize = 1_000;

/// Counts the publishes of each client that wait in the queue.
#[derive(Debug, Default)]
pub struct Room {
    queued: Mutex<HashMap<ClientIndex, usize>>,
    changed: Condvar,
}

impl Room {
    /// Takes a place in the queue, waiting at most this long; returns whether there was one.
    pub fn take(&self, client: ClientIndex, at_most: Duration) -> bool {
        let deadline = Moment::now() + at_most;
        let mut queued = self.queued.lock();
        while *queued.entry(client).or_default() >= MOST_QUEUED {
            if self.changed.wait_until(&mut queued, deadline) {
                return false;
            }
        }
        *queued.entry(client).or_default() += 1;
        true
    }

    /// Whether there is a place.
    pub fn is_left(&self, client: ClientIndex) -> bool {
        self.queued
            .lock()
            .get(&client)
            .is_none_or(|queued| *queued < MOST_QUEUED)
    }

    /// The publish has left the queue, or never got there.
    pub fn give_back(&self, client: ClientIndex) {
        if let Some(queued) = self.queued.lock().get_mut(&client) {
            *queued = queued.saturating_sub(1);
        }
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_of_one_client_has_room_again_and_holds_up_no_other() {
        let room = Room::default();
        let (full, other) = (ClientIndex(0), ClientIndex(1));
        assert!((0..MOST_QUEUED).all(|_| room.take(full, Duration::ZERO)));
        assert!(!room.take(full, Duration::ZERO));
        assert!(room.take(other, Duration::ZERO));
        room.give_back(full);
        assert!(room.take(full, Duration::ZERO));
        assert!(!room.take(full, Duration::ZERO));
    }
}
