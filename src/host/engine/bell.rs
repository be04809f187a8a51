//! A bell for a program with its own event loop: a descriptor that becomes readable when there is something to look at.

use std::io;
use std::sync::{Arc, Weak};

use modemqtt_os::{Mutex, Wake, Waker, waker};

use crate::call::Ticket;

/// The end that rings.
#[derive(Debug)]
pub struct Bell {
    waker: Waker,
    calls: Mutex<Vec<Ticket>>,
}

impl Bell {
    /// A bell, and the descriptor that becomes readable once it has rung.
    pub fn hang() -> io::Result<(Arc<Self>, Wake)> {
        let (waker, wake) = waker::pair()?;
        let calls = Mutex::default();
        Ok((Arc::new(Self { waker, calls }), wake))
    }

    /// The calls that have progressed since the last time this was asked.
    pub fn take(&self) -> Vec<Ticket> {
        std::mem::take(&mut self.calls.lock())
    }

    /// A call has progressed. The bell rings once for all calls noted.
    pub(super) fn note(&self, call: Ticket) {
        self.calls.lock().push(call);
    }

    pub(super) fn ring(&self) {
        self.waker.wake();
    }
}

/// The bells of all listeners.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<Vec<Weak<Bell>>>);

impl Bells {
    pub(super) fn add(&self, bell: &Arc<Bell>) {
        let mut bells = self.0.lock();
        bells.retain(|known| known.strong_count() > 0);
        let new = Arc::downgrade(bell);
        if !bells.iter().any(|known| known.ptr_eq(&new)) {
            bells.push(new);
        }
    }

    pub(super) fn each(&self, tell: impl Fn(&Bell)) {
        self.0
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|bell| tell(&bell));
    }

    pub(super) fn ring(&self) {
        self.each(Bell::ring);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_that_is_gone_is_forgotten() {
        let bells = Bells::default();
        let (bell, _wake) = Bell::hang().unwrap();
        bells.add(&bell);
        bells.add(&bell);
        assert_eq!(bells.0.lock().len(), 1);
        drop(bell);
        let (other, _wake) = Bell::hang().unwrap();
        bells.add(&other);
        assert_eq!(bells.0.lock().len(), 1);
    }

    #[test]
    fn progress_is_told_once() {
        let (bell, _wake) = Bell::hang().unwrap();
        bell.note(Ticket(7));
        assert_eq!(bell.take(), [Ticket(7)]);
        assert_eq!(bell.take(), []);
    }
}
