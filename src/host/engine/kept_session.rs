//! A kept session, as the program sees it. It outlives its engine: when the port is gone, it waits here for the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use modemqtt_at::ClientIndex;
use modemqtt_os::{Condvar, Mutex};

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
    /// Whether the client is connected, whoever has connected it.
    connected: bool,
    /// Why it connects no more.
    failure: Option<Error>,
    /// While no engine has it.
    keep: Option<Box<Keep>>,
    /// Publishes that the next [`crate::call::Event::Reconnected`] names.
    unknown: Vec<Arc<Pending>>,
    /// What the engine that has it, or had it last, has put down.
    shared: Option<Arc<Shared>>,
}

/// What waiting for the connection has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It is there.
    Connected,
    /// The session has given up, for that reason.
    GivenUp(Error),
    /// The session is kept no longer.
    Over,
}

impl KeptSession {
    /// One that no engine has yet.
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

    /// Whose it is.
    pub fn client(&self) -> ClientIndex {
        self.client
    }

    /// Connects no more by itself.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
        let mut known = self.known.lock();
        known.keep = None;
        known.unknown.clear();
        self.changed.notify_all();
    }

    /// Whether it was ended.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// What the engine that has it, or had it last, has put down.
    pub fn shared(&self) -> Option<Arc<Shared>> {
        self.known.lock().shared.clone()
    }

    /// Waits for the connection, for at most that long; `None` while there is nothing to be said.
    pub fn wait(&self, at_most: Duration) -> Option<Wait> {
        let deadline = Instant::now() + at_most;
        let mut known = self.known.lock();
        loop {
            if self.is_over() {
                return Some(Wait::Over);
            }
            if known.connected {
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

    /// Gives an engine what it has to keep.
    pub(super) fn hand_over(&self, shared: &Arc<Shared>) -> Option<Keep> {
        let mut known = self.known.lock();
        known.shared = Some(Arc::clone(shared));
        known.keep.take().map(|keep| *keep)
    }

    /// The engine is gone; what it has kept waits for the next.
    pub(super) fn hand_back(&self, keep: Option<Keep>) {
        let mut known = self.known.lock();
        known.connected = false;
        if !self.is_over() {
            known.keep = keep.map(Box::new);
        }
        self.changed.notify_all();
    }

    pub(super) fn connected(&self, connected: bool) {
        self.known.lock().connected = connected;
        self.changed.notify_all();
    }

    pub(super) fn has_failed(&self, error: Error) {
        let mut known = self.known.lock();
        known.failure = Some(error);
        known.unknown.clear();
        self.changed.notify_all();
    }

    /// Keeps a publish until it is told that nobody knows what has become of it.
    pub(super) fn remember(&self, publish: Arc<Pending>) {
        self.known.lock().unknown.push(publish);
    }

    /// The publishes that go by these tickets.
    pub(super) fn take_unknown(&self, tickets: &[Ticket]) -> Vec<Arc<Pending>> {
        let mut unknown = std::mem::take(&mut self.known.lock().unknown);
        unknown.retain(|publish| tickets.contains(&publish.ticket()));
        unknown
    }
}
