//! Time limits that have passed: for a final result code, for the result of an operation, and for a caller that waits
//! no longer.

use std::time::Duration;

use modemqtt_os::Moment;

use super::exchange::Seen;
use super::{DataState, Exchange, Phase, Session};
use crate::call::{ClientState, Reply, Ticket};
use crate::error::Error;
use crate::framer::DataEcho;
use crate::job::{Goal, INTERNAL, Invitation, OutcomeKey, Task};
use crate::mqtt::{Effect, rules};

/// A call that has waited this long during a search for the module does not start another search.
const LOOKED_FOR: Duration = Duration::from_secs(3);
/// A likely reason why results never come.
const ELSEWHERE: &str =
    "; the module has reported nothing on this port so far: AT+QURCCFG=\"urcport\" tells to which it does";

impl Session {
    /// No final result code in time. The module may still be in the data phase, and its answer may still come: both
    /// must be resolved before the next command.
    pub(super) fn exchange_timed_out(&mut self, now: Moment) {
        if let Some(result) = self.no_more_codes() {
            return self.handle_final(result, now);
        }
        let Some(exchange) = self.exchange.take() else { return };
        if let DataState::GivenUp { written } = exchange.data {
            return self.data_phase_is_over(&exchange, written, now);
        }
        if exchange.has_sent_nothing() {
            return self.end_empty_data(exchange, now);
        }
        let Some((exchange, settled)) = self.question_unanswered(exchange, now) else {
            return;
        };
        if settled || matches!(exchange.step.goal, Goal::AnyFinal) {
            return self.accepted(exchange, now);
        }
        let awaited = match (exchange.data, exchange.invitation()) {
            (DataState::Due, Some(Invitation::Connect)) => "CONNECT",
            (DataState::Due, _) => "prompt",
            _ => "final result code",
        };
        if exchange.seen != Seen::Nothing {
            // The `OK` is missing, and may still come.
            // If the connection is gone, the data phase may be waiting for its end.
            let phase = exchange.phase().filter(|_| exchange.seen == Seen::Loss);
            if phase.is_none() && exchange.job.task.is_publish() {
                // Or the supposed echo was the `OK`.
                self.framer.set_data_echo(DataEcho::Off);
            }
            if exchange.job.is_told() {
                self.release(&exchange.job, true);
            } else {
                self.queue.push_front(exchange.job);
            }
            return self.find_again(phase, now);
        }
        self.unanswered(exchange, awaited, now);
    }

    /// Ends a command that was not answered properly in time.
    pub(super) fn unanswered(&mut self, mut exchange: Exchange, awaited: &'static str, now: Moment) {
        let error = Error::Timeout {
            command: exchange.step.line.shown.clone(),
            awaited,
            waited: now - exchange.awaited_since(),
            hint: self.why_no_answer(&exchange),
        };
        let silent = matches!(exchange.job.task, Task::SetUp(_) | Task::Probe(_));
        self.end(&mut exchange.job, Err(error.clone()));
        self.doubt_outcome(&exchange.job.task, now);
        self.release(&exchange.job, true);
        if silent {
            // The next call searches for it from the start.
            self.presence.lost();
            self.give_up_question(&exchange.job);
            if exchange.job.ticket == INTERNAL {
                self.end_who_waited(&error, now);
            }
            return self.start_next(now);
        }
        self.fetch_again(&exchange, now);
        self.find_again(exchange.phase(), now);
    }

    /// Finds out whether the module answers again, once it has left the data phase that it may be in.
    pub(super) fn find_again(&mut self, phase: Option<Phase>, now: Moment) {
        match phase {
            Some(phase) => self.leave(phase, Self::probe_job(now), now),
            None => self.probe(now),
        }
    }

    /// The search for the module failed, which ends the first call that waited for it. A call that came towards the end
    /// starts the search once more.
    fn end_who_waited(&mut self, error: &Error, now: Moment) {
        while let Some(at) = self.next_runnable()
            && now.since(self.queue[at].submitted_at) >= LOOKED_FOR
            && let Some(mut job) = self.queue.remove(at)
        {
            self.end(&mut job, Err(error.clone()));
            self.release(&job, false);
            if job.ticket != INTERNAL {
                break;
            }
        }
    }

    pub(super) fn outcome_timed_out(&mut self, ticket: Ticket, now: Moment) {
        let Some(at) = self.waiting.iter().position(|waiting| waiting.job.ticket == ticket) else {
            return;
        };
        let mut waiting = self.waiting.remove(at);
        if let Some(code) = waiting.lost {
            let client = waiting.key.client;
            self.end(&mut waiting.job, Err(Error::ConnectionLost { client, code }));
            return self.continue_or_release(waiting.job, now);
        }
        let error = Error::Timeout {
            command: waiting.shown,
            awaited: "result",
            waited: now - waiting.since,
            hint: self.why_no_result().into(),
        };
        if self.has_ended(waiting.key) {
            // A connection that has ended is closed, whether or not the module confirms it.
            if waiting.job.steps.is_empty() {
                self.end(&mut waiting.job, Ok(Reply::Done));
            }
            return self.continue_or_release(waiting.job, now);
        }
        self.end(&mut waiting.job, Err(error));
        if let Some(client) = self.clients.get(waiting.key.client) {
            rules(waiting.key.operation).given_up(client, waiting.key);
        }
        self.doubt_outcome(&waiting.job.task, now);
        self.release(&waiting.job, true);
        self.start_next(now);
    }

    /// Whether an operation that ends a connection has nothing left to end.
    pub(super) fn has_ended(&mut self, key: OutcomeKey) -> bool {
        rules(key.operation).effect() == Effect::Ends
            && self
                .clients
                .get(key.client)
                .is_some_and(|client| client.state == ClientState::Closed)
    }

    /// A likely reason for a missing result: some modules report on a port other than that of the commands.
    fn why_no_result(&self) -> &'static str {
        let elsewhere = self.dialect.is_some_and(|dialect| !dialect.around.urc_ports.is_empty());
        if elsewhere && self.reported_at.is_none() {
            ELSEWHERE
        } else {
            ""
        }
    }

    /// The caller's own time limit has passed. A command already sent keeps its place until the module has finished
    /// with it, so that its late result is not taken for another's.
    pub(super) fn caller_gave_up(&mut self, ticket: Ticket, now: Moment) {
        let timeout = |command: String, awaited, since: Moment, hint| {
            Err(Error::Timeout {
                command,
                awaited,
                waited: now - since,
                hint,
            })
        };
        if let Some(at) = self.queue.iter().position(|job| job.ticket == ticket) {
            if let Some(mut job) = self.queue.remove(at) {
                let command = job.steps.front().map_or(String::new(), |step| step.line.shown.clone());
                let result = timeout(
                    command,
                    "free line",
                    job.submitted_at,
                    "; the calls before it have not ended".into(),
                );
                self.end(&mut job, result);
                self.release(&job, false);
            }
        } else if let Some(mut exchange) = self.exchange.take_if(|exchange| exchange.job.ticket == ticket) {
            let since = exchange.awaited_since();
            let command = exchange.step.line.shown.clone();
            let result = timeout(command, "final result code", since, self.why_no_answer(&exchange));
            self.end(&mut exchange.job, result);
            exchange.job.steps.clear();
            if self.take_back_held(&exchange) {
                self.release(&exchange.job, true);
                return self.start_next(now);
            }
            self.exchange = Some(exchange);
        } else if let Some(mut leaving) = self.leaving.take_if(|leaving| leaving.leads_to(ticket)) {
            if let Some(job) = &mut leaving.then {
                let command = job.steps.front().map_or(String::new(), |step| step.line.shown.clone());
                let hint = self.why_not_found(&job.task);
                let result = timeout(command, "final result code", job.submitted_at, hint);
                self.end(job, result);
            }
            self.leaving = Some(leaving);
        } else if let Some(at) = self.waiting.iter().position(|waiting| waiting.job.ticket == ticket) {
            let mut waiting = self.waiting.remove(at);
            let hint = self.why_no_result().into();
            let result = timeout(waiting.shown.clone(), "result", waiting.since, hint);
            self.end(&mut waiting.job, result);
            self.waiting.insert(at, waiting);
        }
    }
}
