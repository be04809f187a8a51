//! Messages for Python: instances of `modemqtt.Message`, a frozen dataclass with slots. Its own `__init__` would take
//! six times as long to fill them.

use std::ffi::c_int;
use std::mem::transmute;

use modemqtt_host::engine::Stamped;
use modemqtt_host::message::Content;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyType};

/// The fields, in the order in which [`Maker::make`] sets them.
const FIELDS: [&str; 6] = ["topic", "payload", "message_id", "client", "timestamp", "complete"];

/// Makes messages.
pub(crate) struct Maker {
    class: Py<PyType>,
    /// The descriptors of the slots.
    slots: [Py<PyAny>; FIELDS.len()],
    /// The function that sets the attribute of a descriptor.
    set: ffi::descrsetfunc,
}

static MAKER: PyOnceLock<Maker> = PyOnceLock::new();

impl Maker {
    /// The maker of this interpreter.
    pub(crate) fn of(py: Python<'_>) -> PyResult<&Self> {
        MAKER.get_or_try_init(py, || Self::new(py))
    }

    fn new(py: Python<'_>) -> PyResult<Self> {
        let class = py
            .import("modemqtt._values")?
            .getattr("Message")?
            .cast_into::<PyType>()?;
        let slots = FIELDS.map(|name| class.getattr(name));
        let slots = slots.into_iter().collect::<PyResult<Vec<_>>>()?;
        let kind = slots[0].get_type();
        let is_slot = |slot: &Bound<'_, PyAny>| slot.get_type().is(&kind);
        // SAFETY: the type is alive; every type of Python 3.10 and later may be asked.
        let set = unsafe { ffi::PyType_GetSlot(kind.as_type_ptr(), ffi::Py_tp_descr_set) };
        if set.is_null() || kind.name()? != "member_descriptor" || !slots.iter().all(is_slot) {
            return Err(PyTypeError::new_err("modemqtt.Message has fields without slots"));
        }
        // SAFETY: this slot of a type holds such a function or nothing.
        let set = unsafe { transmute::<*mut std::ffi::c_void, ffi::descrsetfunc>(set) };
        let slots = slots.into_iter().map(Bound::unbind).collect::<Vec<_>>();
        let slots = slots.try_into().map_err(|_| PyTypeError::new_err("modemqtt.Message"))?;
        let class = class.unbind();
        Ok(Self { class, slots, set })
    }

    /// A message, made in one step.
    pub(crate) fn make<'py>(&self, py: Python<'py>, stamped: &Stamped<Content>) -> PyResult<Bound<'py, PyAny>> {
        let message = &stamped.value;
        // SAFETY: the class is a type defined in Python code, without a `__new__` or a size of its own.
        let made = unsafe {
            let object = ffi::PyType_GenericAlloc(self.class.bind(py).as_type_ptr(), 0);
            Bound::from_owned_ptr_or_err(py, object)?
        };
        let values: [Bound<'py, PyAny>; FIELDS.len()] = [
            topic(py, message).into_any(),
            PyBytes::new(py, message.payload()).into_any(),
            PyInt::new(py, message.message_id().0).into_any(),
            PyInt::new(py, message.client().0).into_any(),
            PyFloat::new(py, stamped.timestamp).into_any(),
            PyBool::new(py, message.is_complete()).to_owned().into_any(),
        ];
        for (slot, value) in self.slots.iter().zip(values) {
            // SAFETY: each is a descriptor of that class, whose type has this function, and all three objects are alive.
            let failed: c_int = unsafe { (self.set)(slot.as_ptr(), made.as_ptr(), value.as_ptr()) };
            if failed != 0 {
                return Err(PyErr::fetch(py));
            }
        }
        Ok(made)
    }
}

fn topic<'py>(py: Python<'py>, message: &Content) -> Bound<'py, PyString> {
    // The interpreter checks that it is UTF-8 in any case.
    PyString::from_bytes(py, message.topic_bytes()).unwrap_or_else(|_| PyString::new(py, &message.topic()))
}
