//! The virtual module, as Python sees it.

use std::path::PathBuf;

use modemqtt_virtual::module::{NoSim, NoTiming, Parting, Registration, Signal};
use modemqtt_virtual::profile::{PROFILES, Profile};
use modemqtt_virtual::script::{self, Expectation, ScriptError, Step};
use modemqtt_virtual::{self as core, Fault, FaultError, Injection, Options, VirtualError};
use pyo3::prelude::*;

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

    /// Whether it was not closed.
    #[getter]
    fn is_open(&self, py: Python<'_>) -> PyResult<bool> {
        let modem = self.modem.get(py)?;
        Ok(py.detach(|| modem.is_open()))
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
