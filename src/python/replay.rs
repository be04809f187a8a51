//! Recordings: reading them, and playing them.

use std::path::PathBuf;

use modemqtt_os::Mutex;
use modemqtt_os::parts::Position;
use modemqtt_recording::{Header, ReadError, Recording as Core, What};
use modemqtt_virtual::{ReplayError, ReplayModem, ReplayOptions, Section};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::process::Owned;
use crate::virtual_module::failure;
use crate::{civil, errors};

/// The bytes of a recording, piece by piece.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Recording {
    recording: Owned<Mutex<Core>>,
}

/// A piece: its line number in the file, its time, whether the host sent it, its bytes.
type Piece<'py> = (u64, f64, bool, Bound<'py, PyBytes>);

#[pymethods]
impl Recording {
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let recording = Core::open(&path).map_err(|error| unreadable(py, &error))?;
        Ok(Self {
            recording: Owned::new(Mutex::new(recording)),
        })
    }

    /// The header of the recording, with what is known about the module so far.
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        header(py, self.recording.get(py)?.lock().header())
    }

    /// The next piece, or `None` at the end.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Piece<'py>>> {
        let mut recording = self.recording.get(py)?.lock();
        while let Some((entry, line)) = recording.next_entry().map_err(|error| unreadable(py, &error))? {
            if let What::Piece(piece) = entry.what {
                let bytes = PyBytes::new(py, &piece.bytes);
                return Ok(Some((line, entry.at.as_secs_f64(), piece.sent, bytes)));
            }
        }
        Ok(None)
    }
}

/// Where a section begins: the number of its part, and how many bytes and lines of that stand before.
type Place = (u64, u64, u64);

/// The sections of a recording, each with where it begins.
type Sections = Vec<(String, Place)>;

/// The header of a recording, and its sections in order, each with where it begins.
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
#[pyfunction]
pub(crate) fn sections(py: Python<'_>, path: PathBuf) -> PyResult<(Bound<'_, PyDict>, Sections)> {
    let contents = py
        .detach(|| Core::check(&path))
        .map_err(|error| unreadable(py, &error))?;
    let sections = contents.sections.into_iter();
    let sections = sections.map(|(name, at)| (name, (at.part, at.offset, at.lines)));
    Ok((header(py, &contents.header)?, sections.collect()))
}

/// A recording played on a port of its own.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Replay {
    replay: Owned<ReplayModem>,
}

/// A line number in the file, the text recorded there, and what came instead.
type Difference = (Option<u64>, String, String);

#[pymethods]
impl Replay {
    /// Starts it.
    #[new]
    #[pyo3(signature = (path, *, link, listen, speed))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        link: Option<PathBuf>,
        listen: Option<String>,
        speed: Option<f64>,
    ) -> PyResult<Self> {
        let options = ReplayOptions {
            path,
            link,
            listen,
            speed,
        };
        match py.detach(|| ReplayModem::start(&options)) {
            Ok(replay) => Ok(Self {
                replay: Owned::new(replay),
            }),
            Err(ReplayError::Read(error)) => Err(unreadable(py, &error)),
            Err(ReplayError::Port(error)) => Err(failure(py, &error)),
        }
    }

    /// The URL that a host opens.
    #[getter]
    fn port(&self, py: Python<'_>) -> PyResult<&str> {
        Ok(self.replay.get(py)?.port())
    }

    /// What the recording says about itself and the module.
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        header(py, self.replay.get(py)?.header())
    }

    /// Goes on with a section of a recording, or with what stands before its first one. Without a path it ends one: what is left of it is a
    /// difference, and so is whatever comes before the next.
    #[pyo3(signature = (path, begins))]
    fn play(&self, py: Python<'_>, path: Option<PathBuf>, begins: Option<Place>) -> PyResult<()> {
        let begins = begins.map(|(part, offset, lines)| Position { part, offset, lines });
        let section = path.map(|path| Section { path, begins });
        let replay = self.replay.get(py)?;
        py.detach(|| replay.play(section));
        Ok(())
    }

    /// Where the host's bytes differed from the recording, how many more differences there were, and why the recording
    /// could not be read to its end.
    fn report(&self, py: Python<'_>) -> PyResult<(Vec<Difference>, u64, Option<String>)> {
        let report = self.replay.get(py)?.report();
        let differences = report.differences.into_iter();
        let differences = differences.map(|one| (one.line, one.expected, one.got)).collect();
        Ok((differences, report.dropped, report.failure))
    }

    /// What the host should send next, and where that is in the file.
    fn left(&self, py: Python<'_>) -> PyResult<Option<(u64, String)>> {
        Ok(self.replay.get(py)?.report().left)
    }

    /// Ends it, with attention to signals.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(replay) = self.replay.here() else {
            return Ok(());
        };
        replay.close_later();
        civil::wait(py, None, |at_most| replay.wait_closed(at_most).then_some(())).map(drop)
    }
}

fn header<'py>(py: Python<'py>, header: &Header) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("started", header.started)?;
    fields.set_item("library", &header.library)?;
    fields.set_item("port", &header.port)?;
    fields.set_item("baudrate", header.baudrate)?;
    fields.set_item("model", &header.model)?;
    fields.set_item("dialect", &header.dialect)?;
    fields.set_item("firmware", &header.firmware)?;
    Ok(fields)
}

/// A file that cannot be opened is an `OSError`; a file that is not a recording is a `UsageError`.
fn unreadable(py: Python<'_>, error: &ReadError) -> PyErr {
    match error {
        ReadError::File { path, source } if source.raw_os_error().is_some() => {
            let reason = source.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((source.raw_os_error(), reason, path.clone()))
        }
        error => errors::usage(py, error.to_string()),
    }
}
