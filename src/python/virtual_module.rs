//! The virtual module and the broker, as Python sees them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use modemqtt_virtual::broker::{self, BrokerError, BrokerOptions, QoS};
use modemqtt_virtual::module::{NoSim, NoTiming, Parting, Registration, Signal};
use modemqtt_virtual::profile::{PROFILES, Profile};
use modemqtt_virtual::script::{self, Expectation, ScriptError, Step};
use modemqtt_virtual::{self as core, Fault, FaultError, Injection, Options, VirtualError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::process::Owned;
use crate::{civil, errors};

/// A virtual module on its own port.
#[pyclass(frozen, module = "modemqtt._core")]
pub(crate) struct VirtualModem {
    modem: Owned<core::VirtualModem>,
}

#[pymethods]
impl VirtualModem {
    /// Starts it.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python as owned strings")]
    #[new]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    #[pyo3(signature = (model, *, link, listen, baudrate, seed, timing, revision, as_seen, faults, script, log))]
    fn new(
        py: Python<'_>,
        model: String,
        link: Option<PathBuf>,
        listen: Option<String>,
        baudrate: Option<u32>,
        seed: u64,
        timing: &str,
        revision: Option<String>,
        as_seen: Option<String>,
        faults: Vec<String>,
        script: Vec<PyExpectation>,
        log: Option<PathBuf>,
    ) -> PyResult<Self> {
        let faults = faults.iter().map(|text| injection(py, text)).collect::<PyResult<_>>()?;
        let script = script.iter().map(|it| expectation(py, it)).collect::<PyResult<_>>()?;
        let timing = timing
            .parse()
            .map_err(|error: NoTiming| errors::usage(py, error.to_string()))?;
        let options = Options {
            model,
            link,
            listen,
            baudrate,
            seed,
            timing,
            revision,
            as_seen,
            faults,
            script,
            log,
        };
        let started = py
            .detach(|| core::VirtualModem::start(options))
            .map_err(|error| failure(py, &error))?;
        Ok(Self {
            modem: Owned::new(started),
        })
    }

    /// The URL that a host opens.
    #[getter]
    fn port(&self, py: Python<'_>) -> PyResult<&str> {
        Ok(self.modem.get(py)?.port())
    }

    /// The model.
    #[getter]
    fn model(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.modem.get(py)?.model())
    }

    /// Ends it. A signal ends the wait, but not the closing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(modem) = self.modem.here() else { return Ok(()) };
        modem.close_later();
        civil::wait(py, None, |at_most| modem.wait_closed(at_most).then_some(())).map(drop)
    }

    /// Restarts it, as after a loss of power.
    fn restart(&self, py: Python<'_>) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.restart());
        Ok(())
    }

    /// Takes its network away or gives it back.
    fn network(&self, py: Python<'_>, up: bool, told: bool) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.network(up, parting(told)));
        Ok(())
    }

    /// Cuts its power.
    fn power_off(&self, py: Python<'_>, told: bool) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.power_off(parting(told)));
        Ok(())
    }

    /// Restores its power.
    fn power_on(&self, py: Python<'_>) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.power_on());
        Ok(())
    }

    /// Presses its power key.
    fn power_key(&self, py: Python<'_>) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.power_key());
        Ok(())
    }

    /// Prints an unsolicited line.
    fn urc(&self, py: Python<'_>, line: Vec<u8>) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.urc(line));
        Ok(())
    }

    /// The command lines that it received.
    #[getter]
    fn commands(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let modem = self.modem.get(py)?;
        Ok(py.detach(|| modem.commands()))
    }

    /// Sets `<stat>` of its registration.
    fn set_registration(&self, py: Python<'_>, stat: i64) -> PyResult<()> {
        let registration = u8::try_from(stat).ok().and_then(Registration::new);
        let registration =
            registration.ok_or_else(|| errors::usage(py, format!("registration must be 0 to 5, not {stat}")))?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.set_registration(registration));
        Ok(())
    }

    /// Sets the state of its SIM card.
    fn set_sim(&self, py: Python<'_>, state: &str) -> PyResult<()> {
        let sim = state
            .parse()
            .map_err(|error: NoSim| errors::usage(py, error.to_string()))?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.set_sim(sim));
        Ok(())
    }

    /// Sets the answer to `AT+CSQ`, and RSRP, RSRQ and SINR.
    fn set_signal(&self, py: Python<'_>, rssi: u8, ber: u8, levels: [Option<i16>; 3]) -> PyResult<()> {
        let signal = Signal::of(rssi, ber).with_levels(levels);
        let modem = self.modem.get(py)?;
        py.detach(|| modem.set_signal(signal));
        Ok(())
    }

    /// Sets the answer to `AT+CBC`.
    fn set_battery(&self, py: Python<'_>, millivolts: u16, charge: u8) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.set_battery(millivolts, charge));
        Ok(())
    }

    /// Moves it to another cell.
    fn set_cell(&self, py: Python<'_>, area: u16, cell: u32) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.set_cell(area, cell));
        Ok(())
    }

    /// Injects a fault from now on.
    fn inject(&self, py: Python<'_>, fault: &str) -> PyResult<()> {
        let injection = injection(py, fault)?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.inject(injection));
        Ok(())
    }

    /// Ends a fault, whatever its value; with `None`, all of them.
    fn heal(&self, py: Python<'_>, fault: Option<&str>) -> PyResult<()> {
        let fault = fault.map(|text| injection(py, text)).transpose()?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.heal(fault.map(Injection::fault)));
        Ok(())
    }

    /// Expects a command line from now on. Returns the number by which `answer` identifies it.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python as an owned tuple")]
    fn expect(&self, py: Python<'_>, expected: PyExpectation) -> PyResult<usize> {
        let expected = expectation(py, &expected)?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.expect(expected)).ok_or_else(|| closed_error(py))
    }

    /// Drops all expectations.
    fn expect_nothing(&self, py: Python<'_>) -> PyResult<()> {
        let modem = self.modem.get(py)?;
        py.detach(|| modem.expect_nothing());
        Ok(())
    }

    /// Answers an expected line with these steps from now on.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python as an owned list")]
    fn answer(&self, py: Python<'_>, number: usize, steps: Vec<PyStep>) -> PyResult<()> {
        let steps = self::steps(py, &steps)?;
        let modem = self.modem.get(py)?;
        py.detach(|| modem.answer(number, steps));
        Ok(())
    }

    /// The expectations that were not met, as text; `None` if all were.
    fn unmet(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let modem = self.modem.get(py)?;
        let unmet = py.detach(|| modem.unmet()).ok_or_else(|| closed_error(py))?;
        Ok(unmet.err().map(|unmet| unmet.to_string()))
    }

    /// The active faults, each in the form in which it could be injected.
    #[getter]
    fn faults(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let modem = self.modem.get(py)?;
        let faults = py.detach(|| modem.faults());
        Ok(faults.iter().map(Injection::to_string).collect())
    }
}

/// Whether servers are told that connections end.
const fn parting(told: bool) -> Parting {
    if told { Parting::Told } else { Parting::Silent }
}

/// A pattern, how often it is expected, and what the module then does.
type PyExpectation = (String, Option<u32>, Vec<PyStep>);
/// The name of a step, its bytes, its seconds; the name decides which of them counts.
type PyStep = (String, Vec<u8>, f64);

fn closed_error(py: Python<'_>) -> PyErr {
    errors::usage(
        py,
        "the virtual module is closed and has forgotten its expectations; call check() before close()",
    )
}

fn expectation(py: Python<'_>, (pattern, times, steps): &PyExpectation) -> PyResult<Expectation> {
    let mut expectation = Expectation::new(pattern).map_err(|error| errors::usage(py, error.to_string()))?;
    expectation.times = *times;
    expectation.steps = self::steps(py, steps)?;
    Ok(expectation)
}

fn steps(py: Python<'_>, steps: &[PyStep]) -> PyResult<Vec<Step>> {
    let step = |(name, bytes, seconds): &PyStep| match name.as_str() {
        "line" => Ok(Step::Line(bytes.clone())),
        "bytes" => Ok(Step::Bytes(bytes.clone())),
        "urc" => Ok(Step::Urc(bytes.clone())),
        "own" => Ok(Step::Own),
        "drop" => Ok(Step::Drop),
        "prompt" => Ok(Step::Prompt(
            std::str::from_utf8(bytes).ok().and_then(|count| count.parse().ok()),
        )),
        "pause" => script::pause(*seconds)
            .map(Step::Pause)
            .map_err(|error| errors::usage(py, error.to_string())),
        _ => Err(errors::usage(py, format!("there is no step {name:?}"))),
    };
    steps.iter().map(step).collect()
}

/// The expectations in the text of a script.
#[pyfunction]
pub(crate) fn parse_script(py: Python<'_>, text: &str) -> PyResult<Vec<PyExpectation>> {
    let script = script::parse(text).map_err(|error: ScriptError| errors::usage(py, error.to_string()))?;
    let step = |step: &Step| match step {
        Step::Line(bytes) => ("line".into(), bytes.clone(), 0.0),
        Step::Bytes(bytes) => ("bytes".into(), bytes.clone(), 0.0),
        Step::Urc(bytes) => ("urc".into(), bytes.clone(), 0.0),
        Step::Pause(pause) => ("pause".into(), Vec::new(), pause.as_secs_f64()),
        Step::Own => ("own".into(), Vec::new(), 0.0),
        Step::Drop => ("drop".into(), Vec::new(), 0.0),
        Step::Prompt(count) => {
            let count = count.map(|count| count.to_string()).unwrap_or_default();
            ("prompt".into(), count.into_bytes(), 0.0)
        }
    };
    let expectation = |it: &Expectation| (it.pattern().into(), it.times, it.steps.iter().map(step).collect());
    Ok(script.iter().map(expectation).collect())
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

/// Every profile: its name, its models, what it looks like, where it was seen.
#[pyfunction]
pub(crate) fn profile_table() -> Vec<(&'static str, Vec<&'static str>, &'static str, &'static str)> {
    let row = |it: &Profile| (it.name, it.models.to_vec(), it.description, it.source);
    PROFILES.iter().map(row).collect()
}

/// Every fault: its name, the meaning of its value, what it does.
#[pyfunction]
pub(crate) fn fault_table() -> Vec<(&'static str, String, &'static str)> {
    let row = |fault: Fault| (fault.name(), fault.takes().meaning(), fault.description());
    Fault::ALL.map(row).to_vec()
}

fn injection(py: Python<'_>, text: &str) -> PyResult<Injection> {
    text.parse()
        .map_err(|error: FaultError| errors::usage(py, error.to_string()))
}

pub(crate) fn failure(py: Python<'_>, error: &VirtualError) -> PyErr {
    match error {
        VirtualError::UnknownModel(_)
        | VirtualError::Revision { .. }
        | VirtualError::UnknownProfile(_)
        | VirtualError::ForeignProfile { .. }
        | VirtualError::Baudrate
        | VirtualError::Address(_)
        | VirtualError::LinkToTcp(_) => errors::usage(py, error.to_string()),
        VirtualError::Log { .. } => {
            // This distinguishes it from the port's errors; if it cannot be set, nothing is lost.
            let failure = errors::system(py, error);
            let _ = failure.value(py).setattr("is_log", true);
            failure
        }
        _ => errors::system(py, error),
    }
}

fn broker_failure(py: Python<'_>, error: &BrokerError) -> PyErr {
    match error {
        BrokerError::Request(_) => errors::usage(py, error.to_string()),
        _ => errors::system(py, error),
    }
}
