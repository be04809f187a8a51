//! The control lines of a serial port: DTR and RTS to set, CTS and DSR to read (V.24).
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::sync::Arc;

use serialport::{SerialPort, TTYPort};

use super::telnet::RemoteLines;

/// A control line of a serial port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Data terminal ready: the host's.
    Dtr,
    /// Request to send: the host's.
    Rts,
    /// Clear to send: the module's.
    Cts,
    /// Data set ready: the module's.
    Dsr,
}

/// How the control lines of an open port are reached.
#[derive(Debug)]
pub struct Lines {
    place: Reach,
    /// The host's lines as set; opening the port asserts both.
    dtr: bool,
    rts: bool,
}

#[derive(Debug)]
enum Reach {
    /// The descriptor of a device.
    Device(RawFd),
    /// An RFC 2217 server.
    Remote(Arc<RemoteLines>),
}

impl Lines {
    pub(super) fn of(descriptor: RawFd) -> Self {
        Self::at(Reach::Device(descriptor))
    }

    pub(super) fn remote(lines: Arc<RemoteLines>) -> Self {
        Self::at(Reach::Remote(lines))
    }

    fn at(place: Reach) -> Self {
        Self {
            place,
            dtr: true,
            rts: true,
        }
    }

    /// Sets one of the host's lines. `None` if the port has no such lines, or if the line is the module's.
    pub fn set(&mut self, line: Line, on: bool) -> Option<()> {
        match (&self.place, line) {
            (_, Line::Cts | Line::Dsr) => return None,
            (Reach::Remote(remote), _) => remote.set(line, on)?,
            (Reach::Device(descriptor), Line::Dtr) => port_at(*descriptor).write_data_terminal_ready(on).ok()?,
            (Reach::Device(descriptor), Line::Rts) => port_at(*descriptor).write_request_to_send(on).ok()?,
        }
        match line {
            Line::Dtr => self.dtr = on,
            _ => self.rts = on,
        }
        Some(())
    }

    /// Whether a line is on; a host's line is as it was set. `None` if the port has no such lines.
    pub fn read(&mut self, line: Line) -> Option<bool> {
        let (clear, ready) = match &self.place {
            Reach::Remote(remote) => remote.module()?,
            Reach::Device(descriptor) => {
                let mut port = port_at(*descriptor);
                (port.read_clear_to_send().ok()?, port.read_data_set_ready().ok()?)
            }
        };
        Some(match line {
            Line::Cts => clear,
            Line::Dsr => ready,
            Line::Dtr => self.dtr,
            Line::Rts => self.rts,
        })
    }
}

fn port_at(descriptor: RawFd) -> ManuallyDrop<TTYPort> {
    // SAFETY: the owner of these lines keeps the descriptor open meanwhile, and it is not closed here.
    ManuallyDrop::new(unsafe { TTYPort::from_raw_fd(descriptor) })
}
