//! Errors of the host as the exceptions of `modemqtt.exceptions`, imported to be raised: under the stable ABI of Python
//! 3.10, classes made here could not carry attributes.

use std::io;

use modemqtt_at::Operation;
use modemqtt_host::engine::Shared;
use modemqtt_host::error::{Error, granted_result};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// How many lines of the wire log an exception carries.
const LINES: usize = 12;

/// The exception for an error, with the last lines of the wire log.
pub(crate) fn raise(py: Python<'_>, error: &Error, shared: Option<&Shared>) -> PyErr {
    build(py, error, shared).unwrap_or_else(|failure| failure)
}

fn build(py: Python<'_>, error: &Error, shared: Option<&Shared>) -> PyResult<PyErr> {
    let attributes = PyDict::new(py);
    let classes = py.import("modemqtt.exceptions")?;
    let own;
    let class = match error {
        Error::Usage(_) => "UsageError",
        Error::Port(error) => {
            attributes.set_item("errno", error.kind.errno())?;
            "PortError"
        }
        Error::Closed => "PortError",
        Error::Timeout { .. } | Error::NotRegistered { .. } => "ResponseTimeout",
        Error::Registration { stat, .. } => {
            attributes.set_item("stat", stat)?;
            "RegistrationError"
        }
        Error::ConnectionLost { code, .. }
        | Error::NotConnected {
            lost: Some((code, _)), ..
        } => {
            attributes.set_item("code", code.0)?;
            attributes.set_item("name", code.name())?;
            "ConnectionLost"
        }
        Error::Command {
            command, refusal, name, ..
        }
        | Error::NotConnected {
            command, refusal, name, ..
        } => {
            attributes.set_item("command", command)?;
            attributes.set_item("code", refusal.code())?;
            attributes.set_item("name", refusal.text().or(*name))?;
            "CommandError"
        }
        Error::DataGivenUp { command, report, .. } => {
            attributes.set_item("command", command)?;
            attributes.set_item("code", py.None())?;
            attributes.set_item("name", report)?;
            "CommandError"
        }
        Error::Operation {
            operation,
            result,
            name,
            return_code,
            ..
        } => {
            attributes.set_item("operation", operation.word())?;
            attributes.set_item("result", result)?;
            attributes.set_item("name", name)?;
            if *operation == Operation::Connect {
                attributes.set_item("return_code", return_code.map(|code| code.0))?;
            }
            own = own_class(*operation);
            if classes.hasattr(&*own)? {
                &own
            } else {
                "OperationError"
            }
        }
        Error::NotGranted { asked, granted, .. } => {
            let (result, name) = granted_result(*asked, granted);
            attributes.set_item("operation", Operation::Subscribe.word())?;
            attributes.set_item("result", result)?;
            attributes.set_item("name", name)?;
            attributes.set_item("granted", PyTuple::new(py, granted)?)?;
            "SubscribeError"
        }
        Error::TakenBack => "ModemError",
        Error::Restarted | Error::PoweredDown => "ModuleRestarted",
        Error::Protocol { expected, line } => {
            attributes.set_item("expected", expected)?;
            attributes.set_item("line", line)?;
            "ProtocolError"
        }
    };
    if let Some(shared) = shared.filter(|_| !matches!(error, Error::Usage(_))) {
        let lines = shared.wire(LINES);
        attributes.set_item(
            "wire",
            PyTuple::new(py, lines.iter().map(|line| shown(line.value.sent, &line.value.text)))?,
        )?;
    }
    let class = classes.getattr(class)?;
    let raised = PyErr::from_value(class.call((error.to_string(),), Some(&attributes))?);
    if let Error::Registration { cause: Some(cause), .. } = error {
        raised.set_cause(py, Some(build(py, cause, shared)?));
    }
    Ok(raised)
}

/// An `OSError` with the sentence and the number of the system's error, which is in `errno` alone.
pub(crate) fn system(py: Python<'_>, error: &dyn std::error::Error) -> PyErr {
    let raised = PyOSError::new_err(error.to_string());
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    if let Some(number) = cause.and_then(io::Error::raw_os_error) {
        let _ = raised.value(py).setattr("errno", number);
    }
    raised
}

/// One line of the wire log.
pub(crate) fn shown(sent: bool, text: &str) -> String {
    let arrow = if sent { '>' } else { '<' };
    format!("{arrow} {text}")
}

/// The class of a failed operation that has its own: `OpenError` for an opening.
fn own_class(operation: Operation) -> String {
    let (initial, rest) = operation.word().split_at(1);
    format!("{}{rest}Error", initial.to_uppercase())
}

/// A `UsageTypeError`.
pub(crate) fn usage_type(py: Python<'_>, message: impl Into<String>) -> PyErr {
    let class = py
        .import("modemqtt.exceptions")
        .and_then(|classes| classes.getattr("UsageTypeError"));
    match class.and_then(|class| class.call1((message.into(),))) {
        Ok(error) => PyErr::from_value(error),
        Err(failure) => failure,
    }
}

/// A `UsageError`.
pub(crate) fn usage(py: Python<'_>, message: impl Into<String>) -> PyErr {
    raise(py, &Error::Usage(message.into()), None)
}
