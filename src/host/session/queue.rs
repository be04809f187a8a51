//! Calls in: planned, and queued until their turn; which is next, which may overtake, and which are taken back.

use std::collections::VecDeque;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_at::codes::StatCode;
use modemqtt_os::Moment;

use super::behind::Left;
use super::{Session, Waiting};
use crate::call::{Call, Event, Reply, Ticket};
use crate::error::Error;
use crate::job::{Caller, INTERNAL, Job, Sync, Task};
use crate::mqtt::{Effect, Own, ended_by, plan, rules};
use crate::timers::Timer;

/// How many secrets are remembered.
const SECRETS: usize = 16;

impl Session {
    /// Takes a call from the program or an errand.
    pub(super) fn take(&mut self, ticket: Ticket, call: Call, timeout: Option<Duration>, now: Moment) {
        if matches!(call, Call::SetUpAnew) {
            self.forget(&Error::Restarted);
            self.events.push_back(Event::Restarted);
        }
        if let Some(error) = self.takes_for_itself(&call) {
            return self.events.push_back(Event::ended(ticket, Err(error)));
        }
        if let Some(client) = ended_by(&call) {
            self.end_queued_publishes(client);
        }
        let left = match call {
            Call::CloseBehind { client } => self.left_of(client),
            _ => Left::Open,
        };
        if left == Left::Nothing {
            return self.events.push_back(Event::ended(ticket, Ok(Reply::Done)));
        }
        // A call sent at once uses the settings in force now.
        let at_once =
            self.exchange.is_none() && self.leaving.is_none() && self.queue.is_empty() && self.waiting.is_empty();
        let later = !at_once && matches!(call, Call::Publish { .. } | Call::Configure { .. } | Call::Open { .. });
        let kept = later.then(|| call.clone());
        let planned = match (call, self.dialect) {
            (Call::SetUp | Call::SetUpAnew, _) => Ok((Task::SetUp(Sync::default()), VecDeque::new())),
            (call, Some(dialect)) => plan(call, dialect, &mut self.clients, None),
            (_, None) => Err(Error::Usage(
                "the module is not known yet; open() finds out which it is".into(),
            )),
        };
        let (task, steps) = match planned {
            Ok(planned) => planned,
            Err(error) => return self.events.push_back(Event::ended(ticket, Err(error))),
        };
        let mut job = Job {
            ticket,
            task,
            steps,
            call: kept,
            submitted_at: now,
            caller: Caller::Untold,
        };
        if matches!(job.task, Task::SetUp(_)) {
            self.plan_set_up(&mut job);
        }
        if job.steps.is_empty() {
            // There is nothing to do.
            let reply = job.task.own_mut().map_or(Reply::Done, Own::reply);
            return self.end(&mut job, Ok(reply));
        }
        self.remember_secrets(&job);
        if left == Left::Opening {
            self.end(&mut job, Ok(Reply::Done));
            self.queue.push_back(job);
            return self.start_next(now);
        }
        self.queue.push_back(job);
        // A time beyond the clock's range limits nothing.
        if let Some(at) = timeout.and_then(|timeout| now.checked_add(timeout)) {
            self.timers.set(Timer::Caller(ticket), at);
        }
        self.start_next(now);
    }

    /// The error for data that contain a byte used by flow control.
    pub(super) fn takes_for_itself(&mut self, call: &Call) -> Option<Error> {
        let (what, data) = match call {
            Call::Publish { client, payload, .. } => {
                let hex = self
                    .clients
                    .get(*client)
                    .is_some_and(|client| client.settings.send.is_hex());
                ("the payload holds", Some(payload).filter(|_| !hex)?)
            }
            Call::Command { data: Some(data), .. } => ("data holds", data),
            Call::Configure { options, .. } => match &options.will {
                Some(Some(will)) => ("the will holds", &will.payload),
                _ => return None,
            },
            _ => return None,
        };
        let byte = data.iter().find(|byte| self.reserved.contains(byte))?;
        Some(Error::Usage(format!(
            "{what} the byte 0x{byte:02X}, which the flow control of the port takes for itself; another flow_control \
             carries it{}",
            if matches!(call, Call::Publish { .. }) {
                ", and so does send_format=\"hex\" where the dialect has it"
            } else {
                ""
            }
        )))
    }

    /// The first job that may run. Jobs of one client keep their order, except that publishes waiting for room in the
    /// window delay neither subscriptions nor the end of the connection. A full window of one client delays no other
    /// client.
    pub(super) fn next_runnable(&mut self) -> Option<usize> {
        let window = self.dialect.map_or(1, |dialect| dialect.window);
        let mut held_up: Vec<ClientIndex> = Vec::new();
        let mut no_room: Vec<ClientIndex> = Vec::new();
        for (at, job) in self.queue.iter().enumerate() {
            let Some(client) = job.task.client() else {
                return Some(at);
            };
            if held_up.contains(&client) || (no_room.contains(&client) && !overtakes(&job.task)) {
                continue;
            }
            let full = self
                .clients
                .get(client)
                .is_some_and(|client| client.in_flight >= window);
            if job.task.is_publish() && full {
                no_room.push(client);
                continue;
            }
            // Operations without a message id look alike, so the second of a kind waits for the first. A job that
            // depends on the state of the connection waits for one that changes it.
            let waits = self.waiting.iter().any(|waiting| {
                (waiting.key.message_id.is_none() && job.leads_to(waiting.key))
                    || (waiting.key.client == client && builds_on(&job.task, waiting))
            });
            if !waits {
                return Some(at);
            }
            held_up.push(client);
        }
        None
    }

    /// Begins a job whose turn it is, using the settings in force now.
    pub(super) fn begin(&mut self, mut job: Job, now: Moment) {
        if let (Some(call), Some(dialect)) = (job.call.take(), self.dialect) {
            let wrong = self.takes_for_itself(&call);
            let planned = match wrong {
                Some(error) => Err(error),
                None => plan(call, dialect, &mut self.clients, job.task.message_id()),
            };
            match planned {
                Ok((task, steps)) => {
                    job.task = task;
                    job.steps = steps;
                    self.remember_secrets(&job);
                }
                Err(error) => {
                    self.end(&mut job, Err(error));
                    self.release(&job, false);
                    return self.start_next(now);
                }
            }
        }
        self.step(job, now);
    }

    /// Remembers the secrets that a job sends, so that they are not shown if the module gives them back.
    pub(super) fn remember_secrets(&mut self, job: &Job) {
        for secret in job.steps.iter().flat_map(|step| &step.line.secrets) {
            if !self.secrets.contains(secret) {
                self.secrets.push_back(secret.clone());
            }
        }
        while self.secrets.len() > SECRETS {
            self.secrets.pop_front();
        }
    }

    /// Takes back a call that is waiting for its turn.
    pub(super) fn take_from_queue(&mut self, ticket: Ticket, now: Moment) {
        let waits = |job: &Job| job.ticket == ticket && ticket != INTERNAL;
        if let Some(at) = self.queue.iter().position(waits)
            && let Some(mut job) = self.queue.remove(at)
        {
            self.end(&mut job, Err(Error::TakenBack));
            self.release(&job, false);
            self.start_next(now);
        }
    }

    /// The program no longer wants the connection: queued publishes are not sent.
    pub(super) fn end_queued_publishes(&mut self, client: ClientIndex) {
        let code = StatCode::CLIENT_CLOSED;
        self.end_queued(&Error::ConnectionLost { client, code }, |job| {
            job.task.is_publish() && job.task.client() == Some(client)
        });
    }

    /// The connection is lost: queued publishes are not sent, except those that wait for another connection.
    pub(super) fn end_publishes_of(&mut self, client: ClientIndex, error: &Error) {
        let mut another = false;
        self.end_queued(error, |job| {
            let concerned = job.task.client() == Some(client);
            another |= concerned && changes_connection(&job.task);
            concerned && !another && job.task.is_publish()
        });
    }

    fn end_queued(&mut self, error: &Error, ends: impl FnMut(&Job) -> bool) {
        let (ending, staying): (VecDeque<Job>, _) = std::mem::take(&mut self.queue).into_iter().partition(ends);
        self.queue = staying;
        for mut job in ending {
            self.end(&mut job, Err(error.clone()));
            self.release(&job, false);
        }
    }
}

/// Whether a job begins or ends the connection of its client.
fn changes_connection(task: &Task) -> bool {
    task.operation()
        .is_some_and(|operation| rules(operation).effect() != Effect::None)
}

/// Whether the outcome of a job depends on how an operation of its client ends.
fn builds_on(task: &Task, waiting: &Waiting) -> bool {
    let effect = rules(waiting.key.operation).effect();
    let behind = waiting.job.task.own().is_some_and(Own::is_behind);
    let waits = || {
        task.operation()
            .zip(task.own())
            .is_some_and(|(operation, own)| rules(operation).waits_for(own, effect))
    };
    effect != Effect::None && ((behind && effect == Effect::Ends) || waits())
}

/// Whether a job may overtake publishes that find no room in the window.
fn overtakes(task: &Task) -> bool {
    task.operation()
        .is_some_and(|operation| rules(operation).overtakes_publishes())
}
