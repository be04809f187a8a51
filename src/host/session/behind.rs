//! Closing behind an opening that no one waits for any longer. A module need not take `AT+QMTCLOSE` before it is done with
//! `AT+QMTOPEN`, which may take minutes: the close keeps its place in the queue until then, and what the program wants of
//! the client afterwards waits behind it.

use modemqtt_at::{ClientIndex, Operation};

use super::Session;
use crate::call::ClientState;
use crate::job::Job;

/// What a client that is left leaves to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// What an opening under way may still open.
    Opening,
    /// A connection, or half of one.
    Open,
}

impl Session {
    /// What is left to be closed of a client.
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
