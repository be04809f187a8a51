//! Python values to the host's types.

use std::collections::BTreeSet;

use modemqtt_at::dialect::{self, DataPhase, Dialect, Kind};
use modemqtt_at::{ClientIndex, Form, Operation, Qos, Version};
use modemqtt_host::call::{Alibaba, Errand, OneNet, Options, Secret, Tencent, Value, Will};
use modemqtt_host::names;
use modemqtt_host::options::{Definition, OPTIONS, Shape};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString, PyTuple};

use crate::errors;
use crate::tls::tls;

/// A client index. The host checks whether the dialect has it.
pub(crate) fn client(py: Python<'_>, index: i64) -> PyResult<ClientIndex> {
    u8::try_from(index)
        .map(ClientIndex)
        .map_err(|_| errors::usage(py, format!("client index must be 0 to 5, not {index}")))
}

/// A quality of service.
pub(crate) fn quality(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Qos> {
    one_of(name, "0, 1 or 2", value, |number| {
        u8::try_from(number).ok().and_then(Qos::from_number)
    })
}

/// A TCP port.
pub(crate) fn tcp_port(value: &Bound<'_, PyAny>) -> PyResult<u16> {
    one_of("port", "1 to 65535", value, |number| {
        u16::try_from(number).ok().filter(|port| *port != 0)
    })
}

/// A whole number of a few; `allowed` says of which.
fn one_of<T>(name: &str, allowed: &str, value: &Bound<'_, PyAny>, known: impl FnOnce(i64) -> Option<T>) -> PyResult<T> {
    let whole = match value.extract::<i64>() {
        _ if value.is_instance_of::<PyBool>() => false,
        Ok(number) => match known(number) {
            Some(known) => return Ok(known),
            None => true,
        },
        Err(_) => value.is_instance_of::<PyInt>(),
    };
    let message = format!("{name} must be {allowed}, not {}", value.repr()?);
    Err(if whole {
        errors::usage(value.py(), message)
    } else {
        errors::usage_type(value.py(), message)
    })
}

/// An operation by its word.
pub(crate) fn operation(py: Python<'_>, word: &str) -> PyResult<Operation> {
    Operation::from_word(word).ok_or_else(|| errors::usage(py, format!("{word}: there is no such operation")))
}

/// The values of an operation, each of the type that its row wants. Errors do not show the value, since it may be a
/// password.
pub(crate) fn operands(
    dialect: Option<&Dialect>,
    operation: Operation,
    given: &Bound<'_, PyTuple>,
) -> PyResult<Vec<Option<Value>>> {
    let row = dialect.and_then(|dialect| dialect.row(operation.command(), Form::Set));
    let before = usize::from(operation.has_client()) + usize::from(operation.has_message_id());
    let each = given.iter().enumerate().map(|(at, value)| {
        if value.is_none() {
            return Ok(None);
        }
        let parameter = row.and_then(|row| Some((row, row.parameter(before + at)?)));
        let number = match parameter {
            Some((_, parameter)) => matches!(parameter.kind, Kind::Integer { .. } | Kind::Port { .. }),
            None => value.is_instance_of::<PyInt>(),
        };
        let (read, wanted) = if number {
            (value.extract().map(Value::Number), "a whole number")
        } else {
            (value.extract().map(Value::Text), "a str")
        };
        read.map(Some).map_err(|error| match parameter {
            Some((row, _)) if error.is_instance_of::<PyTypeError>(value.py()) => {
                let (name, _) = names::called(row, before + at);
                let given = value.get_type().name().map(|name| name.to_string()).unwrap_or_default();
                errors::usage_type(value.py(), format!("{name} must be {wanted}, not {given}"))
            }
            _ => error,
        })
    });
    each.collect()
}

/// A form of publish.
pub(crate) fn publish_form(py: Python<'_>, name: &str) -> PyResult<DataPhase> {
    match name {
        "counted" => Ok(DataPhase::Counted),
        "prompt" => Ok(DataPhase::UntilCtrlZ),
        "inline" => Ok(DataPhase::Inline),
        "quoted" => Ok(DataPhase::Quoted),
        _ => {
            let known = "\"counted\", \"prompt\", \"inline\" or \"quoted\"";
            Err(errors::usage(py, format!("form must be {known}, not {name:?}")))
        }
    }
}

/// A PIN, which errors do not show.
fn secret_pin(py: Python<'_>, pin: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    pin.and_then(|pin| pin.extract().ok())
        .ok_or_else(|| errors::usage_type(py, "the PIN must be 4 to 8 digits in a str"))
}

/// An errand by its name.
pub(crate) fn errand(py: Python<'_>, name: &str, pin: Option<&Bound<'_, PyAny>>) -> PyResult<Errand> {
    Ok(match name {
        "identity" => Errand::Identity,
        "imei" => Errand::Imei,
        "imsi" => Errand::Imsi,
        "iccid" => Errand::Iccid,
        "signal" => Errand::Signal,
        "registration" => Errand::Registration,
        "wait_registered" => Errand::WaitRegistered,
        "unlock" => Errand::Unlock(Secret(secret_pin(py, pin)?)),
        "restart" => Errand::Restart,
        "capabilities" => Errand::Capabilities,
        _ => return Err(errors::usage(py, format!("{name}: there is no such errand"))),
    })
}

/// The options of `configure`.
pub(crate) fn options(py: Python<'_>, dialect: Option<&Dialect>, values: &Bound<'_, PyDict>) -> PyResult<Options> {
    let mut options = Options::default();
    let mut unknown = Vec::new();
    for (name, value) in values {
        let name: String = name.extract()?;
        match Definition::of(dialect, &name) {
            Some(definition) => put(dialect, definition, &value, &mut options)?,
            None => unknown.push(name),
        }
    }
    if unknown.is_empty() {
        return Ok(options);
    }
    unknown.sort_unstable();
    let known: BTreeSet<_> = OPTIONS.iter().map(|definition| definition.name).collect();
    let known: Vec<_> = known.into_iter().collect();
    let message = format!(
        "there is no option {}; the options are {}; client_id, username and password are arguments of connect() and session()",
        unknown.join(", "),
        known.join(", ")
    );
    Err(errors::usage(py, message))
}

fn put(
    dialect: Option<&Dialect>,
    definition: &Definition,
    value: &Bound<'_, PyAny>,
    options: &mut Options,
) -> PyResult<()> {
    let py = value.py();
    match definition.shape {
        Shape::Byte(place) => *place(options) = Some(number(dialect, definition, value, u8::MAX)?),
        Shape::Short(place) => *place(options) = Some(number(dialect, definition, value, u16::MAX)?),
        Shape::Flag(place) => *place(options) = Some(flag(py, definition.name, value)?),
        Shape::Word(place, words) => *place(options) = Some(choice(definition.name, value, words)?),
        Shape::Unless(place) if value.is_none() => *place(options) = Some(None),
        Shape::Unless(place) => *place(options) = Some(Some(number(dialect, definition, value, u8::MAX)?)),
        Shape::Version(place) => *place(options) = Some(version(value)?),
        Shape::Will(place) => *place(options) = Some(will(value)?),
        Shape::Alibaba(place) => *place(options) = Some(alibaba(value)?),
        Shape::OneNet(place) => *place(options) = Some(onenet(value)?),
        Shape::Tls(place) => *place(options) = Some(tls(value)?),
    }
    Ok(())
}

fn version(value: &Bound<'_, PyAny>) -> PyResult<Version> {
    match value.extract::<String>().as_deref() {
        Ok("3.1") => Ok(Version::V31),
        Ok("3.1.1") => Ok(Version::V311),
        _ => Err(unless_text(
            value,
            format!("version must be \"3.1\" or \"3.1.1\", not {}", value.repr()?),
        )),
    }
}

/// A whole number within the range that the dialect gives for the option. If the dialect lacks the option, the host
/// refuses it.
fn number<T: TryFrom<i64> + Into<i64>>(
    dialect: Option<&Dialect>,
    definition: &Definition,
    value: &Bound<'_, PyAny>,
    most: T,
) -> PyResult<T> {
    let limits = dialect.and_then(|dialect| Some((definition.range(dialect)?, names::models(dialect))));
    let (low, high) = limits.as_ref().map_or((0, most.into()), |(range, _)| *range);
    let number = value
        .extract::<i64>()
        .ok()
        .filter(|_| !value.is_instance_of::<PyBool>());
    let fitting = number.filter(|number| (low..=high).contains(number));
    if let Some(number) = fitting.and_then(|number| T::try_from(number).ok()) {
        return Ok(number);
    }
    let is_whole = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    let whole = if is_whole { "" } else { "a whole number, " };
    let (unit, of) = limits.map_or(("", String::new()), |(_, models)| {
        (definition.unit, format!(" ({models})"))
    });
    let message = format!(
        "{} must be {whole}{low} to {high}{unit}, not {}{of}",
        definition.name,
        value.repr()?
    );
    Err(if is_whole {
        errors::usage(value.py(), message)
    } else {
        errors::usage_type(value.py(), message)
    })
}

fn flag(py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    match value.extract::<bool>() {
        Ok(flag) => Ok(flag),
        Err(_) => Err(errors::usage_type(
            py,
            format!("{key} must be True or False, not {}", value.repr()?),
        )),
    }
}

/// Whether the value is the second of two words.
fn choice(key: &str, value: &Bound<'_, PyAny>, [first, second]: [&str; 2]) -> PyResult<bool> {
    match value.extract::<String>() {
        Ok(word) if word == first => Ok(false),
        Ok(word) if word == second => Ok(true),
        _ => Err(unless_text(
            value,
            format!("{key} must be \"{first}\" or \"{second}\", not {}", value.repr()?),
        )),
    }
}

/// The error for a value that is not one of the texts allowed, or not a text.
fn unless_text(value: &Bound<'_, PyAny>, message: String) -> PyErr {
    if value.is_instance_of::<PyString>() {
        errors::usage(value.py(), message)
    } else {
        errors::usage_type(value.py(), message)
    }
}

fn alibaba(value: &Bound<'_, PyAny>) -> PyResult<Alibaba> {
    is_a("alibaba", "Alibaba", value)?;
    Ok(Alibaba {
        product_key: field(value, "product_key", "product_key", "a str")?,
        device_name: field(value, "device_name", "device_name", "a str")?,
        device_secret: Secret(field(value, "device_secret", "device_secret", "a str")?),
    })
}

fn onenet(value: &Bound<'_, PyAny>) -> PyResult<OneNet> {
    is_a("onenet", "OneNet", value)?;
    Ok(OneNet {
        product_id: field(value, "product_id", "product_id", "a str")?,
        access_key: Secret(field(value, "access_key", "access_key", "a str")?),
    })
}

/// A `modemqtt.Tencent`.
pub(crate) fn tencent(value: &Bound<'_, PyAny>) -> PyResult<Tencent> {
    is_a("device", "Tencent", value)?;
    Ok(Tencent {
        product_id: field(value, "product_id", "product_id", "a str")?,
        device_name: field(value, "device_name", "device_name", "a str")?,
        client_id: field(value, "client_id", "client_id", "a str")?,
        device_secret: Secret(field(value, "device_secret", "device_secret", "a str")?),
        expire: field(value, "expire", "expire", "a whole number or None")?,
        url: field(value, "url", "url", "a str or None")?,
    })
}

/// One field of such a value.
fn field<'py, T>(value: &Bound<'py, PyAny>, name: &str, attribute: &str, wanted: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
{
    let py = value.py();
    let given = value.getattr(attribute)?;
    match given.extract::<T>() {
        Ok(found) => Ok(found),
        Err(_) => Err(errors::usage_type(
            py,
            format!("{name} must be {wanted}, not {}", given.get_type().name()?),
        )),
    }
}

/// Errors name only the type of the value, since it may be a secret.
pub(crate) fn is_a(key: &str, class: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = value.py();
    if value.is_instance(&py.import("modemqtt")?.getattr(class)?)? {
        return Ok(());
    }
    Err(errors::usage_type(
        py,
        format!("{key} must be a modemqtt.{class}, not a {}", value.get_type().name()?),
    ))
}

/// A `modemqtt.Will`, or `None` to remove the will.
fn will(value: &Bound<'_, PyAny>) -> PyResult<Option<Will>> {
    if value.is_none() {
        return Ok(None);
    }
    is_a("will", "Will", value)?;
    Ok(Some(Will {
        topic: field(value, "topic of the will", "topic", "a str")?,
        payload: field(value, "payload of the will", "payload", "bytes")?,
        qos: quality("qos of the will", &value.getattr("qos")?)?,
        retain: field(value, "retain of the will", "retain", "True or False")?,
    }))
}

/// Every model with its dialect.
#[pyfunction]
pub(crate) fn models() -> Vec<(&'static str, &'static str, bool)> {
    dialect::models()
        .map(|(dialect, model)| (model.name, dialect.name, dialect.experimental))
        .collect()
}
