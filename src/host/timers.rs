//! One table of deadlines, with one answer to "how long may I sleep?".

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_os::Moment;

use crate::call::Ticket;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The final result code of the command in flight.
    Exchange,
    /// More bytes to follow those held back.
    Quiet,
    /// The end of the pause after a prompt.
    Prompt,
    /// The end of the pause before a command.
    Gap,
    /// A sign that the module has left a data phase.
    Leaving,
    /// The next request for messages that the module would not hand out.
    Fetch,
    /// The report of a loss after a failed PINGREQ.
    Ping(ClientIndex),
    /// The result of an operation.
    Outcome(Ticket),
    /// The caller's own time limit.
    Caller(Ticket),
    /// The next move of an errand.
    Errand(Ticket),
}

/// The deadlines.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// [`Timer::Quiet`], which nearly every read sets or clears: since when, and for how long.
    quiet: Option<(Moment, Duration)>,
    by_timer: HashMap<Timer, Moment>,
    by_time: BTreeSet<(Moment, Timer)>,
}

impl Timers {
    /// Sets a deadline, replacing any earlier one.
    pub(crate) fn set(&mut self, timer: Timer, at: Moment) {
        if timer == Timer::Quiet {
            return self.set_quiet(at, Duration::ZERO);
        }
        self.clear(timer);
        self.by_timer.insert(timer, at);
        self.by_time.insert((at, timer));
    }

    /// Sets the deadline for more bytes this long after `since`.
    #[inline]
    pub(crate) fn set_quiet(&mut self, since: Moment, pause: Duration) {
        self.quiet = Some((since, pause));
    }

    /// Cancels a deadline.
    pub(crate) fn clear(&mut self, timer: Timer) {
        if timer == Timer::Quiet {
            self.quiet = None;
        } else if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Whether a deadline is set.
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        match timer {
            Timer::Quiet => self.quiet.is_some(),
            _ => self.by_timer.contains_key(&timer),
        }
    }

    /// When the next deadline is due.
    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        self.first().map(|(at, _)| at)
    }

    /// When [`Timer::Quiet`] is due.
    pub(crate) fn quiet(&self) -> Option<Moment> {
        self.quiet.map(|(since, pause)| since + pause)
    }

    /// When the next of the other deadlines is due.
    pub(crate) fn but_quiet(&self) -> Option<Moment> {
        self.by_time.first().map(|(at, _)| *at)
    }

    fn first(&self) -> Option<(Moment, Timer)> {
        let quiet = self.quiet().map(|at| (at, Timer::Quiet));
        self.by_time.first().copied().into_iter().chain(quiet).min()
    }

    /// Removes and returns a deadline that is due.
    pub(crate) fn expired(&mut self, now: Moment) -> Option<Timer> {
        let (at, timer) = self.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn deadlines_come_in_order_and_a_later_setting_replaces_an_earlier() {
        let now = Moment::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(Timer::Exchange, later(5));
        timers.set(Timer::Quiet, later(2));
        timers.set(Timer::Quiet, later(3));
        assert_eq!(timers.next_timeout(), Some(later(3)));
        assert_eq!(timers.expired(later(2)), None);
        assert_eq!(timers.expired(later(5)), Some(Timer::Quiet));
        assert_eq!(timers.expired(later(5)), Some(Timer::Exchange));
        assert_eq!(timers.expired(later(9)), None);
        assert_eq!(timers.next_timeout(), None);
    }
}
