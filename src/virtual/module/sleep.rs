//! What the module hears: all, unless a fault has it asleep or hung.

use std::time::{Duration, Instant};

use modemqtt_at::ascii::CR;

use super::Module;
use crate::fault::Fault;

/// From the character that wakes a module until it hears.
const WAKING: Duration = Duration::from_millis(100);

/// How far the module is from being awake.
#[derive(Debug, Default)]
pub(super) struct Sleep {
    heard: Option<Instant>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Awake,
    /// Until the next CR.
    Asleep,
    Waking(Instant),
}

impl Module {
    /// Whether a byte reaches the module. In a data phase it does not fall asleep.
    pub(super) fn hears(&mut self, byte: u8, now: Instant) -> bool {
        if self.faults.has(Fault::Mute) {
            return false;
        }
        let after = self.faults.duration(Fault::Sleep);
        let sleep = &mut self.sleep;
        let idle = sleep
            .heard
            .replace(now)
            .map(|heard| now.saturating_duration_since(heard));
        match (after, sleep.state) {
            (None, _) => sleep.state = State::Awake,
            (Some(_), State::Waking(due)) if due > now => return false,
            (Some(after), State::Awake | State::Waking(_)) => {
                let falls = self.data.is_none() && idle.is_some_and(|idle| idle > Duration::ZERO && idle >= after);
                sleep.state = if falls { State::Asleep } else { State::Awake };
            }
            (Some(_), State::Asleep) => {}
        }
        let asleep = matches!(sleep.state, State::Asleep);
        if asleep && byte == CR {
            sleep.state = State::Waking(now + WAKING);
        }
        !asleep
    }
}
