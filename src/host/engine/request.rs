//! What a caller and the I/O thread tell one another: what is wanted, how deeply it sleeps, and who is to be woken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::kept_session::KeptSession;
use super::pending::Pending;
use super::shared::Shared;
use crate::call::{Submission, Ticket};

/// What the program wants.
pub(super) enum Request {
    /// A call.
    Call {
        ticket: Ticket,
        submission: Box<Submission>,
        timeout: Option<Duration>,
        pending: Arc<Pending>,
    },
    /// To have a call taken back that has not been sent.
    TakeBack(Ticket),
    /// To have a session kept, or kept on.
    Keep(Arc<KeptSession>),
}

/// How the I/O thread sleeps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sleep {
    /// Until then at the latest.
    pub(super) until: Option<Instant>,
    /// How many bytes may be read once the port has some; with `None` the port is not looked at.
    pub(super) reads: Option<usize>,
    /// Whether it ends when the port takes bytes.
    pub(super) writes: bool,
    /// Whether there is something to read already.
    pub(super) none: bool,
}

/// Who is told of what has happened once the place is free again: whoever is woken earlier finds it taken by us.
#[derive(Debug, Default)]
pub(super) struct Waking {
    pub(super) callers: Vec<Arc<Pending>>,
    pub(super) bells: bool,
}

impl Waking {
    /// Wakes them.
    pub(super) fn wake(self, shared: &Shared) {
        for pending in self.callers {
            pending.wake();
        }
        if self.bells {
            shared.ring();
        }
    }
}
