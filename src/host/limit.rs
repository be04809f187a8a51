//! Time limits.

use std::time::Duration;

use modemqtt_os::Moment;

/// The time at which something has to end; `None` means never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limit {
    pub(crate) allowed: Option<Duration>,
    at: Option<Moment>,
}

impl Limit {
    pub(crate) fn new(allowed: Option<Duration>, now: Moment) -> Self {
        // A time beyond the clock's range limits nothing.
        let at = allowed.and_then(|allowed| now.checked_add(allowed));
        Self { allowed, at }
    }

    pub(crate) fn left(self, now: Moment) -> Option<Duration> {
        self.at.map(|at| at.since(now))
    }

    pub(crate) fn is_over(self, now: Moment) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    pub(crate) fn at_most(self, until: Moment) -> Moment {
        self.at.map_or(until, |at| at.min(until))
    }
}
