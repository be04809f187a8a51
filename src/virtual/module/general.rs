//! The commands beside those of MQTT that a host needs to find and set up a module (V.250, 3GPP TS 27.007).

use modemqtt_at::dialect::Refusal;

use super::{Module, Next};
use crate::command_line::{Cursor, Suffix, Value};

/// The example of the standard's commentaries, with its right check digit.
const IMEI: &str = "490154203237518";

/// Commands that report the registration (3GPP TS 27.007 sections 7.2, 10.1.20 and 10.1.22). Which of them a module has depends on
/// its radio; no row says so yet, so every one is there.
const REGISTRATION: [&str; 3] = ["CREG", "CGREG", "CEREG"];

/// Their settings.
#[derive(Debug, Default)]
pub(super) struct General {
    /// `<n>` of each of [`REGISTRATION`]: 0 silent, 1 with unsolicited lines, 2 with more fields, which are optional.
    reporting: [u8; REGISTRATION.len()],
}

impl Module {
    pub(super) fn basic(&mut self, ampersand: bool, letter: u8, number: u32) -> Result<Next, Refusal> {
        match (ampersand, letter, number) {
            (false, b'E', 0 | 1) => self.terminal.echo = number == 1,
            (false, b'V', 0 | 1) => self.terminal.verbose = number == 1,
            (false, b'Q', 0 | 1) => self.terminal.quiet = number == 1,
            (false, b'I', 0) => self.terminal.information(self.model.identification),
            (false, b'Z', 0) | (true, b'F', 0) => {
                self.terminal.echo = true;
                self.terminal.verbose = true;
                self.terminal.quiet = false;
                self.terminal.cmee = 1;
                self.general = General::default();
            }
            _ => return Err(Refusal::Error),
        }
        Ok(Next::Command)
    }

    pub(super) fn general(&mut self, name: &[u8], suffix: Suffix, cursor: &mut Cursor<'_>) -> Result<Next, Refusal> {
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        let answer = match (name.as_str(), suffix) {
            ("CGMI" | "GMI" | "CGMM" | "GMM" | "CGMR" | "GMR" | "CGSN" | "GSN" | "CSQ", Suffix::None) => {
                Some(self.identify(&name))
            }
            ("CGMI" | "GMI" | "CGMM" | "GMM" | "CGMR" | "GMR" | "GSN" | "CPIN", Suffix::Test) => None,
            ("CGSN", Suffix::Test) => Some("+CGSN: (1)".into()),
            ("CGSN", Suffix::Set) => {
                self.one_of(cursor, &[&[1]])?;
                Some(format!("+CGSN: {IMEI}"))
            }
            ("CSQ", Suffix::Test) => Some("+CSQ: (0-31,99),(0-7,99)".into()),
            ("CMEE", Suffix::Read) => Some(format!("+CMEE: {}", self.terminal.cmee)),
            ("CMEE", Suffix::Test) => Some("+CMEE: (0-2)".into()),
            ("CMEE", Suffix::Set) => {
                let given = self.one_of(cursor, &[&[0], &[1], &[2]])?;
                self.terminal.cmee = given.first().copied().unwrap_or_default();
                None
            }
            ("CGATT", Suffix::Read) => Some(format!("+CGATT: {}", u8::from(self.network))),
            ("CPIN", Suffix::Read) => Some("+CPIN: READY".into()),
            ("CFUN", Suffix::Read) => Some("+CFUN: 1".into()),
            ("CFUN", Suffix::Test) => Some("+CFUN: (1),(0,1)".into()),
            ("CFUN", Suffix::Set) => {
                if self.one_of(cursor, &[&[1], &[1, 0], &[1, 1]])? == [1, 1] {
                    return Ok(Next::Restart);
                }
                None
            }
            _ => match REGISTRATION.iter().position(|registration| *registration == name) {
                Some(position) => self.registration(position, suffix, cursor)?,
                None => return Err(Refusal::Error),
            },
        };
        if let Some(line) = answer {
            self.terminal.information(&[line]);
        }
        Ok(Next::Command)
    }

    /// Tells of a change of the registration, where that was asked for.
    pub(super) fn report_registration(&mut self) {
        for (name, reporting) in REGISTRATION.iter().zip(self.general.reporting) {
            if reporting > 0 {
                self.terminal.urc(&format!("+{name}: {}", self.registered()));
            }
        }
    }

    fn identify(&self, name: &str) -> String {
        match name {
            "CGMI" | "GMI" => self.model.identification.first().copied().unwrap_or_default().into(),
            "CGMM" | "GMM" => self.model.model_line.into(),
            "CGMR" | "GMR" => self.model.identification.last().copied().unwrap_or_default().into(),
            "CSQ" => format!("+CSQ: {},{}", self.signal.rssi, self.signal.ber),
            _ => IMEI.into(),
        }
    }

    fn registration(
        &mut self,
        position: usize,
        suffix: Suffix,
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<String>, Refusal> {
        let name = REGISTRATION[position];
        match suffix {
            Suffix::Read => {
                let reporting = self.general.reporting[position];
                Ok(Some(format!("+{name}: {reporting},{}", self.registered())))
            }
            Suffix::Test => Ok(Some(format!("+{name}: (0-2)"))),
            Suffix::Set => {
                let given = self.one_of(cursor, &[&[0], &[1], &[2]])?;
                self.general.reporting[position] = given.first().copied().unwrap_or_default();
                Ok(None)
            }
            Suffix::None => Err(Refusal::Error),
        }
    }

    /// `<stat>`: 1 registered at home, 2 searching.
    const fn registered(&self) -> u8 {
        if self.network { 1 } else { 2 }
    }

    /// The parameters, where they are one of these lists.
    fn one_of(&self, cursor: &mut Cursor<'_>, allowed: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
        let values = cursor.parameters(None).map_err(|_| self.wrong_parameter())?;
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
