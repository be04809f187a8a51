//! A recording of a line's traffic, which outlives the engines that use the line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::dialect;
use modemqtt_host::engine::{self, RecorderOptions, refusal};
use pyo3::prelude::*;

use crate::journal::Journal;
use crate::{civil, errors};

/// How long to wait for a stalled disk.
const FAREWELL: Duration = Duration::from_secs(2);

/// A recording under way.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Recorder {
    pub(crate) recorder: Arc<engine::Recorder>,
}

#[pymethods]
impl Recorder {
    /// Makes the file. Later failures are reported to the journal, once.
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[new]
    #[pyo3(signature = (path, *, kind, baudrate, model, identities, part, name, journal))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        kind: String,
        baudrate: u32,
        model: Option<&str>,
        identities: bool,
        part: Option<u64>,
        name: &str,
        journal: &Journal,
    ) -> PyResult<Self> {
        let options = RecorderOptions {
            path,
            port: kind,
            baud_rate: baudrate,
            model: model
                .and_then(dialect::of_model)
                .map(|(dialect, model)| (model.name, dialect.name)),
            keeps_identities: identities,
            part,
        };
        let journal = Arc::clone(&journal.remarks);
        let made = py.detach(|| engine::Recorder::create(&options, name, journal));
        let recorder =
            made.map_err(|error| errors::usage(py, format!("record: {}", refusal(&options.path, &error))))?;
        Ok(Self {
            recorder: Arc::new(recorder),
        })
    }

    /// Names a value made up for this run; when the recording is played, any value matches it.
    fn invented(&self, value: &str) {
        self.recorder.invented(value.as_bytes());
    }

    /// Begins a section of the recording.
    fn mark(&self, name: &str) {
        self.recorder.mark(name);
    }

    /// Writes everything so far to the file, unless the disk has stalled.
    fn flush(&self, py: Python<'_>) -> PyResult<bool> {
        civil::wait(py, Some(FAREWELL), |at_most| self.recorder.flush(at_most).then_some(())).map(|done| done.is_some())
    }

    /// Why recording has stopped, if it has.
    #[getter]
    fn failure(&self) -> Option<String> {
        self.recorder.failure()
    }
}
