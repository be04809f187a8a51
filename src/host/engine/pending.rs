//! A call under way, as the program sees it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::{ClientIndex, MessageId, Qos};
use modemqtt_os::{Condvar, Moment, Mutex, Waker};

use super::bell::{Bell, Bells};
use super::seat::{Awaited, Waiters};
use crate::call::{Call, Reply, Submission, Ticket};
use crate::error::Error;

/// A call under way.
#[derive(Debug)]
pub struct Pending {
    ticket: Ticket,
    /// The client and QoS of a publish.
    message: Option<(ClientIndex, Qos)>,
    subject: Cow<'static, str>,
    queued_at: Moment,
    state: Mutex<CallState>,
    changed: Condvar,
    bells: Bells,
}

#[derive(Debug, Default)]
struct CallState {
    progress: Progress,
    waiting: Waiters,
}

/// The progress of a call.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The stage reached before its end.
    pub stage: Stage,
    /// How often the module has sent a publish again.
    pub retransmissions: i64,
    /// Its message id.
    pub message_id: MessageId,
    /// The progress of credentials: each name, the bytes sent so far and in all. A waiting thread takes it.
    pub uploads: VecDeque<(&'static str, usize, usize)>,
    /// When the command of a publish was first written.
    pub sent_at: Option<Moment>,
    /// When the module accepted a publish.
    pub accepted_at: Option<Moment>,
    /// Its end.
    pub result: Option<Result<Reply, Error>>,
    /// When it ended.
    pub ended_at: Option<Moment>,
}

/// A stage that a call reaches before its end, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It was submitted.
    #[default]
    Submitted,
    /// The session has found no fault with it.
    Taken,
    /// It has left the queue.
    Started,
    /// The module has accepted a publish.
    Accepted,
}

impl Progress {
    pub(super) fn reach(&mut self, stage: Stage) {
        self.stage = self.stage.max(stage);
    }

    /// Ends it; the first end counts.
    pub(super) fn end(&mut self, result: Result<Reply, Error>) {
        if self.result.is_none() {
            self.result = Some(result);
            self.ended_at = Some(Moment::now());
        }
    }
}

/// The state of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishState {
    /// It waits for the line or for room in the window.
    Queued,
    /// The module has it.
    Accepted,
    /// The module has sent it more than once.
    Retransmitting,
    /// QoS 0: the module has sent it.
    Sent,
    /// The server has acknowledged it.
    Acknowledged,
    /// It was not sent, or the module gave up.
    Failed,
    /// It may have arrived.
    Unknown,
}

impl PublishState {
    /// The word for the state.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Accepted => "accepted",
            Self::Retransmitting => "retransmitting",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl Pending {
    pub(super) fn new(ticket: Ticket, submission: &Submission) -> Self {
        let message = match submission {
            Submission::Call(Call::Publish { client, qos, .. }) => Some((*client, *qos)),
            _ => None,
        };
        Self {
            ticket,
            message,
            subject: submission.subject(),
            queued_at: Moment::now(),
            state: Mutex::default(),
            changed: Condvar::new(),
            bells: Bells::default(),
        }
    }

    /// Notes progress; returns whether anyone is waiting for it and must be woken.
    pub(super) fn update(&self, change: impl FnOnce(&mut Progress)) -> bool {
        let mut state = self.state.lock();
        change(&mut state.progress);
        let awaited = state.waiting.is_anyone();
        drop(state);
        self.bells.each(|bell| bell.note(self.ticket));
        awaited
    }

    /// Wakes all waiting threads.
    pub(super) fn wake(&self) {
        self.state.lock().waiting.call();
        self.changed.notify_all();
    }

    /// Ends it, and wakes all waiting threads.
    pub(super) fn end(&self, result: Result<Reply, Error>) {
        if self.update(|progress| progress.end(result)) {
            self.wake();
        }
    }

    /// Rings this bell from now on when the call progresses; at once if it already has.
    pub fn attend(&self, bell: &Arc<Bell>) {
        self.bells.add(bell);
        let progress = &self.state.lock().progress;
        if progress.stage > Stage::Submitted || progress.result.is_some() {
            bell.note(self.ticket);
            bell.ring();
        }
    }

    /// The ticket that identifies the call.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The client of a publish.
    pub fn client(&self) -> Option<ClientIndex> {
        self.message.map(|(client, _)| client)
    }

    /// Whether it is a publish.
    pub fn is_publish(&self) -> bool {
        self.message.is_some()
    }

    /// What an error calls it.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When it was submitted.
    pub fn queued_at(&self) -> Moment {
        self.queued_at
    }

    /// Its progress.
    pub fn progress(&self) -> Progress {
        self.state.lock().progress.clone()
    }

    /// The next progress report of a credential, if there is one.
    pub fn take_upload(&self) -> Option<(&'static str, usize, usize)> {
        self.state.lock().progress.uploads.pop_front()
    }

    /// Its progress as far as `done` says.
    pub(super) const fn until<D: Fn(&Progress) -> bool>(&self, done: D) -> Until<'_, D> {
        Until { pending: self, done }
    }

    /// Waits at most this long until `done`; returns whether it was.
    pub fn wait(&self, done: impl Fn(&Progress) -> bool, at_most: Duration) -> bool {
        self.until(done).sleep_until(Moment::now() + at_most).is_some()
    }

    /// The state of a publish. One that was sent and has no final result may have arrived: it is unknown, not failed.
    pub fn publish_state(&self) -> PublishState {
        let progress = &self.state.lock().progress;
        match &progress.result {
            None if progress.retransmissions > 0 => PublishState::Retransmitting,
            None if progress.stage == Stage::Accepted => PublishState::Accepted,
            None => PublishState::Queued,
            Some(Ok(_)) if self.message.is_some_and(|(_, qos)| qos == Qos::AtMostOnce) => PublishState::Sent,
            Some(Ok(_)) => PublishState::Acknowledged,
            Some(Err(
                Error::Usage(_)
                | Error::Command { .. }
                | Error::DataGivenUp { .. }
                | Error::NotConnected { .. }
                | Error::Operation { .. },
            )) => PublishState::Failed,
            Some(Err(_)) if progress.stage >= Stage::Started => PublishState::Unknown,
            Some(Err(_)) => PublishState::Failed,
        }
    }
}

/// Progress that is waited for.
pub(super) struct Until<'a, D> {
    pending: &'a Pending,
    done: D,
}

impl<D: Fn(&Progress) -> bool> Awaited for Until<'_, D> {
    type Found = ();

    const COMES_BACK: bool = false;

    fn look(&self, caller: Option<&Waker>) -> Option<()> {
        let mut state = self.pending.state.lock();
        if (self.done)(&state.progress) {
            return Some(());
        }
        state.waiting.note(caller);
        None
    }

    fn turn_away(&self) {
        self.pending.state.lock().waiting.at_port = None;
    }

    fn sleep_until(&self, deadline: Moment) -> Option<()> {
        let mut state = self.pending.state.lock();
        while !(self.done)(&state.progress) {
            state.waiting.asleep += 1;
            let late = self.pending.changed.wait_until(&mut state, deadline);
            state.waiting.asleep -= 1;
            if late {
                return (self.done)(&state.progress).then_some(());
            }
        }
        Some(())
    }
}
