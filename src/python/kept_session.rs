//! A session that reconnects by itself, as Python sees it.

use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_host::call::{Login, Secret};
use modemqtt_host::engine::{self, Wait};
use modemqtt_host::keep::{Keep, Plan};
use modemqtt_host::session::check_login;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::engine::{Engine, shared};
use crate::options::{client, options, tcp_port};
use crate::pending::seconds;
use crate::process::Owned;
use crate::{civil, errors};

/// A session that reconnects by itself. It outlives the engine that it was made with.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct KeptSession {
    kept: Owned<Arc<engine::KeptSession>>,
}

#[pymethods]
impl KeptSession {
    /// Keeps the session of a client from the first connection on, which the program makes itself.
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[new]
    #[pyo3(signature = (engine, index, host, port, client_id, username, password, values, *, first, most, factor, attempts, timeout))]
    fn new(
        py: Python<'_>,
        engine: &Engine,
        index: i64,
        host: String,
        port: &Bound<'_, PyAny>,
        client_id: String,
        username: Option<String>,
        password: Option<String>,
        values: &Bound<'_, PyDict>,
        first: f64,
        most: f64,
        factor: f64,
        attempts: Option<u64>,
        timeout: Option<f64>,
    ) -> PyResult<Self> {
        let (client, login) = login(
            py, engine, index, host, port, client_id, username, password, values, timeout,
        )?;
        let wait = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let plan = Plan {
            first: wait(first),
            most: wait(most),
            factor,
            attempts: attempts.map(|attempts| attempts.try_into().unwrap_or(u32::MAX)),
        };
        let kept = Arc::new(engine::KeptSession::new(Keep::new(client, login, plan)));
        py.detach(|| engine.engine().keep(&kept));
        Ok(Self { kept: Owned::new(kept) })
    }

    /// Continues with another engine, once the previous one has ended.
    fn take_over(&self, py: Python<'_>, engine: &Engine) -> PyResult<()> {
        let kept = self.kept.get(py)?;
        py.detach(|| engine.engine().keep(kept));
        Ok(())
    }

    /// Stops reconnecting. May be called from any thread, and more than once.
    fn end(&self) {
        if let Some(kept) = self.kept.here() {
            kept.end();
        }
    }

    /// Waits for the connection. Returns whether it came in time, or `None` if the session is no longer kept. Raises
    /// the reason if the session has given up.
    #[pyo3(signature = (timeout=None))]
    fn wait_connected(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<bool>> {
        let kept = self.kept.get(py)?;
        match civil::wait(py, seconds(py, timeout)?, |at_most| kept.wait(at_most))? {
            Some(Wait::Connected) => Ok(Some(true)),
            Some(Wait::Over) => Ok(None),
            Some(Wait::GivenUp(error)) => Err(errors::raise(py, &error, kept.shared().as_deref())),
            None => Ok(Some(false)),
        }
    }
}

impl Drop for KeptSession {
    /// Nobody is left to end it: an interrupt came before it was assigned to a name.
    fn drop(&mut self) {
        self.end();
    }
}

/// The client of a session and what it is opened with, each value checked.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
pub(crate) fn login(
    py: Python<'_>,
    engine: &Engine,
    index: i64,
    host: String,
    port: &Bound<'_, PyAny>,
    client_id: String,
    username: Option<String>,
    password: Option<String>,
    values: &Bound<'_, PyDict>,
    timeout: Option<f64>,
) -> PyResult<(ClientIndex, Login)> {
    let client = client(py, index)?;
    let shared = shared(py, engine.engine())?;
    let dialect = shared.modem().map(|modem| modem.dialect);
    let login = Login {
        host,
        port: tcp_port(port)?,
        client_id,
        username,
        password: password.map(Secret),
        options: (!values.is_empty()).then(|| options(py, dialect, values)).transpose()?,
        timeout: seconds(py, timeout)?,
    };
    // Here, so that a session of the client that is kept goes on when this one is refused.
    if let Some(dialect) = dialect {
        check_login(client, &login, dialect).map_err(|error| errors::raise(py, &error, Some(shared)))?;
    }
    Ok((client, login))
}
