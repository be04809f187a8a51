//! The options reported by the module, as Python values.

use modemqtt_at::SettingKey;
use modemqtt_host::call::{Configuration, Values};
use modemqtt_host::options::{Definition, OPTIONS, Options, Shape};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

/// The options by their names for programs. A value whose form is not in the note is listed under the name of its key.
pub(crate) fn configuration(py: Python<'_>, mut told: Box<Configuration>) -> PyResult<Bound<'_, PyAny>> {
    let found = PyDict::new(py);
    for printed in &told.printed {
        if !printed.legible {
            found.set_item(printed.key.name(), &printed.text)?;
        } else if printed.key == SettingKey::WILL_EXACT {
            let head = told.will_head.as_ref();
            let head = head.map(|head| (&head.topic, head.qos.number(), head.retain, head.length));
            found.set_item(printed.key.name(), head)?;
        } else {
            let of_key = OPTIONS.iter().filter(|definition| definition.key == printed.key);
            for definition in of_key.filter(|definition| !matches!(definition.shape, Shape::Tls(_))) {
                found.set_item(definition.name, value(py, definition, &mut told.options)?)?;
            }
        }
    }
    Ok(found.into_any())
}

fn value<'py>(py: Python<'py>, definition: &Definition, options: &mut Options) -> PyResult<Bound<'py, PyAny>> {
    let class = |name: &str| py.import("modemqtt")?.getattr(name);
    let none = || Ok(py.None().into_bound(py));
    match definition.shape {
        Shape::Byte(place) => place(options).into_bound_py_any(py),
        Shape::Short(place) => place(options).into_bound_py_any(py),
        Shape::Flag(place) => place(options).into_bound_py_any(py),
        Shape::Word(place, words) => place(options)
            .map(|second| words[usize::from(second)])
            .into_bound_py_any(py),
        Shape::Unless(place) => place(options).flatten().into_bound_py_any(py),
        Shape::Version(place) => place(options).map(|version| version.to_string()).into_bound_py_any(py),
        Shape::Will(place) => match place(options).as_ref().and_then(Option::as_ref) {
            None => none(),
            Some(will) => class("Will")?.call1((
                &will.topic,
                PyBytes::new(py, &will.payload),
                will.qos.number(),
                will.retain,
            )),
        },
        Shape::Alibaba(place) => match place(options) {
            None => none(),
            Some(device) => {
                class("Alibaba")?.call1((&device.product_key, &device.device_name, &device.device_secret.0))
            }
        },
        Shape::OneNet(place) => match place(options) {
            None => none(),
            Some(device) => class("OneNet")?.call1((&device.product_id, &device.access_key.0)),
        },
        Shape::Tls(_) => none(),
    }
}

/// A `modemqtt.Values` for each parameter, by key.
pub(crate) fn capabilities(py: Python<'_>, told: Vec<(String, Vec<Values>)>) -> PyResult<Bound<'_, PyAny>> {
    let class = py.import("modemqtt")?.getattr("Values")?;
    let found = PyDict::new(py);
    for (key, parameters) in told {
        let values = parameters
            .into_iter()
            .map(|values| class.call1((PyTuple::new(py, values.single)?, PyTuple::new(py, values.ranges)?)));
        found.set_item(key, PyTuple::new(py, values.collect::<PyResult<Vec<_>>>()?)?)?;
    }
    Ok(found.into_any())
}

/// Every option by name, with its annotation in `modemqtt.Options`; for a test that compares the two.
#[pyfunction]
pub(crate) fn option_table() -> Vec<(&'static str, String)> {
    let annotation = |shape: &Shape| match shape {
        Shape::Byte(_) | Shape::Short(_) => "int".to_owned(),
        Shape::Flag(_) => "bool".to_owned(),
        Shape::Word(_, [first, second]) => format!("Literal['{first}', '{second}']"),
        Shape::Unless(_) => "int | None".to_owned(),
        Shape::Version(_) => "Literal['3.1.1', '3.1']".to_owned(),
        Shape::Will(_) => "Will | None".to_owned(),
        Shape::Alibaba(_) => "Alibaba".to_owned(),
        Shape::OneNet(_) => "OneNet".to_owned(),
        Shape::Tls(_) => "Tls | None".to_owned(),
    };
    OPTIONS
        .iter()
        .map(|definition| (definition.name, annotation(&definition.shape)))
        .collect()
}
