//! Waits for what an engine leaves for the program, and for room in its queue.

use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_host::engine::{self, Empty, Engine, Inbox, Shared, Weigh};
use modemqtt_host::error::Error;
use modemqtt_os::Moment;
use pyo3::prelude::*;

use crate::engine::shared;
use crate::pending::seconds;
use crate::{civil, errors};

/// Takes a place in the queue of a client's publishes. Returns the time left, in seconds.
pub(crate) fn for_room(
    py: Python<'_>,
    shared: &Shared,
    client: ClientIndex,
    timeout: Option<f64>,
) -> PyResult<Option<f64>> {
    let (start, allowed) = (Moment::now(), seconds(py, timeout)?);
    let found = civil::wait(py, allowed, |at_most| {
        // Once the port is gone there is nothing to wait for: the call ends at once.
        (shared.room().take(client, at_most) || shared.end().is_some()).then_some(())
    })?;
    match (found, allowed) {
        (None, Some(waited)) => {
            let error = Error::Timeout {
                command: "the publish".to_owned(),
                awaited: "room in the queue",
                waited,
                hint: format!(
                    "; {} of client {client} wait already: publish less, or wait for some",
                    engine::MOST_QUEUED
                )
                .into(),
            };
            Err(errors::raise(py, &error, Some(shared)))
        }
        (_, None) => Ok(None),
        (_, Some(allowed)) => Ok(Some(allowed.saturating_sub(start.elapsed()).as_secs_f64())),
    }
}

/// Waits for the next value of an inbox, or for the end that `end` reports.
pub(crate) fn for_next<T: Send + Weigh>(
    py: Python<'_>,
    engine: &Engine,
    inbox: &Inbox<T>,
    timeout: Option<Duration>,
    end: impl Fn(&Shared) -> Option<Error> + Send + Sync,
) -> PyResult<Option<T>> {
    let shared = shared(py, engine)?;
    let next = civil::wait(py, timeout, |at_most| {
        // What came before the end is taken before the end is reported.
        let over = end(shared);
        let patience = if over.is_some() { Duration::ZERO } else { at_most };
        match engine.take(inbox, patience) {
            Ok(value) => Some(Ok(value)),
            Err(Empty::Over) => Some(Err(shared.end().unwrap_or(Error::Closed))),
            Err(Empty::Waiting) => over.map(Err),
        }
    })?;
    next.transpose()
        .map_err(|error| errors::raise(py, &error, Some(shared)))
}
