//! What the program already knows about the end of a connection before the module reports it, so that the report does
//! not count as a second loss.
//!
//! | [`KnownEnd`] | meaning of a `+QMTSTAT` | moved by |
//! |---|---|---|
//! | `Unknown` | news | a refused CONNECT: `Refused`; a DISCONNECT: `Left` |
//! | `Refused` | the consequence of the refusal, once | that `+QMTSTAT`, or the next operation: `Unknown` |
//! | `Left` | the consequence of the DISCONNECT, once | that `+QMTSTAT`, or the next operation: `Gone` |
//! | `Gone` | news, except code 5: the server closes because of the DISCONNECT | an opening, a CONNECT: `Unknown` |

/// What is known about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KnownEnd {
    /// Nothing.
    #[default]
    Unknown,
    /// A CONNECT was refused, and `+QMTSTAT: <client>,4` may follow.
    Refused,
    /// A DISCONNECT was sent, and `+QMTSTAT: <client>,5` may follow.
    Left,
    /// The same, but the report has come or another operation has begun.
    Gone,
}

impl KnownEnd {
    /// A report has come, or an operation to which no report belongs; returns whether a report was due.
    pub(crate) fn settle(&mut self) -> bool {
        let due = matches!(self, Self::Refused | Self::Left);
        *self = match self {
            Self::Unknown | Self::Refused => Self::Unknown,
            Self::Left | Self::Gone => Self::Gone,
        };
        due
    }

    /// A CONNECT was refused.
    pub(super) fn refused(&mut self) {
        *self = if self.has_left() { Self::Left } else { Self::Refused };
    }

    /// Whether a DISCONNECT was sent on a connection, which the server closes because of it.
    pub(crate) fn has_left(self) -> bool {
        matches!(self, Self::Left | Self::Gone)
    }

    /// An opening: from now on, a close by the server concerns a new connection.
    pub(super) fn opens(&mut self) {
        *self = match self {
            Self::Unknown | Self::Gone => Self::Unknown,
            Self::Refused | Self::Left => Self::Refused,
        };
    }
}
