//! The engine, as Python sees it.

use std::sync::Arc;
use std::time::Duration;

use modemqtt_host::call::{Call, Errand, Submission};
use modemqtt_host::engine::{self, Shared};
use modemqtt_host::error::Error;
use modemqtt_host::port::Line;
use modemqtt_host::session::Ids;
use modemqtt_os::Moment;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::bell::Bell;
use crate::kept_session::login;
use crate::options::{client, errand, operands, operation, options, publish_form, quality, tcp_port, tencent};
use crate::pending::{Pending, seconds};
use crate::telling::Telling;
use crate::turn::aside;
use crate::{civil, errors, events, waiting};

/// How often a thread waiting for a message checks for those that other threads took.
const LOOK: Duration = Duration::from_millis(50);

/// An open modem: the port, its thread, and what the thread has left for the program.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Engine {
    engine: Arc<engine::Engine>,
    telling: Telling,
}

#[pymethods]
impl Engine {
    /// Sends one command line, with the data for the module when it asks for them.
    #[pyo3(signature = (line, *, data=None, timeout=None))]
    fn command(&self, py: Python<'_>, line: String, data: Option<Vec<u8>>, timeout: Option<f64>) -> PyResult<Pending> {
        self.submit(py, Call::Command { line, data }, timeout)
    }

    /// Gets a token from Tencent Cloud; `device` is a `modemqtt.Tencent`.
    #[pyo3(signature = (device, *, timeout=None))]
    fn token(&self, py: Python<'_>, device: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<Pending> {
        self.submit(py, Call::token(tencent(device)?), timeout)
    }

    /// Sets options of a client.
    #[pyo3(signature = (index, values, *, timeout=None))]
    fn configure(
        &self,
        py: Python<'_>,
        index: i64,
        values: &Bound<'_, PyDict>,
        timeout: Option<f64>,
    ) -> PyResult<Pending> {
        let call = Call::Configure {
            client: client(py, index)?,
            options: options(py, self.shared(py)?.modem().map(|modem| modem.dialect), values)?,
        };
        self.submit(py, call, timeout)
    }

    /// Reads the options of a client.
    #[pyo3(signature = (index, *, timeout=None))]
    fn configuration(&self, py: Python<'_>, index: i64, timeout: Option<f64>) -> PyResult<Pending> {
        self.submit(
            py,
            Call::Configuration {
                client: client(py, index)?,
            },
            timeout,
        )
    }

    /// Configures, opens and connects a client.
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[pyo3(signature = (index, host, port, client_id, username, password, values, *, timeout=None))]
    fn enter(
        &self,
        py: Python<'_>,
        index: i64,
        host: String,
        port: &Bound<'_, PyAny>,
        client_id: String,
        username: Option<String>,
        password: Option<String>,
        values: &Bound<'_, PyDict>,
        timeout: Option<f64>,
    ) -> PyResult<Pending> {
        let (client, login) = login(
            py, self, index, host, port, client_id, username, password, values, timeout,
        )?;
        self.submit(py, Errand::Enter(client, Box::new(login)), None)
    }

    /// Disconnects and closes a client, as far as there is anything to end, with this timeout for each step.
    #[pyo3(signature = (index, *, timeout=None))]
    fn leave(&self, py: Python<'_>, index: i64, timeout: Option<f64>) -> PyResult<Pending> {
        self.submit(py, Errand::Leave(client(py, index)?), timeout)
    }

    /// Runs an errand by its name; `pin` belongs to `"unlock"`.
    #[pyo3(signature = (name, *, pin=None, timeout=None))]
    fn errand(
        &self,
        py: Python<'_>,
        name: &str,
        pin: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Pending> {
        self.submit(py, errand(py, name, pin)?, timeout)
    }

    /// Opens the network connection of a client.
    #[pyo3(signature = (index, host, port, *, timeout=None))]
    fn open_network(
        &self,
        py: Python<'_>,
        index: i64,
        host: String,
        port: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Pending> {
        let call = Call::Open {
            client: client(py, index)?,
            host,
            port: tcp_port(port)?,
        };
        self.submit(py, call, timeout)
    }

    /// Carries out an operation that takes one command, named by its word, with the values of its row; `None` leaves
    /// one out.
    #[pyo3(signature = (index, word, *values, timeout=None))]
    fn operate(
        &self,
        py: Python<'_>,
        index: i64,
        word: &str,
        values: &Bound<'_, PyTuple>,
        timeout: Option<f64>,
    ) -> PyResult<Pending> {
        let dialect = self.shared(py)?.modem().map(|modem| modem.dialect);
        let operation = operation(py, word)?;
        let call = Call::Operate {
            operation,
            client: client(py, index)?,
            values: operands(dialect, operation, values)?,
        };
        self.submit(py, call, timeout)
    }

    /// Subscribes to topics.
    #[pyo3(signature = (index, topics, *, timeout=None))]
    fn subscribe(
        &self,
        py: Python<'_>,
        index: i64,
        topics: Vec<(String, Bound<'_, PyAny>)>,
        timeout: Option<f64>,
    ) -> PyResult<Pending> {
        let topics = topics
            .into_iter()
            .map(|(topic, qos)| Ok((topic, quality("qos", &qos)?)));
        let call = Call::Subscribe {
            client: client(py, index)?,
            topics: topics.collect::<PyResult<_>>()?,
        };
        self.submit(py, call, timeout)
    }

    /// Ends subscriptions.
    #[pyo3(signature = (index, topics, *, timeout=None))]
    fn unsubscribe(&self, py: Python<'_>, index: i64, topics: Vec<String>, timeout: Option<f64>) -> PyResult<Pending> {
        let client = client(py, index)?;
        self.submit(py, Call::Unsubscribe { client, topics }, timeout)
    }

    /// Publishes a message.
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    #[pyo3(signature = (index, topic, payload, qos, retain, form, *, timeout=None))]
    fn publish(
        &self,
        py: Python<'_>,
        index: i64,
        topic: String,
        payload: Vec<u8>,
        qos: &Bound<'_, PyAny>,
        retain: bool,
        form: Option<&str>,
        timeout: Option<f64>,
    ) -> PyResult<Pending> {
        let client = client(py, index)?;
        let call = Call::Publish {
            client,
            topic,
            payload,
            qos: quality("qos", qos)?,
            retain,
            form: form.map(|name| publish_form(py, name)).transpose()?,
        };
        let left = waiting::for_room(py, self.shared(py)?, client, timeout)?;
        let room = self.shared(py)?.room();
        self.submit(py, call, left).inspect_err(|_| room.give_back(client))
    }

    /// Whether a publish of this client would find room in the queue.
    fn has_room(&self, py: Python<'_>, index: i64) -> PyResult<bool> {
        Ok(self.shared(py)?.room().is_left(client(py, index)?))
    }

    /// The next message of a client, or `None` when time is up. Messages that arrived with it are added to `rest`. If
    /// none are left, raises the reason why no more will come, if there is one.
    fn next_message<'py>(
        &self,
        py: Python<'py>,
        index: i64,
        timeout: Option<f64>,
        rest: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (shared, client, timeout) = (self.shared(py)?, client(py, index)?, seconds(py, timeout)?);
        let inbox = shared.messages(client);
        let end = |shared: &Shared| shared.why_no_message(client);
        let began = Moment::now();
        loop {
            let left = timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
            let at_most = left.unwrap_or(LOOK).min(LOOK);
            if let Some(stamped) = waiting::for_next(py, &self.engine, &inbox, Some(at_most), end)? {
                return events::with_rest(py, shared, client, &stamped, rest).map(Some);
            }
            // Another thread may have taken it together with its own just before this one began to wait.
            if rest.len()? > 0 {
                return rest.call_method0("popleft").map(Some);
            }
            if left.is_some_and(|left| left <= LOOK) {
                return Ok(None);
            }
        }
    }

    /// The messages of a client that have arrived. If none are left, raises the reason why no more will come, if any.
    fn take_messages<'py>(&self, py: Python<'py>, index: i64) -> PyResult<Option<Bound<'py, PyList>>> {
        let (shared, client) = (self.shared(py)?, client(py, index)?);
        // Messages that came before the end are taken before the end is reported.
        let end = shared.why_no_message(client);
        match (events::take_messages(py, shared, client)?, end) {
            (None, Some(error)) => Err(errors::raise(py, &error, Some(shared))),
            (taken, _) => Ok(taken),
        }
    }

    /// The next line that no one waited for, without waiting for one; `None` if there is none.
    fn take_urc(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let shared = self.shared(py)?;
        let end = shared.end();
        match (shared.urcs().take(Duration::ZERO), end) {
            (Ok(stamped), _) => Ok(Some(stamped.value)),
            (Err(_), Some(error)) => Err(errors::raise(py, &error, Some(shared))),
            (Err(_), None) => Ok(None),
        }
    }

    /// The events that have arrived, without waiting; empty if there are none.
    fn take_events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        events::take_events(py, self.shared(py)?, &self.engine)
    }

    /// Rings this bell from now on whenever there is something new.
    fn attend(&self, py: Python<'_>, bell: &Bell) -> PyResult<()> {
        self.shared(py)?.attend(bell.bell(py)?);
        Ok(())
    }

    /// The next line that no one waited for, or `None` when time is up.
    #[pyo3(signature = (timeout=None))]
    fn next_urc(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<String>> {
        let next = waiting::for_next(
            py,
            &self.engine,
            self.shared(py)?.urcs(),
            seconds(py, timeout)?,
            Shared::end,
        )?;
        Ok(next.map(|stamped| stamped.value))
    }

    /// How many messages of a client, or unexpected lines, were dropped since the last time this was asked.
    #[pyo3(signature = (index=None))]
    fn take_dropped(&self, py: Python<'_>, index: Option<i64>) -> PyResult<u64> {
        let shared = self.shared(py)?;
        Ok(match index {
            Some(index) => shared.messages(client(py, index)?).take_dropped(),
            None => shared.urcs().take_dropped(),
        })
    }

    /// Collects events for `next_events()` from now on. Calls `run` once, in a thread that no interrupt reaches, to start
    /// the thread that takes them.
    fn listen(&self, run: &Bound<'_, PyAny>) -> PyResult<()> {
        let shared = self.shared(run.py())?;
        if !self.telling.begin() {
            return Ok(());
        }
        shared.listen();
        let thread = aside(run).inspect_err(|_| self.telling.end())?;
        thread.wait(run.py())
    }

    /// Collects events for `take_events()` from now on.
    fn notice(&self, py: Python<'_>) -> PyResult<()> {
        self.shared(py)?.listen();
        Ok(())
    }

    /// Notes that all events taken have been reported to the program.
    fn told(&self) {
        if self.engine.same_process().is_ok() {
            self.telling.end();
        }
    }

    /// Waits until all events have been reported, with attention to signals. In a forked child nothing is reported.
    fn wait_told(&self, py: Python<'_>) -> PyResult<()> {
        if self.engine.same_process().is_err() {
            return Ok(());
        }
        civil::wait(py, None, |at_most| self.telling.wait(at_most).then_some(())).map(drop)
    }

    /// Waits for events and returns those that have arrived, as tuples of a name, a client index or `None`, and values;
    /// `None` when the modem is closed and all are taken. For a thread that no signal reaches: it wakes for events only.
    fn next_events<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        events::next_events(py, self.shared(py)?, &self.engine)
    }

    /// Says whether the program's log gets the lines of the wire.
    fn trace(&self, py: Python<'_>, wanted: bool) -> PyResult<()> {
        self.shared(py)?.trace(wanted);
        Ok(())
    }

    /// Sets DTR or RTS of the port, by its name in lower case.
    fn set_line(&self, py: Python<'_>, name: &str, on: bool) -> PyResult<()> {
        let set = py.detach(|| self.engine.set_line(line(name), on));
        set.map_err(|error| errors::raise(py, &error, None))
    }

    /// Whether CTS or DSR of the port is on.
    fn read_line(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        let read = py.detach(|| self.engine.read_line(line(name)));
        read.map_err(|error| errors::raise(py, &error, None))
    }

    /// Closes the port and waits for the thread, heeding signals: one that ends the wait does not stop the closing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        close(py, &self.engine)
    }

    /// Asks the thread to close the port, without waiting for it.
    fn close_later(&self) {
        self.engine.close_later();
    }

    /// Raises in a forked child.
    fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        self.shared(py).map(drop)
    }

    /// Whether the port is open.
    #[getter]
    fn is_open(&self) -> bool {
        self.engine.is_open()
    }

    /// The model and the dialect of the module, once it has been set up.
    #[getter]
    fn model(&self, py: Python<'_>) -> PyResult<Option<(&'static str, &'static str)>> {
        let modem = self.shared(py)?.modem();
        Ok(modem.map(|modem| (modem.model.name, modem.dialect.name)))
    }

    /// How the port was lost; `None` while it is open, and if the program closed it.
    #[getter]
    fn lost(&self, py: Python<'_>) -> PyResult<Option<PyErr>> {
        let shared = self.shared(py)?;
        let end = shared.end().filter(|end| matches!(end, Error::Port(_)));
        Ok(end.map(|end| errors::raise(py, &end, Some(shared))))
    }

    /// Says whether a client's messages are taken from `next_events()`: then none of them counts as dropped.
    fn watch(&self, py: Python<'_>, index: i64, watched: bool) -> PyResult<()> {
        self.shared(py)?.watch(client(py, index)?, watched);
        Ok(())
    }

    /// The same for the lines that no one waited for.
    fn watch_urcs(&self, py: Python<'_>, watched: bool) -> PyResult<()> {
        self.shared(py)?.watch_urcs(watched);
        Ok(())
    }

    /// Host and port of a client's network connection; `None` while it has none.
    fn server(&self, py: Python<'_>, index: i64) -> PyResult<Option<(String, u16)>> {
        Ok(self.shared(py)?.server(client(py, index)?))
    }

    /// Waits until a client is connected; returns whether that happened in time.
    #[pyo3(signature = (index, timeout=None))]
    fn wait_connected(&self, py: Python<'_>, index: i64, timeout: Option<f64>) -> PyResult<bool> {
        let (shared, client) = (self.shared(py)?, client(py, index)?);
        let waited = civil::wait(py, seconds(py, timeout)?, |at_most| {
            shared.wait_connected(client, at_most)
        })?;
        match waited {
            Some(Ok(())) => Ok(true),
            Some(Err(error)) => Err(errors::raise(py, &error, Some(shared))),
            None => Ok(false),
        }
    }

    /// The state of a client.
    fn client_state(&self, py: Python<'_>, index: i64) -> PyResult<&'static str> {
        Ok(self.shared(py)?.client_state(client(py, index)?).word())
    }

    /// The last lines of the wire log, oldest first: time, whether the host sent it, text.
    fn wire(&self, py: Python<'_>, at_most: usize) -> PyResult<Vec<(f64, bool, String)>> {
        let lines = self.shared(py)?.wire(at_most);
        let lines = lines
            .into_iter()
            .map(|line| (line.timestamp, line.value.sent, line.value.text));
        Ok(lines.collect())
    }

    /// Counters since the port was opened.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        events::counters(py, &self.shared(py)?.statistics())
    }
}

impl Engine {
    pub(crate) fn new(engine: Arc<engine::Engine>) -> Self {
        Self {
            engine,
            telling: Telling::default(),
        }
    }

    /// The message ids used so far; none in a forked child, which has its own connections.
    pub(crate) fn ids(&self, py: Python<'_>) -> Vec<Ids> {
        self.shared(py).map(|shared| shared.ids()).unwrap_or_default()
    }

    pub(crate) fn engine(&self) -> &Arc<engine::Engine> {
        &self.engine
    }

    fn shared(&self, py: Python<'_>) -> PyResult<&Arc<Shared>> {
        shared(py, &self.engine)
    }

    fn submit(
        &self,
        py: Python<'_>,
        submission: impl Into<Submission> + Send,
        timeout: Option<f64>,
    ) -> PyResult<Pending> {
        let timeout = seconds(py, timeout)?;
        let shared = self.shared(py)?;
        let pending = py
            .detach(|| self.engine.submit(submission, timeout))
            .map_err(|error| errors::raise(py, &error, Some(shared)))?;
        Ok(Pending::new(pending, Arc::clone(&self.engine)))
    }
}

/// What the thread shares with the program, if this is the process of the thread.
pub(crate) fn shared<'a>(py: Python<'_>, engine: &'a engine::Engine) -> PyResult<&'a Arc<Shared>> {
    engine.shared().map_err(|error| errors::raise(py, &error, None))
}

/// Closes the port and waits until it is closed. A signal may end the wait; another call resumes it.
pub(crate) fn close(py: Python<'_>, engine: &engine::Engine) -> PyResult<()> {
    engine.close_later();
    civil::wait(py, None, |at_most| engine.wait_closed(at_most).then_some(())).map(drop)
}

/// The control line with this name; the package knows no others.
fn line(name: &str) -> Line {
    match name {
        "dtr" => Line::Dtr,
        "rts" => Line::Rts,
        "cts" => Line::Cts,
        _ => Line::Dsr,
    }
}
