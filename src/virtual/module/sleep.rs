//! What the module hears: all, unless it is off, asleep or hung.

use std::time::{Duration, Instant};

use modemqtt_at::ascii::CR;

use super::Module;
use crate::fault::Fault;

/// From the character that wakes a module until it hears.
const WAKING: Duration = Duration::from_millis(100);

/// How far the module is from being awake.
#[derive(Debug, Default)]
pub(super) struct Sleep {
    /// When it last heard something, or answered.
    busy: Option<Instant>,
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

impl Sleep {
    /// It answers, so that it stays awake from now on for as long as after a command. So does a result; what else it reports has no such effect.
    pub(super) const fn rouse(&mut self, now: Instant) {
        self.busy = Some(now);
    }
}

impl Module {
    /// Whether a byte reaches the module. In a data phase it does not fall asleep.
    pub(super) fn hears(&mut self, byte: u8, now: Instant) -> bool {
        if !self.lasting.powered || self.pace.is_starting() || self.faults.has(Fault::Mute) {
            return false;
        }
        let after = self.sleeps_after();
        let sleep = &mut self.sleep;
        let idle = sleep.busy.replace(now).map(|busy| now.saturating_duration_since(busy));
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

    /// How long the module stays awake without anything to do: by the fault, or by what `AT+QSCLK` was told.
    fn sleeps_after(&self) -> Option<Duration> {
        let told = self.dialect.around.sleep_modes.get(self.general.sleep_mode).copied();
        let own = self.dialect.sleeps_after.filter(|_| told.unwrap_or_default());
        self.faults.duration(Fault::Sleep).or(own)
    }
}
