//! How the module starts, restarts and loses its power, and what it keeps.
//!
//! [`Presence`] says whether it is there at all, `boot` what it prints when it comes back.

use std::collections::BTreeMap;

use modemqtt_os::Moment;

use super::everyday::Clock;
use super::presence::Presence;
use super::registration::Registration;
use super::signal::Signal;
use super::sim::Sim;
use super::surroundings::Surroundings;
use super::terminal::{PieceKind, StoredSettings};
use super::{Module, Parting};
use crate::fault::Fault;

/// What outlasts a restart.
#[derive(Clone, Debug)]
pub(super) struct Lasting {
    pub(super) registration: Registration,
    pub(super) sim: Sim,
    pub(super) signal: Signal,
    pub(super) surroundings: Surroundings,
    /// What `AT&W` has stored, with the reports of the registration.
    pub(super) stored: Option<StoredSettings>,
    pub(super) reporting: BTreeMap<&'static str, i64>,
    /// The contexts of `AT+CGDCONT`: type and access point.
    pub(super) definitions: BTreeMap<i64, (String, String)>,
    /// That of `AT+QCGDEFCONT`.
    pub(super) default_context: Option<(String, String)>,
    /// The port of `AT+QURCCFG`; `None` for the UART.
    pub(super) urc_port: Option<&'static str>,
    pub(super) clock: Clock,
}

impl Default for Lasting {
    fn default() -> Self {
        Self {
            registration: Registration::HOME,
            sim: Sim::Ready,
            signal: Signal::ORDINARY,
            surroundings: Surroundings::default(),
            stored: None,
            reporting: BTreeMap::new(),
            definitions: BTreeMap::new(),
            default_context: None,
            urc_port: None,
            clock: Clock::default(),
        }
    }
}

impl Module {
    /// Starts again: connections, settings and the echo state are gone, and the boot text is printed. Servers are not told. A module that
    /// is off is switched on.
    pub fn restart(&mut self, now: Moment) {
        self.start_again(Parting::Silent, now);
    }

    /// The same; `parting` says what the servers notice.
    pub(super) fn start_again(&mut self, parting: Parting, now: Moment) {
        self.end(parting, now);
        self.restore_stored();
        self.begin_start(now);
        self.print_all(now);
    }

    /// Cuts its power: it hears nothing and prints nothing until [`Module::power_on`].
    pub fn power_off(&mut self, parting: Parting, now: Moment) {
        self.end(parting, now);
        self.presence = Presence::Off;
    }

    /// Switches it on, if it is off.
    pub fn power_on(&mut self, now: Moment) {
        if !self.is_on() {
            self.restart(now);
        }
    }

    /// Presses its power key long enough to switch it on, or off.
    pub fn power_key(&mut self, now: Moment) {
        if self.is_on() {
            if let Some(last) = self.dialect.around.powered_down.first() {
                self.terminal.information(&[last]);
            }
            self.power_off(Parting::Told, now);
        } else {
            self.power_on(now);
        }
    }

    /// Forgets everything that does not last.
    fn end(&mut self, parting: Parting, now: Moment) {
        self.print_all(now);
        for client in &self.clients {
            if let Some(connection) = client.connection() {
                self.actions.push_back(parting.of(connection));
            }
        }
        let kept = self.faults.strikes(Fault::SettingsKept);
        let new = Self::new(self.dialect, self.model);
        let mut ended = std::mem::replace(self, new);
        self.lasting = ended.lasting;
        self.faults = ended.faults;
        self.output = ended.output;
        self.script = ended.script;
        self.vault = ended.vault.after_restart();
        self.actions = ended.actions;
        self.connections = ended.connections;
        self.lost_messages = ended.lost_messages;
        self.pace = ended.pace.after_end();
        if kept {
            self.terminal.echo = ended.terminal.echo;
            self.general.reporting = ended.general.reporting;
        }
        self.output.forget();
    }

    /// Prints an unsolicited line as soon as one is allowed. A module that is off prints nothing.
    pub fn urc(&mut self, line: &[u8], now: Moment) {
        if self.is_on() {
            self.terminal.urc(PieceKind::Urc, line);
            self.settle(now);
        }
    }
}
