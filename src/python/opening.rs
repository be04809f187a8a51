//! A port that is being opened, which may take long if a name is looked up or a host does not answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::dialect;
use modemqtt_host::engine::{self, EngineOptions, Failure, PortOpening, Reporting, Retry};
use modemqtt_host::error::Error;
use modemqtt_host::port::{FlowControl, PortOptions};
use modemqtt_host::session::{Search, Wake, edition};
use modemqtt_os::Moment;
use pyo3::prelude::*;

use crate::bell::Bell;
use crate::engine::Engine;
use crate::journal::Journal;
use crate::pending::seconds;
use crate::recorder::Recorder;
use crate::{civil, errors};

/// A port, from before it is opened until after it is closed. Closing it closes whatever was opened.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Opening {
    opening: PortOpening,
}

#[pymethods]
impl Opening {
    /// Takes the settings. Opens nothing before `start()`.
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[new]
    #[pyo3(signature = (port, *, model, revision, baudrate, flow_control, log, wake_after, prompt_delay, command_gap, queue, wire_size, search, name, journal, traced, recorder=None, after=None))]
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
        queue: usize,
        wire_size: usize,
        search: &str,
        name: String,
        journal: &Journal,
        traced: bool,
        recorder: Option<PyRef<'_, Recorder>>,
        after: Option<PyRef<'_, Engine>>,
    ) -> PyResult<Self> {
        let py = wake_after.py();
        let mut options = engine_options(model, revision, baudrate, flow_control, log, wake_after)?;
        options.prompt_delay = pause(py, "prompt_delay", prompt_delay)?;
        options.command_gap = pause(py, "command_gap", command_gap)?;
        (options.queue, options.wire_size) = (queue, wire_size);
        options.search = match search {
            "fill" => Search::Fill,
            "recover" => Search::Recover,
            _ => Search::Gentle,
        };
        options.recorder = recorder.map(|recorder| Arc::clone(&recorder.recorder));
        options.ids = after.map(|engine| engine.ids(py)).unwrap_or_default();
        let reporting = Reporting {
            name,
            journal: Arc::clone(&journal.remarks),
            traced,
        };
        Ok(Self {
            opening: PortOpening::new(port, options, reporting),
        })
    }

    /// Begins to open the port and set up the module, unless it was closed before. Within `timeout` a busy port is
    /// tried again and, if `gone`, so is a missing port or a silent module.
    fn start(&self, py: Python<'_>, gone: bool, timeout: Option<f64>) -> PyResult<()> {
        let retry = if gone { Retry::Gone } else { Retry::Busy };
        let timeout = seconds(py, timeout)?;
        self.opening
            .start(retry, timeout)
            .map_err(|error| errors::raise(py, &error, None))
    }

    /// Waits for the open modem.
    fn wait(&self, py: Python<'_>) -> PyResult<Engine> {
        let found = civil::wait(py, None, |at_most| self.opening.wait(at_most))?;
        opened(py, found.unwrap_or_else(|| Err(Error::Closed.into())))
    }

    /// The open modem; `None` while it is being opened.
    fn poll(&self, py: Python<'_>) -> PyResult<Option<Engine>> {
        let found = self.opening.wait(Duration::ZERO);
        found.map(|found| opened(py, found)).transpose()
    }

    /// Rings this bell at the end.
    fn attend(&self, py: Python<'_>, bell: &Bell) -> PyResult<()> {
        self.opening.attend(bell.bell(py)?);
        Ok(())
    }

    /// Gives up, and closes whatever is open, even if `wait()` has returned it. A signal may end the wait; another call
    /// resumes it. A forked child has nothing to close.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.opening.close_later();
        let since = Moment::now();
        civil::wait(py, None, |at_most| {
            self.opening.wait_closed(since, at_most).then_some(())
        })
        .map(drop)
    }

    /// Whether it has been closed.
    #[getter]
    fn closed(&self) -> bool {
        self.opening.is_closed()
    }
}

fn opened(py: Python<'_>, found: Result<Arc<engine::Engine>, Failure>) -> PyResult<Engine> {
    found
        .map(Engine::new)
        .map_err(|failure| errors::raise(py, &failure.error, failure.shared.as_deref()))
}

fn engine_options(
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
        recorder: None,
        wake: wake(wake_after)?,
        search: Search::default(),
        ids: Vec::new(),
        queue: 0,
        wire_size: 0,
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
                "model {name:?} is not known; the known ones are {}, and \"auto\" asks the module",
                known.join(", ")
            ),
        )
    })?;
    let edition = edition(dialect, model, revision).map_err(|error| errors::raise(py, &error, None))?;
    Ok((edition, model))
}

/// A pause in seconds; its range was checked when the modem was made.
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
        let given = after.repr()?;
        let message = format!("wake_after must be \"auto\", 0 s or more, or None, not {given}");
        return Err(errors::usage(after.py(), message));
    };
    Ok(Wake::After(after))
}
