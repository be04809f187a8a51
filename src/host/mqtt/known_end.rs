//! What the program knows of the end of a connection before the module reports it, so that the report is no second loss.
//!
//! | [`KnownEnd`] | a `+QMTSTAT` is | moved by |
//! |---|---|---|
//! | `Unknown` | news | a refused CONNECT: `Refused`; a DISCONNECT: `Left` |
//! | `Refused` | the tail of the refusal, once | that `+QMTSTAT`, or the next operation: `Unknown` |
//! | `Left` | the tail of the DISCONNECT, once | that `+QMTSTAT`, or the next operation: `Gone` |
//! | `Gone` | news, but for 5: the server closes for the DISCONNECT | an opening, a CONNECT: `Unknown` |

/// What is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KnownEnd {
    /// Nothing.
    #[default]
    Unknown,
    /// A CONNECT was refused, and `+QMTSTAT: <client>,4` may follow.
    Refused,
    /// A DISCONNECT has gone out, and `+QMTSTAT: <client>,5` may follow.
    Left,
    /// The same, and it has followed or something else was begun.
    Gone,
}

impl KnownEnd {
    /// A report has come, or an operation that none belongs to: whether one was due.
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

    /// A DISCONNECT has gone over a connection, which the server closes for it.
    pub(crate) fn has_left(self) -> bool {
        matches!(self, Self::Left | Self::Gone)
    }

    /// An opening: what the server closes from now on is another connection.
    pub(super) fn opens(&mut self) {
        *self = match self {
            Self::Unknown | Self::Gone => Self::Unknown,
            Self::Refused | Self::Left => Self::Refused,
        };
    }
}
