//! Control characters with a meaning of their own on the line (V.250 section 5.2, 3GPP TS 27.005 section 3.1).

/// Ends a command line (S3 of V.250) and, with [`LF`], a response line.
pub const CR: u8 = b'\r';
/// The second half of the end of a response line (S4 of V.250).
pub const LF: u8 = b'\n';
/// Ends the data phase of a publish and sends the data.
pub const CTRL_Z: u8 = 0x1A;
/// Ends the data phase of a publish and discards the data.
pub const ESC: u8 = 0x1B;
/// With software flow control: go on sending (V.250 section 6.2.12, DC1).
pub const XON: u8 = 0x11;
/// With software flow control: stop sending (DC3).
pub const XOFF: u8 = 0x13;
/// Never legal inside a command line.
pub const NUL: u8 = 0x00;
/// Encloses a string parameter; no dialect has an escape for it inside one.
pub const QUOTE: u8 = b'"';
/// Offered by the module when it waits for data.
pub const PROMPT: u8 = b'>';

/// Whether a byte must never stand inside a string parameter, because some module would act on it: every control
/// character, backspace (S5 of V.250) among them.
#[must_use]
pub const fn is_forbidden_in_string(byte: u8) -> bool {
    byte.is_ascii_control()
}
