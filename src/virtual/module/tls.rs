//! The TLS contexts: what `QSSLCFG` sets and reads, and what a connection is secured with. Settings do not survive a
//! restart; credentials do where the family keeps them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use modemqtt_at::dialect::Refusal;
use modemqtt_at::tls::{Credential, OtherOption, Tls, TlsForm, TlsKey, TlsOption, TlsValue, Upload};
use modemqtt_os::Moment;

use super::data_phase::{Data, End, Idle, Intake, Purpose};
use super::{Module, Next};
use crate::command_line::{Cursor, Suffix, Value};

/// The answer of `QSSLCFG` to every mistake: no note of a family has a code.
const TLS_REFUSAL: Refusal = Refusal::Error;
/// The number that stands for every cipher suite.
const EVERY_SUITE: u16 = 0xFFFF;

/// What a connection is secured with.
#[derive(Clone, PartialEq, Eq)]
pub struct Security {
    /// `<sslversion>`: 0 SSL 3.0, 1 to 3 TLS 1.0 to 1.2, 4 all.
    pub version: i64,
    /// The one cipher suite; `None` for any.
    pub suite: Option<u16>,
    /// The certificates of authorities, in PEM. Without them the server is not verified.
    pub authorities: Option<Vec<u8>>,
    /// The client's certificates and its key, in PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether a certificate must be valid now.
    pub checks_times: bool,
    /// Whether the server is named in the handshake.
    pub names_server: bool,
}

/// Shows sizes only: one of the credentials is a key.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("version", &self.version)
            .field("authorities", &self.authorities.as_ref().map(Vec::len))
            .field("identity", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}

/// What was set, by context; an option of all contexts is under context 0.
#[derive(Debug, Default)]
pub(super) struct TlsContexts {
    values: BTreeMap<(u8, TlsKey), TlsSetting>,
    /// The options that MQTT does not depend on, by context and name.
    others: BTreeMap<(u8, &'static str), Vec<i64>>,
}

#[derive(Clone, Debug)]
enum TlsSetting {
    Number(i64),
    Suite(u16),
    /// The full name of a file.
    File(String),
}

/// An option of a context, as a command line names it.
struct Named<'a> {
    option: &'static TlsOption,
    context: u8,
    value: &'a [Value],
}

impl Module {
    /// `AT+QSSLCFG` and the commands about files; `None` if the family has no such command.
    pub(super) fn tls_command(
        &mut self,
        name: &[u8],
        suffix: Suffix,
        cursor: &mut Cursor<'_>,
        now: Moment,
    ) -> Option<Result<Next, Refusal>> {
        let tls = self.dialect.tls.as_ref()?;
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        if name != "QSSLCFG" {
            return self.file_command(&name, suffix, cursor, now);
        }
        Some(match suffix {
            Suffix::Test => {
                let lines: Vec<_> = tls.options.iter().map(|option| ranges(tls, option)).collect();
                self.terminal.information(&lines);
                Ok(Next::Command)
            }
            Suffix::Set => self.configure_tls(tls, cursor, now),
            Suffix::None | Suffix::Read => Err(TLS_REFUSAL),
        })
    }

    fn configure_tls(&mut self, tls: &'static Tls, cursor: &mut Cursor<'_>, now: Moment) -> Result<Next, Refusal> {
        let values = cursor.parameters(|_| None).map_err(|_| TLS_REFUSAL)?;
        self.look_behind(cursor);
        if let (TlsForm::ContextFirst, [Value::Integer(context), Value::Integer(0)]) = (tls.form, values.as_slice()) {
            let context = in_use(tls, *context)?;
            let options = tls.options.iter().filter(|option| option.value != TlsValue::Credential);
            let lines: Vec<_> = options
                .filter_map(|option| self.tls_line(tls, option, context))
                .collect();
            self.terminal.information(&lines);
            return Ok(Next::Command);
        }
        if let Some(answer) = self.other_option(tls, &values) {
            return answer;
        }
        let named = named(tls, &values)?;
        match (named.option.value, &tls.upload, named.value) {
            (TlsValue::Credential, Upload::Prompt { most }, []) => {
                let name = named.option.name.to_owned();
                self.ends_its_line()?;
                return Ok(self.ask_for_credential(name, *most, now));
            }
            (_, _, []) => {
                if let Some(line) = self.tls_line(tls, named.option, named.context) {
                    self.terminal.information(&[line]);
                }
            }
            (_, _, [value]) => {
                let setting = self.tls_setting(named.option.value, value).ok_or(TLS_REFUSAL)?;
                self.contexts.values.insert((named.context, named.option.key), setting);
            }
            _ => return Err(TLS_REFUSAL),
        }
        Ok(Next::Command)
    }

    /// Sets or reads an option that MQTT does not depend on; `None` if it is not one of those.
    fn other_option(&mut self, tls: &'static Tls, values: &[Value]) -> Option<Result<Next, Refusal>> {
        let (text, context, given) = match (tls.form, values) {
            (
                TlsForm::ContextFirst,
                [
                    Value::Integer(context),
                    Value::Integer(0),
                    Value::Quoted(text),
                    given @ ..,
                ],
            )
            | (TlsForm::OptionFirst, [Value::Quoted(text), Value::Integer(context), given @ ..]) => {
                (text, *context, given)
            }
            _ => return None,
        };
        let mut others = tls.others.iter();
        let option = others.find(|option| option.name.as_bytes().eq_ignore_ascii_case(text))?;
        Some(self.set_other(tls, option, context, given))
    }

    fn set_other(
        &mut self,
        tls: &Tls,
        option: &'static OtherOption,
        context: i64,
        given: &[Value],
    ) -> Result<Next, Refusal> {
        let context = in_use(tls, context)?;
        let key = (context, option.name);
        if given.is_empty() {
            let defaults = || option.values.iter().map(|(_, _, default)| *default).collect();
            let values = self.contexts.others.get(&key).cloned().unwrap_or_else(defaults);
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            let head = option_head(tls, option.name, true, &context.to_string(), "0");
            self.terminal
                .information(&[format!("+QSSLCFG: {head},{}", values.join(","))]);
            return Ok(Next::Command);
        }
        let value = |(given, (low, high, _)): (&Value, &(i64, i64, i64))| match given {
            Value::Integer(number) if (low..=high).contains(&number) => Some(*number),
            _ => None,
        };
        let values: Option<Vec<_>> = given.iter().zip(option.values).map(value).collect();
        let values = values
            .filter(|_| given.len() == option.values.len())
            .ok_or(TLS_REFUSAL)?;
        self.contexts.others.insert(key, values);
        Ok(Next::Command)
    }

    fn ask_for_credential(&mut self, name: String, most: usize, now: Moment) -> Next {
        self.terminal.prompt();
        let idle = self.dialect.data_idle.map(Idle::Cancel);
        let echo = self.terminal.echo;
        let purpose = Purpose::Credential(name);
        self.intake = Intake::Data(Data::raw(purpose, End::CtrlZ(most), echo, idle, now));
        Next::Data
    }

    /// Keeps a credential that was asked for. The number behind it is its length (BC660K-GL SSL Application Note V1.1).
    pub(super) fn keep_credential(&mut self, name: String, bytes: Vec<u8>) {
        let line = format!("+QSSLCFG: 0,0,\"{name}\",{}", bytes.len());
        self.terminal.information(&[line]);
        self.vault.insert(name, bytes, true);
    }

    fn tls_setting(&self, kind: TlsValue, value: &Value) -> Option<TlsSetting> {
        match (kind, value) {
            (TlsValue::Number { low, high, .. }, Value::Integer(number)) => {
                (low..=high).contains(number).then_some(TlsSetting::Number(*number))
            }
            (TlsValue::Suites { quoted: true }, Value::Quoted(text))
            | (TlsValue::Suites { quoted: false }, Value::Word(text)) => suite(text).map(TlsSetting::Suite),
            (TlsValue::Credential, Value::Quoted(text)) => {
                let name = self.named_file(std::str::from_utf8(text).ok()?)?;
                Some(TlsSetting::File(name))
            }
            _ => None,
        }
    }

    /// How an option reads back; `None` for a credential that was not named.
    fn tls_line(&self, tls: &Tls, option: &TlsOption, context: u8) -> Option<String> {
        let set = self.contexts.values.get(&(context, option.key));
        let value = match (set, option.value) {
            (Some(TlsSetting::Number(number)), _) => number.to_string(),
            (None, TlsValue::Number { default, .. }) => default.to_string(),
            (Some(TlsSetting::File(name)), _) => format!("\"{name}\""),
            (Some(TlsSetting::Suite(suite)), TlsValue::Suites { quoted: true }) => format!("\"0X{suite:04X}\""),
            (Some(TlsSetting::Suite(suite)), _) => format!("0X{suite:04X}"),
            (None, TlsValue::Suites { quoted: true }) => format!("\"0X{EVERY_SUITE:04X}\""),
            (None, TlsValue::Suites { quoted: false }) => format!("0X{EVERY_SUITE:04X}"),
            (None, TlsValue::Credential) => return None,
        };
        Some(format!(
            "+QSSLCFG: {},{value}",
            option_head(tls, option.name, option.of_context, &context.to_string(), "0")
        ))
    }

    /// The security of a connection by that context; `None` if a credential that it needs is missing.
    pub(super) fn security(&self, context: u8) -> Option<Security> {
        let tls = self.dialect.tls.as_ref()?;
        let number = |key| self.tls_number(tls, context, key);
        let level = number(TlsKey::Level).unwrap_or_default();
        let file = |credential| self.credential(tls, context, credential);
        Some(Security {
            version: number(TlsKey::Version)?,
            suite: match self.contexts.values.get(&(context, TlsKey::Suites)) {
                Some(TlsSetting::Suite(suite)) if *suite != EVERY_SUITE => Some(*suite),
                _ => None,
            },
            authorities: if level > 0 {
                Some(file(Credential::Authority)?)
            } else {
                None
            },
            identity: if level > 1 {
                Some((file(Credential::Certificate)?, file(Credential::Key)?))
            } else {
                None
            },
            // Without the option, nothing shows that the family looks at its clock.
            checks_times: number(TlsKey::IgnoreTime) == Some(0),
            names_server: number(TlsKey::ServerName) == Some(1),
        })
    }

    /// How long a handshake may take.
    pub(super) fn handshake_time(&self, context: u8) -> Option<Duration> {
        let tls = self.dialect.tls.as_ref()?;
        let seconds = self.tls_number(tls, context, TlsKey::HandshakeTime)?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }

    fn tls_number(&self, tls: &Tls, context: u8, key: TlsKey) -> Option<i64> {
        let option = tls.option(key)?;
        let context = if option.of_context { context } else { 0 };
        match (self.contexts.values.get(&(context, key)), option.value) {
            (Some(TlsSetting::Number(number)), _) => Some(*number),
            (_, TlsValue::Number { default, .. }) => Some(default),
            _ => None,
        }
    }

    fn credential(&self, tls: &Tls, context: u8, credential: Credential) -> Option<Vec<u8>> {
        let key = TlsKey::Credential(credential);
        let name = match (&tls.upload, self.contexts.values.get(&(context, key))) {
            (Upload::Prompt { .. }, _) => tls.option(key)?.name,
            (_, Some(TlsSetting::File(name))) => name,
            _ => return None,
        };
        self.vault.get(name).map(<[u8]>::to_vec)
    }
}

/// The option and the context that the parameters name, and the remaining parameters.
fn named<'a>(tls: &'static Tls, values: &'a [Value]) -> Result<Named<'a>, Refusal> {
    let (text, context, rest) = match (tls.form, values) {
        (TlsForm::ContextFirst, [context, Value::Integer(0), Value::Quoted(text), rest @ ..]) => {
            (text, Some(context), rest)
        }
        (TlsForm::OptionFirst, [Value::Quoted(text), rest @ ..]) => (text, None, rest),
        _ => return Err(TLS_REFUSAL),
    };
    let mut options = tls.options.iter();
    let option = options.find(|option| option.name.as_bytes().eq_ignore_ascii_case(text));
    let option = option.ok_or(TLS_REFUSAL)?;
    let (context, value) = match (context, rest) {
        (None, value) if !option.of_context => {
            return Ok(Named {
                option,
                context: 0,
                value,
            });
        }
        (Some(Value::Integer(context)), value) | (None, [Value::Integer(context), value @ ..]) => (*context, value),
        _ => return Err(TLS_REFUSAL),
    };
    let context = in_use(tls, context)?;
    Ok(Named { option, context, value })
}

fn in_use(tls: &Tls, context: i64) -> Result<u8, Refusal> {
    let context = u8::try_from(context)
        .ok()
        .filter(|context| *context <= tls.last_context);
    context.ok_or(TLS_REFUSAL)
}

/// The fields before the value, in the order of the family.
fn option_head(tls: &Tls, name: &str, of_context: bool, context: &str, connect: &str) -> String {
    match tls.form {
        TlsForm::ContextFirst => format!("{context},{connect},\"{name}\""),
        TlsForm::OptionFirst if of_context => format!("\"{name}\",{context}"),
        TlsForm::OptionFirst => format!("\"{name}\""),
    }
}

/// A line of the answer to the test form.
fn ranges(tls: &Tls, option: &TlsOption) -> String {
    let context = match tls.last_context {
        0 => "(0)".to_owned(),
        last => format!("(0-{last})"),
    };
    let value = match option.value {
        TlsValue::Number { low, high, .. } => format!(",({low}-{high})"),
        TlsValue::Suites { quoted: true } => ",\"0XFFFF\"".to_owned(),
        TlsValue::Suites { quoted: false } => ",0XFFFF".to_owned(),
        TlsValue::Credential if matches!(tls.upload, Upload::Prompt { .. }) => String::new(),
        TlsValue::Credential => ",<path>".to_owned(),
    };
    format!(
        "+QSSLCFG: {}{value}",
        option_head(tls, option.name, option.of_context, &context, "(0)")
    )
}

/// `0x` or `0X` and up to four hexadecimal digits.
fn suite(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
}
