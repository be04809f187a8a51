//! The network: whether the module is registered with it, and what it reports of that.

use modemqtt_at::dialect::Refusal;
use modemqtt_os::Moment;

use super::general::{Answer, Asked, DONE, General, list};
use super::sim::Sim;
use super::terminal::PieceKind;
use super::{Module, Parting};
use crate::command_line::Value;

/// `<stat>` of a registration (3GPP TS 27.007 sections 7.2 and 10.1.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration(u8);

impl Registration {
    /// Registered with the home network.
    pub const HOME: Self = Self(1);
    /// Looking for a network.
    pub const SEARCHING: Self = Self(2);
    /// Neither registered nor looking for a network.
    const NOT_REGISTERED: Self = Self(0);
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

impl Module {
    /// Takes the network away or gives it back. Without it every connection is lost.
    pub fn set_network(&mut self, up: bool, parting: Parting, now: Moment) {
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

    /// Sets how the network treats the module. If it is not registered, every connection is lost.
    pub fn set_registration(&mut self, registration: Registration, now: Moment) {
        self.pace.look(now);
        self.change(|module| module.lasting.registration = registration);
        self.settle(now);
    }

    /// Whether connections are possible.
    pub(super) fn has_network(&self) -> bool {
        self.registration_by("").is_registered()
    }

    /// The unsolicited line about a registration, by the first command that the family has.
    pub(super) fn registration_report(&self) -> String {
        let name = self.dialect.registration.first().copied().unwrap_or("CREG");
        self.line(name, self.registration_by(name).0)
    }

    /// The commands about the radio and the packet domain.
    pub(super) fn radio(&mut self, name: &str, asked: &Asked) -> Answer {
        let around = self.dialect.around;
        match (name, asked) {
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

    /// Changes something that the registration may depend on, and reports what follows from it.
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
                self.terminal.urc(PieceKind::Urc, &line);
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

    /// `<stat>` of the registration.
    pub(super) fn registered_as(&self) -> u8 {
        self.registration_by("").0
    }

    /// Whether the radio carries any connection.
    pub(super) fn has_connection(&self) -> bool {
        self.clients.iter().any(|client| client.connection().is_some())
    }

    /// Whether the radio is on.
    pub(super) fn is_on_air(&self) -> bool {
        self.general.function == General::default().function
    }

    /// The registration as a command reports it. A detached module has none in the packet domain.
    fn registration_by(&self, name: &str) -> Registration {
        let detached = !self.general.attached && name != "CREG";
        match self.lasting.registration {
            _ if !self.has_radio() || detached => Registration::NOT_REGISTERED,
            found if found.is_registered() && self.pace.is_searching() => Registration::SEARCHING,
            other => other,
        }
    }

    /// Whether the radio, the card and `AT+COPS` let the module look for a network.
    fn has_radio(&self) -> bool {
        self.is_on_air() && self.lasting.sim == Sim::Ready && !self.general.kept.left_network()
    }

    /// Whether a network would accept it.
    fn could_register(&self) -> bool {
        self.has_radio() && self.lasting.registration.is_registered()
    }

    /// `<stat>`, and the fields that `<n>` asks for.
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
