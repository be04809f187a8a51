//! The only way to wait: detached from the interpreter, at most 50 ms at a time, with attention to signals and the
//! deadline.

use std::time::Duration;

use modemqtt_os::Moment;
use pyo3::prelude::*;

/// A signal is noticed within this time.
const PATIENCE: Duration = Duration::from_millis(50);

/// Waits until `step` returns something, or until time is up. `step` waits at most as long as it is told.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    timeout: Option<Duration>,
    mut step: impl FnMut(Duration) -> Option<T> + Send,
) -> PyResult<Option<T>> {
    let deadline = timeout.and_then(|timeout| Moment::now().checked_add(timeout));
    loop {
        let left = deadline.map_or(PATIENCE, |deadline| deadline.since(Moment::now()).min(PATIENCE));
        if let Some(found) = py.detach(|| step(left)) {
            return Ok(Some(found));
        }
        py.check_signals()?;
        if deadline.is_some_and(|deadline| Moment::now() >= deadline) {
            return Ok(None);
        }
    }
}
