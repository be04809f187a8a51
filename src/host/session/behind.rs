//! Closing after an opening that nobody waits for any more. A module may not accept `AT+QMTCLOSE` until `AT+QMTOPEN` is
//! done, which may take minutes. Until then the close keeps its place in the queue, and later calls of the program for
//! the same client wait for it.

use modemqtt_at::{ClientIndex, Operation};

use super::Session;
use crate::call::ClientState;
use crate::job::Job;

/// What remains to be closed when the program leaves a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// Whatever an opening under way may still open.
    Opening,
    /// A connection, complete or half made.
    Open,
}

impl Session {
    /// What remains to be closed of a client.
    pub(super) fn left_of(&mut self, client: ClientIndex) -> Left {
        let opens = |job: &Job| job.task.operation() == Some(Operation::Open) && job.task.client() == Some(client);
        let under_way = self.queue.iter().any(opens)
            || self.waiting.iter().any(|waiting| opens(&waiting.job))
            || self.exchange.as_ref().is_some_and(|exchange| opens(&exchange.job))
            || self
                .leaving
                .as_ref()
                .is_some_and(|leaving| leaving.then.as_ref().is_some_and(opens));
        let closed = self
            .clients
            .get(client)
            .is_none_or(|known| known.state == ClientState::Closed);
        match (under_way, closed) {
            (true, _) => Left::Opening,
            (false, true) => Left::Nothing,
            (false, false) => Left::Open,
        }
    }
}
