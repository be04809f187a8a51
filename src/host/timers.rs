//! One table of deadlines with one answer to "how long may I sleep?".

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use modemqtt_at::ClientIndex;

use crate::call::Ticket;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The command in flight has had no final result code.
    Exchange,
    /// Bytes are held back although nothing more has come.
    Quiet,
    /// The pause behind a prompt is over.
    Prompt,
    /// The pause before a command is over.
    Gap,
    /// The module has given no sign that it has left a data phase.
    Leaving,
    /// Messages that the module would not give out are asked for again.
    Fetch,
    /// No report of a loss has come behind a failed PINGREQ.
    Ping(ClientIndex),
    /// An operation has had no result.
    Outcome(Ticket),
    /// The caller waits no longer.
    Caller(Ticket),
    /// An errand goes on.
    Errand(Ticket),
}

/// The deadlines.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// [`Timer::Quiet`], which nearly every read sets or clears.
    quiet: Option<Instant>,
    by_timer: HashMap<Timer, Instant>,
    by_time: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Sets a deadline in place of any before it.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if timer == Timer::Quiet {
            self.quiet = Some(at);
            return;
        }
        self.clear(timer);
        self.by_timer.insert(timer, at);
        self.by_time.insert((at, timer));
    }

    /// Takes a deadline back.
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

    /// When the next is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.first().map(|(at, _)| at)
    }

    fn first(&self) -> Option<(Instant, Timer)> {
        let quiet = self.quiet.map(|at| (at, Timer::Quiet));
        self.by_time.first().copied().into_iter().chain(quiet).min()
    }

    /// Takes one that is due.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Timer> {
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn deadlines_come_in_order_and_a_later_setting_replaces_an_earlier() {
        let now = Instant::now();
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
