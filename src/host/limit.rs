//! Time limits.

use std::time::{Duration, Instant};

/// The time at which something has to end; `None` means never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limit {
    pub(crate) allowed: Option<Duration>,
    at: Option<Instant>,
}

impl Limit {
    pub(crate) fn new(allowed: Option<Duration>, now: Instant) -> Self {
        // A time beyond the clock's range limits nothing.
        let at = allowed.and_then(|allowed| now.checked_add(allowed));
        Self { allowed, at }
    }

    pub(crate) fn left(self, now: Instant) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(now))
    }

    pub(crate) fn is_over(self, now: Instant) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    pub(crate) fn at_most(self, until: Instant) -> Instant {
        self.at.map_or(until, |at| at.min(until))
    }
}
