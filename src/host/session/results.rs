//! Results: what a result URC means for the operation that it is about, and what follows from it.

use std::time::Instant;

use modemqtt_at::codes::{OpenResult, StatCode};
use modemqtt_at::{ClientIndex, MessageId, Operation};

use super::{DataState, Exchange, Session, TRANSPORT_ALLOWANCE};
use crate::call::{ClientState, Event, Reply};
use crate::error::Error;
use crate::job::{Doubt, Goal, Job, OutcomeKey, Task};
use crate::mqtt::{Again, Debt, Meaning, meaning, reopen};
use crate::reader::Outcome;
use crate::timers::Timer;

impl Session {
    /// Whether someone waited for this result.
    pub(super) fn handle_outcome(&mut self, outcome: &Outcome, now: Instant) -> bool {
        let fits = |key: &OutcomeKey| {
            key.operation == outcome.operation && key.client == outcome.client && key.message_id == outcome.message_id
        };
        if outcome.operation == Operation::Publish
            && outcome.message_id == Some(MessageId(0))
            && self.pays_debt(outcome.client)
        {
            return false;
        }
        let meaning = meaning(outcome);
        if let Some(at) = self.waiting.iter().position(|waiting| fits(&waiting.key)) {
            match meaning {
                Meaning::Interim(times) => self.events.extend(retransmitting(&self.waiting[at].job, times)),
                Meaning::End(result) => {
                    let waiting = self.waiting.remove(at);
                    self.timers.clear(Timer::Outcome(waiting.job.ticket));
                    if let Some(code) = waiting.lost {
                        return self.connect_lost(waiting.job, waiting.key, code, result, now);
                    }
                    let job = self.operation_ended(waiting.job, waiting.key, result, now);
                    self.continue_or_release(job, now);
                }
            }
            return true;
        }
        let Some(exchange) = self.exchange.take_if(|exchange| {
            // Before its data are asked for a publish has no result: that is another's, which had no message id either.
            matches!(&exchange.step.goal, Goal::Outcome { key, .. } if fits(key))
                && !exchange.outcome_seen
                && exchange.data != DataState::Due
        }) else {
            return false;
        };
        let Exchange { job, .. } = exchange;
        let (job, seen) = match meaning {
            Meaning::Interim(times) => {
                self.events.extend(retransmitting(&job, times));
                (job, false)
            }
            Meaning::End(result) => {
                let Goal::Outcome { key, .. } = exchange.step.goal else {
                    return false;
                };
                (self.operation_ended(job, key, result, now), true)
            }
        };
        self.exchange = Some(Exchange {
            job,
            outcome_seen: seen,
            ..exchange
        });
        if seen {
            // Nothing but the final result code is missing now.
            self.timers.set(Timer::Exchange, now + TRANSPORT_ALLOWANCE);
        }
        true
    }

    /// A CONNECT whose connection has ended already: what the server has answered says more than that it ended. Whether the
    /// result says anything.
    fn connect_lost(
        &mut self,
        mut job: Job,
        key: OutcomeKey,
        code: StatCode,
        result: Result<Reply, Error>,
        now: Instant,
    ) -> bool {
        let refused = matches!(
            result,
            Err(Error::Operation {
                return_code: Some(_),
                result: 0,
                ..
            })
        );
        let error = match result {
            Err(error) if refused => self.with_server(key, error),
            _ => Error::ConnectionLost {
                client: key.client,
                code,
            },
        };
        self.end(&mut job, Err(error));
        self.continue_or_release(job, now);
        refused
    }

    /// Whether a result without a message id is taken for that of a publish that was given up.
    fn pays_debt(&mut self, client: ClientIndex) -> bool {
        let Some(known) = self.clients.get(client) else {
            return false;
        };
        let owed = known.debt == Debt::Owed;
        known.debt = if owed { Debt::Paid } else { Debt::None };
        owed
    }

    /// Whatever still waits for an acknowledgement will not have it on this connection.
    pub(super) fn connection_over(&mut self, client: ClientIndex) {
        let code = StatCode::CLIENT_CLOSED;
        self.end_operations(client, &Error::ConnectionLost { client, code });
    }

    /// Draws the consequences of a result; the job comes back with the steps that remain.
    fn operation_ended(&mut self, mut job: Job, key: OutcomeKey, result: Result<Reply, Error>, now: Instant) -> Job {
        let result = match (result, &mut job.task) {
            (Ok(Reply::Granted(granted)), Task::Subscribe { subscribing, .. }) => {
                match subscribing.granted(key.client, &granted) {
                    Some(result) => result,
                    None => return job,
                }
            }
            (result, _) => result.map_err(|error| self.with_server(key, error)),
        };
        if result.is_ok() && key.operation == Operation::Unsubscribe && !job.steps.is_empty() {
            return job;
        }
        let ok = result.is_ok();
        if let (Task::Publish { unfinished, .. }, true) = (&mut job.task, ok) {
            *unfinished = false;
        }
        let opened = ok && key.operation == Operation::Open;
        if opened && let Task::Open { client, host, port, .. } = &job.task {
            let (client, host, port) = (*client, host.clone(), *port);
            self.events.push_back(Event::Opened { client, host, port });
        }
        let overtaken = self
            .clients
            .get(key.client)
            .is_some_and(|known| known.state == ClientState::Closed);
        self.state_after(key, &result);
        if opened && overtaken {
            // An end of it that has had no result may have come first.
            self.ask(key.client, Doubt::Outcome { ending: true }, now);
        }
        if ok
            && key.operation == Operation::Connect
            && self
                .clients
                .get(key.client)
                .is_some_and(|known| known.settings.buffered)
        {
            self.ask_for_unread(key.client, now);
        }
        if ok && matches!(key.operation, Operation::Close | Operation::Disconnect) {
            self.connection_over(key.client);
        }
        if let Some(client) = self.clients.get(key.client) {
            // A refused CONNECT is followed by `+QMTSTAT: n,4`, a DISCONNECT by `+QMTSTAT: n,5`.
            client.end_reported = matches!(key.operation, Operation::Disconnect | Operation::Connect)
                && (ok == (key.operation == Operation::Disconnect));
            match key.operation {
                Operation::Disconnect => client.disconnected |= ok,
                Operation::Connect => client.disconnected &= !ok,
                _ => {}
            }
        }
        if key.operation == Operation::Open
            && let Err(Error::Operation { result, .. }) = &result
            && self.reopen(&mut job, OpenResult(*result))
        {
            return job;
        }
        // The index is closed on the way to opening it again; how that ends shows in the opening.
        if key.operation == Operation::Close && matches!(job.task, Task::Open { .. }) {
            return job;
        }
        if let Err(Error::Operation { result: code, .. }) = &result {
            let open = key.operation == Operation::Open && OpenResult(*code) == OpenResult::OCCUPIED;
            if open || matches!(key.operation, Operation::Close | Operation::Disconnect) {
                // Something is open there, whoever opened it.
                self.ask(key.client, Doubt::Outcome { ending: false }, now);
            }
        }
        self.end(&mut job, result);
        job
    }

    /// Names the server that an opening or a CONNECT was about.
    fn with_server(&mut self, key: OutcomeKey, mut error: Error) -> Error {
        if let (Operation::Open | Operation::Connect, Error::Operation { server, .. }) = (key.operation, &mut error)
            && let Some(client) = self.clients.get(key.client)
        {
            server.clone_from(&client.server);
        }
        error
    }

    /// Where a client stands after a result.
    fn state_after(&mut self, key: OutcomeKey, result: &Result<Reply, Error>) {
        let closes = self.dialect.is_some_and(|dialect| dialect.disconnect_closes);
        let Some(known) = self.clients.get(key.client) else {
            return;
        };
        let occupied =
            matches!(result, Err(Error::Operation { result, .. }) if OpenResult(*result) == OpenResult::OCCUPIED);
        let state = match (key.operation, result) {
            // Nothing was closed.
            (Operation::Open, Err(_)) if occupied => known.before.clone(),
            (Operation::Open, Err(_)) | (Operation::Close, Ok(_)) => ClientState::Closed,
            // A connection that has ended meanwhile is closed, whatever comes of what was to be done on it.
            (Operation::Close | Operation::Connect | Operation::Disconnect, _) if !known.state.is_passing() => return,
            (Operation::Connect, Ok(_)) => ClientState::Connected,
            (Operation::Disconnect, Ok(_)) if closes => ClientState::Closed,
            (Operation::Open | Operation::Disconnect, Ok(_)) | (Operation::Connect, Err(_)) => ClientState::Open,
            (Operation::Close | Operation::Disconnect, Err(_)) => known.before.clone(),
            (Operation::Subscribe | Operation::Unsubscribe | Operation::Publish | Operation::Token, _) => return,
        };
        let ending = matches!(known.state, ClientState::Disconnecting | ClientState::Closing);
        if ending && matches!(key.operation, Operation::Open | Operation::Connect) {
            // Its end has begun meanwhile, and how that goes shows in its own result.
            known.before = state;
            return;
        }
        self.set_state(key.client, state);
    }

    /// Gives an opening that has failed for that reason the steps of a second and last try, where there is a cure: an
    /// occupied index is closed, a PDP context that the network took away is given up.
    pub(super) fn reopen(&mut self, job: &mut Job, reason: OpenResult) -> bool {
        let (
            Task::Open {
                client,
                host,
                port,
                reopened,
                refused,
            },
            Some(dialect),
            false,
        ) = (&mut job.task, self.dialect, job.ended)
        else {
            return false;
        };
        if *reopened || !job.steps.is_empty() {
            return false;
        }
        let Some(known) = self.clients.get(*client) else {
            return false;
        };
        let (context, wanted) = (known.settings.pdp_context, known.wanted);
        // A context that carries another client's connection is not the trouble, and would take that one with it.
        if reason == OpenResult::PDP_FAILED && self.clients.others_use(*client, context) {
            return false;
        }
        let again = Again {
            client: *client,
            host,
            port: *port,
            reason,
            pdp_context: context,
            wanted,
            refused,
        };
        let Some(Ok(steps)) = reopen(dialect, &again) else {
            return false;
        };
        *reopened = true;
        self.events.push_back(Event::Reopening(*client, reason));
        job.steps = steps;
        true
    }
}

/// The module sends that job's message again, if there is a program that still waits for it.
fn retransmitting(job: &Job, times: i64) -> Option<Event> {
    (job.task.is_publish() && !job.ended).then_some(Event::Retransmitting(job.ticket, times))
}
