//! A port that is being opened, which may take long where a name is looked up or a host does not answer.

use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::dialect;
use modemqtt_host::engine::{self, EngineOptions};
use modemqtt_host::error::Error;
use modemqtt_host::port::{FlowControl, PortError, PortOptions};
use modemqtt_host::session::{Search, Wake, edition};
use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;

use crate::engine::{Engine, close};
use crate::pending::seconds;
use crate::{civil, errors};

/// A port from before it is opened until after it is closed. It is opened in a thread of its own, and once this is closed
/// nothing of it stays open.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Opening {
    port: String,
    options: EngineOptions,
    shared: Arc<Shared>,
    /// The process that opens it: the thread does not exist in a forked child, and the lock may be held there for ever.
    process: u32,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// Nobody wants it any more.
    closed: bool,
}

#[derive(Default)]
enum Stage {
    #[default]
    New,
    Opening,
    Failed(PortError),
    Open(Arc<engine::Engine>),
}

/// How long closing waits for a port that is being opened just now. A device is opened or refused within this time; a host that does
/// not answer is left to its thread.
const FAREWELL: Duration = Duration::from_millis(50);

#[pymethods]
impl Opening {
    /// Takes the settings. Nothing is opened before `start()`.
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[new]
    #[pyo3(signature = (port, *, model, revision, baudrate, flow_control, log, wake_after, prompt_delay, command_gap, search="gentle", after=None))]
    fn new(
        port: String,
        model: Option<&str>,
        revision: Option<String>,
        baudrate: i64,
        flow_control: &str,
        log: Option<PathBuf>,
        wake_after: &Bound<'_, PyAny>,
        prompt_delay: f64,
        command_gap: f64,
        search: &str,
        after: Option<PyRef<'_, Engine>>,
    ) -> PyResult<Self> {
        let py = wake_after.py();
        let mut options = options(model, revision, baudrate, flow_control, log, wake_after)?;
        options.prompt_delay = pause(py, "prompt_delay", prompt_delay)?;
        options.command_gap = pause(py, "command_gap", command_gap)?;
        options.search = match search {
            "fill" => Search::Fill,
            "recover" => Search::Recover,
            _ => Search::Gentle,
        };
        options.ids = after.map(|engine| engine.ids(py)).unwrap_or_default();
        Ok(Self {
            port,
            options,
            shared: Arc::default(),
            process: process::id(),
        })
    }

    /// Begins to open the port, unless it was closed before.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        self.same_process(py)?;
        let mut state = self.shared.state.lock();
        if state.closed || !matches!(state.stage, Stage::New) {
            return Ok(());
        }
        let (port, options, shared) = (self.port.clone(), self.options.clone(), Arc::clone(&self.shared));
        std::thread::Builder::new()
            .name("modemqtt-open".to_owned())
            .spawn(move || shared.put(engine::Engine::open(&port, &options)))?;
        state.stage = Stage::Opening;
        Ok(())
    }

    /// Waits until the port is open. The module has not been spoken to before `set_up()`.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Engine> {
        self.same_process(py)?;
        let timeout = seconds(py, timeout)?;
        let outcome = civil::wait(py, timeout, |at_most| {
            let mut state = self.shared.state.lock();
            if !state.closed && matches!(state.stage, Stage::Opening) {
                self.shared.changed.wait_for(&mut state, at_most);
            }
            match &state.stage {
                _ if state.closed => Some(Err(Error::Closed)),
                Stage::New => Some(Err(Error::Closed)),
                Stage::Opening => None,
                Stage::Failed(error) => Some(Err(Error::Port(error.clone()))),
                Stage::Open(engine) => Some(Ok(Arc::clone(engine))),
            }
        })?;
        let late = || PortError::timed_out(&self.port, timeout.unwrap_or_default());
        let outcome = outcome.unwrap_or_else(|| Err(late().into()));
        outcome
            .map(Engine::new)
            .map_err(|error| errors::raise(py, &error, None))
    }

    /// Gives up, and closes what is open, also if `wait()` has returned it. A signal may end this, and another call takes it up. In a
    /// forked child there is nothing to close.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.process != process::id() {
            return Ok(());
        }
        self.shared.state.lock().closed = true;
        self.shared.changed.notify_all();
        civil::wait(py, Some(FAREWELL), |at_most| {
            let mut state = self.shared.state.lock();
            if matches!(state.stage, Stage::Opening) {
                self.shared.changed.wait_for(&mut state, at_most);
            }
            (!matches!(state.stage, Stage::Opening)).then_some(())
        })?;
        let engine = match &self.shared.state.lock().stage {
            Stage::Open(engine) => Arc::clone(engine),
            _ => return Ok(()),
        };
        close(py, &engine)?;
        self.shared.state.lock().stage = Stage::New;
        Ok(())
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.process != process::id() || self.shared.state.lock().closed
    }
}

impl Opening {
    fn same_process(&self, py: Python<'_>) -> PyResult<()> {
        if self.process == process::id() {
            return Ok(());
        }
        let message = format!(
            "{} was opened by process {}; a forked child opens a modem of its own",
            self.port, self.process
        );
        Err(errors::usage(py, message))
    }
}

impl Shared {
    /// What opening has come to. What nobody wants any more is closed before anyone is told.
    fn put(&self, outcome: Result<engine::Engine, PortError>) {
        if let Ok(engine) = &outcome
            && self.state.lock().closed
        {
            engine.close();
        }
        self.state.lock().stage = outcome.map_or_else(Stage::Failed, |engine| Stage::Open(Arc::new(engine)));
        self.changed.notify_all();
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
        .ok_or_else(|| errors::usage(py, format!("baudrate must be 1 or more, as 115200, not {baudrate}")))?;
    let flow_control = match flow_control {
        "none" => FlowControl::None,
        "xonxoff" => FlowControl::Software,
        "rtscts" => FlowControl::Hardware,
        other => {
            let message = format!("flow_control must be \"none\", \"rtscts\" or \"xonxoff\", not {other:?}");
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
        prompt_delay: Duration::ZERO,
        command_gap: Duration::ZERO,
        log,
        wake: wake(wake_after)?,
        search: Search::default(),
        ids: Vec::new(),
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

/// A pause in seconds, whose range was checked as the modem was made.
fn pause(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| errors::usage(py, format!("{name}: {error}")))
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
