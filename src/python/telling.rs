//! How far an engine's events have been reported to the program.

use std::time::Duration;

use modemqtt_os::{Condvar, Mutex};

/// How far the events have been reported.
#[derive(Default)]
pub(crate) struct Telling {
    stage: Mutex<Stage>,
    is_over: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Nobody listens.
    #[default]
    NotYet,
    /// A thread takes events, or is about to.
    UnderWay,
    /// It has reported the last one.
    Over,
}

impl Telling {
    /// From now on a thread takes events; returns whether there was none before.
    pub(crate) fn begin(&self) -> bool {
        let mut stage = self.stage.lock();
        let first = *stage == Stage::NotYet;
        if first {
            *stage = Stage::UnderWay;
        }
        first
    }

    /// All events have been reported.
    pub(crate) fn end(&self) {
        *self.stage.lock() = Stage::Over;
        self.is_over.notify_all();
    }

    /// Waits at most this long until all have been reported; returns whether they have, or nobody listens.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let mut stage = self.stage.lock();
        if *stage == Stage::UnderWay {
            self.is_over.wait_for(&mut stage, at_most);
        }
        *stage != Stage::UnderWay
    }
}
