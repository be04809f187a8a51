//! The commands besides those of MQTT that a host needs to find and set up a module (V.250, 3GPP TS 27.007): which handler answers
//! which command, and the settings of the line. `sim` has the card, `signal` what the radio measures, `registration` the network, `context` the way into the internet, `modes` sleep and
//! switching off.

use std::collections::BTreeMap;
use std::fmt;

use modemqtt_at::dialect::{FixedCommand, Refusal};

use super::context::PdpContexts;
use super::everyday::EverydayValues;
use super::{Module, Next};
use crate::command_line::{Access, Cursor, Suffix, Value};
use crate::fault::Fault;

/// The example of the standard's commentaries, with its right check digit.
pub(super) const IMEI: &str = "490154203237518";

/// The settings of these commands that a restart ends.
#[derive(Debug)]
pub(super) struct General {
    /// `<n>` of each command that reports the registration: 0 silent, 1 with unsolicited lines, 2 with the cell too; more fields are
    /// optional.
    pub(super) reporting: BTreeMap<&'static str, i64>,
    /// `<fun>` of `AT+CFUN`: 1 has the radio on.
    pub(super) function: i64,
    pub(super) attached: bool,
    pub(super) contexts: PdpContexts,
    /// The bands that `AT+NBAND` has set; `None` for all.
    pub(super) bands: Option<Vec<i64>>,
    /// The mode of `AT+QSCLK`.
    pub(super) sleep_mode: usize,
    /// `<n>` of `AT+NPSMR`.
    pub(super) power_saving: i64,
    /// The S-parameters that were set.
    pub(super) registers: BTreeMap<u32, u32>,
    /// Whether the radio was connected at the last look.
    pub(super) radio_connected: bool,
    /// What the everyday commands have set.
    pub(super) kept: EverydayValues,
}

impl Default for General {
    fn default() -> Self {
        Self {
            reporting: BTreeMap::new(),
            function: 1,
            attached: true,
            contexts: PdpContexts::default(),
            bands: None,
            sleep_mode: 0,
            power_saving: 0,
            registers: BTreeMap::new(),
            radio_connected: false,
            kept: EverydayValues::default(),
        }
    }
}

/// A form of a command, with its parameters.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    Execute,
    Read,
    Test,
    Set(Vec<Value>),
}

impl Asked {
    fn of(suffix: Suffix, cursor: &mut Cursor<'_>) -> Self {
        match suffix {
            Suffix::None => Self::Execute,
            Suffix::Read => Self::Read,
            Suffix::Test => Self::Test,
            // A malformed parameter is refused like a word.
            Suffix::Set => Self::Set(
                cursor
                    .parameters(|_| None)
                    .unwrap_or_else(|_| vec![Value::Word(Vec::new())]),
            ),
        }
    }
}

/// The lines that answer a command; `None` if no handler here knows it.
pub(super) type Answer = Result<Option<Vec<String>>, Refusal>;

/// Nothing but `OK`.
pub(super) const DONE: Answer = Ok(Some(Vec::new()));

impl Module {
    pub(super) fn basic(&mut self, ampersand: bool, letter: u8, number: u32) -> Result<Next, Refusal> {
        match (ampersand, letter, number) {
            (false, b'E', 0) => self.terminal.echo = self.terminal.echo && self.faults.strikes(Fault::EchoStuck),
            (false, b'E', 1) => self.terminal.echo = true,
            (false, b'V', 0 | 1) => self.terminal.codes.verbose = number == 1,
            (false, b'Q', 0 | 1) => self.terminal.codes.quiet = number == 1,
            (false, b'I', 0) => self.terminal.information(self.model.identification),
            (false, b'Z', 0) => {
                self.reset_settings();
                self.restore_stored();
            }
            (true, b'F', 0) => self.reset_settings(),
            (true, b'W', 0) if self.dialect.around.stores_profile => {
                self.lasting.stored = Some(self.terminal.settings());
                self.lasting.reporting = self.general.reporting.clone();
            }
            _ if self.ignores(ampersand, letter, number) => {}
            _ => return Err(Refusal::Error),
        }
        Ok(Next::Command)
    }

    /// Whether it is a letter that is accepted and has no effect.
    fn ignores(&self, ampersand: bool, letter: u8, number: u32) -> bool {
        let mut letters = self.dialect.around.letters.iter();
        letters.any(|(name, most)| {
            let known = name.strip_prefix('&').unwrap_or(name);
            (known.len() < name.len()) == ampersand && known.as_bytes() == [letter] && number <= *most
        })
    }

    /// `ATS<number>?` and `ATS<number>=<value>` (V.250 section 5.3.2).
    pub(super) fn register(&mut self, number: u32, access: Access) -> Result<Next, Refusal> {
        let mut registers = self.dialect.around.registers.iter();
        let register = registers.find(|it| it.number == number).ok_or(Refusal::Error)?;
        match access {
            Access::Read => {
                let value = self.general.registers.get(&number).unwrap_or(&register.default);
                self.terminal.information(&[format!("{value:03}")]);
            }
            Access::Set(value) if (register.range.0..=register.range.1).contains(&value) => {
                self.general.registers.insert(number, value);
            }
            Access::Set(_) => return Err(Refusal::Error),
        }
        Ok(Next::Command)
    }

    fn reset_settings(&mut self) {
        self.terminal.reset();
        self.general.reporting.clear();
        self.general.registers.clear();
    }

    /// Restores what `AT&W` has stored.
    pub(super) fn restore_stored(&mut self) {
        if let Some(stored) = self.lasting.stored {
            self.terminal.restore(stored);
            self.general.reporting = self.lasting.reporting.clone();
        }
    }

    pub(super) fn general(&mut self, name: &[u8], suffix: Suffix, cursor: &mut Cursor<'_>) -> Result<Next, Refusal> {
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        if let Some(reboot) = fixed_command(self.dialect.reboots, &name, suffix, cursor) {
            return Ok(Next::Restart(reboot));
        }
        if let Some(command) = fixed_command(self.dialect.around.power_off, &name, suffix, cursor) {
            return Ok(Next::PowerOff(command));
        }
        if let Some(command) = fixed_command(self.dialect.deactivate.as_slice(), &name, suffix, cursor) {
            return Ok(self.deactivate(command));
        }
        let asked = Asked::of(suffix, cursor);
        if let Some(next) = self.own_address(&name, &asked) {
            return next;
        }
        for ask in [
            Self::everyday,
            Self::identify,
            Self::error_level,
            Self::card,
            Self::signal_quality,
            Self::radio,
            Self::registration,
            Self::context,
            Self::modes,
            Self::ping,
        ] {
            if let Some(lines) = ask(self, &name, &asked)? {
                if !lines.is_empty() {
                    self.terminal.information(&lines);
                }
                return Ok(Next::Command);
            }
        }
        Err(Refusal::Error)
    }

    /// An answer in the format of the family.
    pub(super) fn line(&self, name: &str, values: impl fmt::Display) -> String {
        let blank = if self.dialect.blank_after_colon { " " } else { "" };
        format!("+{name}:{blank}{values}")
    }

    /// The same, as the whole answer to a command.
    #[expect(clippy::unnecessary_wraps, reason = "handlers end with it")]
    pub(super) fn answer(&self, name: &str, values: impl fmt::Display) -> Answer {
        Ok(Some(vec![self.line(name, values)]))
    }

    fn identify(&mut self, name: &str, asked: &Asked) -> Answer {
        let lines = self.model.identification;
        let first = lines.first().copied().unwrap_or_default();
        let last = lines.last().copied().unwrap_or_default();
        match (name, asked) {
            ("CGMI" | "GMI", Asked::Execute) => Ok(Some(vec![first.into()])),
            ("CGMM" | "GMM", Asked::Execute) => Ok(Some(vec![self.model.model_line.into()])),
            ("CGMR" | "GMR", Asked::Execute) => Ok(Some(vec![last.into()])),
            ("CGSN" | "GSN", Asked::Execute) => Ok(Some(vec![IMEI.into()])),
            ("CGMI" | "GMI" | "CGMM" | "GMM" | "CGMR" | "GMR" | "GSN", Asked::Test) => DONE,
            ("CGSN", Asked::Test) => self.answer(name, "(1)"),
            ("CGSN", Asked::Set(values)) => {
                self.number(values, &[1])?;
                self.answer(name, IMEI)
            }
            _ => Ok(None),
        }
    }

    fn error_level(&mut self, name: &str, asked: &Asked) -> Answer {
        match (name, asked) {
            ("CMEE", Asked::Read) => self.answer(name, self.terminal.cmee),
            ("CMEE", Asked::Test) => self.answer(name, list(self.dialect.error_levels)),
            ("CMEE", Asked::Set(values)) => {
                let levels: Vec<i64> = self.dialect.error_levels.iter().copied().map(i64::from).collect();
                self.terminal.cmee = u8::try_from(self.number(values, &levels)?).unwrap_or_default();
                DONE
            }
            _ => Ok(None),
        }
    }

    /// The answer to parameters that are not allowed.
    pub(super) const fn general_refusal(&self) -> Refusal {
        self.dialect.around.refused
    }

    /// The only parameter, if it is one of these.
    pub(super) fn number(&self, values: &[Value], allowed: &[i64]) -> Result<i64, Refusal> {
        match values {
            [Value::Integer(number)] if allowed.contains(number) => Ok(*number),
            _ => Err(self.general_refusal()),
        }
    }

    /// The only parameter, if it is in that range.
    pub(super) fn number_in(&self, values: &[Value], (low, high): (i64, i64)) -> Result<i64, Refusal> {
        match values {
            [Value::Integer(number)] if (low..=high).contains(number) => Ok(*number),
            _ => Err(self.general_refusal()),
        }
    }
}

/// `(0,1,4)`
pub(super) fn list(values: &[impl ToString]) -> String {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    format!("({})", values.join(","))
}

/// A string of at most this many characters.
pub(super) fn text(value: &Value, most: usize) -> Option<&str> {
    match value {
        Value::Quoted(bytes) if bytes.len() <= most => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Which of these commands the line is, parameters included.
fn fixed_command(
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
