//! Work for one thread at a time, and starting threads, both safe from interrupts.
//!
//! Python may raise `KeyboardInterrupt` between any two instructions, even between the last one of a `with lock:` and
//! the release. Nothing is raised in here.

use std::process;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use modemqtt_os::{Condvar, Mutex};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyTuple};

use crate::civil;
use crate::pending::seconds;

/// Work that one thread at a time does. That thread may nest more of it.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Turn {
    taken: Mutex<Taken>,
    ended: Condvar,
    /// In a forked child the thread that has the turn may not exist, so every turn comes at once there.
    process: u32,
}

#[derive(Default)]
struct Taken {
    by: Option<ThreadId>,
    times: u32,
}

/// Ends the turn, whatever the outcome of the work.
struct End<'a>(&'a Turn);

#[pymethods]
impl Turn {
    #[new]
    fn new() -> Self {
        Self {
            taken: Mutex::default(),
            ended: Condvar::new(),
            process: process::id(),
        }
    }

    /// Calls `work` in its own turn and returns its result. Raises `late` if the turn has not come after `timeout`
    /// seconds.
    #[pyo3(signature = (work, *, timeout=None, late=None))]
    fn take<'py>(
        &self,
        work: &Bound<'py, PyAny>,
        timeout: Option<f64>,
        late: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = work.py();
        if self.process != process::id() {
            return work.call0();
        }
        if !self.begin(Duration::ZERO) {
            let begun = civil::wait(py, seconds(py, timeout)?, |at_most| self.begin(at_most).then_some(()))?;
            if let (None, Some(late)) = (begun, late) {
                return Err(PyErr::from_value(late));
            }
        }
        let _end = End(self);
        work.call0()
    }
}

impl Turn {
    /// Waits at most this long for the turn. Returns whether it has come.
    fn begin(&self, at_most: Duration) -> bool {
        let me = thread::current().id();
        let mut taken = self.taken.lock();
        if taken.by.is_some_and(|other| other != me) {
            self.ended.wait_for(&mut taken, at_most);
        }
        if taken.by.is_some_and(|other| other != me) {
            return false;
        }
        taken.by = Some(me);
        taken.times += 1;
        true
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if self.0.process != process::id() {
            return;
        }
        let mut taken = self.0.taken.lock();
        taken.times -= 1;
        if taken.times == 0 {
            taken.by = None;
            self.0.ended.notify_one();
        }
    }
}

/// Work done in a thread of its own.
pub(crate) struct Aside {
    outcome: Mutex<Option<PyResult<()>>>,
    done: Condvar,
}

/// Calls `work` in a thread that no interrupt reaches. Python's own `Thread.start()` waits for its thread in a way that
/// an interrupt may leave locked, so that the thread waits forever.
pub(crate) fn aside(work: &Bound<'_, PyAny>) -> PyResult<Arc<Aside>> {
    let py = work.py();
    let aside = Arc::new(Aside {
        outcome: Mutex::new(None),
        done: Condvar::new(),
    });
    let (work, outcome) = (work.clone().unbind(), Arc::clone(&aside));
    let run = PyCFunction::new_closure(py, None, None, move |arguments, _| {
        let called = work.call0(arguments.py()).map(drop);
        *outcome.outcome.lock() = Some(called);
        outcome.done.notify_all();
    })?;
    let threads = py.import("_thread")?;
    threads.call_method1("start_new_thread", (run, PyTuple::empty(py)))?;
    Ok(aside)
}

impl Aside {
    /// Waits for the work to end, and raises what it raised. A signal may end the wait; the work goes on.
    pub(crate) fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let outcome = civil::wait(py, None, |at_most| {
            let mut outcome = self.outcome.lock();
            if outcome.is_none() {
                self.done.wait_for(&mut outcome, at_most);
            }
            outcome.take()
        })?;
        outcome.unwrap_or(Ok(()))
    }
}
