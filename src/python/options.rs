//! Python values to the host's types.

use modemqtt_at::{ClientIndex, Qos, Version};
use modemqtt_host::call::{Options, Will};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors;

/// A client index. Which of them the dialect has is the host's to say.
pub(crate) fn client(py: Python<'_>, index: i64) -> PyResult<ClientIndex> {
    u8::try_from(index)
        .map(ClientIndex)
        .map_err(|_| errors::usage(py, format!("client index {index} is out of range; it counts from 0")))
}

/// A quality of service.
pub(crate) fn qos(py: Python<'_>, number: i64) -> PyResult<Qos> {
    u8::try_from(number)
        .ok()
        .and_then(Qos::from_number)
        .ok_or_else(|| errors::usage(py, format!("qos: {number} is none; 0, 1 and 2 are")))
}

/// A TCP port.
pub(crate) fn port(py: Python<'_>, number: i64) -> PyResult<u16> {
    u16::try_from(number)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| errors::usage(py, format!("port: {number} is no TCP port, 1 to 65535 is allowed")))
}

/// The options of `configure`. Their names were checked by the caller.
pub(crate) fn options(py: Python<'_>, values: &Bound<'_, PyDict>) -> PyResult<Options> {
    let mut options = Options::default();
    for (key, value) in values {
        let key: String = key.extract()?;
        match key.as_str() {
            "version" => options.version = Some(version(py, &value)?),
            "keepalive" => options.keep_alive = Some(number(py, &key, &value, u16::MAX)?),
            "clean_session" => options.clean_session = Some(flag(py, &key, &value)?),
            "packet_timeout" => options.packet_timeout = Some(number(py, &key, &value, u8::MAX)?),
            "retries" => options.retries = Some(number(py, &key, &value, u8::MAX)?),
            "timeout_notice" => options.timeout_notice = Some(flag(py, &key, &value)?),
            "show_length" => options.show_length = Some(flag(py, &key, &value)?),
            "will" => options.will = Some(will(py, &value)?),
            _ => return Err(errors::usage(py, format!("{key}: there is no such option"))),
        }
    }
    Ok(options)
}

fn version(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Version> {
    match value.extract::<String>().as_deref() {
        Ok("3.1") => Ok(Version::V31),
        Ok("3.1.1") => Ok(Version::V311),
        _ => Err(errors::usage(
            py,
            format!("version: {} is none; \"3.1\" and \"3.1.1\" are", value.repr()?),
        )),
    }
}

fn number<T: TryFrom<i64> + Into<i64>>(py: Python<'_>, key: &str, value: &Bound<'_, PyAny>, most: T) -> PyResult<T> {
    let most: i64 = most.into();
    value
        .extract::<i64>()
        .ok()
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| match value.repr() {
            Ok(shown) => errors::usage(
                py,
                format!("{key}: {shown} is out of range; a whole number from 0 to {most} is needed"),
            ),
            Err(error) => error,
        })
}

fn flag(py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    match value.extract::<bool>() {
        Ok(flag) => Ok(flag),
        Err(_) => Err(errors::usage(
            py,
            format!("{key}: {} is neither True nor False", value.repr()?),
        )),
    }
}

/// `None` takes the will back; otherwise a `modemqtt.Will`.
fn will(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Option<Will>> {
    if value.is_none() {
        return Ok(None);
    }
    let class = py.import("modemqtt")?.getattr("Will")?;
    if !value.is_instance(&class)? {
        return Err(errors::usage(
            py,
            format!("will: {} is no modemqtt.Will", value.repr()?),
        ));
    }
    Ok(Some(Will {
        topic: value.getattr("topic")?.extract()?,
        payload: value.getattr("payload")?.extract()?,
        qos: qos(py, value.getattr("qos")?.extract()?)?,
        retain: value.getattr("retain")?.extract()?,
    }))
}
