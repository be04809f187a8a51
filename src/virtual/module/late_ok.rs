//! Final result codes that faults hold back.

use modemqtt_at::{ClientIndex, Operation};

use super::terminal::Place;
use crate::fault::Fault;

/// An `OK` that waits for the result of its command.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateOk {
    pub(super) operation: Operation,
    pub(super) client: ClientIndex,
    pub(super) id: u16,
    /// What holds it back.
    pub(super) by: Fault,
}

impl LateOk {
    pub(super) const fn place(self) -> Place {
        match self.by {
            Fault::ResultWithOk => Place::Before,
            _ => Place::Behind,
        }
    }
}
