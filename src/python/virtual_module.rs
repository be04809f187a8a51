//! The virtual module and the broker, as Python sees them.

use std::path::PathBuf;

use modemqtt_virtual::broker::{self, BrokerError, BrokerOptions, QoS};
use modemqtt_virtual::module::{NoSim, Registration};
use modemqtt_virtual::{self as core, Fault, FaultError, Injection, Options, VirtualError};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors;
use crate::process::Owned;

/// A virtual module on a port of its own.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct VirtualModem {
    modem: Owned<core::VirtualModem>,
}

#[pymethods]
impl VirtualModem {
    /// Starts it.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python as owned strings")]
    #[new]
    #[pyo3(signature = (model, *, link, listen, baudrate, seed, faults))]
    fn new(
        py: Python<'_>,
        model: String,
        link: Option<PathBuf>,
        listen: Option<String>,
        baudrate: Option<u32>,
        seed: u64,
        faults: Vec<String>,
    ) -> PyResult<Self> {
        let faults = faults.iter().map(|text| injection(py, text)).collect::<PyResult<_>>()?;
        let options = Options {
            model,
            link,
            listen,
            baudrate,
            seed,
            faults,
        };
        let started = py
            .detach(|| core::VirtualModem::start(options))
            .map_err(|error| failure(py, &error))?;
        Ok(Self {
            modem: Owned::new(started),
        })
    }

    /// What a host opens.
    #[getter]
    fn port(&self, py: Python<'_>) -> PyResult<&str> {
        Ok(self.modem.get(py)?.port())
    }

    /// The model.
    #[getter]
    fn model(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.modem.get(py)?.model())
    }

    /// Ends it.
    fn close(&self, py: Python<'_>) {
        if let Some(modem) = self.modem.here() {
            py.detach(|| modem.close());
        }
    }

    /// Restarts it, as a loss of power would.
    fn restart(&self, py: Python<'_>) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.restart());
        Ok(())
    }

    /// Takes its network away or gives it back.
    fn network(&self, py: Python<'_>, up: bool) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.network(up));
        Ok(())
    }

    /// Takes its power.
    fn power_off(&self, py: Python<'_>) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.power_off());
        Ok(())
    }

    /// Gives it back.
    fn power_on(&self, py: Python<'_>) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.power_on());
        Ok(())
    }

    /// How the network treats it.
    fn set_registration(&self, py: Python<'_>, stat: i64) -> PyResult<()> {
        let registration = u8::try_from(stat).ok().and_then(Registration::new);
        let registration =
            registration.ok_or_else(|| errors::usage(py, format!("registration: {stat} is none; 0 to 5 are")))?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.set_registration(registration));
        Ok(())
    }

    /// The state of its SIM card.
    fn set_sim(&self, py: Python<'_>, state: &str) -> PyResult<()> {
        let sim = state
            .parse()
            .map_err(|error: NoSim| errors::usage(py, error.to_string()))?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.set_sim(sim));
        Ok(())
    }

    /// What `AT+CSQ` answers.
    fn set_signal(&self, py: Python<'_>, rssi: u8, ber: u8) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.set_signal(rssi, ber));
        Ok(())
    }

    /// Misbehaves from now on.
    fn inject(&self, py: Python<'_>, fault: &str) -> PyResult<()> {
        let injection = injection(py, fault)?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.inject(injection));
        Ok(())
    }

    /// Does so no more; a value is no matter.
    fn heal(&self, py: Python<'_>, fault: Option<&str>) -> PyResult<()> {
        let fault = fault.map(|text| injection(py, text)).transpose()?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.heal(fault.map(Injection::fault)));
        Ok(())
    }

    /// What it does wrong, each as it could be injected.
    #[getter]
    fn faults(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let modem = self.modem.get(py)?;
        let faults = py.detach(|| modem.faults());
        Ok(faults.iter().map(Injection::to_string).collect())
    }
}

/// The in-process broker.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct Broker {
    broker: Owned<broker::Broker>,
}

#[pymethods]
impl Broker {
    /// Starts it.
    #[new]
    #[pyo3(signature = (*, port))]
    fn new(py: Python<'_>, port: u16) -> PyResult<Self> {
        let options = BrokerOptions {
            port,
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

    /// What was published to it: topic, payload, QoS, retain, client id.
    #[expect(clippy::type_complexity, reason = "a tuple is what Python takes apart")]
    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyBytes>, u8, bool, Option<String>)>> {
        let messages = self.call(py, broker::Broker::messages)?;
        let values = messages.into_iter().map(|message| {
            let payload = PyBytes::new(py, &message.payload);
            (
                message.topic.to_string(),
                payload,
                message.qos as u8,
                message.retain,
                message.client_id,
            )
        });
        Ok(values.collect())
    }

    /// The client ids that are connected.
    fn clients(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.call(py, broker::Broker::clients)
    }

    /// Publishes as if a client had.
    fn publish(&self, py: Python<'_>, topic: String, payload: Vec<u8>, qos: u8, retain: bool) -> PyResult<()> {
        let qos = QoS::from_u8(qos).map_err(|_| errors::usage(py, format!("qos: {qos} is none; 0, 1 and 2 are")))?;
        self.call(py, |broker| broker.publish(topic, payload, qos, retain))
    }

    /// Answers every CONNECT with that return code; `None` accepts again.
    fn refuse(&self, py: Python<'_>, return_code: Option<u8>) -> PyResult<()> {
        self.call(py, |broker| broker.refuse(return_code))
    }

    /// Sends no acknowledgement while it is on.
    fn withhold_acks(&self, py: Python<'_>, on: bool) -> PyResult<()> {
        self.call(py, |broker| broker.withhold_acks(on))
    }

    /// Cuts every connection.
    fn drop_clients(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, broker::Broker::drop_clients)
    }

    /// Ends it.
    fn close(&self, py: Python<'_>) {
        if let Some(broker) = self.broker.here() {
            py.detach(|| broker.close());
        }
    }
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

/// Every fault: its name, what its value means, what it does.
#[pyfunction]
pub(crate) fn fault_table() -> Vec<(&'static str, String, &'static str)> {
    let row = |fault: Fault| (fault.name(), fault.takes().meaning(), fault.description());
    Fault::ALL.map(row).to_vec()
}

fn injection(py: Python<'_>, text: &str) -> PyResult<Injection> {
    text.parse()
        .map_err(|error: FaultError| errors::usage(py, error.to_string()))
}

fn failure(py: Python<'_>, error: &VirtualError) -> PyErr {
    match error {
        VirtualError::UnknownModel(_) | VirtualError::Baudrate | VirtualError::LinkToTcp(_) => {
            errors::usage(py, error.to_string())
        }
        _ => PyOSError::new_err(error.to_string()),
    }
}

fn broker_failure(py: Python<'_>, error: &BrokerError) -> PyErr {
    match error {
        BrokerError::Request(_) => errors::usage(py, error.to_string()),
        _ => PyOSError::new_err(error.to_string()),
    }
}
