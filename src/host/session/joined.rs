//! The final result codes of commands joined in one line (V.250 section 5.2.1): one for the whole line, or one each.

use std::time::Duration;

use modemqtt_at::dialect::Joined;
use modemqtt_os::Moment;

use super::Session;
use crate::error::Refusal;
use crate::job::{Job, Step};
use crate::timers::Timer;

/// How long after one code the next may come. A BC28 took 40 ms.
const BETWEEN_CODES: Duration = Duration::from_millis(500);

/// The final result codes of the command in flight.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// How many are due after the first.
    more: usize,
    /// The first refusal, otherwise the latest code.
    so_far: Option<Result<(), Refusal>>,
}

impl Session {
    /// How many codes a command line has.
    pub(super) fn codes_due(&self, job: &Job, step: &Step) -> Codes {
        let each = self.dialect.is_some_and(|dialect| dialect.joined == Joined::Each);
        let more = if each && job.task.is_verbatim() {
            let commands = step.name.split(';').filter(|name| !name.is_empty());
            commands.count().saturating_sub(1)
        } else {
            0
        };
        Codes { more, so_far: None }
    }

    /// A code has come; returns the result of the whole line once no more are due.
    pub(super) fn whole_result(&mut self, result: Result<(), Refusal>, now: Moment) -> Option<Result<(), Refusal>> {
        let Some(exchange) = &mut self.exchange else {
            return Some(result);
        };
        let codes = &mut exchange.codes;
        let so_far = match codes.so_far.take() {
            Some(Err(first)) => Err(first),
            _ => result,
        };
        if codes.more == 0 {
            return Some(so_far);
        }
        codes.more -= 1;
        codes.so_far = Some(so_far);
        self.timers.set(Timer::Exchange, now + BETWEEN_CODES);
        None
    }

    /// Time is up: the result of the line, if at least one code has come.
    pub(super) fn no_more_codes(&mut self) -> Option<Result<(), Refusal>> {
        let codes = &mut self.exchange.as_mut()?.codes;
        let result = codes.so_far.take()?;
        codes.more = 0;
        Some(result)
    }
}
