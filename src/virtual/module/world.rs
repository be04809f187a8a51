//! What surrounds the module: SIM card, network, power. It outlasts a restart, as does what the module keeps for itself.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Instant;

use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::Refusal;

use super::everyday::Clock;
use super::general::{Answer, Asked, DONE, General, list};
use super::signal::Signal;
use super::surroundings::Surroundings;
use super::terminal::{Kind, Profile};
use super::{Module, Parting};
use crate::command_line::Value;
use crate::fault::Fault;

/// The subscriber of the test network 001/01 (3GPP TS 23.003 section 2.2), and a card to go with it.
const IMSI: &str = "001010123456789";
pub(super) const ICCID: &str = "89001010000000000017";
/// Of the card.
const PIN: &[u8] = b"1234";
/// What boot text has of a card that is ready, and of one that is not: what Quectel has programs on its GSM modules
/// compare them with has all four.
const SIM_READY: &str = "+CPIN: READY";
const SIM_LOCKED: &str = "+CPIN: SIM PIN";
const SIM_ABSENT: &str = "+CPIN: NOT INSERTED";
const SIM_NOT_READY: &str = "+CPIN: NOT READY";

/// `<stat>` of a registration (3GPP TS 27.007 sections 7.2 and 10.1.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration(u8);

impl Registration {
    /// Registered with the home network.
    pub const HOME: Self = Self(1);
    /// Looking for a network.
    pub const SEARCHING: Self = Self(2);
    /// Neither registered nor looking for a network.
    const IDLE: Self = Self(0);
    const ROAMING: Self = Self(5);

    /// That `<stat>`, 0 to 5.
    #[must_use]
    pub fn new(stat: u8) -> Option<Self> {
        (stat <= Self::ROAMING.0).then_some(Self(stat))
    }

    fn is_registered(self) -> bool {
        self == Self::HOME || self == Self::ROAMING
    }
}

/// What becomes of the SIM card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sim {
    /// It can be used.
    Ready,
    /// It waits for its PIN, 1234.
    Pin,
    /// There is none.
    Absent,
    /// It does not work.
    Failure,
    /// It is not ready yet.
    Busy,
}

impl Sim {
    /// Every state, by its name.
    pub const ALL: [(&str, Self); 5] = [
        ("ready", Self::Ready),
        ("pin", Self::Pin),
        ("absent", Self::Absent),
        ("failure", Self::Failure),
        ("busy", Self::Busy),
    ];
}

/// No state of a SIM card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state of a SIM card; ready, pin, absent, failure and busy are")]
pub struct NoSim(String);

impl FromStr for Sim {
    type Err = NoSim;

    fn from_str(name: &str) -> Result<Self, NoSim> {
        let mut known = Self::ALL.into_iter();
        let found = known.find(|(known, _)| *known == name);
        found.map(|(_, sim)| sim).ok_or_else(|| NoSim(name.into()))
    }
}

/// What outlasts a restart.
#[derive(Clone, Debug)]
pub(super) struct Lasting {
    registration: Registration,
    sim: Sim,
    pub(super) signal: Signal,
    pub(super) surroundings: Surroundings,
    pub(super) powered: bool,
    /// What `AT&W` has kept.
    pub(super) profile: Option<Profile>,
    pub(super) reporting: BTreeMap<&'static str, i64>,
    /// The contexts of `AT+CGDCONT`: type and access point.
    pub(super) definitions: BTreeMap<i64, (String, String)>,
    /// That of `AT+QCGDEFCONT`.
    pub(super) default_context: Option<(String, String)>,
    /// The port of `AT+QURCCFG`, where it is not the UART.
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
            powered: true,
            profile: None,
            reporting: BTreeMap::new(),
            definitions: BTreeMap::new(),
            default_context: None,
            urc_port: None,
            clock: Clock::default(),
        }
    }
}

impl Module {
    /// Starts again: connections, settings and the echo state are gone, and the boot text is printed. Servers are not told. One that is off
    /// is switched on.
    pub fn restart(&mut self, now: Instant) {
        self.start_again(Parting::Silent, now);
    }

    /// The same as part of an order, such as a command.
    pub(super) fn start_again(&mut self, parting: Parting, now: Instant) {
        self.end(parting, now);
        self.lasting.powered = true;
        self.take_profile();
        self.begin_start(now);
        self.print_all(now);
    }

    /// Takes its power: it hears nothing and prints nothing until [`Module::restart`].
    pub fn power_off(&mut self, parting: Parting, now: Instant) {
        self.end(parting, now);
        self.lasting.powered = false;
    }

    /// Switches it on, if it is off.
    pub fn power_on(&mut self, now: Instant) {
        if !self.lasting.powered {
            self.restart(now);
        }
    }

    /// Presses its power key for as long as that takes: it is switched on, or off.
    pub fn power_key(&mut self, now: Instant) {
        if self.lasting.powered {
            if let Some(last) = self.dialect.around.powered_down.first() {
                self.terminal.information(&[last]);
            }
            self.power_off(Parting::Told, now);
        } else {
            self.power_on(now);
        }
    }

    /// Prints an unsolicited line as soon as one may come. A module that is off prints nothing.
    pub fn urc(&mut self, line: &[u8], now: Instant) {
        if self.lasting.powered {
            self.terminal.urc(Kind::Urc, line);
            self.settle(now);
        }
    }

    /// Ends all that does not last.
    fn end(&mut self, parting: Parting, now: Instant) {
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

    /// Takes the network away or gives it back. Without it every connection is lost.
    pub fn set_network(&mut self, up: bool, parting: Parting, now: Instant) {
        let registration = if up {
            Registration::HOME
        } else {
            Registration::SEARCHING
        };
        if self.lasting.registration.is_registered() != up {
            if parting == Parting::Told {
                self.lose_every_connection(parting);
            }
            self.set_registration(registration, now);
        }
    }

    /// Has the network treat the module so. Unless it is registered every connection is lost.
    pub fn set_registration(&mut self, registration: Registration, now: Instant) {
        self.pace.look(now);
        self.change(|module| module.lasting.registration = registration);
        self.settle(now);
    }

    /// Changes the state of the SIM card. Without one that is ready there is no network.
    pub fn set_sim(&mut self, sim: Sim, now: Instant) {
        self.pace.look(now);
        self.change_sim(sim);
        self.settle(now);
    }

    /// Whether connections can be had.
    pub(super) fn has_network(&self) -> bool {
        self.registration_by("").is_registered()
    }

    /// The boot text, as far as the SIM card lets it come: where it has a line of the card, that tells what becomes of it, and is the last
    /// unless the card can be used.
    pub(super) fn boot_lines(&self) -> Vec<&'static str> {
        let lines = self.dialect.boot.iter().copied();
        if self.has_sim_ready() {
            return lines.collect();
        }
        let card = match self.lasting.sim {
            Sim::Pin => SIM_LOCKED,
            Sim::Absent => SIM_ABSENT,
            Sim::Ready | Sim::Failure | Sim::Busy => SIM_NOT_READY,
        };
        let card = self.dialect.boot.contains(&SIM_READY).then_some(card);
        lines.take_while(|line| *line != SIM_READY).chain(card).collect()
    }

    /// What comes behind it when a card that takes its time can be used.
    pub(super) fn rest_of_boot(&self) -> Vec<&'static str> {
        let lines = self.dialect.boot.iter().copied();
        let rest = lines.skip_while(|line| *line != SIM_READY);
        rest.filter(|_| self.lasting.sim == Sim::Ready).collect()
    }

    /// Whether the card can be used, and has been read.
    pub(super) fn has_sim_ready(&self) -> bool {
        self.lasting.sim == Sim::Ready && !self.pace.is_reading_card()
    }

    /// What is reported unasked of the first registration that the family knows.
    pub(super) fn registration_report(&self) -> String {
        let name = self.dialect.registration.first().copied().unwrap_or("CREG");
        self.line(name, self.registration_by(name).0)
    }

    pub(super) fn radio(&mut self, name: &str, asked: &Asked) -> Answer {
        let around = self.dialect.around;
        match (name, asked) {
            // With the blank in every family.
            ("CPIN", Asked::Read) => match self.lasting.sim {
                Sim::Pin => Ok(Some(vec![SIM_LOCKED.into()])),
                _ => self.with_sim(SIM_READY),
            },
            ("CPIN" | "CIMI", Asked::Test) => DONE,
            ("CPIN", Asked::Set(values)) => self.unlock(values),
            ("CIMI", Asked::Execute) => self.with_sim(IMSI),
            (_, Asked::Execute) if around.iccid == Some(name) => self.with_sim(&self.line(name, ICCID)),
            ("CSQ", Asked::Execute) => {
                let Signal { rssi, ber, .. } = self.signal();
                self.answer(name, format_args!("{rssi},{ber}"))
            }
            ("CSQ", Asked::Test) => self.answer(name, "(0-31,99),(0-7,99)"),
            ("CESQ", Asked::Execute) if around.extended_signal => self.answer(name, self.signal().extended()),
            ("CESQ", Asked::Test) if around.extended_signal => {
                self.answer(name, "(0-63,99),(0-7,99),(0-96,255),(0-127,255),(0-34,255),(0-97,255)")
            }
            ("CFUN", Asked::Read) => self.answer(name, self.general.function),
            ("CFUN", Asked::Test) => {
                let resets = self.dialect.reboots.iter().any(|reboot| reboot.name == name);
                let reset = if resets { "(0,1)" } else { "(0)" };
                self.answer(name, format_args!("{},{reset}", list(around.functions)))
            }
            ("CFUN", Asked::Set(values)) => {
                let function = match values.as_slice() {
                    [function] | [function, Value::Integer(0)] => std::slice::from_ref(function),
                    _ => &[],
                };
                let function = self.number(function, around.functions)?;
                self.change(|module| module.general.function = function);
                DONE
            }
            ("CGATT", Asked::Read) => self.answer(name, u8::from(self.has_network())),
            ("CGATT", Asked::Test) => self.answer(name, "(0,1)"),
            ("CGATT", Asked::Set(values)) => {
                let attached = self.number(values, &[0, 1])? == 1;
                self.change(|module| module.general.attached = attached);
                DONE
            }
            _ => Ok(None),
        }
    }

    pub(super) fn registration(&mut self, name: &str, asked: &Asked) -> Answer {
        let mut known = self.dialect.registration.iter().copied();
        let Some(name) = known.find(|known| *known == name) else {
            return Ok(None);
        };
        let most = self.dialect.around.reporting;
        match asked {
            Asked::Read => {
                let reported = self.reported(name);
                self.answer(name, format_args!("{},{reported}", self.reporting(name)))
            }
            Asked::Test => self.answer(name, format_args!("(0-{most})")),
            Asked::Set(values) => {
                let reporting = self.number_in(values, (0, most))?;
                self.general.reporting.insert(name, reporting);
                DONE
            }
            Asked::Execute => Err(Refusal::Error),
        }
    }

    /// Changes something that the registration may depend on, and draws the consequences.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.dialect.registration.iter().map(|name| self.reported(name));
        let before: Vec<_> = before.collect();
        let (could, registered) = (self.could_register(), self.registered_as());
        change(self);
        match (could, self.could_register()) {
            (false, true) => self.search(),
            (_, false) => self.stop_searching(),
            (true, true) => {}
        }
        for (name, before) in self.dialect.registration.iter().zip(before) {
            let reported = self.reported(name);
            if self.reporting(name) > 0 && reported != before {
                let line = self.line(name, reported);
                self.terminal.urc(Kind::Urc, &line);
            }
        }
        if self.registered_as() != registered {
            self.report_registration();
        }
        if !self.has_network() {
            self.general.contexts.end();
            self.lose_every_connection(Parting::Silent);
        }
    }

    fn change_sim(&mut self, sim: Sim) {
        if self.lasting.sim == sim {
            return;
        }
        self.change(|module| module.lasting.sim = sim);
        let line = match sim {
            Sim::Ready => SIM_READY,
            Sim::Pin => SIM_LOCKED,
            // AT+QSIMDET in the AT commands manuals of the LTE families: so a card that is taken out is told.
            Sim::Absent | Sim::Failure | Sim::Busy => SIM_NOT_READY,
        };
        if self.lasting.powered && self.dialect.boot.contains(&SIM_READY) {
            self.terminal.urc(Kind::Urc, line);
        }
    }

    fn unlock(&mut self, values: &[Value]) -> Answer {
        let pin = match values {
            [Value::Quoted(pin)] => pin.clone(),
            // Digits are a string without quotes too (V.250 section 5.4.2.2 leaves the choice to the command).
            [Value::Integer(pin)] => pin.to_string().into_bytes(),
            _ => return Err(self.refused()),
        };
        match self.lasting.sim {
            Sim::Pin if pin == PIN => self.change_sim(Sim::Ready),
            Sim::Pin => return Err(Refusal::Cme(CmeCode::WRONG_PASSWORD)),
            Sim::Ready => return Err(Refusal::Cme(CmeCode::NOT_ALLOWED)),
            Sim::Absent | Sim::Failure | Sim::Busy => return self.with_sim(""),
        }
        DONE
    }

    /// What takes a SIM card to answer.
    fn with_sim(&self, line: &str) -> Answer {
        Err(Refusal::Cme(match self.lasting.sim {
            Sim::Ready if self.pace.is_reading_card() => CmeCode::SIM_BUSY,
            Sim::Ready => return Ok(Some(vec![line.into()])),
            Sim::Pin => CmeCode::SIM_PIN,
            Sim::Absent => CmeCode::SIM_ABSENT,
            Sim::Failure => CmeCode::SIM_FAILURE,
            Sim::Busy => CmeCode::SIM_BUSY,
        }))
    }

    /// `<stat>` of the registration.
    pub(super) fn registered_as(&self) -> u8 {
        self.registration_by("").0
    }

    /// Whether there is a card in its slot.
    pub(super) fn has_card(&self) -> bool {
        self.lasting.sim != Sim::Absent
    }

    /// Whether anything is connected by the radio.
    pub(super) fn has_connection(&self) -> bool {
        self.clients.iter().any(|client| client.connection().is_some())
    }

    /// Whether the radio is on, and has what it needs.
    pub(super) fn is_on_air(&self) -> bool {
        self.general.function == General::default().function
    }

    /// The registration as a command reports it. Detached, the packet domain has none.
    fn registration_by(&self, name: &str) -> Registration {
        let detached = !self.general.attached && name != "CREG";
        match self.lasting.registration {
            _ if !self.has_radio() || detached => Registration::IDLE,
            found if found.is_registered() && self.pace.is_searching() => Registration::SEARCHING,
            other => other,
        }
    }

    /// Whether the radio, the card and `AT+COPS` let the module look for a network.
    fn has_radio(&self) -> bool {
        self.is_on_air() && self.lasting.sim == Sim::Ready && !self.general.kept.left_network()
    }

    /// Whether a network would have it.
    fn could_register(&self) -> bool {
        self.has_radio() && self.lasting.registration.is_registered()
    }

    /// `<stat>`, and with it what `<n>` asks for.
    fn reported(&self, name: &str) -> String {
        let registration = self.registration_by(name);
        let stat = registration.0;
        let placed = self.dialect.around.location && self.reporting(name) > 1;
        if placed && registration.is_registered() {
            format!("{stat},{}", self.location())
        } else {
            stat.to_string()
        }
    }

    fn reporting(&self, name: &str) -> i64 {
        self.general.reporting.get(name).copied().unwrap_or_default()
    }
}
