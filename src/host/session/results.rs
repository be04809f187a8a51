//! Results: what a result URC means for its operation, and what follows from it.

use modemqtt_at::ClientIndex;
use modemqtt_at::codes::StatCode;
use modemqtt_os::Moment;

use super::exchange::Seen;
use super::{DataState, Exchange, Session, TRANSPORT_ALLOWANCE};
use crate::call::{ClientState, Event, Reply};
use crate::error::Error;
use crate::job::{Doubt, Goal, Job, OutcomeKey};
use crate::mqtt::{Client, Effect, Meaning, Own, rules};
use crate::reader::Outcome;
use crate::timers::Timer;

impl Session {
    /// Handles a result; returns whether someone was waiting for it.
    pub(super) fn handle_outcome(&mut self, outcome: &Outcome, now: Moment) -> bool {
        let fits = |key: &OutcomeKey| {
            key.operation == outcome.operation && key.client == outcome.client && key.message_id == outcome.message_id
        };
        let rules = rules(outcome.operation);
        if let Some(client) = self.clients.get(outcome.client)
            && rules.is_of_another(client, outcome)
        {
            return false;
        }
        let meaning = rules.meaning(outcome);
        if let Some(at) = self.waiting.iter().position(|waiting| fits(&waiting.key)) {
            match meaning {
                Meaning::Interim(times) => self.events.extend(retransmitting(&self.waiting[at].job, times)),
                Meaning::End(result) => {
                    let waiting = self.waiting.remove(at);
                    self.timers.clear(Timer::Outcome(waiting.job.ticket));
                    if let Some(code) = waiting.lost {
                        return self.answered_after_loss(waiting.job, waiting.key, code, result, now);
                    }
                    let job = self.operation_ended(waiting.job, waiting.key, result, now);
                    self.continue_or_release(job, now);
                }
            }
            return true;
        }
        let Some(exchange) = self.exchange.take_if(|exchange| {
            // A publish has no result before its data are asked for, so this one belongs to another, which also had no
            // message id.
            matches!(&exchange.step.goal, Goal::Outcome { key, .. } if fits(key))
                && exchange.seen == Seen::Nothing
                && exchange.data != DataState::Due
        }) else {
            return false;
        };
        let Exchange { job, .. } = exchange;
        let (job, seen) = match meaning {
            Meaning::Interim(times) => {
                self.events.extend(retransmitting(&job, times));
                (job, Seen::Nothing)
            }
            Meaning::End(result) => {
                let Goal::Outcome { key, .. } = exchange.step.goal else {
                    return false;
                };
                (self.operation_ended(job, key, result, now), Seen::Result)
            }
        };
        self.exchange = Some(Exchange { job, seen, ..exchange });
        if seen == Seen::Result {
            // Now only the final result code is missing.
            self.timers.set(Timer::Exchange, now + TRANSPORT_ALLOWANCE);
        }
        true
    }

    /// An operation whose connection has ended already has its result. Returns whether this one says more than that it
    /// ended.
    fn answered_after_loss(
        &mut self,
        mut job: Job,
        key: OutcomeKey,
        code: StatCode,
        result: Result<Reply, Error>,
        now: Moment,
    ) -> bool {
        let client = key.client;
        let says_more = rules(key.operation).says_more(&result);
        let result = if says_more {
            result.map_err(|error| self.with_server(key, error))
        } else {
            Err(Error::ConnectionLost { client, code })
        };
        self.end(&mut job, result);
        self.continue_or_release(job, now);
        says_more
    }

    /// Publishes still waiting for an acknowledgement will not get it on this connection.
    pub(super) fn connection_over(&mut self, client: ClientIndex) {
        let code = StatCode::CLIENT_CLOSED;
        self.end_operations(client, &Error::ConnectionLost { client, code });
    }

    /// Applies a result; returns the job if steps remain.
    fn operation_ended(&mut self, mut job: Job, key: OutcomeKey, result: Result<Reply, Error>, now: Moment) -> Job {
        let (rules, client) = (rules(key.operation), key.client);
        let more = !job.steps.is_empty();
        let own_result = job.task.operation() == Some(key.operation);
        let told = match job.task.own_mut() {
            // The close was only a step on the way, so its result is not the call's.
            Some(own) if own_result => own.told(client, more, result),
            _ => Some(result),
        };
        let Some(result) = told else { return job };
        let result = result.map_err(|error| self.with_server(key, error));
        let effect = result.as_ref().map_or(Effect::None, |_| rules.effect());
        if effect == Effect::Opens
            && let Some((host, port)) = job.task.own().and_then(Own::server)
        {
            let host = host.to_owned();
            self.events.push_back(Event::Opened { client, host, port });
        }
        let closed = |known: &mut Client| known.state == ClientState::Closed;
        let overtaken = self.clients.get(client).is_some_and(closed);
        self.state_after(key, &result);
        match effect {
            // An operation that ended the connection may have come first without a result.
            Effect::Opens if overtaken => self.ask(client, Doubt::Outcome { ending: true }, now),
            Effect::Connects => self.has_connected(client, now),
            Effect::Ends => self.connection_over(client),
            Effect::None | Effect::Opens => {}
        }
        if let Some(known) = self.clients.get(client) {
            rules.ended(known, result.is_ok());
        }
        if let Err(Error::Operation { result: code, .. }) = &result
            && own_result
            && self.cure(&mut job, Some(*code))
        {
            return job;
        }
        // The index is closed on the way to reopening it; the opening shows how that ends.
        if !own_result {
            return job;
        }
        if let Err(Error::Operation { result: code, .. }) = &result
            && rules.leaves_in_doubt(*code)
        {
            self.ask(client, Doubt::Outcome { ending: false }, now);
        }
        self.end(&mut job, result);
        job
    }

    /// A client is connected to the server.
    fn has_connected(&mut self, client: ClientIndex, now: Moment) {
        let known = self.clients.get(client);
        if known.is_some_and(|known| known.settings.buffered) {
            self.ask_for_unread(client, now);
        }
    }

    /// Adds the server's name to an error of an opening or a CONNECT.
    fn with_server(&mut self, key: OutcomeKey, mut error: Error) -> Error {
        if let (Effect::Opens | Effect::Connects, Error::Operation { server, .. }) =
            (rules(key.operation).effect(), &mut error)
            && let Some(client) = self.clients.get(key.client)
        {
            server.clone_from(&client.server);
        }
        error
    }

    /// Updates the state of a client after a result.
    fn state_after(&mut self, key: OutcomeKey, result: &Result<Reply, Error>) {
        let rules = rules(key.operation);
        let Some((known, dialect)) = self.clients.get(key.client).zip(self.dialect) else {
            return;
        };
        let Some(state) = rules.state_after(known, dialect, result) else {
            return;
        };
        let ending = matches!(known.state, ClientState::Disconnecting | ClientState::Closing);
        if ending && rules.effect() != Effect::Ends {
            // Its end has begun meanwhile, and the result of that will show the state.
            known.before = state;
            return;
        }
        self.set_state(key.client, state);
    }

    /// Whether a call that failed with this result, or with `ERROR` if `None`, was given a second try.
    pub(super) fn cure(&mut self, job: &mut Job, result: Option<i64>) -> bool {
        let (Some(client), Some(dialect)) = (job.task.client(), self.dialect) else {
            return false;
        };
        if job.is_told() || !job.steps.is_empty() {
            return false;
        }
        let own = job.task.own_mut();
        let Some(cure) = own.and_then(|own| own.cure(result, client, dialect, &mut self.clients)) else {
            return false;
        };
        job.steps = cure.steps;
        self.events.push_back(Event::Reopening(client, cure.reason));
        true
    }
}

/// The event for a message that the module sends again, if a program is still waiting for it.
fn retransmitting(job: &Job, times: i64) -> Option<Event> {
    (job.task.is_publish() && !job.is_told()).then_some(Event::Retransmitting(job.ticket, times))
}
