//! The Python bindings, which only translate. `python/modemqtt` documents what each method does.

mod bell;
mod broker;
mod civil;
mod engine;
mod errors;
mod events;
mod journal;
mod kept_session;
mod message;
mod opening;
mod options;
mod pending;
mod process;
mod recorder;
mod replay;
mod settings;
mod telling;
mod tls;
mod turn;
mod virtual_module;
mod waiting;

/// The Rust core of modemqtt.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::bell::Bell;
    #[pymodule_export]
    use super::broker::Broker;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::journal::Journal;
    #[pymodule_export]
    use super::kept_session::KeptSession;
    #[pymodule_export]
    use super::opening::Opening;
    #[pymodule_export]
    use super::options::models;
    #[pymodule_export]
    use super::pending::Pending;
    #[pymodule_export]
    use super::recorder::Recorder;
    #[pymodule_export]
    use super::replay::{Recording, Replay, sections};
    #[pymodule_export]
    use super::settings::option_table;
    #[pymodule_export]
    use super::turn::Turn;
    #[pymodule_export]
    use super::virtual_module::{VirtualModem, fault_table, parse_script, profile_table};

    use pyo3::prelude::*;
    use pyo3::types::PyDict;

    /// Closes in a forked child what belongs to its parent. Only `os.register_at_fork()` may call it.
    #[pyfunction]
    fn let_go() {
        // SAFETY: `Owned` and the engine make sure that a child never uses those objects of its parent that own
        // descriptors, and `after_in_child` is called before the child goes on.
        unsafe { modemqtt_os::descriptors::let_go() }
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let os = module.py().import("os")?;
        if os.hasattr("register_at_fork")? {
            let hooks = PyDict::new(module.py());
            hooks.set_item("after_in_child", module.getattr("let_go")?)?;
            os.call_method("register_at_fork", (), Some(&hooks))?;
        }
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
