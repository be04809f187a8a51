//! The commands beside those of MQTT that a host needs to find and set up a module (V.250, 3GPP TS 27.007).

use std::collections::BTreeMap;
use std::fmt;

use modemqtt_at::dialect::{FixedCommand, Refusal};

use super::{Module, Next};
use crate::command_line::{Cursor, Suffix, Value};

/// The example of the standard's commentaries, with its right check digit.
const IMEI: &str = "490154203237518";

/// Their settings.
#[derive(Debug, Default)]
pub(super) struct General {
    /// `<n>` of each command that reports the registration: 0 silent, 1 with unsolicited lines, 2 with more fields, which are optional.
    reporting: BTreeMap<&'static str, u8>,
}

impl Module {
    pub(super) fn basic(&mut self, ampersand: bool, letter: u8, number: u32) -> Result<Next, Refusal> {
        match (ampersand, letter, number) {
            (false, b'E', 0 | 1) => self.terminal.echo = number == 1,
            (false, b'V', 0 | 1) => self.terminal.verbose = number == 1,
            (false, b'Q', 0 | 1) => self.terminal.quiet = number == 1,
            (false, b'I', 0) => self.terminal.information(self.model.identification),
            (false, b'Z', 0) | (true, b'F', 0) => {
                self.terminal.reset();
                self.general = General::default();
            }
            _ => return Err(Refusal::Error),
        }
        Ok(Next::Command)
    }

    pub(super) fn general(&mut self, name: &[u8], suffix: Suffix, cursor: &mut Cursor<'_>) -> Result<Next, Refusal> {
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        if let Some(reboot) = given(self.dialect.reboots, &name, suffix, cursor) {
            return Ok(Next::Restart(reboot));
        }
        if let Some(command) = given(self.dialect.deactivate.as_slice(), &name, suffix, cursor) {
            return Ok(self.deactivate(command));
        }
        let answer = match (name.as_str(), suffix) {
            ("CGMI" | "GMI" | "CGMM" | "GMM" | "CGMR" | "GMR" | "CGSN" | "GSN" | "CSQ", Suffix::None) => {
                Some(self.identify(&name))
            }
            ("CGMI" | "GMI" | "CGMM" | "GMM" | "CGMR" | "GMR" | "GSN" | "CPIN", Suffix::Test) => None,
            ("CGSN", Suffix::Test) => Some(self.line(&name, "(1)")),
            ("CGSN", Suffix::Set) => {
                self.one_of(cursor, &[&[1]])?;
                Some(self.line(&name, IMEI))
            }
            ("CSQ", Suffix::Test) => Some(self.line(&name, "(0-31,99),(0-7,99)")),
            ("CMEE", Suffix::Read) => Some(self.line(&name, self.terminal.cmee)),
            ("CMEE", Suffix::Test) => {
                let levels: Vec<_> = self.dialect.error_levels.iter().map(u8::to_string).collect();
                Some(self.line(&name, format_args!("({})", levels.join(","))))
            }
            ("CMEE", Suffix::Set) => {
                let levels: Vec<&[u8]> = self.dialect.error_levels.chunks(1).collect();
                let given = self.one_of(cursor, &levels)?;
                self.terminal.cmee = given.first().copied().unwrap_or_default();
                None
            }
            ("CGATT", Suffix::Read) => Some(self.line(&name, u8::from(self.network))),
            // With the blank in every family.
            ("CPIN", Suffix::Read) => Some("+CPIN: READY".into()),
            ("CFUN", Suffix::Read) => Some(self.line(&name, 1)),
            ("CFUN", Suffix::Test) => Some(self.line(&name, "(1),(0,1)")),
            ("CFUN", Suffix::Set) => {
                self.one_of(cursor, &[&[1], &[1, 0]])?;
                None
            }
            _ => {
                let mut known = self.dialect.registration.iter().copied();
                let known = known.find(|known| *known == name).ok_or(Refusal::Error)?;
                self.registration(known, suffix, cursor)?
            }
        };
        if let Some(line) = answer {
            self.terminal.information(&[line]);
        }
        Ok(Next::Command)
    }

    /// Tells of a change of the registration, where that was asked for.
    pub(super) fn report_registration(&mut self) {
        for name in self.dialect.registration {
            if self.reporting(name) > 0 {
                let line = self.line(name, self.registered());
                self.terminal.urc(&line);
            }
        }
    }

    /// An answer in the format of the family.
    fn line(&self, name: &str, values: impl fmt::Display) -> String {
        let blank = if self.dialect.blank_after_colon { " " } else { "" };
        format!("+{name}:{blank}{values}")
    }

    /// Gives the PDP context up, and with it every connection.
    fn deactivate(&mut self, command: &FixedCommand) -> Next {
        self.lose_every_connection();
        let Some(answer) = command.answer else {
            return Next::Command;
        };
        self.terminal.information(&[answer]);
        Next::Answered
    }

    fn identify(&self, name: &str) -> String {
        match name {
            "CGMI" | "GMI" => self.model.identification.first().copied().unwrap_or_default().into(),
            "CGMM" | "GMM" => self.model.model_line.into(),
            "CGMR" | "GMR" => self.model.identification.last().copied().unwrap_or_default().into(),
            "CSQ" => self.line(name, format_args!("{},{}", self.signal.rssi, self.signal.ber)),
            _ => IMEI.into(),
        }
    }

    fn registration(
        &mut self,
        name: &'static str,
        suffix: Suffix,
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<String>, Refusal> {
        match suffix {
            Suffix::Read => {
                let values = format!("{},{}", self.reporting(name), self.registered());
                Ok(Some(self.line(name, values)))
            }
            Suffix::Test => Ok(Some(self.line(name, "(0-2)"))),
            Suffix::Set => {
                let given = self.one_of(cursor, &[&[0], &[1], &[2]])?;
                let reporting = given.first().copied().unwrap_or_default();
                self.general.reporting.insert(name, reporting);
                Ok(None)
            }
            Suffix::None => Err(Refusal::Error),
        }
    }

    fn reporting(&self, name: &str) -> u8 {
        self.general.reporting.get(name).copied().unwrap_or_default()
    }

    /// `<stat>`: 1 registered at home, 2 searching.
    const fn registered(&self) -> u8 {
        if self.network { 1 } else { 2 }
    }

    /// The parameters, where they are one of these lists.
    fn one_of(&self, cursor: &mut Cursor<'_>, allowed: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
        let values = cursor.parameters(|_| None).map_err(|_| self.wrong_parameter())?;
        let given: Option<Vec<u8>> = values.iter().map(small).collect();
        given
            .filter(|given| allowed.contains(&given.as_slice()))
            .ok_or(self.wrong_parameter())
    }
}

fn small(value: &Value) -> Option<u8> {
    match value {
        Value::Integer(number) => u8::try_from(*number).ok(),
        _ => None,
    }
}

/// Which of these commands a line gives, parameters and all.
fn given(
    commands: &'static [FixedCommand],
    name: &str,
    suffix: Suffix,
    cursor: &mut Cursor<'_>,
) -> Option<&'static FixedCommand> {
    let mut ahead = cursor.clone();
    let values = match suffix {
        Suffix::None => Vec::new(),
        Suffix::Set => ahead.parameters(|_| None).ok()?,
        Suffix::Read | Suffix::Test => return None,
    };
    let found = commands.iter().find(|command| {
        let expected = command.values.iter().copied().map(Value::Integer);
        command.name == name && expected.eq(values.iter().cloned())
    })?;
    *cursor = ahead;
    Some(found)
}
