//! Frames in: what each means for the command in flight, for the operations that wait, and for the program.

use std::time::Instant;

use modemqtt_at::codes::{OpenResult, StatCode};
use modemqtt_at::{ClientIndex, MessageId, Operation};

use super::{DataState, Exchange, Session};
use crate::call::{ClientState, Event, Message, Reply};
use crate::error::{Error, Refusal};
use crate::framer::Frame;
use crate::job::{Goal, Job, OutcomeKey, Task};
use crate::mqtt::{Clients, Meaning, meaning, reopen};
use crate::reader::{self, Incoming, Outcome, Pending};
use crate::receive::RawMessage;
use crate::timers::Timer;
use crate::trace::Entry;
use crate::writer;

impl Session {
    pub(super) fn handle_frame(&mut self, frame: Frame, now: Instant) {
        match frame {
            Frame::Echo => {
                if let Some(exchange) = &mut self.exchange {
                    exchange.echo_seen = true;
                }
            }
            Frame::Prompt => {
                self.wire.push_back(Entry::received(now, ">".into()));
                self.send_data(now);
            }
            Frame::Line(line) => self.handle_line(&line, now),
            Frame::Message(message) => self.handle_message(message, now),
            Frame::Overlong(head) => {
                let text = String::from_utf8_lossy(&head).into_owned();
                self.wire.push_back(Entry::received(now, Entry::payload(&head)));
                self.events.push_back(Event::Urc(text));
            }
        }
    }

    fn handle_message(&mut self, raw: RawMessage, now: Instant) {
        let topic = String::from_utf8_lossy(&raw.topic);
        let shown = format!(
            "+QMTRECV: {},{},\"{topic}\",{}",
            raw.client,
            raw.message_id,
            Entry::payload(&raw.payload)
        );
        self.wire.push_back(Entry::received(now, shown));
        self.events.push_back(Event::Message(Message {
            client: ClientIndex(raw.client),
            message_id: MessageId(raw.message_id),
            topic: topic.into_owned(),
            payload: raw.payload,
            complete: raw.complete,
            at: now,
        }));
    }

    fn handle_line(&mut self, line: &[u8], now: Instant) {
        let pending = self.exchange.as_ref().map(|exchange| Pending {
            name: &exchange.step.name,
            form: exchange.step.form,
        });
        let incoming = reader::read(line, pending);
        // An echo out of step with its command may hold a password.
        let text = writer::masked(&String::from_utf8_lossy(line));
        self.wire.push_back(Entry::received(now, text.clone()));
        match incoming {
            Incoming::Final(result) => self.handle_final(result, now),
            Incoming::Information(line) => {
                if let Some(exchange) = &mut self.exchange {
                    exchange.lines.push(line);
                }
            }
            Incoming::Outcome(outcome) => {
                if !self.handle_outcome(&outcome, now) {
                    self.events.push_back(Event::Urc(text));
                }
            }
            Incoming::Stat(client, code) => {
                if !self.handle_stat(client, code, now) {
                    self.events.push_back(Event::Urc(text));
                }
            }
            Incoming::Started => self.handle_restart(),
            Incoming::Unsolicited(_) => self.events.push_back(Event::Urc(text)),
        }
    }

    fn handle_final(&mut self, result: Result<(), Refusal>, now: Instant) {
        let is_stale =
            |exchange: &Exchange| matches!(exchange.job.task, Task::Probe { .. }) && exchange.lines.is_empty();
        if self.exchange.as_ref().is_some_and(is_stale) {
            return;
        }
        let Some(exchange) = self.exchange.take() else { return };
        self.timers.clear(Timer::Exchange);
        match result {
            Ok(()) => self.accepted(exchange, now),
            Err(_) if matches!(exchange.step.goal, Goal::AnyFinal) => self.accepted(exchange, now),
            Err(refusal) => self.refused(exchange, refusal, now),
        }
    }

    fn accepted(&mut self, mut exchange: Exchange, now: Instant) {
        if matches!(exchange.job.task, Task::SetUp { .. }) {
            return self.set_up_step_done(exchange, now);
        }
        if matches!(exchange.job.task, Task::Probe { .. }) {
            return self.start_next(now);
        }
        let undelivered =
            exchange.data == DataState::Due && exchange.step.data.as_ref().is_some_and(|data| !data.bytes.is_empty());
        if undelivered || exchange.data == DataState::Unasked {
            let error = if undelivered {
                Error::Protocol {
                    expected: "the prompt",
                    line: "OK".into(),
                }
            } else {
                Error::Usage(format!(
                    "{} asks for data; publish() sends them",
                    exchange.step.line.shown
                ))
            };
            self.end(&mut exchange.job, Err(error));
            self.release(&exchange.job, true);
            return self.start_next(now);
        }
        if let Goal::Outcome { .. } = exchange.step.goal {
            if exchange.outcome_seen {
                self.continue_or_release(exchange.job, now);
            } else {
                if exchange.job.task.is_publish() && !exchange.job.ended {
                    self.events.push_back(Event::Accepted(exchange.job.ticket));
                }
                self.await_outcome(exchange);
                self.start_next(now);
            }
            return;
        }
        self.keep(&mut exchange);
        let Exchange { mut job, .. } = exchange;
        if job.steps.is_empty() {
            let reply = self.finish(&mut job.task);
            self.end(&mut job, Ok(reply));
        }
        self.continue_or_release(job, now);
    }

    /// Takes from an accepted command what its job needs.
    fn keep(&mut self, exchange: &mut Exchange) {
        let lines = std::mem::take(&mut exchange.lines);
        match (&mut exchange.job.task, &exchange.step.goal) {
            (Task::Command { lines: kept }, _) => *kept = lines,
            (Task::Configuration { values }, Goal::Values(key)) => {
                values.push((
                    *key,
                    lines
                        .iter()
                        .map(|line| value_of(line, key.name()))
                        .collect::<Vec<_>>()
                        .join(";"),
                ));
            }
            (Task::Open { client, .. }, Goal::Values(key)) => {
                if let (Some(client), Some(line)) = (self.clients.get(*client), lines.first()) {
                    client.settings.read_timeout(value_of(line, key.name()));
                }
            }
            // The one setting that is made on the way to an open connection.
            (Task::Open { client, .. }, Goal::Final) => {
                let client = *client;
                if let Some(known) = self.clients.get(client) {
                    known.settings.length_shown = true;
                    self.framer.set_length_shown(client.0, true);
                }
            }
            _ => {}
        }
    }

    /// What the caller is told when the last step, one without a result URC, is done.
    fn finish(&mut self, task: &mut Task) -> Reply {
        match task {
            Task::Command { lines } => Reply::Response {
                lines: std::mem::take(lines),
            },
            Task::Configuration { values } => Reply::Configuration(std::mem::take(values)),
            Task::Configure { client, settings } => {
                if let Some(known) = self.clients.get(*client) {
                    known.settings = *settings;
                    self.framer.set_length_shown(client.0, settings.length_shown);
                }
                Reply::Done
            }
            _ => Reply::Done,
        }
    }

    fn refused(&mut self, mut exchange: Exchange, refusal: Refusal, now: Instant) {
        let key = match &exchange.step.goal {
            Goal::Outcome { key, .. } => Some(*key),
            _ => None,
        };
        // What prepares the opening is worth trying, no more: firmware without the setting is met with.
        let preparing = matches!(exchange.job.task, Task::Open { .. }) && !exchange.job.steps.is_empty();
        if preparing && !exchange.job.ended {
            return self.step(exchange.job, now);
        }
        let error = Error::Command {
            command: exchange.step.line.shown.clone(),
            refusal,
        };
        let result = match key {
            Some(OutcomeKey {
                operation: Operation::Close,
                client,
                ..
            }) => {
                // Some families close with the DISCONNECT already: nothing is left to close.
                self.set_state(client, ClientState::Closed);
                Ok(Reply::Done)
            }
            Some(OutcomeKey {
                operation: Operation::Open,
                client,
                ..
            }) => {
                self.set_state(client, ClientState::Closed);
                Err(error)
            }
            Some(OutcomeKey {
                operation: Operation::Connect | Operation::Disconnect,
                client,
                ..
            }) => {
                self.set_state(client, ClientState::Open);
                Err(error)
            }
            _ => Err(error),
        };
        self.end(&mut exchange.job, result);
        self.release(&exchange.job, true);
        self.start_next(now);
    }

    /// Whether someone waited for this result.
    fn handle_outcome(&mut self, outcome: &Outcome, now: Instant) -> bool {
        let fits = |key: &OutcomeKey| {
            key.operation == outcome.operation && key.client == outcome.client && key.message_id == outcome.message_id
        };
        let meaning = meaning(outcome);
        if let Some(at) = self.waiting.iter().position(|waiting| fits(&waiting.key)) {
            match meaning {
                Meaning::Interim(times) => self.retransmitting(at, times),
                Meaning::End(result) => {
                    let waiting = self.waiting.remove(at);
                    self.timers.clear(Timer::Outcome(waiting.job.ticket));
                    let job = self.operation_ended(waiting.job, waiting.key, result);
                    self.continue_or_release(job, now);
                }
            }
            return true;
        }
        let Some(exchange) = self.exchange.take_if(|exchange| {
            matches!(&exchange.step.goal, Goal::Outcome { key, .. } if fits(key)) && !exchange.outcome_seen
        }) else {
            return false;
        };
        let Exchange { job, .. } = exchange;
        let (job, seen) = match meaning {
            Meaning::Interim(times) => {
                if job.task.is_publish() && !job.ended {
                    self.events.push_back(Event::Retransmitting(job.ticket, times));
                }
                (job, false)
            }
            Meaning::End(result) => {
                let Goal::Outcome { key, .. } = exchange.step.goal else {
                    return false;
                };
                (self.operation_ended(job, key, result), true)
            }
        };
        self.exchange = Some(Exchange {
            job,
            outcome_seen: seen,
            ..exchange
        });
        true
    }

    fn retransmitting(&mut self, at: usize, times: i64) {
        let job = &self.waiting[at].job;
        if job.task.is_publish() && !job.ended {
            self.events.push_back(Event::Retransmitting(job.ticket, times));
        }
    }

    /// Draws the consequences of a result; the job comes back with the steps that remain.
    fn operation_ended(&mut self, mut job: Job, key: OutcomeKey, result: Result<Reply, Error>) -> Job {
        let ok = result.is_ok();
        let closes = self.dialect.is_some_and(|dialect| dialect.disconnect_closes);
        let state = match key.operation {
            Operation::Open if ok => Some(ClientState::Open),
            Operation::Open | Operation::Close => Some(ClientState::Closed),
            Operation::Connect if ok => Some(ClientState::Connected),
            Operation::Disconnect if ok && closes => Some(ClientState::Closed),
            Operation::Connect | Operation::Disconnect => Some(ClientState::Open),
            _ => None,
        };
        if let Some(state) = state {
            self.set_state(key.client, state);
        }
        if let Some(client) = self.clients.get(key.client) {
            // A refused CONNECT is followed by `+QMTSTAT: n,4`, a DISCONNECT by `+QMTSTAT: n,5`.
            client.end_reported = matches!(key.operation, Operation::Disconnect | Operation::Connect)
                && (ok == (key.operation == Operation::Disconnect));
        }
        if let (
            Task::Open {
                client,
                host,
                port,
                reopened,
            },
            Operation::Open,
            Some(dialect),
            false,
        ) = (&mut job.task, key.operation, self.dialect, job.ended)
            && !*reopened
            && matches!(&result, Err(Error::Operation { result, .. }) if OpenResult(*result) == OpenResult::OCCUPIED)
            && let Ok(steps) = reopen(dialect, *client, host, *port)
        {
            *reopened = true;
            self.events.push_back(Event::Reopening(*client));
            job.steps = steps;
            return job;
        }
        // The index is closed on the way to opening it again; how that ends shows in the opening.
        if key.operation == Operation::Close && matches!(job.task, Task::Open { .. }) {
            return job;
        }
        self.end(&mut job, result);
        job
    }

    fn continue_or_release(&mut self, job: Job, now: Instant) {
        if job.steps.is_empty() || job.ended {
            self.release(&job, true);
            self.start_next(now);
        } else if self.exchange.is_none() {
            self.step(job, now);
        } else {
            self.queue.push_front(job);
        }
    }

    /// The module has closed the connection of a client. Whether anyone did not know that yet.
    fn handle_stat(&mut self, client: ClientIndex, code: StatCode, now: Instant) -> bool {
        let Some(known) = self.clients.get(client) else {
            return false;
        };
        let state = known.state.clone();
        let expected = std::mem::take(&mut known.end_reported);
        if matches!(state, ClientState::Opening | ClientState::Closed) {
            // The tail of a former connection.
            return expected;
        }
        let mut connecting = false;
        let mut ended = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.key.client == client && !ends_connection(waiting.key.operation) {
                self.timers.clear(Timer::Outcome(waiting.job.ticket));
                ended.push((waiting.job, waiting.key));
            } else {
                self.waiting.push(waiting);
            }
        }
        let lost = Error::ConnectionLost { client, code };
        for (mut job, key) in ended {
            connecting |= key.operation == Operation::Connect;
            self.end(&mut job, Err(lost.clone()));
            self.release(&job, true);
        }
        // The command in flight keeps the line until its final result code; its caller need not wait for that.
        if let Some(mut exchange) = self.exchange.take() {
            if let Goal::Outcome { key, .. } = exchange.step.goal
                && key.client == client
                && !ends_connection(key.operation)
                && !exchange.outcome_seen
            {
                connecting |= key.operation == Operation::Connect;
                self.end(&mut exchange.job, Err(lost.clone()));
                exchange.outcome_seen = true;
            }
            self.exchange = Some(exchange);
        }
        let expected = expected || connecting || matches!(state, ClientState::Disconnecting | ClientState::Closing);
        self.set_state(client, ClientState::Closed);
        if !expected {
            self.events.push_back(Event::Lost(client, code));
        }
        self.start_next(now);
        true
    }

    /// The module has started again: sessions, settings and echo are as they were when it was new.
    fn handle_restart(&mut self) {
        // During the set-up it is the first start, seen from its beginning.
        if matches!(&self.exchange, Some(exchange) if matches!(exchange.job.task, Task::SetUp { .. })) {
            return;
        }
        self.end_everything(&Error::Restarted);
        for client in self.clients.indices() {
            self.framer.set_length_shown(client.0, false);
            self.set_state(client, ClientState::Closed);
        }
        if let Some(dialect) = self.dialect {
            self.clients = Clients::of(dialect);
        }
        self.set_up = false;
        self.events.push_back(Event::Restarted);
    }
}

/// Operations whose own result still comes when the connection has ended.
fn ends_connection(operation: Operation) -> bool {
    matches!(operation, Operation::Close | Operation::Disconnect)
}

/// The values in a line of `AT+QMTCFG`, with or without the key before them.
fn value_of<'a>(line: &'a str, key: &str) -> &'a str {
    let values = line.split_once(':').map_or(line, |(_, values)| values).trim();
    let unkeyed = values
        .strip_prefix('"')
        .and_then(|rest| {
            rest.get(..key.len())
                .filter(|head| head.eq_ignore_ascii_case(key))
                .map(|_| &rest[key.len()..])
        })
        .and_then(|rest| rest.strip_prefix("\","));
    unkeyed.unwrap_or(values)
}
