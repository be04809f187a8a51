//! Whether the module hears what the host writes.
//!
//! | state | what it hears | what ends it |
//! |---|---|---|
//! | `Off` | nothing | [`Module::power_on`], [`Module::restart`] or the power key |
//! | `Starting` | nothing | the time that a start takes: then the boot text comes |
//! | `Awake` | everything | silence for as long as `AT+QSCLK` or the fault `sleep` says, unless data is due |
//! | `Asleep` | nothing; a CR wakes it | the next CR |
//! | `Waking` | nothing | a tenth of a second |
//!
//! A restart or a loss of power may come in any of them.

use std::time::Duration;

use modemqtt_at::ascii::CR;
use modemqtt_os::Moment;

use super::Module;
use crate::fault::Fault;

/// How long a module needs to hear after the character that wakes it.
const WAKING: Duration = Duration::from_millis(100);

/// The table above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    Off,
    /// Until then.
    Starting(Moment),
    #[default]
    Awake,
    Asleep,
    /// Until then.
    Waking(Moment),
}

impl Module {
    /// Whether it has power.
    pub(super) fn is_on(&self) -> bool {
        self.presence != Presence::Off
    }

    /// An answer or a result keeps the module awake as long as a command would; other lines do not.
    pub(super) const fn stay_awake(&mut self, now: Moment) {
        self.last_activity = Some(now);
    }

    /// Whether a byte reaches the module.
    pub(super) fn hears(&mut self, byte: u8, now: Moment) -> bool {
        if matches!(self.presence, Presence::Off | Presence::Starting(_)) || self.faults.has(Fault::Mute) {
            return false;
        }
        let idle = self.last_activity.replace(now);
        let idle = idle.map_or(Duration::ZERO, |then| now.since(then));
        let has_dozed_off = |after: Duration| self.intake.data().is_none() && idle > Duration::ZERO && idle >= after;
        let asleep = if byte == CR {
            Presence::Waking(now + WAKING)
        } else {
            Presence::Asleep
        };
        self.presence = match (self.sleeps_after(), self.presence) {
            (Some(_), Presence::Asleep) => asleep,
            (Some(_), Presence::Waking(due)) if due > now => Presence::Waking(due),
            (Some(after), _) if has_dozed_off(after) => asleep,
            _ => Presence::Awake,
        };
        self.presence == Presence::Awake
    }

    /// How long the module stays awake with nothing to do: by the fault, or by `AT+QSCLK`.
    fn sleeps_after(&self) -> Option<Duration> {
        let told = self.dialect.around.sleep_modes.get(self.general.sleep_mode).copied();
        let own = self.dialect.sleeps_after.filter(|_| told.unwrap_or_default());
        self.faults.duration(Fault::Sleep).or(own)
    }
}
