//! Serial devices, pseudo-terminals among them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
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
        // Kept until the port is open: were it closed before, the device would lower its modem lines between.
        let probe = probe(path)?;
        let builder = serialport::new(path, options.baud_rate).flow_control(flow_control);
        let port = TTYPort::open(&builder).map_err(|error| explain(path, &error))?;
        drop(probe);
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

/// Opens the device and looks who else has it, without changing anything.
///
/// Serialport would do for most of it, but it hides what the system has answered, and where a lock is in its way it ends
/// the exclusive use (`TIOCEXCL`) of whoever holds the device.
fn probe(path: &str) -> Result<OwnedFd, PortError> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| refused(path, error))?;
    if let Some(locker) = holder::by_lock_file(path) {
        return Err(in_use(path, Some(locker)));
    }
    // What pyserial's `exclusive=True`, picocom and serialport itself use.
    match flock(&device, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            // Serialport takes it for good.
            let _ = flock(&device, FlockOperation::Unlock);
        }
        Err(Errno::WOULDBLOCK) => return Err(in_use(path, holder::by_lock(device.as_fd()))),
        // A file system without locks. Serialport says what it makes of that.
        Err(_) => {}
    }
    // The kernel lets root open a device that another program has for itself. Where no such program is left, nobody has it:
    // the device only remembers.
    if holder::is_exclusive(device.as_fd())
        && let Some(other) = holder::other_process(path)
    {
        return Err(in_use(path, Some(other)));
    }
    Ok(device)
}

fn refused(path: &str, error: Errno) -> PortError {
    let (kind, reason) = match error {
        Errno::BUSY => return in_use(path, None),
        Errno::NOENT => (PortErrorKind::Missing, "there is no such device".to_owned()),
        Errno::NXIO | Errno::NODEV => (
            PortErrorKind::Missing,
            "there is a name for the device and no device behind it; was it unplugged?".to_owned(),
        ),
        Errno::ACCESS | Errno::PERM => (
            PortErrorKind::Denied,
            "permission denied; the user must belong to the group that owns the device, often dialout".to_owned(),
        ),
        // What a pseudo-terminal answers whose other end is closed.
        Errno::IO => (
            PortErrorKind::Missing,
            "the device does not answer; was it unplugged?".to_owned(),
        ),
        error => (
            PortErrorKind::Other,
            format!(
                "the port cannot be opened as a serial device: {}",
                io::Error::from(error)
            ),
        ),
    };
    PortError::new(path, kind, reason)
}

fn in_use(path: &str, by: Option<String>) -> PortError {
    let by = by.or_else(|| holder::of(path));
    let by = by.as_deref().unwrap_or("another program");
    PortError::new(path, PortErrorKind::Busy, format!("the port is in use by {by}"))
}

/// What the probe has let pass.
fn explain(path: &str, error: &serialport::Error) -> PortError {
    match error.kind() {
        // In 4.10 this is EBUSY and a lock that another program holds, nothing else.
        serialport::ErrorKind::NoDevice => in_use(path, None),
        serialport::ErrorKind::Io(io::ErrorKind::NotFound) => refused(path, Errno::NOENT),
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => refused(path, Errno::ACCESS),
        serialport::ErrorKind::InvalidInput => PortError::new(path, PortErrorKind::Invalid, error.description.clone()),
        serialport::ErrorKind::Io(_) | serialport::ErrorKind::Unknown => PortError::new(
            path,
            PortErrorKind::Other,
            format!("the port cannot be opened as a serial device: {}", error.description),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_without_a_device_is_not_said_to_be_in_use() {
        for error in [Errno::NXIO, Errno::NODEV, Errno::IO] {
            let error = refused("/dev/ttyS31", error);
            assert_eq!(error.kind, PortErrorKind::Missing, "{error}");
            assert!(!error.reason.contains("in use"), "{error}");
        }
        assert_eq!(refused("/dev/ttyS31", Errno::BUSY).kind, PortErrorKind::Busy);
        assert_eq!(refused("/dev/ttyS31", Errno::PERM).kind, PortErrorKind::Denied);
    }
}
