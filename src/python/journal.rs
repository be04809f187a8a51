//! Remarks for the process's log, about all its modems.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use modemqtt_host::engine::{self, News, Remark};
use modemqtt_host::error::Error;
use modemqtt_host::trace::Record;
use pyo3::prelude::*;

use crate::turn::aside;
use crate::{errors, events};

/// How many remarks are handed to Python at once.
const REMARKS_AT_ONCE: usize = 256;

/// Remarks for the process's log, about all its modems, for the thread that writes them there.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Journal {
    pub(crate) remarks: Arc<engine::Journal>,
    /// Whether a thread writes them.
    written: AtomicBool,
    /// The process whose modems it serves: its locks must not be touched in a forked child.
    process: u32,
}

#[pymethods]
impl Journal {
    #[new]
    fn new() -> Self {
        Self {
            remarks: Arc::default(),
            written: AtomicBool::new(false),
            process: process::id(),
        }
    }

    /// Calls `run` once, however often this is called, in a thread that no interrupt reaches; it should start the
    /// thread that writes.
    fn write(&self, run: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.here().is_some() && !self.written.swap(true, Ordering::AcqRel) {
            let thread = aside(run).inspect_err(|_| self.written.store(false, Ordering::Release))?;
            thread.wait(run.py())?;
        }
        Ok(())
    }

    /// Waits for remarks and returns those that have arrived: the port, the kind (`"info"`, `"warning"`, or `"wire"`
    /// for a line of the wire), and the text; `None` at the end. Meant for a thread that no signal reaches, so it wakes
    /// for remarks only.
    fn next(&self, py: Python<'_>) -> Option<Vec<(String, &'static str, String)>> {
        let remarks = self.here()?.remarks();
        let first = py.detach(|| events::wait_for(|at_most| remarks.take(at_most)))?;
        let remarks = std::iter::once(first).chain(remarks.take_some(REMARKS_AT_ONCE, usize::MAX));
        Some(remarks.map(remark_for_python).collect())
    }

    /// How many remarks were dropped since the last time this was asked.
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
        (self.process == process::id()).then_some(&*self.remarks)
    }
}

fn remark_for_python(remark: Remark) -> (String, &'static str, String) {
    let (kind, text) = match remark.news {
        News::Lost(error) => ("warning", error.to_string()),
        News::Unlogged(path, reason) => {
            let text = format!(
                "the log {} cannot be written: {reason}; the modem goes on, and lines are missing there",
                path.display()
            );
            ("warning", text)
        }
        News::Unrecorded(text) => ("warning", text),
        News::Wire(record) => {
            let record = Record::read(&record);
            ("wire", errors::shown(record.sent(), &record.text()))
        }
        News::Reconnecting(client, error, within) => {
            let when = within.map_or("when the modem is open again".to_owned(), |within| {
                format!("in {} s", within.as_secs_f64())
            });
            let again = format!("client {client} connects again {when}");
            // A warning has told of the loss.
            let told = matches!(error, Error::ConnectionLost { .. } | Error::Restarted);
            ("info", if told { again } else { format!("{error}; {again}") })
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
