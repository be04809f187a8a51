//! What servers notice when the module is out of reach.

use super::{Action, ConnectionId};

/// How connections end when the network or the power goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parting {
    /// Servers hear nothing more, and find out by the keep-alive or by a client that takes over.
    #[default]
    Silent,
    /// Servers see the end of each connection at once.
    Told,
}

impl Parting {
    pub(super) const fn of(self, connection: ConnectionId) -> Action {
        match self {
            Self::Silent => Action::Abandon { connection },
            Self::Told => Action::Close { connection },
        }
    }
}
