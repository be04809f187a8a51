//! The final result codes of commands joined in one line (V.250 section 5.2.1): one for all of them, or one each.

use std::time::{Duration, Instant};

use modemqtt_at::dialect::Joined;

use super::Session;
use crate::error::Refusal;
use crate::job::{Job, Step};
use crate::timers::Timer;

/// How long after one code the next may come. A BC28 was seen to take 40 ms.
const PAUSE: Duration = Duration::from_millis(500);

/// The final result codes of the command in flight.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// How many are due behind the first.
    more: usize,
    /// The first that refuses, or else the last that has come.
    so_far: Option<Result<(), Refusal>>,
}

impl Session {
    /// How many codes a command has.
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

    /// A code has come: that of the whole line, once there are no more to come.
    pub(super) fn whole_result(&mut self, result: Result<(), Refusal>, now: Instant) -> Option<Result<(), Refusal>> {
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
        self.timers.set(Timer::Exchange, now + PAUSE);
        None
    }

    /// The time is up: the result of the line, where one code at least has come.
    pub(super) fn no_more_codes(&mut self) -> Option<Result<(), Refusal>> {
        let codes = &mut self.exchange.as_mut()?.codes;
        let result = codes.so_far.take()?;
        codes.more = 0;
        Some(result)
    }
}
