//! Unsolicited reports from the module: the end of a connection, a message in its buffer.

use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_at::codes::StatCode;
use modemqtt_os::Moment;

use super::exchange::Seen;
use super::{Session, TRANSPORT_ALLOWANCE};
use crate::call::{ClientState, Event};
use crate::error::Error;
use crate::job::{Doubt, Goal, OutcomeKey};
use crate::mqtt::{Context, Effect, Loss, rules};
use crate::reader::Report;
use crate::timers::Timer;

/// How long after a failed PINGREQ the report of the loss may come.
const PING_REPORT: Duration = Duration::from_secs(1);
/// How long after the end of a connection its CONNECT may still return a code.
const RETURN_CODE: Duration = Duration::from_millis(300);

impl Session {
    /// Handles an unsolicited report about a client. An unknown one becomes a line that nobody waited for.
    pub(super) fn handle_report(&mut self, report: &Report, text: String, now: Moment) {
        let client = report.client;
        let values = (report.name.as_str(), report.values.as_slice());
        let taken = match values {
            ("QMTSTAT", [code]) => self.handle_stat(client, StatCode(*code), now),
            ("QMTRECV", [slot]) => u8::try_from(*slot).is_ok_and(|slot| {
                self.handle_buffered(client, slot, &text, now);
                true
            }),
            _ => false,
        };
        if !taken {
            self.events.push_back(Event::Urc(text));
        }
        if values == ("QMTPING", &[1]) {
            // The server did not answer, and the module may have closed the connection.
            self.handle_failed_ping(client, now);
        }
    }

    /// The module has closed a client's connection. Returns whether that is news to anyone.
    pub(super) fn handle_stat(&mut self, client: ClientIndex, code: StatCode, now: Moment) -> bool {
        let Some(known) = self.clients.get(client) else {
            return false;
        };
        // During an opening, it concerns an earlier connection, if there was one.
        let opening = known.state == ClientState::Opening;
        let state = if opening { &known.before } else { &known.state }.clone();
        let expected = known.known_end.settle();
        let error = Error::ConnectionLost { client, code };
        if state == ClientState::Closed {
            // The report belongs to a former connection, since nothing ends before it has begun; or to a connection
            // that another program made.
            let ended = !opening && self.end_operations(client, &error).any;
            if ended {
                // Start what waited for room, or for an operation of its kind to end.
                self.start_next(now);
            }
            return expected || ended;
        }
        // No server closes a connection because of a DISCONNECT that this host did not send.
        let farewell = code == StatCode::SERVER_CLOSED && known.known_end.has_left();
        let foreign = code == StatCode::SERVER_CLOSED
            && !expected
            && !farewell
            && matches!(state, ClientState::Open | ClientState::Connecting);
        if foreign {
            return expected;
        }
        if code.wants_fresh_context() {
            known.context = Context::Suspect;
        }
        if opening {
            known.before = ClientState::Closed;
        } else {
            self.set_state(client, ClientState::Closed);
        }
        let outlasting = self.await_more(client, code, now);
        let told = self.end_operations(client, &error).told || outlasting;
        if state == ClientState::Connected {
            self.end_publishes_of(client, &error);
        }
        self.hurry_end(client, now);
        let expected =
            expected || farewell || told || matches!(state, ClientState::Disconnecting | ClientState::Closing);
        if !expected {
            self.events.push_back(Event::Lost(client, code));
            if let Some(known) = self.clients.get(client) {
                known.lost = Some((code, now));
            }
        }
        self.start_next(now);
        true
    }

    /// After the end of a connection, waits a moment for a result that may say more; returns whether one is due.
    fn await_more(&mut self, client: ClientIndex, code: StatCode, now: Moment) -> bool {
        let outlasts = |key: &OutcomeKey| key.client == client && rules(key.operation).outlasts(code);
        let Some(waiting) = self.waiting.iter_mut().find(|waiting| outlasts(&waiting.key)) else {
            return false;
        };
        waiting.lost = Some(code);
        self.timers.set(Timer::Outcome(waiting.job.ticket), now + RETURN_CODE);
        true
    }

    /// Shortens the wait for the result of closing a connection that is already closed.
    fn hurry_end(&mut self, client: ClientIndex, now: Moment) {
        let ends = |key: &OutcomeKey| rules(key.operation).effect() == Effect::Ends;
        let waiting = self.waiting.iter().map(|waiting| (&waiting.key, waiting.job.ticket));
        for (_, ticket) in waiting.filter(|(key, _)| key.client == client && ends(key)) {
            self.timers.set(Timer::Outcome(ticket), now + TRANSPORT_ALLOWANCE);
        }
    }

    /// The module had no answer to its PINGREQ. It should report the loss next; if it does not, it is asked.
    pub(super) fn handle_failed_ping(&mut self, client: ClientIndex, now: Moment) {
        let known = self.clients.get(client);
        if known.is_some_and(|known| known.state == ClientState::Connected) {
            self.timers.set(Timer::Ping(client), now + PING_REPORT);
        }
    }

    /// No report of a loss followed the failed PINGREQ.
    pub(super) fn ask_after_ping(&mut self, client: ClientIndex, now: Moment) {
        let known = self.clients.get(client);
        if known.is_some_and(|known| known.state == ClientState::Connected) {
            self.ask(client, Doubt::Ping, now);
            self.start_next(now);
        }
    }

    /// Ends everything that waits for a result on a lost connection.
    pub(super) fn end_operations(&mut self, client: ClientIndex, error: &Error) -> Ended {
        let mut told = Ended::default();
        let mut ended = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if concerns(waiting.key, client) && waiting.lost.is_none() {
                self.timers.clear(Timer::Outcome(waiting.job.ticket));
                ended.push((waiting.job, waiting.key));
            } else {
                self.waiting.push(waiting);
            }
        }
        for (mut job, key) in ended {
            told.note(key);
            self.end(&mut job, Err(error.clone()));
            self.release(&job, true);
        }
        // The command in flight keeps the line until its final result code; its caller need not wait for that.
        if let Some(mut exchange) = self.exchange.take() {
            if let Goal::Outcome { key, .. } = exchange.step.goal
                && concerns(key, client)
                && exchange.seen == Seen::Nothing
            {
                told.note(key);
                self.end(&mut exchange.job, Err(error.clone()));
                exchange.seen = Seen::Loss;
            }
            self.exchange = Some(exchange);
        }
        told
    }
}

/// What ended with a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    /// Something whose own end tells the program of the loss.
    told: bool,
    /// Anything at all.
    any: bool,
}

impl Ended {
    fn note(&mut self, key: OutcomeKey) {
        self.any = true;
        self.told |= rules(key.operation).loss() == Loss::EndThatTells;
    }
}

/// Whether an operation ends with the connection of the client.
fn concerns(key: OutcomeKey, client: ClientIndex) -> bool {
    key.client == client && rules(key.operation).loss() != Loss::Nothing
}
