//! One kept session: from the loss of its connection to the next connection, or to the end.
//!
//! | [`State`] | what moves it |
//! |---|---|
//! | `Entering` | the program opens and connects: `Connected`, or `Ended` |
//! | `Connected` | a loss: `Waiting`, `PortGone` or `GivenUp` |
//! | `Waiting` | its time comes: `Attempting` |
//! | `PortGone` | a new engine takes the session over: `Waiting` |
//! | `Attempting` | the errand that configures, opens and connects ([`Errand::Enter`]) succeeds: `Subscribing`, or `Connected` if there is nothing to subscribe to |
//! | `Subscribing` | the last call succeeds: `Connected` |
//! | `Clearing` | what the attempt left open is closed: `Waiting` or `GivenUp` |
//! | `GivenUp`, `Ended` | nothing |
//!
//! A failed step of an attempt leads to `Clearing`; a lost port leads from any state to `PortGone`. If the program ends
//! the connection, the session is no longer kept, whatever its state.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_os::Moment;

use super::subscriptions::{Subscriptions, Topics, levels};
use super::waits::{is_final, is_of_port, weight};
use crate::call::{Call, Errand, Event, Login, Reconnected, Reply, Submission, Ticket};
use crate::error::Error;

/// The longest wait; the clock may not represent a later time.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// When a session reconnects, and how many times it tries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The wait before the first attempt.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
    /// The factor by which each wait is longer than the one before.
    pub factor: f64,
    /// How many attempts may fail; `None` sets no limit.
    pub attempts: Option<u32>,
}

/// The state of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The program opens and connects. A restart before that is done loses the configuration.
    Entering {
        /// Whether there was a restart.
        restarted: bool,
    },
    /// The client is connected.
    Connected,
    /// Waiting for the next attempt.
    Waiting {
        /// When the attempt is due.
        until: Moment,
    },
    /// The port is gone; the program has to open the modem again.
    PortGone,
    /// The errand that configures, opens and connects is under way.
    Attempting,
    /// The subscriptions are being made again.
    Subscribing {
        /// The calls left, with the first one under way.
        left: VecDeque<Topics>,
    },
    /// What a failed attempt left open is being closed.
    Clearing {
        /// Why the attempt failed.
        error: Error,
    },
    /// The session has given up; it stays without a connection.
    GivenUp,
    /// The port was lost before the session was connected.
    Ended,
}

/// A period without a connection.
#[derive(Clone, Debug)]
struct Outage {
    since: Moment,
    attempts: u32,
    /// The next wait, before the error lengthens it.
    wait: Duration,
    granted: Vec<(String, i64)>,
    /// A loss during this attempt, which fails it even if its call succeeds.
    spoilt: Option<Error>,
}

/// A call from the program whose end affects the session.
#[derive(Clone, Debug)]
enum Noted {
    Subscribe(Topics),
    Unsubscribe(Vec<String>),
    Publish { started: bool },
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Action {
    /// Submit this, with this timeout.
    Submit(Submission, Option<Duration>),
    /// Tell the program.
    Tell(Event),
}

/// A session that is kept.
#[derive(Debug)]
pub struct Keep {
    client: ClientIndex,
    login: Login,
    plan: Plan,
    state: State,
    subscriptions: Subscriptions,
    noted: HashMap<Ticket, Noted>,
    /// Publishes that a loss interrupted, and that may or may not have arrived.
    unknown: Vec<Ticket>,
    outage: Option<Outage>,
    /// The session's own call under way.
    call: Option<Ticket>,
    actions: VecDeque<Action>,
}

impl Keep {
    /// A session about to be opened.
    pub fn new(client: ClientIndex, login: Login, plan: Plan) -> Self {
        Self {
            client,
            login,
            plan,
            state: State::Entering { restarted: false },
            subscriptions: Subscriptions::default(),
            noted: HashMap::new(),
            unknown: Vec::new(),
            outage: None,
            call: None,
            actions: VecDeque::new(),
        }
    }

    /// The client that the session belongs to.
    pub fn client(&self) -> ClientIndex {
        self.client
    }

    /// Its state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::GivenUp | State::Ended)
    }

    /// When [`Keep::handle_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Moment> {
        match self.state {
            State::Waiting { until } => Some(until),
            _ => None,
        }
    }

    /// What is to be done next.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Its own call that has not ended.
    pub(super) fn under_way(&self) -> Option<Ticket> {
        self.call
    }

    /// Notes the ticket of the call that it asked for.
    pub(super) fn handed_over(&mut self, ticket: Ticket) {
        self.call = Some(ticket);
    }

    /// Whether the next [`Event::Reconnected`] will name this publish.
    pub(super) fn remembers(&self, ticket: Ticket) -> bool {
        self.unknown.contains(&ticket)
    }

    /// The program has submitted a call for this client.
    pub(super) fn submitted(&mut self, ticket: Ticket, call: &Call) {
        let noted = match call {
            Call::Subscribe { topics, .. } => Noted::Subscribe(topics.clone()),
            Call::Unsubscribe { topics, .. } => Noted::Unsubscribe(topics.clone()),
            Call::Publish { .. } => Noted::Publish { started: false },
            _ => return,
        };
        self.noted.insert(ticket, noted);
    }

    /// A call has left the queue.
    pub(super) fn started(&mut self, ticket: Ticket) {
        if let Some(Noted::Publish { started }) = self.noted.get_mut(&ticket) {
            *started = true;
        }
    }

    /// A call has ended: the session's own or the program's.
    pub(super) fn ended(&mut self, ticket: Ticket, result: &Result<Reply, Error>, now: Moment) {
        if self.call == Some(ticket) {
            self.call = None;
            return self.step_ended(result, now);
        }
        match (self.noted.remove(&ticket), result) {
            (Some(Noted::Subscribe(topics)), Ok(Reply::Granted(granted)) | Err(Error::NotGranted { granted, .. })) => {
                self.subscriptions.add(topics, granted);
            }
            (Some(Noted::Unsubscribe(topics)), Ok(_)) => self.subscriptions.remove(topics.iter().map(String::as_str)),
            (Some(Noted::Publish { started: true }), Err(error)) if is_loss(error) => self.unknown.push(ticket),
            _ => {}
        }
    }

    /// The client is connected.
    pub(super) fn connected(&mut self, now: Moment) {
        if let State::Entering { restarted } = self.state {
            self.state = State::Connected;
            if restarted {
                self.lose(Error::Restarted, now);
            }
        }
    }

    /// The connection is lost, or everything that the module knew.
    pub(super) fn lost(&mut self, error: Error, now: Moment) {
        match &mut self.state {
            State::Connected => self.lose(error, now),
            State::Entering { restarted } => *restarted |= error == Error::Restarted,
            State::Attempting | State::Subscribing { .. } => {
                if let Some(outage) = &mut self.outage {
                    outage.spoilt = Some(error);
                }
            }
            // Nothing to lose. A restart ends the call under way, if any.
            _ => {}
        }
    }

    /// The port is lost, or the program has closed it. This is not an attempt: the module has no part in it.
    pub(super) fn port_lost(&mut self, error: &Error, now: Moment) {
        match self.state {
            State::PortGone | State::GivenUp | State::Ended => {}
            State::Entering { .. } => self.state = State::Ended,
            State::Connected => self.lose(error.clone(), now),
            _ => {
                if let Some(outage) = &mut self.outage {
                    outage.wait = self.plan.first;
                }
                self.call = None;
                self.wait_for_port(error.clone());
            }
        }
    }

    /// A new engine has taken the session over.
    pub(super) fn port_back(&mut self, now: Moment) {
        if let (State::PortGone, Some(outage)) = (&self.state, &self.outage) {
            self.state = State::Waiting {
                until: now + self.plan.most.min(outage.wait).min(LONGEST),
            };
        }
    }

    /// Begins an attempt that is due.
    pub(super) fn handle_timeout(&mut self, now: Moment) {
        if self.next_timeout().is_some_and(|until| until <= now) {
            if let Some(outage) = &mut self.outage {
                outage.spoilt = None;
                outage.granted.clear();
            }
            self.attempt();
        }
    }

    fn lose(&mut self, error: Error, now: Moment) {
        let outage = Outage {
            since: now,
            attempts: 0,
            wait: self.plan.first,
            granted: Vec::new(),
            spoilt: None,
        };
        self.wait(outage, error, now);
    }

    /// Waits for the next attempt, unless it would end as the last one did.
    fn wait(&mut self, outage: Outage, error: Error, now: Moment) {
        let client = self.client;
        if is_final(&error) || self.plan.attempts == Some(outage.attempts) {
            self.state = State::GivenUp;
            self.outage = None;
            self.unknown.clear();
            let failed = Event::ReconnectFailed(client, Box::new(error), outage.attempts);
            return self.actions.push_back(Action::Tell(failed));
        }
        let within = self
            .plan
            .most
            .min(outage.wait.saturating_mul(weight(&error)))
            .min(LONGEST);
        self.outage = Some(outage);
        if is_of_port(&error) {
            return self.wait_for_port(error);
        }
        self.state = State::Waiting { until: now + within };
        let waiting = Event::Reconnecting(client, Box::new(error), Some(within));
        self.actions.push_back(Action::Tell(waiting));
    }

    fn wait_for_port(&mut self, error: Error) {
        self.state = State::PortGone;
        let waiting = Event::Reconnecting(self.client, Box::new(error), None);
        self.actions.push_back(Action::Tell(waiting));
    }

    /// Continues after a step has ended.
    fn step_ended(&mut self, result: &Result<Reply, Error>, now: Moment) {
        match (std::mem::replace(&mut self.state, State::Ended), result) {
            (_, Err(error)) if is_of_port(error) => {
                self.state = State::Clearing { error: error.clone() };
                self.port_lost(error, now);
            }
            (State::Clearing { error }, _) => {
                if let Some(outage) = self.outage.take() {
                    self.wait(outage, error, now);
                }
            }
            (State::Subscribing { left }, Err(Error::NotGranted { granted, .. })) => self.granted(left, granted, now),
            (_, Err(error)) => self.failed(error.clone()),
            (step, Ok(reply)) => match self.outage.as_mut().and_then(|outage| outage.spoilt.take()) {
                Some(error) => self.failed(error),
                None => self.next_step(step, reply, now),
            },
        }
    }

    fn next_step(&mut self, step: State, reply: &Reply, now: Moment) {
        match step {
            State::Attempting => self.subscribe(self.subscriptions.calls(), now),
            State::Subscribing { left } => {
                let levels = match reply {
                    Reply::Granted(levels) => levels.as_slice(),
                    _ => &[],
                };
                self.granted(left, levels, now);
            }
            other => self.state = other,
        }
    }

    /// Connects as the program did, with the login's time limit for each step.
    fn attempt(&mut self) {
        self.state = State::Attempting;
        let errand = Errand::Enter(self.client, Box::new(self.login.clone()));
        self.actions.push_back(Action::Submit(errand.into(), None));
    }

    /// The first of these calls has its answer; the rest follow.
    fn granted(&mut self, mut left: VecDeque<Topics>, given: &[i64], now: Moment) {
        if let (Some(topics), Some(outage)) = (left.pop_front(), &mut self.outage) {
            let told = levels(topics, given).map(|((topic, _), level)| (topic, level));
            outage.granted.extend(told);
        }
        self.subscribe(left, now);
    }

    fn subscribe(&mut self, left: VecDeque<Topics>, now: Moment) {
        let Some(topics) = left.front().cloned() else {
            return self.finish(now);
        };
        self.state = State::Subscribing { left };
        self.submit(Call::Subscribe {
            client: self.client,
            topics,
        });
    }

    fn finish(&mut self, now: Moment) {
        self.state = State::Connected;
        let Some(outage) = self.outage.take() else { return };
        let told = Reconnected {
            client: self.client,
            attempts: outage.attempts + 1,
            away: now.since(outage.since),
            granted: outage.granted,
            unknown: std::mem::take(&mut self.unknown),
        };
        self.actions.push_back(Action::Tell(Event::Reconnected(Box::new(told))));
    }

    /// Closes any half-made connection, such as one lost while it was being made.
    fn failed(&mut self, error: Error) {
        if let Some(outage) = &mut self.outage {
            outage.attempts += 1;
            let most = self.plan.most.as_secs_f64();
            let next = outage.wait.as_secs_f64() * self.plan.factor;
            outage.wait = Duration::try_from_secs_f64(next.min(most)).unwrap_or(self.plan.most);
        }
        self.state = State::Clearing { error };
        let client = self.client;
        self.submit(Call::CloseBehind { client });
    }

    fn submit(&mut self, call: Call) {
        self.actions.push_back(Action::Submit(call.into(), self.login.timeout));
    }
}

/// Whether a publish that ended with this error may still have arrived.
fn is_loss(error: &Error) -> bool {
    is_of_port(error)
        || matches!(
            error,
            Error::ConnectionLost { .. } | Error::Restarted | Error::PoweredDown
        )
}
