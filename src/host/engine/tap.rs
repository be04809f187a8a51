//! Where everything that goes over the wire is passed on, in order: to the ring of the last lines, the log file, the
//! program's log, and other taps such as a recording.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use modemqtt_os::{LogFile, Moment};

use super::journal::{Journal, News};
use crate::trace::{Entry, Piece, Ring};

/// Receives everything that goes over the wire, in order: every byte, with its time, its direction and the places of
/// secrets. Whichever thread reads or writes the port calls it while holding a lock, so it must not block.
pub trait Tap: Send {
    /// Takes the next piece.
    fn take(&mut self, piece: &Piece<'_>);
}

/// Everything that receives the wire traffic.
pub(super) struct Wire {
    ring: Ring,
    log: Option<LogFile>,
    journal: Option<(Arc<str>, Arc<Journal>)>,
    taps: Vec<Box<dyn Tap>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("taps", &self.taps.len())
            .finish_non_exhaustive()
    }
}

impl Wire {
    /// Keeps this many bytes, and writes the log. The records of both began at `began`.
    pub(super) fn new(began: Moment, size: usize, log: Option<LogFile>) -> Self {
        Self {
            ring: Ring::new(size, began),
            log,
            journal: None,
            taps: Vec::new(),
        }
    }

    /// Adds a tap from now on.
    pub(super) fn tap(&mut self, tap: Box<dyn Tap>) {
        self.taps.push(tap);
    }

    /// Says whether the program's log receives it too, under the name of this port.
    pub(super) fn trace(&mut self, journal: Option<(Arc<str>, Arc<Journal>)>) {
        self.journal = journal;
    }

    /// Reports to the program's log, under the name of this port, if the log file cannot be written.
    pub(super) fn tell_failure(&self, path: PathBuf, port: Arc<str>, journal: Arc<Journal>) {
        if let Some(log) = &self.log {
            log.on_failure(move |error| journal.note(&port, News::Unlogged(path, error.to_string())));
        }
    }

    pub(super) fn take(&mut self, piece: &Piece<'_>) {
        for tap in &mut self.taps {
            tap.take(piece);
        }
        let Some(record) = self.ring.take(piece) else { return };
        if let Some(log) = &self.log {
            log.push(record);
        }
        if let Some((port, journal)) = &self.journal {
            journal.note(port, News::Wire(record.into()));
        }
    }

    /// The last lines, at most this many, oldest first.
    pub(super) fn last(&self, at_most: usize) -> Vec<Entry> {
        self.ring.last(at_most)
    }

    /// Passes on nothing more; every tap releases what it holds.
    pub(super) fn end(&mut self) -> impl Sized + use<> {
        (self.log.take(), std::mem::take(&mut self.taps))
    }
}
