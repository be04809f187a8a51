//! A `modemqtt.Tls` to the host's type.

use modemqtt_at::tls::Credential;
use modemqtt_host::credentials::{Pem, Tls, Verify};
use modemqtt_host::error::Error;
use pyo3::prelude::*;

use crate::errors;
use crate::options::is_a;

/// What `Tls._prepared()` returns: the credentials are read and every type is checked.
#[derive(FromPyObject)]
struct Prepared {
    context: u8,
    version: u8,
    suite: Option<u16>,
    level: u8,
    ca: Option<Vec<u8>>,
    cert: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    check_time: bool,
    sni: Option<bool>,
    handshake_timeout: Option<u16>,
}

/// A `modemqtt.Tls`, or `None` to stop securing the connection.
pub(crate) fn tls(value: &Bound<'_, PyAny>) -> PyResult<Option<Box<Tls>>> {
    let py = value.py();
    if value.is_none() {
        return Ok(None);
    }
    is_a("tls", "Tls", value)?;
    let given: Prepared = value.call_method0("_prepared")?.extract()?;
    let pem = |credential, bytes: Option<Vec<u8>>| bytes.map(|bytes| Pem::new(credential, bytes)).transpose();
    let assemble = || -> Result<Tls, Error> {
        Ok(Tls {
            context: given.context,
            version: given.version,
            suite: given.suite,
            verify: match given.level {
                0 => Verify::Nobody,
                1 => Verify::Server,
                _ => Verify::Mutual,
            },
            ca: pem(Credential::Authority, given.ca)?,
            certificate: pem(Credential::Certificate, given.cert)?,
            key: pem(Credential::Key, given.key)?,
            check_time: given.check_time,
            server_name: given.sni,
            handshake_time: given.handshake_timeout,
        })
    };
    let tls = assemble().map_err(|error| errors::raise(py, &error, None))?;
    Ok(Some(Box::new(tls)))
}
