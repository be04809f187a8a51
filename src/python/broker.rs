//! The broker, as Python sees it.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use modemqtt_virtual::broker::{self, BrokerError, BrokerOptions, QoS};
use modemqtt_virtual::script;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::process::Owned;
use crate::{civil, errors};

/// The in-process broker.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Broker {
    broker: Owned<broker::Broker>,
}

#[pymethods]
impl Broker {
    /// Starts it.
    #[new]
    #[pyo3(signature = (*, port, users))]
    fn new(py: Python<'_>, port: u16, users: Option<BTreeMap<String, String>>) -> PyResult<Self> {
        let options = BrokerOptions {
            port,
            users,
            ..BrokerOptions::default()
        };
        let broker = py
            .detach(|| broker::Broker::start(options))
            .map_err(|error| broker_failure(py, &error))?;
        Ok(Self {
            broker: Owned::new(broker),
        })
    }

    /// The address it listens on.
    #[getter]
    fn host(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.broker.get(py)?.host())
    }

    /// The TCP port it listens on.
    #[getter]
    fn port(&self, py: Python<'_>) -> PyResult<u16> {
        Ok(self.broker.get(py)?.port())
    }

    /// The messages published to it.
    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Vec<PyMessage<'py>>> {
        let broker = self.broker.get(py)?;
        let messages = self.call(py, broker::Broker::messages)?;
        Ok(messages.into_iter().map(|it| published(py, broker, it)).collect())
    }

    /// The next message that matches the topic filter; `None` if none comes in time.
    fn wait<'py>(&self, py: Python<'py>, topic_filter: &str, timeout: Option<f64>) -> PyResult<Option<PyMessage<'py>>> {
        let broker = self.broker.get(py)?;
        let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
        let found = civil::wait(py, timeout, |patience| broker.wait(topic_filter, patience).transpose())?;
        let found = found.transpose().map_err(|error| broker_failure(py, &error))?;
        Ok(found.map(|it| published(py, broker, it)))
    }

    /// Denies a topic filter; `None` stops denying.
    fn deny(&self, py: Python<'_>, topic_filter: Option<String>) -> PyResult<()> {
        self.call(py, |broker| broker.deny(topic_filter))
    }

    /// The ids of the connected clients.
    fn clients(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.call(py, broker::Broker::clients)
    }

    /// Publishes as if a client had done so.
    fn publish(&self, py: Python<'_>, topic: String, payload: Vec<u8>, qos: u8, retain: bool) -> PyResult<()> {
        let qos = QoS::from_u8(qos).map_err(|_| errors::usage(py, format!("qos must be 0, 1 or 2, not {qos}")))?;
        self.call(py, |broker| broker.publish(topic, payload, qos, retain))
    }

    /// Answers every CONNECT with this return code; `None` accepts again.
    fn refuse(&self, py: Python<'_>, return_code: Option<u8>) -> PyResult<()> {
        self.call(py, |broker| broker.refuse(return_code))
    }

    /// Sends no acknowledgement while it is on.
    fn withhold_acks(&self, py: Python<'_>, on: bool) -> PyResult<()> {
        self.call(py, |broker| broker.withhold_acks(on))
    }

    /// Sends nothing at all while it is on.
    fn silent(&self, py: Python<'_>, on: bool) -> PyResult<()> {
        self.call(py, |broker| broker.mute(on))
    }

    /// Sends everything this many seconds late; 0 ends that.
    fn slow(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let by = script::pause(seconds)
            .map_err(|_| errors::usage(py, format!("seconds must be 0 to 3600, not {seconds}")))?;
        self.call(py, |broker| broker.slow(Some(by).filter(|by| !by.is_zero())))
    }

    /// Cuts each connection once it has sent this many bytes to its client.
    fn cut(&self, py: Python<'_>, after: Option<usize>) -> PyResult<()> {
        self.call(py, |broker| broker.cut(after))
    }

    /// Closes its port and all connections.
    fn stop(&self, py: Python<'_>, forget: bool) -> PyResult<()> {
        self.call(py, |broker| broker.stop(forget))
    }

    /// Listens again.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, broker::Broker::resume)
    }

    /// Cuts every connection.
    fn drop_clients(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, broker::Broker::drop_clients)
    }

    /// Ends it. A signal ends the wait, but not the closing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(broker) = self.broker.here() else {
            return Ok(());
        };
        broker.close_later();
        civil::wait(py, None, |at_most| broker.wait_closed(at_most).then_some(())).map(drop)
    }
}

/// Topic, payload, QoS, retain, client id, seconds since 1970.
type PyMessage<'py> = (String, Bound<'py, PyBytes>, u8, bool, Option<String>, f64);

fn published<'py>(py: Python<'py>, broker: &broker::Broker, message: broker::Message) -> PyMessage<'py> {
    let at = message.at.map(|at| broker.time_of(at));
    let since = at.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    (
        message.topic.to_string(),
        PyBytes::new(py, &message.payload),
        message.qos as u8,
        message.retain,
        message.client_id,
        since.as_secs_f64(),
    )
}

fn duration(py: Python<'_>, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        errors::usage(
            py,
            format!("timeout must be a number of seconds from 0, or None, not {seconds}"),
        )
    })
}

impl Broker {
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&broker::Broker) -> Result<T, BrokerError> + Send,
    ) -> PyResult<T> {
        let broker = self.broker.get(py)?;
        py.detach(|| call(broker)).map_err(|error| broker_failure(py, &error))
    }
}

fn broker_failure(py: Python<'_>, error: &BrokerError) -> PyErr {
    match error {
        BrokerError::Request(_) => errors::usage(py, error.to_string()),
        _ => errors::system(py, error),
    }
}
