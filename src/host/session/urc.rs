//! What the module reports by itself: a connection that has ended, a message in its buffer, a restart.

use std::time::Instant;

use modemqtt_at::codes::StatCode;
use modemqtt_at::dialect;
use modemqtt_at::{ClientIndex, Operation};

use super::{Exchange, Session};
use crate::call::{ClientState, Event};
use crate::error::{Error, Refusal};
use crate::job::{Goal, INTERNAL, Job, OutcomeKey, Sync, Task};
use crate::mqtt::{connections, drain};
use crate::timers::Timer;

/// A module that starts again and again during one set-up is not waited for any longer.
const MOST_RESTARTS: u8 = 3;

impl Session {
    /// The module has closed the connection of a client. Whether anyone did not know that yet.
    pub(super) fn handle_stat(&mut self, client: ClientIndex, code: StatCode, now: Instant) -> bool {
        let Some(known) = self.clients.get(client) else {
            return false;
        };
        let state = known.state.clone();
        let expected = std::mem::take(&mut known.end_reported);
        // The tail of a former connection: nothing ends before it has begun, and no server closes a connection after a
        // DISCONNECT that this one has not seen.
        let begun = !matches!(state, ClientState::Opening | ClientState::Closed);
        let foreign = code == StatCode::SERVER_CLOSED
            && !expected
            && matches!(state, ClientState::Open | ClientState::Connecting);
        if !begun || foreign {
            return expected;
        }
        self.set_state(client, ClientState::Closed);
        let connecting = self.end_operations(client, &Error::ConnectionLost { client, code });
        let expected = expected || connecting || matches!(state, ClientState::Disconnecting | ClientState::Closing);
        if !expected {
            self.events.push_back(Event::Lost(client, code));
        }
        self.start_next(now);
        true
    }

    /// Whether a refusal may mean that there is no connection.
    pub(super) fn is_for_want_of_a_connection(&self, refusal: &Refusal) -> bool {
        let state = self.dialect.map(|dialect| dialect.refusals.state);
        match refusal {
            Refusal::Error => true,
            Refusal::Cme(code) => state == Some(dialect::Refusal::Cme(*code)),
            Refusal::CmeText(_) | Refusal::Cms(_) | Refusal::CmsText(_) => false,
        }
    }

    /// What needs a connection was refused: if the module has none, its report of the loss was lost itself, or it has
    /// started again without a word.
    pub(super) fn check(&mut self, key: OutcomeKey, now: Instant) {
        let client = key.client;
        let needs_connection = matches!(
            key.operation,
            Operation::Publish | Operation::Subscribe | Operation::Unsubscribe
        );
        let connected = self
            .clients
            .get(client)
            .is_some_and(|known| known.state == ClientState::Connected);
        let asked = |job: &Job| matches!(job.task, Task::Check { client: asked } if asked == client);
        if needs_connection
            && connected
            && !self.queue.iter().any(asked)
            && let Some(Ok(step)) = self.dialect.map(connections)
        {
            self.queue
                .push_front(Job::internal(Task::Check { client }, [step], now));
        }
    }

    /// Ends what waits for a result on a connection that is gone. Whether a CONNECT was among it.
    pub(super) fn end_operations(&mut self, client: ClientIndex, error: &Error) -> bool {
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
        for (mut job, key) in ended {
            connecting |= key.operation == Operation::Connect;
            self.end(&mut job, Err(error.clone()));
            self.release(&job, true);
        }
        // The command in flight keeps the line until its final result code; its caller need not wait for that.
        if let Some(mut exchange) = self.exchange.take() {
            if let Goal::Outcome { key, .. } = exchange.step.goal
                && concerns(key, client)
                && !exchange.outcome_seen
            {
                connecting |= key.operation == Operation::Connect;
                self.end(&mut exchange.job, Err(error.clone()));
                exchange.outcome_seen = true;
                exchange.lost = true;
            }
            self.exchange = Some(exchange);
        }
        connecting
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
            // Before the calls of the program, behind the slots that were filled earlier.
            let at = self
                .queue
                .iter()
                .take_while(|job| matches!(job.task, Task::Drain { .. }))
                .count();
            let task = Task::Drain {
                client,
                slot,
                again: false,
                printed: false,
            };
            self.queue.insert(at, Job::internal(task, [step], now));
            self.start_next(now);
        }
    }

    /// The module did not answer, and most likely still has the message: it is asked for once more.
    pub(super) fn drain_again(&mut self, exchange: &Exchange, now: Instant) {
        let Task::Drain {
            client,
            slot,
            again: false,
            printed: false,
        } = exchange.job.task
        else {
            return;
        };
        if let Some(known) = self.clients.get(client) {
            known.unread |= 1 << slot;
        }
        let task = Task::Drain {
            client,
            slot,
            again: true,
            printed: false,
        };
        self.queue.push_front(Job::internal(task, [exchange.step.clone()], now));
    }

    /// The module has started again, or has switched itself off: to the program that is the first half of a restart. A
    /// set-up that is under way looks for it from the start, any other call ends and the next one looks for it.
    pub(super) fn handle_restart(&mut self, reason: &Error, now: Instant) {
        let programs = |job: &Job| matches!(job.task, Task::SetUp(_)) && job.ticket != INTERNAL;
        let setting_up = match self.exchange.take_if(|exchange| programs(&exchange.job)) {
            Some(exchange) => Some(exchange.job),
            None => self
                .leaving
                .as_mut()
                .and_then(|leaving| leaving.then.take_if(|job| programs(job))),
        };
        self.forget(reason);
        // The first start, seen from its beginning, is no restart.
        if self.known_to_run {
            self.events.push_back(Event::Restarted);
        }
        let Some(mut job) = setting_up else { return };
        let Task::SetUp(sync) = &mut job.task else { return };
        // What was set before the start is gone with it, and so are the answers to come.
        *sync = Sync {
            restarts: sync.restarts + 1,
            ..Sync::default()
        };
        if sync.restarts > MOST_RESTARTS {
            return self.end(&mut job, Err(reason.clone()));
        }
        self.plan_set_up(&mut job);
        self.step(job, now);
    }

    /// Sessions, settings and echo are as they were when the module was new, for that reason.
    pub(super) fn forget(&mut self, reason: &Error) {
        // What a caller finds when its call ends is the state as it is.
        for client in self.clients.indices() {
            self.set_state(client, ClientState::Closed);
        }
        self.end_everything(reason);
        self.stop_upload();
        // It may be another firmware, and what it was seen to print tells nothing any more.
        self.framer.set_echoes_data(None);
        if let Some(dialect) = self.dialect {
            self.framer.set_receive(dialect.receive);
            self.clients.restarted(dialect);
        }
        self.set_up = false;
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
