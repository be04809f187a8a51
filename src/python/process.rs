//! Objects that belong to one process: a forked child has the objects, but not their threads.

use std::process;

use pyo3::prelude::*;

use crate::errors;

/// Something with its own thread.
pub(crate) struct Owned<T> {
    value: Option<T>,
    process: u32,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: Some(value),
            process: process::id(),
        }
    }

    /// The value, in the process that made it; `None` in a child.
    pub(crate) fn here(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.process == process::id())
    }

    /// The value; in a child, an error that says so.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        self.here().ok_or_else(|| {
            let message = format!(
                "this was started by process {}; a forked child starts one of its own",
                self.process
            );
            errors::usage(py, message)
        })
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // A child has no thread to wait for, and its locks may be held forever.
        if self.process != process::id() {
            std::mem::forget(self.value.take());
        }
    }
}
