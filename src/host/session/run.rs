//! Commands out: which job is next, what its steps send, and how long each may take.

use std::time::{Duration, Instant};

use modemqtt_at::ascii::{CR, CTRL_Z};
use modemqtt_at::dialect::DataPhase;

use super::upload::Uploading;
use super::{DataState, Exchange, Phase, SLOWEST_LINE, Session, TRANSPORT_ALLOWANCE, Waiting, wire_time};
use crate::call::{ClientState, Event, Reply, Ticket};
use crate::error::Error;
use crate::job::{Goal, INTERNAL, Invitation, Job, OutcomeKey, Task};
use crate::mqtt::{Effect, Own, outcome_wait, rules};
use crate::timers::Timer;

/// A call that has waited so long while the module was looked for need not have it looked for again.
const LOOKED_FOR: Duration = Duration::from_secs(3);
/// How long a module that has asked for no bytes may be silent before it is sent Ctrl-Z.
const NO_LENGTH: Duration = Duration::from_millis(500);
/// Why no result ever comes.
const ELSEWHERE: &str =
    "; the module has reported nothing on this port so far: AT+QURCCFG=\"urcport\" tells to which it does";

impl Session {
    /// Starts the next job that may run, if the line is free.
    pub(super) fn start_next(&mut self, now: Instant) {
        if self.exchange.is_some() || self.leaving.is_some() {
            return;
        }
        let Some(at) = self.next_runnable() else { return };
        let setting_up = matches!(self.queue[at].task, Task::SetUp(_));
        if !self.set_up && !setting_up {
            let job = self.set_up_job(now);
            self.step(job, now);
        } else if self.may_sleep(now) && !setting_up {
            self.step(Self::wake_job(now), now);
        } else if let Some(job) = self.queue.remove(at) {
            self.begin(job, now);
        }
    }

    /// Sends a job's next command, behind an ESC where a data phase may be open.
    pub(super) fn step(&mut self, job: Job, now: Instant) {
        if self.must_leave_first() {
            self.climb_from_the_ground(job, now);
        } else {
            self.send_step(job, now);
        }
    }

    pub(super) fn send_step(&mut self, mut job: Job, now: Instant) {
        // A job without steps has ended when it was submitted.
        let Some(mut step) = job.steps.pop_front() else { return };
        self.spell(&mut step);
        if let Goal::Outcome { key, .. } = &step.goal {
            self.operation_begins(&job, *key);
        }
        if let Goal::Stored(stored) = &step.goal {
            self.clients.kept.note(stored, false);
        }
        if job.ticket != INTERNAL {
            self.events.push_back(Event::Started(job.ticket, job.task.message_id()));
        }
        self.transmit.extend_from_slice(&step.line.bytes);
        self.transmit.push(CR);
        let wait = step.final_wait + Self::attempt_allowance(&job, &step) + self.wire_time(step.line.bytes.len());
        let held = self.hold(&step.line, now);
        if held.is_zero() && job.task.is_publish() {
            self.events.push_back(Event::Sent(job.ticket));
        }
        self.timers.set(Timer::Exchange, now + held + wait);
        let data = match (&step.data, &job.task) {
            (Some(_), _) => DataState::Due,
            // A line of the program's own may ask for data that it cannot bring.
            (None, task) if task.is_verbatim() => DataState::NotDue,
            (None, _) => DataState::Impossible,
        };
        let codes = self.codes_due(&job, &step);
        self.exchange = Some(Exchange {
            job,
            step,
            sent_at: now,
            preceded_at: self.answered_at,
            data,
            codes,
            echo_seen: false,
            lines: Vec::new(),
            size: 0,
            outcome_seen: false,
            lost: false,
        });
        let asking = |exchange: &&Exchange| exchange.step.data.is_some() || exchange.is_unknown();
        let phase = self.exchange.as_ref().filter(asking).and_then(Exchange::phase);
        self.last_phase = phase.or(self.last_phase);
    }

    fn operation_begins(&mut self, job: &Job, key: OutcomeKey) {
        let rules = rules(key.operation);
        let Some(client) = self.clients.get(key.client) else {
            return;
        };
        rules.begins(client, job.task.own().and_then(Own::server));
        if let Some(state) = rules.passing() {
            if !client.state.is_passing() {
                client.before = client.state.clone();
            }
            self.set_state(key.client, state);
        }
    }

    /// Answers the prompt.
    pub(super) fn send_data(&mut self, now: Instant) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(data) = &exchange.step.data else { return };
        exchange.data = DataState::Sent;
        let length = data.bytes.len();
        if let Some(name) = data.upload {
            self.upload = Some(Uploading::new(exchange.job.ticket, name, length));
            self.uploads.remember(&data.bytes);
        }
        self.transmit.extend_from_slice(&data.bytes);
        let until_ctrl_z = data.phase == DataPhase::UntilCtrlZ;
        if until_ctrl_z {
            self.transmit.push(CTRL_Z);
        }
        let sent = &self.transmit[self.transmit.len() - length - usize::from(until_ctrl_z)..];
        match data.upload {
            Some(name) => self.trace.sent_secret(now, name, sent),
            None => self.trace.sent_data(now, sent),
        }
        // A file is long, and what the port was told need not be the rate behind a terminal server.
        let rate = data.upload.map_or(self.baud_rate, |_| self.baud_rate.min(SLOWEST_LINE));
        let mut wait = exchange.step.final_wait + TRANSPORT_ALLOWANCE + wire_time(length, rate);
        if length == 0 && !until_ctrl_z {
            wait = NO_LENGTH;
        }
        self.timers.set(Timer::Exchange, now + wait);
    }

    /// The module has asked for no bytes and is silent: it takes a length of 0 for none, and waits for Ctrl-Z.
    fn end_empty_data(&mut self, mut exchange: Exchange, now: Instant) {
        exchange.data = DataState::Ended;
        self.transmit.push(CTRL_Z);
        self.trace.sent_data(now, &[CTRL_Z]);
        self.timers
            .set(Timer::Exchange, now + exchange.step.final_wait + TRANSPORT_ALLOWANCE);
        self.exchange = Some(exchange);
    }

    /// Waits for the result URC of a command that was accepted.
    pub(super) fn await_outcome(&mut self, exchange: Exchange, now: Instant) {
        let Goal::Outcome { key, wait } = exchange.step.goal else {
            return;
        };
        let length = exchange.step.data.as_ref().map_or(0, |data| data.bytes.len());
        let wait = if self.has_ended(key) {
            Duration::ZERO
        } else {
            self.clients
                .get(key.client)
                .map_or(TRANSPORT_ALLOWANCE, |client| outcome_wait(wait, client.settings))
        };
        // From the `OK` on: before it the module has not begun.
        let deadline = now + wait + TRANSPORT_ALLOWANCE + self.wire_time(length);
        self.timers.set(Timer::Outcome(exchange.job.ticket), deadline);
        self.waiting.push(Waiting {
            job: exchange.job,
            key,
            since: exchange.sent_at,
            shown: exchange.step.line.shown,
            lost: None,
        });
    }

    /// No final result code in time. The module may still be in the data phase, and its answer may still come: both
    /// are cleared up before the next command.
    pub(super) fn exchange_timed_out(&mut self, now: Instant) {
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
        if exchange.outcome_seen {
            // The `OK` is missing, and it may still come.
            // Where the connection is gone the data phase may be waiting for its end.
            let phase = exchange.phase().filter(|_| exchange.lost);
            if phase.is_none() && exchange.job.task.is_publish() {
                // Or what was taken for an echo was the `OK`.
                self.framer.set_echoes_data(Some(false));
            }
            if exchange.job.ended {
                self.release(&exchange.job, true);
            } else {
                self.queue.push_front(exchange.job);
            }
            return self.find_again(phase, now);
        }
        self.unanswered(exchange, awaited, now);
    }

    /// Ends a command that has not been answered in time as it should.
    pub(super) fn unanswered(&mut self, mut exchange: Exchange, awaited: &'static str, now: Instant) {
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
            // The next call looks for it from the start.
            self.set_up = false;
            self.give_up_question(&exchange.job);
            if exchange.job.ticket == INTERNAL {
                self.end_who_waited(&error, now);
            }
            return self.start_next(now);
        }
        self.fetch_again(&exchange, now);
        self.find_again(exchange.phase(), now);
    }

    /// Sees whether the module answers again, once it has left the data phase that it may be in.
    pub(super) fn find_again(&mut self, phase: Option<Phase>, now: Instant) {
        match phase {
            Some(phase) => self.leave(phase, Self::probe_job(now), now),
            None => self.probe(now),
        }
    }

    /// The module was looked for in vain: that ends the first call that has waited for it. One that came towards the end has
    /// it looked for once more.
    fn end_who_waited(&mut self, error: &Error, now: Instant) {
        while let Some(at) = self.next_runnable()
            && now.saturating_duration_since(self.queue[at].submitted_at) >= LOOKED_FOR
            && let Some(mut job) = self.queue.remove(at)
        {
            self.end(&mut job, Err(error.clone()));
            self.release(&job, false);
            if job.ticket != INTERNAL {
                break;
            }
        }
    }

    pub(super) fn outcome_timed_out(&mut self, ticket: Ticket, now: Instant) {
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
            // A connection that has ended is closed, whether or not the module says so.
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
    fn has_ended(&mut self, key: OutcomeKey) -> bool {
        rules(key.operation).effect() == Effect::Ends
            && self
                .clients
                .get(key.client)
                .is_some_and(|client| client.state == ClientState::Closed)
    }

    /// What may be wrong where a result does not come: some modules report on another port than that of the commands.
    fn why_no_result(&self) -> &'static str {
        let elsewhere = self.dialect.is_some_and(|dialect| !dialect.around.urc_ports.is_empty());
        if elsewhere && self.reported_at.is_none() {
            ELSEWHERE
        } else {
            ""
        }
    }

    /// The caller's own time is up. What has been sent keeps its place until the module is done with it, so that its
    /// late result is not taken for another's.
    pub(super) fn caller_gave_up(&mut self, ticket: Ticket, now: Instant) {
        let timeout = |command: String, awaited, since: Instant, hint| {
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
                let result = timeout(command, "free line", job.submitted_at, "".into());
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
