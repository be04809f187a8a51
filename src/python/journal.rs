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

    /// Waits for remarks and returns those that have come: the port, what kind it is (`"info"`, `"warning"`, or a line of the
    /// `"wire"`), and what is said; `None` at the end. It is for a thread of its own, which no signal reaches, so it wakes for remarks only.
    fn next(&self, py: Python<'_>) -> Option<Vec<(String, &'static str, String)>> {
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

fn shown(remark: Remark) -> (String, &'static str, String) {
    let (kind, text) = match remark.news {
        News::Lost(error) => ("warning", error.to_string()),
        News::Wire(line) => ("wire", errors::shown(&line)),
        News::Reconnecting(client, error, Some(within)) => {
            let seconds = within.as_secs_f64();
            (
                "info",
                format!("{error}; client {client} connects again in {seconds} s"),
            )
        }
        News::Reconnecting(client, error, None) => {
            let text = format!("{error}; client {client} connects again when the modem is open again");
            ("info", text)
        }
        News::Reconnected(client, attempts, away) => {
            let seconds = away.as_secs_f64();
            let text = format!("client {client} is connected again after {seconds:.1} s, attempt {attempts}");
            ("info", text)
        }
        News::ReconnectFailed(client, error, attempts) => {
            let text = format!("client {client} stays without a connection after {attempts} attempts: {error}");
            ("warning", text)
        }
    };
    (remark.port.to_string(), kind, text)
}
