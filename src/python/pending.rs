//! A call under way, as Python sees it.

use std::sync::Arc;
use std::time::Duration;

use modemqtt_host::call::Reply;
use modemqtt_host::engine::{self, Shared};
use modemqtt_host::error::Error;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::bell::Bell;
use crate::engine::shared;
use crate::{civil, errors, settings};

/// How long to wait to learn whether a call could be taken back.
const TAKING_BACK: Duration = Duration::from_millis(50);

/// A call under way.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Pending {
    pending: Arc<engine::Pending>,
    engine: Arc<engine::Engine>,
}

impl Pending {
    pub(crate) fn new(pending: Arc<engine::Pending>, engine: Arc<engine::Engine>) -> Self {
        Self { pending, engine }
    }

    /// What the engine shares with the program, and the call itself. An error in a forked child, where a lock that the
    /// thread held at the fork is never released.
    fn here(&self, py: Python<'_>) -> PyResult<(&Shared, &engine::Pending)> {
        Ok((shared(py, &self.engine)?, &self.pending))
    }

    fn translated<'py>(
        &self,
        py: Python<'py>,
        result: Option<Result<Reply, Error>>,
        waited: Duration,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (shared, pending) = self.here(py)?;
        let late = || {
            Err(Error::Timeout {
                command: pending.subject().to_owned(),
                awaited: "result",
                waited,
                hint: "".into(),
            })
        };
        match result.unwrap_or_else(late) {
            Ok(reply) => translate(py, reply),
            Err(error) => Err(errors::raise(py, &error, Some(shared))),
        }
    }

    fn until(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        done: impl Fn(&engine::Progress) -> bool + Send + Sync + Copy,
    ) -> PyResult<bool> {
        let timeout = seconds(py, timeout)?;
        let (shared, pending) = self.here(py)?;
        let waited = civil::wait(py, timeout, |at_most| {
            let done = self.engine.wait(pending, done, at_most);
            // Nobody answers a call that was handed over as the thread ended.
            (done || shared.end().is_some()).then_some(())
        })?;
        Ok(waited.is_some())
    }
}

#[pymethods]
impl Pending {
    /// The result, or its exception. After `timeout` seconds without one, `ResponseTimeout`.
    #[pyo3(signature = (timeout=None))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        let done = self.until(py, timeout, |progress| progress.result.is_some())?;
        let (shared, pending) = self.here(py)?;
        let result = pending.progress().result;
        let ended = || done.then(|| Err(shared.end().unwrap_or(Error::Closed)));
        self.translated(py, result.or_else(ended), seconds(py, timeout)?.unwrap_or_default())
    }

    /// The result, or its exception; if there is none yet, `ResponseTimeout` after `waited` seconds.
    fn outcome<'py>(&self, py: Python<'py>, waited: f64) -> PyResult<Bound<'py, PyAny>> {
        let (shared, pending) = self.here(py)?;
        let waited = seconds(py, Some(waited))?.unwrap_or_default();
        let result = pending.progress().result.or_else(|| shared.end().map(Err));
        self.translated(py, result, waited)
    }

    /// Rings this bell whenever the call has progressed.
    fn attend(&self, py: Python<'_>, bell: &Bell) -> PyResult<()> {
        self.here(py)?.1.attend(bell.bell(py)?);
        Ok(())
    }

    /// Takes back the call if nothing of it has been sent, without waiting for the outcome.
    fn take_back_later(&self) {
        self.engine.take_back_later(&self.pending);
    }

    /// Whether the session has examined the call, and refused or queued it.
    #[getter]
    fn taken(&self, py: Python<'_>) -> PyResult<bool> {
        let progress = self.here(py)?.1.progress();
        Ok(progress.stage >= engine::Stage::Taken || progress.result.is_some())
    }

    /// The progress of a credential that nobody has taken yet: its name, the bytes sent and the bytes in all.
    fn take_upload(&self, py: Python<'_>) -> PyResult<Option<(&'static str, usize, usize)>> {
        Ok(self.here(py)?.1.take_upload())
    }

    /// Waits for the next progress of a credential: its name, the bytes sent and the bytes in all; `None` at the end.
    fn next_upload(&self, py: Python<'_>) -> PyResult<Option<(&'static str, usize, usize)>> {
        self.until(py, None, |progress| {
            !progress.uploads.is_empty() || progress.result.is_some()
        })?;
        Ok(self.here(py)?.1.take_upload())
    }

    /// Takes back the call if nothing of it has been sent. Returns whether it did, within a tenth of a second.
    fn take_back(&self, py: Python<'_>) -> bool {
        py.detach(|| self.engine.take_back(&self.pending, TAKING_BACK))
    }

    /// What an error calls the call.
    #[getter]
    fn subject(&self) -> &str {
        self.pending.subject()
    }

    /// Waits until the session has examined the call, and refused or queued it.
    fn wait_taken(&self, py: Python<'_>) -> PyResult<()> {
        self.until(py, None, |progress| {
            progress.stage >= engine::Stage::Taken || progress.result.is_some()
        })
        .map(drop)
    }

    /// Whether the call has ended.
    #[getter]
    fn done(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.here(py)?.1.progress().result.is_some())
    }

    /// A number unique among the calls of the process.
    #[getter]
    fn number(&self) -> u64 {
        self.pending.ticket().0
    }

    /// The state of a publish.
    #[getter]
    fn state(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.here(py)?.1.publish_state().word())
    }

    /// How often the module has sent a publish again.
    #[getter]
    fn retransmissions(&self, py: Python<'_>) -> PyResult<i64> {
        Ok(self.here(py)?.1.progress().retransmissions)
    }

    /// When a publish was queued, sent, accepted and ended, in seconds since 1970; only the stages reached.
    #[getter]
    fn times(&self, py: Python<'_>) -> PyResult<[Option<f64>; 4]> {
        let (shared, pending) = self.here(py)?;
        let progress = pending.progress();
        let times = [
            Some(pending.queued_at()),
            progress.sent_at,
            progress.accepted_at,
            progress.ended_at,
        ];
        Ok(times.map(|at| at.map(|at| shared.timestamp(at))))
    }

    /// The message id, 0 before there is one.
    #[getter]
    fn message_id(&self, py: Python<'_>) -> PyResult<u16> {
        Ok(self.here(py)?.1.progress().message_id.0)
    }
}

/// The result of a call, as a Python value.
pub(crate) fn translate(py: Python<'_>, reply: Reply) -> PyResult<Bound<'_, PyAny>> {
    match reply {
        Reply::Done | Reply::Published => Ok(py.None().into_bound(py)),
        Reply::Response { lines } => Ok(PyTuple::new(py, lines)?.into_any()),
        Reply::Number(number) => number.into_bound_py_any(py),
        Reply::Text(text) => text.into_bound_py_any(py),
        Reply::Token(token) => token.0.into_bound_py_any(py),
        Reply::Granted(granted) => Ok(PyList::new(py, granted)?.into_any()),
        Reply::Configuration(told) => settings::configuration(py, told),
        Reply::Capabilities(told) => settings::capabilities(py, told),
    }
}

/// A time in seconds; `None` for no limit.
pub(crate) fn seconds(py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = timeout else { return Ok(None) };
    if seconds >= Duration::MAX.as_secs_f64() {
        return Ok(None);
    }
    Duration::try_from_secs_f64(seconds)
        .map(Some)
        .map_err(|_| errors::usage(py, format!("timeout must be 0 s or more, or None, not {seconds}")))
}
