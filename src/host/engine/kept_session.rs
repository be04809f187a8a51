//! A kept session, as the program sees it. It outlives its engine: when the port is gone, it waits here for the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_os::{Condvar, Moment, Mutex};

use super::pending::Pending;
use super::shared::Shared;
use crate::call::Ticket;
use crate::error::Error;
use crate::keep::Keep;

/// A session that is kept.
#[derive(Debug)]
pub struct KeptSession {
    client: ClientIndex,
    known: Mutex<Keeping>,
    changed: Condvar,
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct Keeping {
    /// Why it has stopped reconnecting.
    failure: Option<Error>,
    /// The session while no engine has it.
    keep: Option<Box<Keep>>,
    /// Publishes that the next [`crate::call::Event::Reconnected`] names.
    unknown: Vec<Arc<Pending>>,
    /// What the current or last engine shares with the program.
    shared: Option<Arc<Shared>>,
}

/// The outcome of waiting for the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The client is connected.
    Connected,
    /// The session has given up for this reason.
    GivenUp(Error),
    /// The session is no longer kept.
    Over,
}

impl KeptSession {
    /// A session that no engine has yet.
    pub fn new(keep: Keep) -> Self {
        Self {
            client: keep.client(),
            known: Mutex::new(Keeping {
                keep: Some(Box::new(keep)),
                ..Keeping::default()
            }),
            changed: Condvar::new(),
            over: AtomicBool::new(false),
        }
    }

    /// The client that the session belongs to.
    pub fn client(&self) -> ClientIndex {
        self.client
    }

    /// Stops reconnecting.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
        let mut known = self.known.lock();
        known.keep = None;
        known.unknown.clear();
        self.changed.notify_all();
    }

    /// Whether it has been ended.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// What the current or last engine shares with the program.
    pub fn shared(&self) -> Option<Arc<Shared>> {
        self.known.lock().shared.clone()
    }

    /// Waits for the connection, at most this long; `None` if there is still nothing to report.
    pub fn wait(&self, at_most: Duration) -> Option<Wait> {
        let deadline = Moment::now() + at_most;
        let mut known = self.known.lock();
        loop {
            if self.is_over() {
                return Some(Wait::Over);
            }
            // Whoever connected it.
            if known
                .shared
                .as_ref()
                .is_some_and(|shared| shared.is_connected(self.client))
            {
                return Some(Wait::Connected);
            }
            if let Some(error) = &known.failure {
                return Some(Wait::GivenUp(error.clone()));
            }
            if self.changed.wait_until(&mut known, deadline) {
                return None;
            }
        }
    }

    /// Gives an engine the session to keep.
    pub(super) fn hand_over(&self, shared: &Arc<Shared>) -> Option<Keep> {
        let mut known = self.known.lock();
        known.shared = Some(Arc::clone(shared));
        known.keep.take().map(|keep| *keep)
    }

    /// The engine is gone; its session waits for the next one.
    pub(super) fn hand_back(&self, keep: Option<Keep>) {
        let mut known = self.known.lock();
        if !self.is_over() {
            known.keep = keep.map(Box::new);
        }
        self.changed.notify_all();
    }

    /// The state of its client has changed.
    pub(super) fn client_changed(&self) {
        // Whoever has looked at the state with this lock sleeps by now.
        drop(self.known.lock());
        self.changed.notify_all();
    }

    pub(super) fn has_failed(&self, error: Error) {
        let mut known = self.known.lock();
        known.failure = Some(error);
        known.unknown.clear();
        self.changed.notify_all();
    }

    /// Holds a publish until the program is told that its fate is unknown.
    pub(super) fn remember(&self, publish: Arc<Pending>) {
        self.known.lock().unknown.push(publish);
    }

    /// The publishes with these tickets.
    pub(super) fn take_unknown(&self, tickets: &[Ticket]) -> Vec<Arc<Pending>> {
        let mut unknown = std::mem::take(&mut self.known.lock().unknown);
        unknown.retain(|publish| tickets.contains(&publish.ticket()));
        unknown
    }
}
