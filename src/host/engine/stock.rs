//! The bytes that a modem keeps for its program, in all queues together.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use modemqtt_os::Waker;

/// The number of bytes allowed, and the number there are.
#[derive(Debug)]
pub(super) struct Stock {
    limit: usize,
    used: AtomicUsize,
    /// Whether the thread reads nothing until half of them have been taken.
    held: AtomicBool,
    /// Wakes the thread at that point.
    waker: Option<Waker>,
}

impl Stock {
    pub(super) const fn new(limit: usize, waker: Option<Waker>) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            waker,
        }
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn left(&self) -> usize {
        self.limit.saturating_sub(self.used.load(Ordering::SeqCst))
    }

    /// How many bytes exceed the limit.
    pub(super) fn beyond(&self) -> usize {
        self.used.load(Ordering::SeqCst).saturating_sub(self.limit)
    }

    pub(super) fn add(&self, weight: usize) {
        self.used.fetch_add(weight, Ordering::SeqCst);
    }

    pub(super) fn release(&self, weight: usize) {
        let used = self.used.fetch_sub(weight, Ordering::SeqCst) - weight;
        if used <= self.limit / 2
            && self.held.load(Ordering::SeqCst)
            && self.held.swap(false, Ordering::SeqCst)
            && let Some(waker) = &self.waker
        {
            waker.wake();
        }
    }

    /// Has the thread woken when half is free again; returns whether it still is not.
    pub(super) fn hold(&self) -> bool {
        self.held.store(true, Ordering::SeqCst);
        // Whatever was taken just before this has woken nobody.
        self.used.load(Ordering::SeqCst) > self.limit / 2
    }

    pub(super) fn go_on(&self) {
        self.held.store(false, Ordering::SeqCst);
    }
}
