//! The one way to wait: detached from the interpreter, at most 50 ms at a time, minding signals and the deadline.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// A signal is seen after this long at the latest.
const PATIENCE: Duration = Duration::from_millis(50);

/// Waits until `step` returns something, or until the time is up. `step` waits for at most the time that it is given.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    timeout: Option<Duration>,
    mut step: impl FnMut(Duration) -> Option<T> + Send,
) -> PyResult<Option<T>> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let left = deadline.map_or(PATIENCE, |deadline| {
            deadline.saturating_duration_since(Instant::now()).min(PATIENCE)
        });
        if let Some(found) = py.detach(|| step(left)) {
            return Ok(Some(found));
        }
        py.check_signals()?;
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
    }
}
