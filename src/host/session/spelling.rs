//! Keys of `AT+QMTCFG` that a note spells in two ways: the spelling of the write form is tried first, and the other
//! once if that is refused.

use modemqtt_at::dialect::Dialect;
use modemqtt_os::Moment;

use super::{Exchange, Session};
use crate::job::Step;
use crate::mqtt::Spelling;

impl Session {
    /// Gives a step the spelling that the module is known to accept.
    pub(super) fn spell(&self, step: &mut Step) {
        if self.clients.spelling == Spelling::Other
            && let Some(other) = step.other.take()
        {
            step.line = other;
        }
    }

    /// Notes which spelling the module accepted.
    pub(super) fn note_spelling(&mut self, step: &Step) {
        let spelled = |dialect: &Dialect| step.setting.is_some_and(|key| dialect.spelling(key) != key.name());
        if self.clients.spelling == Spelling::Untried && self.dialect.is_some_and(spelled) {
            self.clients.spelling = if step.other.is_some() {
                Spelling::OfTheNote
            } else {
                Spelling::Other
            };
        }
    }

    /// Sends a refused command again in the other spelling, unless the module is known to accept the first. Returns the
    /// exchange if there is no other spelling to try.
    pub(super) fn respell(&mut self, mut exchange: Exchange, now: Moment) -> Option<Exchange> {
        let untried = self.clients.spelling == Spelling::Untried && !exchange.job.is_told();
        let Some(other) = exchange.step.other.take_if(|_| untried) else {
            return Some(exchange);
        };
        exchange.step.line = other;
        exchange.job.steps.push_front(exchange.step);
        self.step(exchange.job, now);
        None
    }
}
