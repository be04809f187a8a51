//! A bell for a program with an event loop, as Python sees it.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use modemqtt_host::engine;
use modemqtt_os::{Mutex, Wake};
use pyo3::prelude::*;

use crate::process::Owned;

/// A descriptor that becomes readable when there is something to look at.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Bell {
    parts: Owned<(Arc<engine::Bell>, Mutex<Wake>)>,
}

#[pymethods]
impl Bell {
    #[new]
    fn new() -> PyResult<Self> {
        let (bell, wake) = engine::Bell::hang()?;
        Ok(Self {
            parts: Owned::new((bell, Mutex::new(wake))),
        })
    }

    /// The descriptor.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        let (_, wake) = self.parts.get(py)?;
        Ok(wake.lock().as_fd().as_raw_fd())
    }

    /// Silences the bell. Returns the numbers of the calls that have progressed.
    fn take(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        let (bell, wake) = self.parts.get(py)?;
        wake.lock().clear();
        Ok(bell.take().into_iter().map(|call| call.0).collect())
    }
}

impl Bell {
    pub(crate) fn bell(&self, py: Python<'_>) -> PyResult<&Arc<engine::Bell>> {
        self.parts.get(py).map(|(bell, _)| bell)
    }
}
