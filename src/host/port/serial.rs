//! Serial devices, including pseudo-terminals.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use modemqtt_os::Kept;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::termios::{ControlModes, InputModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serialport::{SerialPort, TTYPort};

use super::{FlowControl, PortError, PortErrorKind, PortOptions, holder};

/// A serial device, opened for this program alone.
#[derive(Debug)]
pub struct Serial {
    _kept: Kept,
    port: TTYPort,
    waits: bool,
}

impl Serial {
    /// Serialport could open the device too, but it would hide the system's answer; and if another program's lock were
    /// in the way, it would end that program's exclusive use of the device (`TIOCEXCL`).
    pub(super) fn open(path: &str, options: &PortOptions) -> Result<Self, PortError> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let device = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| refused(path, error))?;
        let mut attributes = tcgetattr(&device).map_err(|error| refused(path, error))?;
        take(path, device.as_fd())?;
        let waits = options.flow_control == FlowControl::Hardware || is_pseudo_terminal(&device);
        // SAFETY: the descriptor is open, and from here on belongs to nobody else.
        let mut serial = Self {
            _kept: Kept::new(&device),
            port: unsafe { TTYPort::from_raw_fd(OwnedFd::into_raw_fd(device)) },
            waits,
        };
        set(&mut attributes, options.flow_control);
        tcsetattr(serial.fd(), OptionalActions::Now, &attributes).map_err(|error| refused(path, error))?;
        // Each system has its own way to set any speed.
        serial.port.set_baud_rate(options.baud_rate).map_err(|error| {
            let reason = format!("the speed cannot be set: {}", error.description);
            PortError::new(path, PortErrorKind::Other, reason)
        })?;
        Ok(serial)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the port owns the descriptor and closes it when it is dropped, and the borrow cannot outlive the port.
        unsafe { BorrowedFd::borrow_raw(self.port.as_raw_fd()) }
    }

    /// Whether the other end waits while nothing is read.
    pub(super) const fn waits(&self) -> bool {
        self.waits
    }
}

/// Whether the other end is a program, which the system can make wait. Linux gives pseudo-terminals these numbers
/// (Documentation/admin-guide/devices.txt).
fn is_pseudo_terminal(device: &OwnedFd) -> bool {
    let slaves = 136..=143;
    cfg!(target_os = "linux")
        && rustix::fs::fstat(device).is_ok_and(|status| slaves.contains(&rustix::fs::major(status.st_rdev)))
}

/// Every copy of the descriptor shares the lock, and a child forked without our knowledge may have one.
impl Drop for Serial {
    fn drop(&mut self) {
        // A device that is gone has no lock either.
        let _ = flock(self.fd(), FlockOperation::Unlock);
    }
}

/// Raw, 8 data bits, no parity, one stop bit, which all families use; the control lines are ignored.
fn set(attributes: &mut Termios, flow_control: FlowControl) {
    attributes.make_raw();
    attributes.control_modes -= ControlModes::PARODD | ControlModes::CSTOPB | ControlModes::CRTSCTS;
    attributes.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL;
    attributes.input_modes -= InputModes::INPCK | InputModes::IXON | InputModes::IXOFF;
    attributes.input_modes |= InputModes::IGNPAR;
    match flow_control {
        FlowControl::None => {}
        FlowControl::Software => attributes.input_modes |= InputModes::IXON | InputModes::IXOFF,
        FlowControl::Hardware => attributes.control_modes |= ControlModes::CRTSCTS,
    }
}

/// Locks the device, unless another program holds it.
fn take(path: &str, device: BorrowedFd<'_>) -> Result<(), PortError> {
    if let Some(locker) = holder::by_lock_file(path) {
        return Err(in_use(path, Some(locker)));
    }
    // The same lock as pyserial's `exclusive=True`, picocom and serialport use. A file system without locks is no
    // reason to give up the device.
    if flock(device, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        return Err(in_use(path, holder::by_lock(device)));
    }
    // The kernel lets root open a device that another program holds exclusively. If no such program is left, nobody
    // holds the device: the flag is only a leftover.
    match holder::is_exclusive(device)
        .then(|| holder::other_process(path))
        .flatten()
    {
        Some(other) => Err(in_use(path, Some(other))),
        None => Ok(()),
    }
}

fn refused(path: &str, error: Errno) -> PortError {
    let (kind, reason) = match error {
        Errno::BUSY => return in_use(path, None),
        Errno::NOENT if !path.contains('/') => (
            PortErrorKind::Missing,
            "there is no such device; give a path such as /dev/ttyUSB2, as `modemqtt ports` lists them, or virtual://M95"
                .to_owned(),
        ),
        Errno::NOENT => (
            PortErrorKind::Missing,
            "there is no such device; `modemqtt ports` lists those there are".to_owned(),
        ),
        Errno::NOTTY | Errno::ISDIR => (
            PortErrorKind::Other,
            "the port is not a serial device; `modemqtt ports` lists those there are"
                .to_owned(),
        ),
        Errno::NXIO | Errno::NODEV => (
            PortErrorKind::Missing,
            "the name exists, but there is no device behind it; was it unplugged?".to_owned(),
        ),
        Errno::ACCESS | Errno::PERM => (
            PortErrorKind::Denied,
            "permission denied; the user must belong to the group that owns the device, often dialout".to_owned(),
        ),
        // The error of a pseudo-terminal whose other end is closed.
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
