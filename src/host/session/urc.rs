//! What the module reports by itself: a connection that has ended, a message in its buffer, a restart.

use std::time::Instant;

use modemqtt_at::codes::StatCode;
use modemqtt_at::{ClientIndex, Operation};

use super::{Exchange, INTERNAL, Session};
use crate::call::{ClientState, Event};
use crate::error::Error;
use crate::job::{Goal, Job, OutcomeKey, Task};
use crate::mqtt::{Clients, drain};
use crate::timers::Timer;

impl Session {
    /// The module has closed the connection of a client. Whether anyone did not know that yet.
    pub(super) fn handle_stat(&mut self, client: ClientIndex, code: StatCode, now: Instant) -> bool {
        let Some(known) = self.clients.get(client) else {
            return false;
        };
        let state = known.state.clone();
        let expected = std::mem::take(&mut known.end_reported);
        if matches!(state, ClientState::Opening | ClientState::Closed) {
            // The tail of a former connection.
            return expected;
        }
        self.set_state(client, ClientState::Closed);
        let mut connecting = false;
        let mut ended = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if concerns(waiting.key, client) {
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
                && concerns(key, client)
                && !exchange.outcome_seen
            {
                connecting |= key.operation == Operation::Connect;
                self.end(&mut exchange.job, Err(lost.clone()));
                exchange.outcome_seen = true;
            }
            self.exchange = Some(exchange);
        }
        let expected = expected || connecting || matches!(state, ClientState::Disconnecting | ClientState::Closing);
        if !expected {
            self.events.push_back(Event::Lost(client, code));
        }
        self.start_next(now);
        true
    }

    /// A message waits in the module's buffer: it is fetched as soon as the line is free.
    pub(super) fn handle_buffered(&mut self, client: ClientIndex, slot: u8, text: &str, now: Instant) {
        let slots = self
            .dialect
            .and_then(|dialect| dialect.buffer)
            .map_or(0, |buffer| buffer.slots);
        let Some(known) = self
            .clients
            .get(client)
            .filter(|known| known.settings.buffered && usize::from(slot) < slots)
        else {
            self.events.push_back(Event::Urc(text.to_owned()));
            return;
        };
        let bit = 1 << slot;
        if known.unread & bit != 0 {
            return;
        }
        known.unread |= bit;
        if known.unread.count_ones() as usize == slots {
            // Whatever comes before the first is fetched finds no room.
            self.events.push_back(Event::Overrun(client));
        }
        if let Some(Ok(step)) = self.dialect.map(|dialect| drain(dialect, client, slot)) {
            let steps = [step].into();
            // Before the calls of the program, behind the slots that were filled earlier.
            let at = self
                .queue
                .iter()
                .take_while(|job| matches!(job.task, Task::Drain { .. }))
                .count();
            self.queue.insert(
                at,
                Job {
                    ticket: INTERNAL,
                    task: Task::Drain { client, slot },
                    steps,
                    ended: false,
                },
            );
            self.start_next(now);
        }
    }

    pub(super) fn slot_is_free(&mut self, client: ClientIndex, slot: u8) {
        if let Some(known) = self.clients.get(client) {
            known.unread &= !(1 << slot);
        }
    }

    /// The module has started again: sessions, settings and echo are as they were when it was new.
    pub(super) fn handle_restart(&mut self, now: Instant) {
        // What a caller finds when its call ends is the state as it is.
        for client in self.clients.indices() {
            self.framer.set_length_shown(client.0, false);
            self.framer.set_hex(client.0, false);
            self.set_state(client, ClientState::Closed);
        }
        let setting_up = self
            .exchange
            .take_if(|exchange| matches!(exchange.job.task, Task::SetUp(_)));
        if let Some(exchange) = &setting_up {
            self.timers.clear(Timer::Exchange);
            // Calls that wait for a set-up of the session's own have not been sent: nothing of theirs is lost.
            if exchange.job.ticket == INTERNAL {
                let queued = std::mem::take(&mut self.queue);
                self.end_everything(&Error::Restarted);
                self.queue = queued;
            } else {
                self.end_everything(&Error::Restarted);
            }
        } else {
            self.end_everything(&Error::Restarted);
        }
        if let Some(dialect) = self.dialect {
            self.clients = Clients::of(dialect);
        }
        self.set_up = false;
        // The first start, seen from its beginning, is no restart.
        if self.known_to_run {
            self.events.push_back(Event::Restarted);
        }
        if let Some(Exchange { mut job, .. }) = setting_up {
            // What was set before the start is gone with it.
            self.plan_set_up(&mut job);
            self.step(job, now);
        }
    }
}

/// Whether an operation ends with the connection of the client. What ends the connection has its own result still to come,
/// and a token is of no client.
fn concerns(key: OutcomeKey, client: ClientIndex) -> bool {
    let apart = matches!(
        key.operation,
        Operation::Close | Operation::Disconnect | Operation::Token
    );
    key.client == client && !apart
}
