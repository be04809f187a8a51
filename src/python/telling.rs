//! How far an engine's events have been told to the program.

use std::time::Duration;

use modemqtt_os::{Condvar, Mutex};

/// How far the events have been told.
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
    /// It has told of the last one.
    Over,
}

impl Telling {
    /// From now on a thread takes events; whether there was none before.
    pub(crate) fn begin(&self) -> bool {
        let mut stage = self.stage.lock();
        let first = *stage == Stage::NotYet;
        if first {
            *stage = Stage::UnderWay;
        }
        first
    }

    /// All was told.
    pub(crate) fn end(&self) {
        *self.stage.lock() = Stage::Over;
        self.is_over.notify_all();
    }

    /// Waits until all was told, for at most that long; whether it was, or nobody listens.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let mut stage = self.stage.lock();
        if *stage == Stage::UnderWay {
            self.is_over.wait_for(&mut stage, at_most);
        }
        *stage != Stage::UnderWay
    }
}
