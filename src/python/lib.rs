//! The Python bindings: they translate and nothing else. What a method does is said in `python/modemqtt`.

mod civil;
mod engine;
mod errors;
mod events;
mod journal;
mod opening;
mod options;
mod pending;
mod process;
mod tls;
mod virtual_module;

/// The Rust core of modemqtt.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::engine::models;
    #[pymodule_export]
    use super::journal::Journal;
    #[pymodule_export]
    use super::opening::Opening;
    #[pymodule_export]
    use super::pending::Pending;
    #[pymodule_export]
    use super::virtual_module::{Broker, VirtualModem, fault_table, parse_script};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
