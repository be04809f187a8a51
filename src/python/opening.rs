//! A port that is being opened, which may take long where a name is looked up or a host does not answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::dialect;
use modemqtt_host::engine::{self, EngineOptions};
use modemqtt_host::error::Error;
use modemqtt_host::port::{FlowControl, PortError, PortOptions};
use modemqtt_host::session::{Wake, edition};
use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;

use crate::engine::Engine;
use crate::pending::seconds;
use crate::{civil, errors};

/// A port that is being opened in a thread of its own. Once this is closed, nothing of it stays open.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Opening {
    port: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Opening,
    Failed(PortError),
    Open(Arc<engine::Engine>),
    Closed,
}

#[pymethods]
impl Opening {
    /// Begins to open a port.
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[pyo3(signature = (port, *, model, revision, baudrate, flow_control, log, wake_after))]
    fn new(
        port: String,
        model: Option<&str>,
        revision: Option<String>,
        baudrate: i64,
        flow_control: &str,
        log: Option<PathBuf>,
        wake_after: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let options = options(model, revision, baudrate, flow_control, log, wake_after)?;
        let shared = Arc::<Shared>::default();
        let result = Arc::clone(&shared);
        let url = port.clone();
        std::thread::Builder::new()
            .name("modemqtt-open".to_owned())
            .spawn(move || result.put(engine::Engine::open(&url, &options)))?;
        Ok(Self { port, shared })
    }

    /// Waits until the port is open. The module has not been spoken to before `set_up()`.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Engine> {
        let timeout = seconds(py, timeout)?;
        let outcome = civil::wait(py, timeout, |at_most| {
            let mut state = self.shared.state.lock();
            if matches!(*state, State::Opening) {
                self.shared.changed.wait_for(&mut state, at_most);
            }
            match &*state {
                State::Opening => None,
                State::Failed(error) => Some(Err(Error::Port(error.clone()))),
                State::Open(engine) => Some(Ok(Arc::clone(engine))),
                State::Closed => Some(Err(Error::Closed)),
            }
        })?;
        let late = || PortError::timed_out(&self.port, timeout.unwrap_or_default());
        let outcome = outcome.unwrap_or_else(|| Err(late().into()));
        outcome
            .map(Engine::new)
            .map_err(|error| errors::raise(py, &error, None))
    }

    /// Gives up, and closes what is open, also if `wait()` has returned it.
    fn close(&self, py: Python<'_>) {
        let before = std::mem::replace(&mut *self.shared.state.lock(), State::Closed);
        self.shared.changed.notify_all();
        if let State::Open(engine) = before {
            py.detach(|| engine.close());
        }
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        matches!(*self.shared.state.lock(), State::Closed)
    }
}

impl Shared {
    /// What opening has come to. If nobody wants it any more, it is closed as it is dropped.
    fn put(&self, outcome: Result<engine::Engine, PortError>) {
        let mut state = self.state.lock();
        if matches!(*state, State::Opening) {
            *state = outcome.map_or_else(State::Failed, |engine| State::Open(Arc::new(engine)));
            self.changed.notify_all();
        }
    }
}

fn options(
    model: Option<&str>,
    revision: Option<String>,
    baudrate: i64,
    flow_control: &str,
    log: Option<PathBuf>,
    wake_after: &Bound<'_, PyAny>,
) -> PyResult<EngineOptions> {
    let py = wake_after.py();
    let model = model
        .map(|name| known_model(py, name, revision.as_deref()))
        .transpose()?;
    let rate = u32::try_from(baudrate)
        .ok()
        .filter(|rate| *rate > 0)
        .ok_or_else(|| errors::usage(py, format!("baudrate: {baudrate} is none; 115200 or 9600 are usual")))?;
    let flow_control = match flow_control {
        "none" => FlowControl::None,
        "xonxoff" => FlowControl::Software,
        "rtscts" => FlowControl::Hardware,
        other => {
            let message = format!("flow_control: {other:?} is none; \"none\", \"rtscts\" and \"xonxoff\" are");
            return Err(errors::usage(py, message));
        }
    };
    Ok(EngineOptions {
        port: PortOptions {
            baud_rate: rate,
            flow_control,
        },
        model,
        revision,
        log,
        wake: wake(wake_after)?,
    })
}

fn known_model(
    py: Python<'_>,
    name: &str,
    revision: Option<&str>,
) -> PyResult<(&'static dialect::Dialect, &'static dialect::Model)> {
    let (dialect, model) = dialect::of_model(name).ok_or_else(|| {
        let known: Vec<_> = dialect::models().map(|(_, model)| model.name).collect();
        errors::usage(
            py,
            format!(
                "model: {name:?} is not known; known are {}, and \"auto\" asks the module",
                known.join(", ")
            ),
        )
    })?;
    let edition = edition(dialect, model, revision).map_err(|error| errors::raise(py, &error, None))?;
    Ok((edition, model))
}

/// `"auto"`, seconds, or `None`.
fn wake(after: &Bound<'_, PyAny>) -> PyResult<Wake> {
    if after.is_none() {
        return Ok(Wake::Never);
    }
    if after.extract::<&str>().is_ok_and(|word| word == "auto") {
        return Ok(Wake::ByDialect);
    }
    let seconds = after.extract::<f64>().ok().map(Duration::try_from_secs_f64);
    let Some(Ok(after)) = seconds else {
        let message = "wake_after: seconds from 0 on, None for never, or \"auto\" for the model's own figure";
        return Err(errors::usage(after.py(), message));
    };
    Ok(Wake::After(after))
}
