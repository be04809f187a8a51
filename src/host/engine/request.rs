//! What a caller and the I/O thread tell each other: what is wanted, how deeply the thread sleeps, and who is to be
//! woken.

use std::sync::Arc;
use std::time::Duration;

use modemqtt_os::Moment;

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
    /// Take back a call that has not been sent.
    TakeBack(Ticket),
    /// Keep a session, or continue to keep it.
    Keep(Arc<KeptSession>),
}

/// How the I/O thread sleeps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sleep {
    /// The latest time to wake.
    pub(super) until: Option<Moment>,
    /// How many bytes may be read when the port has some; with `None` the port is not watched.
    pub(super) reads: Option<usize>,
    /// Whether to wake when the port takes bytes.
    pub(super) writes: bool,
    /// Whether there is already something to read.
    pub(super) none: bool,
}

/// Who is woken once the place is free again: anyone woken earlier would still find it taken.
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
