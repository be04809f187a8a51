//! Telnet with the option that configures a serial line (RFC 854, RFC 1143, RFC 2217): bytes in, bytes and replies out.
//! No I/O.
//!
//! Nothing waits for the other end's consent. Requests take effect in the order in which they are sent, so the line is
//! configured before the first command reaches it. The link counts as binary until the server refuses that, because
//! servers treat it so; after a refusal the rules for CR apply (RFC 854, "The Telnet Network Virtual Terminal").

use std::sync::Arc;

use modemqtt_os::Mutex;

use super::{FlowControl, Line, PortOptions};

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

const BINARY: u8 = 0;
const SUPPRESS_GO_AHEAD: u8 = 3;
const COM_PORT: u8 = 44;

/// The commands of RFC 2217, 3, as a client sends them; the server's are 100 higher.
const SET_BAUDRATE: u8 = 1;
const SET_DATASIZE: u8 = 2;
const SET_PARITY: u8 = 3;
const SET_STOPSIZE: u8 = 4;
const SET_CONTROL: u8 = 5;
const SET_MODEMSTATE_MASK: u8 = 11;
const NOTIFY_MODEMSTATE: u8 = 107;
const FLOWCONTROL_SUSPEND: u8 = 108;
const FLOWCONTROL_RESUME: u8 = 109;

/// How much of a subnegotiation is kept: those that matter here are shorter.
const SUBNEGOTIATION: usize = 64;
/// How many bytes of unsent replies are kept. A server beyond this limit is flooding, and gets no answer.
const REPLIES: usize = 1024;

/// One direction of an option (RFC 1143, reduced to an end that never turns an option off by itself).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Off,
    Asked,
    On,
}

/// An option that we know, in both directions.
#[derive(Clone, Copy, Debug)]
struct NegotiatedOption {
    code: u8,
    /// For what we send: WILL, answered by DO.
    ours: Side,
    /// For what we receive: DO, answered by WILL.
    theirs: Side,
}

#[derive(Clone, Copy, Debug)]
enum Parsing {
    Data,
    /// After an IAC.
    Command,
    /// After WILL, WONT, DO or DONT.
    Option(u8),
    Subnegotiation,
    /// After an IAC within a subnegotiation.
    SubnegotiationCommand,
}

/// The control lines of the remote port, shared by the program and the connection (RFC 2217, 3, SET-CONTROL and
/// NOTIFY-MODEMSTATE).
#[derive(Debug, Default)]
pub(super) struct RemoteLines(Mutex<LineState>);

#[derive(Debug, Default)]
struct LineState {
    /// Whether the server has agreed to configure the line.
    agreed: bool,
    /// The SET-CONTROL values to send; only the last for each line counts.
    dtr: Option<u8>,
    rts: Option<u8>,
    /// The latest modem state that the server reported.
    modem: Option<u8>,
}

/// Values of SET-CONTROL.
const DTR_ON: u8 = 8;
const DTR_OFF: u8 = 9;
const RTS_ON: u8 = 11;
const RTS_OFF: u8 = 12;

/// Bits of the modem state: CTS and DSR.
const CTS_ON: u8 = 0x10;
const DSR_ON: u8 = 0x20;

impl RemoteLines {
    /// Sets one of the host's lines. `None` if the server sets no lines.
    pub(super) fn set(&self, line: Line, on: bool) -> Option<()> {
        let mut state = self.0.lock();
        if !state.agreed {
            return None;
        }
        match line {
            Line::Dtr => state.dtr = Some(if on { DTR_ON } else { DTR_OFF }),
            Line::Rts => state.rts = Some(if on { RTS_ON } else { RTS_OFF }),
            Line::Cts | Line::Dsr => return None,
        }
        Some(())
    }

    /// Whether CTS and DSR are on. `None` if the server sets no lines. Until the server reports them, they count as
    /// off.
    pub(super) fn module(&self) -> Option<(bool, bool)> {
        let state = self.0.lock();
        let modem = state.modem.unwrap_or_default();
        state.agreed.then_some((modem & CTS_ON != 0, modem & DSR_ON != 0))
    }

    /// The SET-CONTROL values that are due.
    fn take(&self) -> impl Iterator<Item = u8> {
        let mut state = self.0.lock();
        state.dtr.take().into_iter().chain(state.rts.take())
    }
}

/// What the other end has turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// It has sent nothing about options except what may be an echo.
    Unknown,
    Telnet,
    /// A raw port that echoes.
    Echo,
}

/// Our end of a Telnet connection.
#[derive(Debug)]
pub(super) struct Telnet {
    options: [NegotiatedOption; 3],
    /// The subnegotiations that configure the line.
    settings: Vec<u8>,
    state: Parsing,
    subnegotiation: Vec<u8>,
    after_cr: bool,
    suspended: bool,
    peer: Peer,
    replies: Vec<u8>,
    lines: Arc<RemoteLines>,
}

impl Telnet {
    /// The replies already hold what is to be sent first.
    pub(super) fn new(options: &PortOptions) -> Self {
        let option = |code, theirs| NegotiatedOption {
            code,
            ours: Side::Asked,
            theirs,
        };
        let mut telnet = Self {
            options: [
                option(BINARY, Side::Asked),
                option(SUPPRESS_GO_AHEAD, Side::Asked),
                // Only the server configures a line. One that offers the option the wrong way round is humoured.
                option(COM_PORT, Side::Off),
            ],
            settings: settings(options),
            state: Parsing::Data,
            subnegotiation: Vec::new(),
            after_cr: false,
            suspended: false,
            peer: Peer::Unknown,
            replies: Vec::new(),
            lines: Arc::default(),
        };
        for option in telnet.options {
            telnet.replies.extend([IAC, WILL, option.code]);
            if option.theirs == Side::Asked {
                telnet.replies.extend([IAC, DO, option.code]);
            }
        }
        // Sent again once the server has agreed: a server that waits for that ignores anything before it (RFC 855).
        telnet.replies.extend(&telnet.settings);
        telnet
    }

    /// Decodes received bytes in place, leaving only the data; returns the number of data bytes.
    pub(super) fn decode(&mut self, bytes: &mut [u8]) -> usize {
        let mut length = 0;
        for at in 0..bytes.len() {
            if let Some(data) = self.take(bytes[at]) {
                bytes[length] = data;
                length += 1;
            }
        }
        length
    }

    /// Appends data as they go over the connection.
    pub(super) fn encode(&self, data: &[u8], out: &mut Vec<u8>) {
        let binary = self.option(BINARY).is_none_or(|option| option.ours != Side::Off);
        for byte in data {
            out.push(*byte);
            match *byte {
                IAC => out.push(IAC),
                b'\r' if !binary => out.push(0),
                _ => {}
            }
        }
    }

    /// Whether the server has asked us to send no data for now (RFC 2217, 3, FLOWCONTROL-SUSPEND).
    pub(super) fn suspended(&self) -> bool {
        self.suspended
    }

    /// Whether the other end speaks Telnet: it has granted or refused an option, or asked for one.
    pub(super) fn negotiated(&self) -> bool {
        self.peer == Peer::Telnet
    }

    /// The control lines of the remote port.
    pub(super) fn lines(&self) -> &Arc<RemoteLines> {
        &self.lines
    }

    /// Whether there are replies to send.
    pub(super) fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// The bytes to send besides data, in whole sequences.
    pub(super) fn take_replies(&mut self) -> Vec<u8> {
        for value in self.lines.take() {
            self.replies.extend([IAC, SB, COM_PORT, SET_CONTROL, value, IAC, SE]);
        }
        std::mem::take(&mut self.replies)
    }

    fn take(&mut self, byte: u8) -> Option<u8> {
        match (self.state, byte) {
            (Parsing::Data, IAC) => self.state = Parsing::Command,
            (Parsing::Data, data) => return self.data(data),
            (Parsing::Command, IAC) => {
                self.state = Parsing::Data;
                return self.data(IAC);
            }
            (Parsing::Command | Parsing::SubnegotiationCommand, WILL | WONT | DO | DONT) => {
                self.state = Parsing::Option(byte);
            }
            (Parsing::Command | Parsing::SubnegotiationCommand, SB) => {
                self.subnegotiation.clear();
                self.state = Parsing::Subnegotiation;
            }
            (Parsing::Subnegotiation, IAC) => self.state = Parsing::SubnegotiationCommand,
            (Parsing::SubnegotiationCommand, SE) => {
                self.subnegotiated();
                self.state = Parsing::Data;
            }
            (Parsing::Subnegotiation, byte) | (Parsing::SubnegotiationCommand, byte @ IAC) => {
                if self.subnegotiation.len() < SUBNEGOTIATION {
                    self.subnegotiation.push(byte);
                }
                self.state = Parsing::Subnegotiation;
            }
            // A command without an option, such as NOP: none of these concerns a modem's line. Within a subnegotiation,
            // where only IAC and SE may follow an IAC (RFC 855), it ends the subnegotiation.
            (Parsing::Command | Parsing::SubnegotiationCommand, _) => self.state = Parsing::Data,
            (Parsing::Option(verb), code) => {
                self.state = Parsing::Data;
                self.negotiate(verb, code);
            }
        }
        None
    }

    fn data(&mut self, byte: u8) -> Option<u8> {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        let binary = self.option(BINARY).is_none_or(|option| option.theirs != Side::Off);
        (binary || !after_cr || byte != 0).then_some(byte)
    }

    fn option(&self, code: u8) -> Option<&NegotiatedOption> {
        self.options.iter().find(|option| option.code == code)
    }

    /// Handles a request or an answer. Only changes are answered, so that two ends cannot keep answering each other.
    fn negotiate(&mut self, verb: u8, code: u8) {
        if self.peer == Peer::Unknown && !is_echo(verb, code) {
            self.peer = Peer::Telnet;
        }
        let ours = matches!(verb, DO | DONT);
        let (accept, refuse) = if ours { (WILL, WONT) } else { (DO, DONT) };
        let Some(option) = self.options.iter_mut().find(|option| option.code == code) else {
            if matches!(verb, DO | WILL) {
                self.reply(&[IAC, refuse, code]);
            }
            return;
        };
        let side = if ours { &mut option.ours } else { &mut option.theirs };
        let wanted = if matches!(verb, DO | WILL) { Side::On } else { Side::Off };
        let before = std::mem::replace(side, wanted);
        match (before, wanted) {
            (Side::Off, Side::On) => self.reply(&[IAC, accept, code]),
            (Side::On, Side::Off) => self.reply(&[IAC, refuse, code]),
            _ => {}
        }
        if ours && code == COM_PORT && wanted == Side::On && before != Side::On {
            let settings = self.settings.clone();
            self.reply(&settings);
        }
        if ours && code == COM_PORT {
            self.lines.0.lock().agreed = wanted == Side::On;
        }
    }

    fn subnegotiated(&mut self) {
        match self.subnegotiation[..] {
            [COM_PORT, FLOWCONTROL_SUSPEND, ..] => self.suspended = true,
            [COM_PORT, FLOWCONTROL_RESUME, ..] => self.suspended = false,
            [COM_PORT, NOTIFY_MODEMSTATE, modem] => self.lines.0.lock().modem = Some(modem),
            // Only a client configures a line, so this is what we sent ourselves.
            [COM_PORT, SET_BAUDRATE..=SET_CONTROL, ..] if self.peer == Peer::Unknown => self.peer = Peer::Echo,
            // Answers to settings: nobody waits for them.
            _ => {}
        }
    }

    fn reply(&mut self, sequence: &[u8]) {
        if self.replies.len() + sequence.len() <= REPLIES {
            self.replies.extend(sequence);
        }
    }
}

/// Whether it may be what we sent, coming back from a raw port that echoes.
fn is_echo(verb: u8, code: u8) -> bool {
    matches!((verb, code), (WILL | DO, BINARY | SUPPRESS_GO_AHEAD) | (WILL, COM_PORT))
}

/// 8 data bits, no parity, one stop bit, which all families use, with the requested speed and flow control.
fn settings(options: &PortOptions) -> Vec<u8> {
    let flow_control = match options.flow_control {
        FlowControl::None => 1,
        FlowControl::Software => 2,
        FlowControl::Hardware => 3,
    };
    let commands: [(u8, &[u8]); 6] = [
        (SET_BAUDRATE, &options.baud_rate.to_be_bytes()),
        (SET_DATASIZE, &[8]),
        (SET_PARITY, &[1]),
        (SET_STOPSIZE, &[1]),
        (SET_CONTROL, &[flow_control]),
        (SET_MODEMSTATE_MASK, &[CTS_ON | DSR_ON]),
    ];
    let mut settings = Vec::new();
    for (command, values) in commands {
        settings.extend([IAC, SB, COM_PORT, command]);
        for value in values {
            settings.push(*value);
            if *value == IAC {
                settings.push(IAC);
            }
        }
        settings.extend([IAC, SE]);
    }
    settings
}

#[cfg(test)]
mod tests;
