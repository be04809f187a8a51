//! What an engine has left for the threads of the package that wait for it. No signal reaches those threads, so they
//! wake only for what they wait for.

use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_host::engine::{Empty, Engine, Notice, Shared, Stamped, Statistics};
use modemqtt_host::event::Told;
use modemqtt_host::message::Content;
use pyo3::IntoPyObjectExt;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::errors;
use crate::message::Maker;
use crate::pending::{self, Pending};

/// How many events are handed to Python at once.
const BATCH: usize = 256;
/// And about how many bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// The events that have arrived, without waiting.
pub(crate) fn take_events<'py>(py: Python<'py>, shared: &Shared, engine: &Arc<Engine>) -> PyResult<Bound<'py, PyList>> {
    batch(py, None, shared, engine)
}

/// The messages of a client that have arrived, without waiting.
pub(crate) fn take_messages<'py>(
    py: Python<'py>,
    shared: &Shared,
    client: ClientIndex,
) -> PyResult<Option<Bound<'py, PyList>>> {
    let inbox = shared.messages(client);
    let messages = inbox.take_some(BATCH, BATCH_BYTES);
    if messages.is_empty() {
        return Ok(None);
    }
    made(py, &messages).map(Some)
}

/// The message of a client that a thread waited for. Others that arrived with it are added to `rest`, in one step that
/// no interrupt can divide.
pub(crate) fn with_rest<'py>(
    py: Python<'py>,
    shared: &Shared,
    client: ClientIndex,
    first: &Stamped<Content>,
    rest: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let first = Maker::of(py)?.make(py, first)?;
    let inbox = shared.messages(client);
    // Another waiting thread should have the next one.
    if inbox.is_awaited() {
        return Ok(first);
    }
    let more = inbox.take_some(BATCH, BATCH_BYTES);
    if !more.is_empty() {
        rest.call_method1(intern!(py, "extend"), (made(py, &more)?,))?;
    }
    Ok(first)
}

fn made<'py>(py: Python<'py>, messages: &[Stamped<Content>]) -> PyResult<Bound<'py, PyList>> {
    let maker = Maker::of(py)?;
    let made: Vec<_> = messages
        .iter()
        .map(|stamped| maker.make(py, stamped))
        .collect::<PyResult<_>>()?;
    PyList::new(py, made)
}

/// The events that have arrived; `None` when the modem is closed and all have been taken.
pub(crate) fn next_events<'py>(
    py: Python<'py>,
    shared: &Shared,
    engine: &Arc<Engine>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    match py.detach(|| wait_for(|at_most| engine.take(shared.notices(), at_most))) {
        Some(first) => batch(py, Some(first), shared, engine).map(Some),
        None => Ok(None),
    }
}

/// The next entry, however long that takes; `None` at the end.
pub(crate) fn wait_for<T>(take: impl Fn(Duration) -> Result<T, Empty>) -> Option<T> {
    loop {
        match take(Duration::from_hours(1)) {
            Ok(entry) => return Some(entry),
            Err(Empty::Over) => return None,
            Err(Empty::Waiting) => {}
        }
    }
}

fn batch<'py>(
    py: Python<'py>,
    first: Option<Notice>,
    shared: &Shared,
    engine: &Arc<Engine>,
) -> PyResult<Bound<'py, PyList>> {
    let maker = Maker::of(py)?;
    let lost = shared.notices().take_dropped();
    let overflow = (lost > 0).then_some(Notice::Overflow(lost));
    let notices = overflow
        .into_iter()
        .chain(first)
        .chain(shared.notices().take_some(BATCH, BATCH_BYTES));
    let events: Vec<_> = notices
        .map(|notice| event(py, maker, notice, shared, engine))
        .collect::<PyResult<_>>()?;
    PyList::new(py, events)
}

fn event<'py>(
    py: Python<'py>,
    maker: &Maker,
    notice: Notice,
    shared: &Shared,
    engine: &Arc<Engine>,
) -> PyResult<Bound<'py, PyAny>> {
    match notice {
        Notice::Message(stamped) => (
            intern!(py, "message"),
            stamped.value.client().0,
            maker.make(py, &stamped)?,
        )
            .into_bound_py_any(py),
        Notice::Urc(line) => ("urc", py.None(), line).into_bound_py_any(py),
        Notice::Delivery(pending) => {
            let client = pending.client().map(|client| client.0);
            ("delivery", client, Pending::new(pending, Arc::clone(engine))).into_bound_py_any(py)
        }
        Notice::Overflow(lost) => ("overflow", py.None(), lost).into_bound_py_any(py),
        Notice::Reconnected(told, unknown) => {
            let unknown: Vec<_> = unknown
                .into_iter()
                .map(|publish| Pending::new(publish, Arc::clone(engine)))
                .collect();
            let (client, away) = (told.client.0, told.away.as_secs_f64());
            ("reconnected", client, told.attempts, away, told.granted, unknown).into_bound_py_any(py)
        }
        Notice::Told(Told { name, client, facts }) => {
            let mut values = vec![
                name.into_bound_py_any(py)?,
                client.map(|client| client.0).into_bound_py_any(py)?,
            ];
            for fact in facts {
                values.push(match fact {
                    Ok(reply) => pending::translate(py, reply)?,
                    Err(error) => errors::raise(py, &error, Some(shared)).into_bound_py_any(py)?,
                });
            }
            Ok(PyTuple::new(py, values)?.into_any())
        }
    }
}

/// Counters by their names.
pub(crate) fn counters<'py>(py: Python<'py>, statistics: &Statistics) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    counters.set_item("bytes_received", statistics.bytes_received)?;
    counters.set_item("bytes_sent", statistics.bytes_sent)?;
    counters.set_item("events_dropped", statistics.events_dropped)?;
    counters.set_item("messages", statistics.messages)?;
    counters.set_item("messages_dropped", statistics.messages_dropped)?;
    counters.set_item("overruns", statistics.overruns)?;
    counters.set_item("restarts", statistics.restarts)?;
    counters.set_item("urcs", statistics.urcs)?;
    counters.set_item("urcs_dropped", statistics.urcs_dropped)?;
    counters.set_item("wakeups", statistics.wakeups)?;
    Ok(counters)
}
