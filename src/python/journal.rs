//! What the modems of the process have to say to its log.

use std::process;
use std::sync::Arc;

use modemqtt_host::engine::{self, News, Remark};
use pyo3::prelude::*;

use crate::errors;

/// How many remarks are handed to Python at once.
const BATCH: usize = 256;

/// What the modems of the process have to say to its log, for the thread that writes it there.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Journal {
    pub(crate) journal: Arc<engine::Journal>,
    /// The process whose modems it is for: in a forked child of it nobody may touch the locks.
    process: u32,
}

#[pymethods]
impl Journal {
    #[new]
    fn new() -> Self {
        Self {
            journal: Arc::default(),
            process: process::id(),
        }
    }

    /// Waits for remarks and returns those that have come: the port, what is said, and whether it is a line of the wire; `None` at
    /// the end. It is for a thread of its own, which no signal reaches, so it wakes for remarks only.
    fn next(&self, py: Python<'_>) -> Option<Vec<(String, String, bool)>> {
        let receiver = self.here()?.remarks().receiver();
        let first = py.detach(|| receiver.recv()).ok()?;
        let remarks = std::iter::once(first).chain(receiver.try_iter().take(BATCH));
        Some(remarks.map(shown).collect())
    }

    /// How many remarks had to go since this was asked last.
    fn take_dropped(&self) -> u64 {
        self.here().map_or(0, |journal| journal.remarks().take_dropped())
    }

    /// Takes no more remarks.
    fn end(&self) {
        if let Some(journal) = self.here() {
            journal.end();
        }
    }
}

impl Journal {
    fn here(&self) -> Option<&engine::Journal> {
        (self.process == process::id()).then_some(&*self.journal)
    }
}

fn shown(remark: Remark) -> (String, String, bool) {
    let port = remark.port.to_string();
    match remark.news {
        News::Lost(error) => (port, error.to_string(), false),
        News::Wire(line) => (port, errors::shown(&line), true),
    }
}
