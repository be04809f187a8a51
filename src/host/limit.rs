//! For how long something may go on.

use std::time::{Duration, Instant};

/// When it has to be over; never without a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limit {
    pub(crate) allowed: Option<Duration>,
    at: Option<Instant>,
}

impl Limit {
    pub(crate) fn new(allowed: Option<Duration>, now: Instant) -> Self {
        // A time beyond what the clock can tell is no limit.
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
