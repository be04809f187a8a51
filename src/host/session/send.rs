//! Commands out: what the steps of a job send, and how long each may take.

use std::time::Duration;

use modemqtt_at::ascii::{CR, CTRL_Z};
use modemqtt_at::dialect::DataPhase;
use modemqtt_os::Moment;

use super::exchange::Seen;
use super::presence::Presence;
use super::upload::Uploading;
use super::{DataState, Exchange, SLOWEST_LINE, Session, TRANSPORT_ALLOWANCE, Waiting, wire_time};
use crate::call::Event;
use crate::job::{Goal, INTERNAL, Job, OutcomeKey, Task};
use crate::mqtt::{Own, outcome_wait, rules};
use crate::timers::Timer;

/// How long a module may be silent after asking for no bytes, before it is sent Ctrl-Z.
const NO_LENGTH: Duration = Duration::from_millis(500);

impl Session {
    /// Starts the next job that may run, if the line is free.
    pub(super) fn start_next(&mut self, now: Moment) {
        if self.exchange.is_some() || self.leaving.is_some() {
            return;
        }
        let Some(at) = self.next_runnable() else { return };
        let setting_up = matches!(self.queue[at].task, Task::SetUp(_));
        if self.presence != Presence::SetUp && !setting_up {
            let job = self.set_up_job(now);
            self.step(job, now);
        } else if self.may_sleep(now) && !setting_up {
            self.step(Self::wake_job(now), now);
        } else if let Some(job) = self.queue.remove(at) {
            self.begin(job, now);
        }
    }

    /// Sends a job's next command, after an ESC if a data phase may be open.
    pub(super) fn step(&mut self, job: Job, now: Moment) {
        if self.must_leave_first() {
            self.climb_from_the_ground(job, now);
        } else {
            self.send_step(job, now);
        }
    }

    pub(super) fn send_step(&mut self, mut job: Job, now: Moment) {
        // A job without steps ended when it was submitted.
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
            // A line that the program wrote itself may ask for data that the program did not give.
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
            seen: Seen::Nothing,
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
    pub(super) fn send_data(&mut self, now: Moment) {
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
        // A file is long, and behind a terminal server the rate may differ from the port's setting.
        let rate = data.upload.map_or(self.baud_rate, |_| self.baud_rate.min(SLOWEST_LINE));
        let mut wait = exchange.step.final_wait + TRANSPORT_ALLOWANCE + wire_time(length, rate);
        if length == 0 && !until_ctrl_z {
            wait = NO_LENGTH;
        }
        self.timers.set(Timer::Exchange, now + wait);
    }

    /// The module asked for no bytes and is silent: it takes a length of 0 to mean no length, and waits for Ctrl-Z.
    pub(super) fn end_empty_data(&mut self, mut exchange: Exchange, now: Moment) {
        exchange.data = DataState::Ended;
        self.transmit.push(CTRL_Z);
        self.trace.sent_data(now, &[CTRL_Z]);
        self.timers
            .set(Timer::Exchange, now + exchange.step.final_wait + TRANSPORT_ALLOWANCE);
        self.exchange = Some(exchange);
    }

    /// Waits for the result URC of a command that was accepted.
    pub(super) fn await_outcome(&mut self, exchange: Exchange, now: Moment) {
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
        // Counted from the `OK`: before it the module has not begun.
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
}
