//! The commands of the everyday rows: their lines are filled in from the state of the module and its world.

use std::collections::BTreeMap;

use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::{Effect, Everyday, Kind, Parameter, Refusal};
use modemqtt_os::Moment;

use super::Module;
use super::general::{Answer, Asked, DONE, IMEI};
use super::surroundings::Surroundings;
use super::terminal::PieceKind;
use crate::command_line::Value;

/// The operator of the test network 001/01.
const OPERATOR: &str = "Test Network";
const PLMN: &str = "00101";
const SERIAL: &str = "D1Q26AA0000017";
/// 2026-01-01 in seconds since 1970, where the clock starts until someone sets it.
const UNTOLD: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

/// What was set by these commands until a restart.
#[derive(Debug, Default)]
pub(super) struct EverydayValues {
    values: BTreeMap<&'static str, Vec<String>>,
    keys: BTreeMap<(&'static str, &'static str), String>,
    /// `<mode>` and `<format>` of `AT+COPS`.
    mode: i64,
    format: i64,
    /// Whether `AT+CGACT` has given the context up.
    given_up: bool,
}

impl EverydayValues {
    /// What a command was set to.
    pub(super) fn values(&self, name: &str) -> Option<&[String]> {
        self.values.get(name).map(Vec::as_slice)
    }

    /// Whether `AT+COPS=2` has left the network.
    pub(super) const fn left_network(&self) -> bool {
        self.mode == 2
    }
}

/// The module's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// What it showed, in seconds since 1970, and when.
    told: (i64, Option<Moment>),
    /// When it is looked at.
    now: Option<Moment>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            told: (UNTOLD, None),
            now: None,
        }
    }
}

impl Clock {
    /// Notes that it is this time now.
    pub(super) fn look(&mut self, now: Moment) {
        self.told.1.get_or_insert(now);
        self.now = Some(now);
    }

    pub(super) fn set(&mut self, seconds: i64, now: Option<Moment>) {
        self.told = (seconds, now.or(self.now));
    }

    fn seconds(&self) -> i64 {
        let passed = self.now.zip(self.told.1);
        let passed = passed.map_or(0, |(now, told)| now.since(told).as_secs());
        self.told.0.saturating_add_unsigned(passed)
    }

    /// `yy/MM/dd,hh:mm:ss+zz`
    fn text(&self) -> String {
        self.full_text()[2..].into()
    }

    /// The same with all digits of the year.
    fn full_text(&self) -> String {
        let seconds = self.seconds();
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let second = seconds.rem_euclid(DAY);
        format!(
            "{year:04}/{month:02}/{day:02},{:02}:{:02}:{:02}+00",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

impl Module {
    pub(super) fn everyday(&mut self, name: &str, asked: &Asked) -> Answer {
        let rows = self.dialect.around.everyday;
        let Some(row) = rows.iter().find(|row| row.name == name) else {
            return Ok(None);
        };
        let lines = match asked {
            Asked::Read => row.read,
            Asked::Test => row.test,
            Asked::Execute => row.execute,
            Asked::Set(values) => match row.set {
                Some(parameters) => return self.set_everyday(row, parameters, values),
                None => return Ok(None),
            },
        };
        match lines {
            // Another handler answers this form.
            None => Ok(None),
            Some(lines) if *asked == Asked::Test => Ok(Some(self.fill_all(row, lines))),
            Some(lines) => Ok(Some(self.say(row, lines))),
        }
    }

    fn set_everyday(&mut self, row: &'static Everyday, parameters: &[Parameter], values: &[Value]) -> Answer {
        let fits = (row.least..=parameters.len()).contains(&values.len());
        let given: Option<Vec<String>> = values
            .iter()
            .zip(parameters)
            .map(|(value, it)| accepted(value, it))
            .collect();
        let given = given.filter(|_| fits).ok_or(self.general_refusal())?;
        let number = |at: usize| given.get(at).and_then(|text| text.parse::<i64>().ok());
        match row.effect {
            Effect::Keep | Effect::Reports | Effect::RadioReports => {}
            Effect::OneOf(allowed) => {
                if !number(0).is_some_and(|number| allowed.contains(&number)) {
                    return Err(self.general_refusal());
                }
            }
            Effect::Choose => {
                let chosen = number(0).and_then(|number| row.answer.get(usize::try_from(number).ok()?));
                return Ok(Some(self.say(row, &[chosen.ok_or(self.general_refusal())?])));
            }
            Effect::Keyed(keys) => return self.set_key(row, keys, &given),
            Effect::Operator => return self.choose_operator(&given, number(0), number(1)),
            Effect::Clock => {
                let seconds = given
                    .first()
                    .and_then(|text| time_from_text(text))
                    .ok_or(self.general_refusal())?;
                self.lasting.clock.set(seconds, None);
                return DONE;
            }
            Effect::Context => {
                let active = number(0) == Some(1);
                if active && !self.has_network() {
                    return Err(Refusal::Cme(CmeCode::NO_NETWORK));
                }
                self.general.kept.given_up = !active;
                return DONE;
            }
        }
        // Parameters left out at the end get their value after a start.
        let rest = row.defaults.iter().skip(given.len()).map(ToString::to_string);
        let values = given.into_iter().chain(rest).collect();
        self.general.kept.values.insert(row.name, values);
        Ok(Some(self.say(row, row.answer)))
    }

    fn set_key(&mut self, row: &'static Everyday, keys: &'static [(&str, &str)], given: &[String]) -> Answer {
        let asked = given.first().map(String::as_str).unwrap_or_default();
        let known = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(asked));
        let (key, default) = known.ok_or(self.general_refusal())?;
        if let Some(value) = given.get(1) {
            self.general.kept.keys.insert((row.name, key), value.clone());
            return DONE;
        }
        let value = self.general.kept.keys.get(&(row.name, *key));
        let value = value.map_or(*default, String::as_str);
        self.answer(row.name, format_args!("\"{key}\",{value}"))
    }

    /// `AT+COPS=<mode>[,<format>[,<oper>[,<AcT>]]]`
    fn choose_operator(&mut self, given: &[String], mode: Option<i64>, format: Option<i64>) -> Answer {
        let mode = mode.ok_or(self.general_refusal())?;
        if let Some(format) = format {
            self.general.kept.format = format;
        }
        let network = given.get(2).map(String::as_str);
        match (mode, network) {
            // This sets the format alone.
            (3, None) if format.is_some() => return DONE,
            (1 | 4, Some(name)) if name == PLMN || name == OPERATOR => {}
            (1, Some(_)) => return Err(Refusal::Cme(CmeCode::NO_NETWORK)),
            (0 | 2 | 4, _) => {}
            _ => return Err(self.general_refusal()),
        }
        self.change(|module| module.general.kept.mode = mode);
        DONE
    }

    /// Reports a changed registration by those everyday commands that were asked to report it.
    pub(super) fn report_registration(&mut self) {
        for row in self.reporters(Effect::Reports) {
            let line = self.line(row.name, self.registered_as());
            self.terminal.urc(PieceKind::Urc, &line);
        }
    }

    /// The lines of an answer, or of the one that takes its place without a network.
    fn say(&self, row: &Everyday, lines: &[&str]) -> Vec<String> {
        match row.unregistered.filter(|_| !self.has_network()) {
            Some(lines) => self.fill_all(row, lines),
            None => self.fill_all(row, lines),
        }
    }

    fn fill_all(&self, row: &Everyday, lines: &[&str]) -> Vec<String> {
        let wanted = lines.iter().filter_map(|line| match line.strip_prefix('?') {
            Some(line) => (self.word(row, "1") != "0").then_some(line),
            None => Some(*line),
        });
        let filled = wanted.map(|line| match line.strip_prefix('=') {
            Some(bare) => self.fill(row, bare),
            None => self.line(row.name, self.fill(row, line)),
        });
        filled.collect()
    }

    fn fill(&self, row: &Everyday, line: &str) -> String {
        let mut filled = String::new();
        let mut rest = line;
        while let Some((before, (word, after))) = rest
            .split_once('{')
            .and_then(|(before, after)| Some((before, after.split_once('}')?)))
        {
            filled.push_str(before);
            filled.push_str(&self.word(row, word));
            rest = after;
        }
        filled + rest
    }

    fn word(&self, row: &Everyday, word: &str) -> String {
        let kept = &self.general.kept;
        let cell = self.dialect.around.cell;
        let defaults = || row.defaults.iter().map(ToString::to_string).collect();
        let values = || kept.values.get(row.name).cloned().unwrap_or_else(defaults);
        let signal = self.signal();
        let Surroundings { battery, place } = self.lasting.surroundings;
        match word {
            "all" => listed(row, &values()),
            "mode" => kept.mode.to_string(),
            "format" => kept.format.to_string(),
            "named" => if kept.format == 2 { PLMN } else { OPERATOR }.into(),
            "operator" => OPERATOR.into(),
            "plmn" => PLMN.into(),
            "mcc" => PLMN[..3].into(),
            "mnc" => PLMN[3..].into(),
            "access" => cell.access.to_string(),
            "band" => cell.band.to_string(),
            "channel" => cell.channel.to_string(),
            "identity" => cell.identity.to_string(),
            "area" => format!("{:04X}", place.area),
            "cell" => format!("{:08X}", place.cell),
            "lac" => format!("{:04x}", place.area),
            // Two bytes in GSM (3GPP TS 23.003 section 4.3.1).
            "ci" => format!("{:04x}", place.cell & 0xFFFF),
            "cell number" => place.cell.to_string(),
            "rssi" => signal.decibels().to_string(),
            "rsrp" => signal.rsrp().to_string(),
            "rsrq" => signal.rsrq().to_string(),
            "sinr" => signal.sinr().to_string(),
            "charge" => battery.charge.to_string(),
            "millivolts" => battery.millivolts.to_string(),
            "clock" => self.lasting.clock.text(),
            "network clock" => self.lasting.clock.full_text() + ",0",
            "context" => u8::from(self.has_network() && !kept.given_up).to_string(),
            "granted drx" => self.granted_drx(),
            "connected" => u8::from(self.has_connection()).to_string(),
            "stat" => self.registered_as().to_string(),
            "address" => super::context::ADDRESS.into(),
            "inserted" => u8::from(self.has_card()).to_string(),
            "iccid" => super::sim::ICCID.into(),
            "imei" => IMEI.into(),
            "imei sv" => format!("{}01", &IMEI[..14]),
            "serial" => SERIAL.into(),
            _ => match word.parse::<usize>() {
                Ok(at) => values().get(at.wrapping_sub(1)).cloned().unwrap_or_default(),
                Err(_) => self.key(row, word),
            },
        }
    }

    fn key(&self, row: &Everyday, key: &str) -> String {
        let Effect::Keyed(keys) = row.effect else {
            return String::new();
        };
        let known = keys.iter().find(|(known, _)| *known == key);
        known.map_or_else(String::new, |(key, default)| {
            let kept = self.general.kept.keys.get(&(row.name, *key));
            kept.map_or_else(|| (*default).into(), Clone::clone)
        })
    }
}

/// Every value, strings in quotes.
fn listed(row: &Everyday, values: &[String]) -> String {
    let parameters = row.set.unwrap_or_default();
    let texts = values.iter().enumerate().map(|(at, value)| {
        let quoted = parameters
            .get(at)
            .is_some_and(|it| matches!(it.kind, Kind::Text { .. }));
        if quoted && !value.is_empty() {
            format!("\"{value}\"")
        } else {
            value.clone()
        }
    });
    texts.collect::<Vec<_>>().join(",")
}

/// A value that its parameter allows; one that is left out is empty.
fn accepted(value: &Value, parameter: &Parameter) -> Option<String> {
    match (value, parameter.kind) {
        (Value::Omitted, _) => Some(String::new()),
        (Value::Integer(number), Kind::Integer { low, high }) if (low..=high).contains(number) => {
            Some(number.to_string())
        }
        // Some families write words without quotes: `AUTOCONNECT,TRUE`.
        (Value::Quoted(text) | Value::Word(text), Kind::Text { least, most })
            if (least..=most).contains(&text.len()) =>
        {
            String::from_utf8(text.clone()).ok()
        }
        _ => None,
    }
}

/// `yy/MM/dd,hh:mm:ss±zz` in seconds since 1970, UTC; the zone in quarters of an hour may be missing.
fn time_from_text(text: &str) -> Option<i64> {
    let part = |from: usize| {
        text.get(from..from + 2)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<i64>().ok())
    };
    let marks = [(2, "/"), (5, "/"), (8, ","), (11, ":"), (14, ":")];
    let framed = marks.iter().all(|(at, mark)| text.get(*at..at + 1) == Some(mark));
    let (year, month, day) = (part(0)? + 2000, part(3)?, part(6)?);
    let (hour, minute, second) = (part(9)?, part(12)?, part(15)?);
    let zone = match text.get(17..18) {
        None => 0,
        Some("+") => part(18)?,
        Some("-") => -part(18)?,
        Some(_) => return None,
    };
    let sound = framed && hour < 24 && minute < 60 && second < 60;
    let days = (0..=36_525)
        .map(|days| days + 10_957)
        .find(|days| civil(*days) == (year, month, day));
    let days = days.filter(|_| sound)?;
    Some(days * DAY + hour * 3600 + minute * 60 + second - zone * 900)
}

/// Year, month and day of a day since 1970-01-01 (proleptic Gregorian calendar, counted from 1 March of year 0).
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let january = if month <= 2 { 1 } else { 0 };
    (year_of_era + era * 400 + january, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_as_it_was_set() {
        for text in ["26/02/28,23:59:59+00", "24/02/29,00:00:00+00", "00/01/01,12:30:01+00"] {
            let mut clock = Clock::default();
            clock.set(time_from_text(text).unwrap(), None);
            assert_eq!(clock.text(), text);
        }
        assert_eq!(
            time_from_text("26/01/01,01:00:00+04"),
            time_from_text("26/01/01,00:00:00+00")
        );
        for wrong in [
            "26/02/29,00:00:00+00",
            "26/13/01,00:00:00",
            "26-01-01,00:00:00",
            "26/01/01,24:00:00",
        ] {
            assert_eq!(time_from_text(wrong), None, "{wrong}");
        }
    }
}
