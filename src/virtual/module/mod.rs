//! The module itself, between antenna and serial line: bytes and events in, bytes and actions out, the clock an argument.
//!
//! | what happens | where |
//! |---|---|
//! | bytes come from the host | here, `presence` (does it hear them?), `data_phase` (what are they?) |
//! | a command line is carried out | here, `script` (what a test wants instead), `mqtt` (which row), `general` (all others) |
//! | … of MQTT | `operations`, `publish`, `reading`, `settings` (`QMTCFG`), `token` |
//! | … about the line, the card, the radio, the network | `general`, `sim`, `signal`, `registration`, `context`, `surroundings`, `everyday`, `modes`, `ping` |
//! | … about credentials | `files`, `tls` |
//! | a broker, or time, does something to a connection | `client` (its states), `connections`, `results` (what the host is told), `messages` |
//! | the module starts, restarts, or loses its power | `life`, `boot` |
//! | something is printed | `terminal` (as a strict module does), `pace` (when), `misprint` (what faults make of it) |
//!
//! Nothing asks which dialect it is: every difference is a field of the dialect or of a row.

mod boot;
mod client;
mod connections;
mod context;
mod data_phase;
mod everyday;
mod files;
mod general;
mod hex;
mod life;
mod messages;
mod misprint;
mod modes;
mod mqtt;
mod operations;
mod pace;
mod parting;
mod ping;
mod presence;
mod publish;
mod reading;
mod registration;
mod results;
mod script;
mod settings;
mod signal;
mod sim;
mod surroundings;
mod terminal;
mod tls;
mod token;

use std::collections::VecDeque;
use std::time::Duration;

use modemqtt_at::ascii::{CR, CTRL_Z, LF};
use modemqtt_at::dialect::{Dialect, FixedCommand, Model, Refusal};
use modemqtt_at::{ClientIndex, Command};
use modemqtt_os::Moment;

use crate::command_line::{Cursor, Entered, Head, LineEnd, LineReader};
use crate::fault::{Fault, Faults, Injection};
use crate::line::Quality;
use client::Client;
use data_phase::{Data, Intake};
use files::Vault;
use general::General;
use life::Lasting;
use misprint::Output;
pub use misprint::Print;
use pace::Pace;
pub use pace::{NoTiming, Timing};
pub use parting::Parting;
use ping::Series;
pub use ping::{Ipv4, PingId, PingReply};
use presence::Presence;
pub use registration::Registration;
use results::LateOk;
use script::Script;
pub use script::Unmet;
pub use signal::Signal;
pub use sim::{NoSim, Sim};
pub use terminal::Cause;
use terminal::{PieceKind, Terminal};
pub use tls::Security;
use tls::TlsContexts;
use token::Token;

/// Names one connection to a broker. It is never used twice, so that events of an earlier connection are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

/// What the module wants done beyond its antenna.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a TCP connection.
    Connect {
        /// Its name from now on.
        connection: ConnectionId,
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
        /// How long that may take.
        within: Duration,
        /// Its TLS settings: it is open once the handshake is done; `None` for plain TCP.
        security: Option<Box<Security>>,
    },
    /// Write to a connection.
    Send {
        /// Which one.
        connection: ConnectionId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Ask a host for an echo; [`Module::tell_ping`] takes the answer.
    Ping {
        /// Its name.
        ping: PingId,
        /// The host's name or address.
        host: String,
        /// The bytes of the echo.
        bytes: usize,
        /// How long to wait for it.
        within: Duration,
    },
    /// Close a connection once everything is written. No event answers.
    Close {
        /// Which one.
        connection: ConnectionId,
    },
    /// Drop a connection without telling the other end: the module is out of reach. No event answers.
    Abandon {
        /// Which one.
        connection: ConnectionId,
    },
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEvent<'a> {
    /// It is open.
    Connected,
    /// It could not be opened.
    Failed(Failure),
    /// Bytes were read.
    Data(&'a [u8]),
    /// The other end has closed it, or it broke.
    Closed,
}

/// Why a connection could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The host's name has no address.
    NameUnknown,
    /// Nobody listens there, or nobody answers.
    Unreachable,
    /// The module has no network.
    NetworkDown,
    /// The TLS handshake failed, or cannot begin.
    Handshake,
}

/// The module.
#[derive(Debug)]
pub struct Module {
    dialect: &'static Dialect,
    model: &'static Model,
    terminal: Terminal,
    reader: LineReader,
    line_end: LineEnd,
    /// What the host's bytes are taken for.
    intake: Intake,
    clients: Vec<Client>,
    general: General,
    vault: Vault,
    contexts: TlsContexts,
    token: Option<Token>,
    lasting: Lasting,
    faults: Faults,
    output: Output,
    pace: Pace,
    /// Whether it hears the host.
    presence: Presence,
    /// When it last heard something, or answered.
    last_activity: Option<Moment>,
    script: Script,
    /// Echoes under way.
    series: Option<Series>,
    /// The commands whose `OK` waits for their result.
    late_oks: Vec<LateOk>,
    actions: VecDeque<Action>,
    connections: u64,
    lost_messages: u64,
    /// Whether other commands follow on the line of the one that is being carried out.
    has_more: bool,
}

/// How a line goes on after one of its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// With the command after it, or `OK`.
    Command,
    /// With data; its `OK` comes when the data is complete.
    Data,
    /// Not at all: `OK` comes later.
    LateOk,
    /// Not at all: the command has printed its own final result code.
    Answered,
    /// With a restart.
    Restart(&'static FixedCommand),
    /// With the module switched off.
    PowerOff(&'static FixedCommand),
}

impl Module {
    /// A module that has been on for a while: it prints no boot text.
    pub fn new(dialect: &'static Dialect, model: &'static Model) -> Self {
        Self {
            dialect,
            model,
            terminal: Terminal::new(dialect),
            reader: LineReader::new(dialect.command_line),
            line_end: LineEnd::default(),
            intake: Intake::default(),
            clients: (0..=dialect.last_client).map(|_| Client::new(dialect)).collect(),
            general: General::default(),
            vault: Vault::default(),
            contexts: TlsContexts::default(),
            token: None,
            lasting: Lasting::default(),
            faults: Faults::new(0),
            output: Output::default(),
            pace: Pace::new(Timing::Instant, 0),
            presence: Presence::default(),
            last_activity: None,
            script: Script::default(),
            series: None,
            late_oks: Vec::new(),
            actions: VecDeque::new(),
            connections: 0,
            lost_messages: 0,
            has_more: false,
        }
    }

    /// The same module, with this seed for everything random. Call it before anything else.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self {
            faults: Faults::new(seed),
            ..self
        }
    }

    /// The same module, with a clock that shows this time now, in seconds since 1970.
    #[must_use]
    pub fn with_clock(mut self, seconds: i64, now: Moment) -> Self {
        self.lasting.clock.set(seconds, Some(now));
        self
    }

    /// Takes bytes from the serial line.
    pub fn receive(&mut self, bytes: &[u8], now: Moment) {
        self.lasting.clock.look(now);
        self.pace.look(now);
        for byte in bytes {
            if self.hears(*byte, now) {
                self.receive_byte(*byte, now);
            }
        }
        self.line_end.next_piece();
        self.settle(now);
    }

    /// Takes an event of a connection. Returns `false` if the module has given that connection up, and ignores the event.
    pub fn tell(&mut self, connection: ConnectionId, event: ConnectionEvent<'_>, now: Moment) -> bool {
        let Some(index) = self.owner(connection) else {
            return false;
        };
        self.handle_connection(index, event, now);
        self.settle(now);
        true
    }

    /// Whether the module has not given up that connection.
    pub fn knows(&self, connection: ConnectionId) -> bool {
        self.owner(connection).is_some()
    }

    fn owner(&self, connection: ConnectionId) -> Option<ClientIndex> {
        let mut indices = self.indices();
        indices.find(|index| self.client(*index).connection() == Some(connection))
    }

    /// Does whatever is due by now.
    pub fn tick(&mut self, now: Moment) {
        self.tick_pace(now);
        self.expire_data(now);
        self.tick_clients(now);
        self.tick_ping(now);
        self.play_script(now);
        self.settle(now);
    }

    /// When [`Module::tick`] is due; `None` while nothing waits for time to pass.
    pub fn next_timeout(&self) -> Option<Moment> {
        let data = self.intake.data().and_then(Data::due);
        data.into_iter()
            .chain(self.clients.iter().filter_map(Client::next_timeout))
            .chain(self.output.next_timeout().filter(|_| self.may_report()))
            .chain(self.script_due())
            .chain(self.pace_due())
            .chain(self.ping_due())
            .min()
    }

    /// The bytes to print on the serial line.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.next_print())
            .flat_map(|print| print.bytes)
            .collect()
    }

    /// The same piece by piece, for a caller that must leave some out.
    pub fn next_print(&mut self) -> Option<Print> {
        self.intake.end_surplus();
        self.output.next_print()
    }

    /// The next action beyond the antenna.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// How many messages from brokers have been lost, because neither the buffer nor the serial line had room for them.
    pub const fn lost_messages(&self) -> u64 {
        self.lost_messages
    }

    /// Misbehaves from now on.
    pub fn inject(&mut self, fault: impl Into<Injection>) {
        self.faults.insert(fault.into());
    }

    /// Ends one fault, or all of them. Whatever they have kept back comes with the next tick.
    pub fn heal(&mut self, fault: Option<Fault>) {
        self.faults.heal(fault);
        self.give_back();
        for _ in self
            .late_oks
            .extract_if(.., |late| fault.is_none_or(|fault| fault == late.by))
        {
            self.terminal.late_ok();
        }
    }

    /// The faults that are on, each with the number of times that is left.
    pub fn faults(&self) -> Vec<Injection> {
        self.faults.list()
    }

    /// Whether the host's next bytes are data.
    pub const fn takes_data(&self) -> bool {
        self.intake.data().is_some()
    }

    /// What the faults do to the line.
    pub(crate) fn line_quality(&self) -> Quality {
        Quality::of(&self.faults)
    }

    fn receive_byte(&mut self, byte: u8, now: Moment) {
        if self.line_end.absorbs(byte, self.takes_data()) {
            return;
        }
        if self.pace.is_busy() {
            return self.wait_for_line(byte);
        }
        match self.intake {
            Intake::Data(_) => self.receive_data(byte, now),
            // EG800Q&EG91xQ note 3.3.8: extra bytes are deleted.
            Intake::Surplus if matches!(byte, CR | CTRL_Z) => self.intake = Intake::Commands,
            Intake::Surplus => {}
            Intake::Commands => {
                if !self.receive_character(byte, now) {
                    return;
                }
            }
        }
        self.play_script(now);
        self.settle(now);
    }

    /// Takes a character of a command line; `true` if it ended the line.
    fn receive_character(&mut self, byte: u8, now: Moment) -> bool {
        if byte == CR {
            self.line_end.ended();
        }
        let kept = byte == LF && self.reader.is_in_line() && self.faults.strikes(Fault::LfInLine);
        let kept = kept && self.reader.push_lf();
        // LF does not belong to a command line, so it is not echoed either: an echo ends in CR alone.
        if byte != LF || kept {
            self.terminal.echo(byte);
        }
        match self.reader.push(byte) {
            None => return false,
            Some(Entered::Line(line)) => self.begin_line(line, now),
            Some(Entered::TooLong) => self.terminal.refuse(Refusal::Error),
        }
        true
    }

    /// Carries out a line, up to the first command that fails, with one final result code for all of them (V.250 section 5.2.3).
    fn execute(&mut self, line: &[u8], now: Moment) {
        let escapes = line.contains(&b'\\') && self.faults.strikes(Fault::StringEscapes);
        let mut cursor = Cursor::new(line).with_escapes(escapes);
        loop {
            match self.execute_next(&mut cursor, now) {
                Ok(Some(Next::Command)) => {}
                Ok(Some(Next::Data | Next::LateOk | Next::Answered)) => return,
                Ok(Some(Next::Restart(reboot))) => {
                    match reboot.answer {
                        Some(answer) => self.terminal.information(&[answer]),
                        None => self.terminal.ok(),
                    }
                    return self.start_again(Parting::Told, now);
                }
                Ok(Some(Next::PowerOff(command))) => {
                    if command.answer.is_none() {
                        self.terminal.ok();
                    }
                    if let Some(last) = self.dialect.around.powered_down.first() {
                        self.terminal.information(&[last]);
                    }
                    return self.power_off(Parting::Told, now);
                }
                Ok(None) => return self.terminal.ok(),
                Err(refusal) => return self.terminal.refuse(refusal),
            }
        }
    }

    fn execute_next(&mut self, cursor: &mut Cursor<'_>, now: Moment) -> Result<Option<Next>, Refusal> {
        self.has_more = false;
        match cursor.next_head().map_err(|_| Refusal::Error)? {
            None => Ok(None),
            Some(Head::Basic {
                ampersand,
                letter,
                number,
            }) => self.basic(ampersand, letter, number).map(Some),
            Some(Head::Register { register, access }) => self.register(register, access).map(Some),
            Some(Head::Extended { name, suffix }) => match Command::from_name(name) {
                Some(command) => self.mqtt(command, suffix, cursor, now).map(Some),
                None => match self.tls_command(name, suffix, cursor, now) {
                    Some(result) => result.map(Some),
                    None => self.general(name, suffix, cursor).map(Some),
                },
            },
        }
    }

    const fn mqtt_refusal(&self) -> Refusal {
        self.dialect.refusals.parameter
    }

    /// Unsolicited lines never stand inside the answer to a command or in a data phase.
    fn settle(&mut self, now: Moment) {
        let may_report = self.may_report();
        self.report_radio();
        if may_report {
            self.terminal.flush_urcs();
        }
        self.print_all(now);
        if may_report {
            self.print_results(now);
            self.print_delayed(now);
        }
    }

    const fn may_report(&self) -> bool {
        !self.pace.is_busy() && !self.takes_data() || self.faults.has(Fault::UrcInData)
    }

    fn indices(&self) -> impl Iterator<Item = ClientIndex> + use<> {
        (0..=self.dialect.last_client).map(ClientIndex)
    }

    fn client(&self, index: ClientIndex) -> &Client {
        // The row has checked the index against the dialect's last client.
        &self.clients[usize::from(index.0)]
    }

    fn client_mut(&mut self, index: ClientIndex) -> &mut Client {
        &mut self.clients[usize::from(index.0)]
    }
}
