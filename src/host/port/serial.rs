//! Serial devices, pseudo-terminals among them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::OFlags;
use serialport::TTYPort;

use super::{FlowControl, PortError, PortErrorKind, PortOptions, holder};

/// A serial device, opened for this program alone.
#[derive(Debug)]
pub struct Serial(TTYPort);

impl Serial {
    pub(super) fn open(path: &str, options: &PortOptions) -> Result<Self, PortError> {
        let flow_control = match options.flow_control {
            FlowControl::None => serialport::FlowControl::None,
            FlowControl::Software => serialport::FlowControl::Software,
            FlowControl::Hardware => serialport::FlowControl::Hardware,
        };
        let builder = serialport::new(path, options.baud_rate).flow_control(flow_control);
        let port = TTYPort::open(&builder).map_err(|error| explain(path, &error))?;
        let serial = Self(port);
        let flags = rustix::fs::fcntl_getfl(serial.fd());
        let set = flags.and_then(|flags| rustix::fs::fcntl_setfl(serial.fd(), flags | OFlags::NONBLOCK));
        set.map_err(|error| PortError::new(path, PortErrorKind::Other, io::Error::from(error)))?;
        Ok(serial)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the port owns the descriptor and closes it when it is dropped, and the borrow cannot outlive the port.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }
}

fn explain(path: &str, error: &serialport::Error) -> PortError {
    let (kind, reason) = match error.kind() {
        serialport::ErrorKind::NoDevice => (
            PortErrorKind::Busy,
            holder::of(path).map_or_else(
                || "the port is in use by another program".to_owned(),
                |holder| format!("the port is in use by {holder}"),
            ),
        ),
        serialport::ErrorKind::Io(io::ErrorKind::NotFound) => {
            (PortErrorKind::Missing, "there is no such device".to_owned())
        }
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => (
            PortErrorKind::Denied,
            "permission denied; the user must belong to the group that owns the device, often dialout".to_owned(),
        ),
        serialport::ErrorKind::InvalidInput => (PortErrorKind::Invalid, error.description.clone()),
        serialport::ErrorKind::Io(_) | serialport::ErrorKind::Unknown => (
            PortErrorKind::Other,
            format!("the port cannot be opened as a serial device: {}", error.description),
        ),
    };
    PortError::new(path, kind, reason)
}
