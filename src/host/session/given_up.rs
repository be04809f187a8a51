//! A data phase that the module gives up by itself after waiting too long.

use modemqtt_os::Moment;

use super::{DataState, Exchange, Session, TRANSPORT_ALLOWANCE};
use crate::error::Error;
use crate::timers::Timer;

impl Session {
    /// Whether a line reports that the module gives up the data phase of the command in flight.
    pub(super) fn gives_up_data(&self, line: &[u8]) -> bool {
        let idle = self.dialect.and_then(|dialect| dialect.data_idle);
        let waits = |exchange: &Exchange| {
            matches!(
                exchange.data,
                DataState::Due | DataState::Invited | DataState::Sent | DataState::Ended
            )
        };
        idle.is_some_and(|idle| idle.report.as_bytes() == line)
            && self.pauses.held.is_none()
            && self.exchange.as_ref().is_some_and(waits)
    }

    /// Tells the caller at once, and stops writing the data. Only the `OK` is missing now.
    pub(super) fn data_given_up(&mut self, report: String, now: Moment) {
        self.answered_at = Some(now);
        self.show_line(&[], now);
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        let written = matches!(exchange.data, DataState::Sent | DataState::Ended);
        let error = Error::DataGivenUp {
            command: exchange.step.line.shown.clone(),
            report,
            hint: self.data_hint(&exchange),
        };
        if let Some(own) = exchange.job.task.own_mut() {
            own.was_not_sent();
        }
        self.end(&mut exchange.job, Err(error));
        exchange.data = DataState::GivenUp { written };
        self.exchange = Some(exchange);
        self.upload = None;
        self.discard_unsent();
        self.timers.clear(Timer::Prompt);
        self.timers.set(Timer::Exchange, now + TRANSPORT_ALLOWANCE);
    }

    /// The final result code after that has come, or is overdue. The module may have taken the data still on their way
    /// for a command line.
    pub(super) fn data_phase_is_over(&mut self, exchange: &Exchange, written: bool, now: Moment) {
        self.release(&exchange.job, true);
        if written {
            self.probe(now);
        } else {
            self.start_next(now);
        }
    }
}
