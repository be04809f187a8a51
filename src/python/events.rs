//! What an engine has put down, for the threads of the package that wait for it. No signal reaches those, so they wake
//! for what they wait for and for nothing else.

use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_host::call::Message;
use modemqtt_host::engine::{Empty, Engine, Inbox, Notice, Shared, Stamped, Statistics, Weigh};
use modemqtt_host::event::Told;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::errors;
use crate::pending::{self, Pending};

/// How many events are handed to Python at once.
const BATCH: usize = 64;

/// The events that have come, without waiting for any.
pub(crate) fn take_events<'py>(py: Python<'py>, shared: &Shared, engine: &Arc<Engine>) -> PyResult<Bound<'py, PyList>> {
    batch(py, None, shared, engine)
}

/// The messages of a client that have come, without waiting for any.
pub(crate) fn take_messages<'py>(
    py: Python<'py>,
    shared: &Shared,
    client: ClientIndex,
) -> PyResult<Option<Bound<'py, PyList>>> {
    let inbox = shared.messages(client);
    let messages = inbox.take_some(BATCH);
    if messages.is_empty() {
        return Ok(None);
    }
    let class = message_class(py)?;
    let taken = PyList::empty(py);
    for stamped in messages {
        taken.append(message(py, &class, &stamped)?)?;
    }
    Ok(Some(taken))
}

/// The events that have come; `None` when the modem is closed and all were taken.
pub(crate) fn next_events<'py>(
    py: Python<'py>,
    shared: &Shared,
    engine: &Arc<Engine>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    match py.detach(|| wait_for(shared.notices())) {
        Some(first) => batch(py, Some(first), shared, engine).map(Some),
        None => Ok(None),
    }
}

/// What comes next, however long that takes; `None` at the end.
pub(crate) fn wait_for<T: Weigh>(inbox: &Inbox<T>) -> Option<T> {
    loop {
        match inbox.take(Duration::from_hours(1)) {
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
    let class = message_class(py)?;
    let events = PyList::empty(py);
    let lost = shared.notices().take_dropped();
    let overflow = (lost > 0).then_some(Notice::Overflow(lost));
    let notices = overflow
        .into_iter()
        .chain(first)
        .chain(shared.notices().take_some(BATCH));
    for notice in notices {
        events.append(event(py, &class, notice, shared, engine)?)?;
    }
    Ok(events)
}

fn event<'py>(
    py: Python<'py>,
    class: &Bound<'py, PyAny>,
    notice: Notice,
    shared: &Shared,
    engine: &Arc<Engine>,
) -> PyResult<Bound<'py, PyAny>> {
    match notice {
        Notice::Message(stamped) => {
            ("message", stamped.value.client.0, message(py, class, &stamped)?).into_bound_py_any(py)
        }
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

/// `modemqtt.Message`.
pub(crate) fn message_class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("modemqtt._values")?.getattr("Message")
}

/// A message as that class.
pub(crate) fn message<'py>(
    py: Python<'py>,
    class: &Bound<'py, PyAny>,
    stamped: &Stamped<Arc<Message>>,
) -> PyResult<Bound<'py, PyAny>> {
    let message = &stamped.value;
    class.call1((
        &message.topic,
        PyBytes::new(py, &message.payload),
        message.message_id.0,
        message.client.0,
        stamped.timestamp,
        message.complete,
    ))
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
