//! PDP contexts: the access point, the address, and what the module's own protocols want (3GPP TS 27.007 section 10.1; Quectel TCP/IP
//! Application Notes). An MQTT connection takes the context that it needs by itself.

use std::collections::BTreeSet;

use modemqtt_at::dialect::{FixedCommand, Refusal, Stack};

use super::general::{Answer, Asked, DONE, text};
use super::{Module, Next, Parting};
use crate::command_line::Value;

/// The address of every context.
pub(super) const ADDRESS: &str = "10.76.51.180";
/// The longest name of an access point (3GPP TS 23.003 section 9.1).
const LONGEST_ACCESS_POINT: usize = 63;
/// The longest user name or password.
const LONGEST_SECRET: usize = 64;
const TYPES: [&str; 3] = ["IP", "IPV6", "IPV4V6"];

/// What was activated.
#[derive(Debug, Default)]
pub(super) struct PdpContexts {
    single: Single,
    active: BTreeSet<i64>,
}

/// The state of the only context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Single {
    #[default]
    Initial,
    Started,
    Active,
}

impl PdpContexts {
    /// The network has taken all contexts away.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }
}

impl Module {
    /// Gives up the context, and every connection with it.
    pub(super) fn deactivate(&mut self, command: &FixedCommand) -> Next {
        self.general.contexts.end();
        self.lose_every_connection(Parting::Told);
        let Some(answer) = command.answer else {
            return Next::Command;
        };
        self.terminal.information(&[answer]);
        Next::Answered
    }

    /// `AT+QILOCIP`, the only command whose answer has no final result code.
    pub(super) fn own_address(&mut self, name: &str, asked: &Asked) -> Option<Result<Next, Refusal>> {
        if (name, self.dialect.around.stack) != ("QILOCIP", Some(Stack::Single)) || !matches!(asked, Asked::Execute) {
            return None;
        }
        if self.general.contexts.single != Single::Active {
            return Some(Err(Refusal::Error));
        }
        self.terminal.information(&[ADDRESS]);
        Some(Ok(Next::Answered))
    }

    pub(super) fn context(&mut self, name: &str, asked: &Asked) -> Answer {
        let around = self.dialect.around;
        match (name, asked) {
            ("CGDCONT", _) if around.contexts.is_some() => self.define(name, asked),
            ("QCGDEFCONT", _) if around.default_context => self.define_default(name, asked),
            ("CGPADDR", _) if around.address.is_some() => self.addresses(name, asked),
            _ => match around.stack {
                Some(Stack::Single) => self.single(name, asked),
                Some(Stack::Numbered(most)) => self.numbered(name, asked, most),
                None => Ok(None),
            },
        }
    }

    fn define(&mut self, name: &str, asked: &Asked) -> Answer {
        let (low, high) = self.dialect.around.contexts.unwrap_or_default();
        match asked {
            Asked::Read => {
                let defined = self.lasting.definitions.iter();
                let lines = defined.map(|(context, (kind, point))| {
                    self.line(name, format_args!("{context},\"{kind}\",\"{point}\",\"\",0,0"))
                });
                Ok(Some(lines.collect()))
            }
            Asked::Set(values) => {
                let (Some(Value::Integer(context)), given) = (values.first(), values.len()) else {
                    return Err(self.general_refusal());
                };
                let rest = values.get(3..).unwrap_or_default();
                let address = rest
                    .first()
                    .is_none_or(|value| text(value, LONGEST_ACCESS_POINT).is_some());
                let compression = rest.iter().skip(1).all(|value| *value == Value::Integer(0));
                if !(low..=high).contains(context) || given > 6 || !address || !compression {
                    return Err(self.general_refusal());
                }
                if given == 1 {
                    self.lasting.definitions.remove(context);
                    return DONE;
                }
                let definition = self.definition(&values[1..given.min(3)])?;
                self.lasting.definitions.insert(*context, definition);
                DONE
            }
            _ => Err(Refusal::Error),
        }
    }

    fn define_default(&mut self, name: &str, asked: &Asked) -> Answer {
        match asked {
            Asked::Read => match &self.lasting.default_context {
                Some((kind, point)) => self.answer(name, format_args!("\"{kind}\",\"{point}\"")),
                None => DONE,
            },
            Asked::Set(values) => {
                // User and password, and how they are handed over, are taken and not read back.
                let (names, secrets) = values.split_at(values.len().min(2));
                let protocol = secrets
                    .get(2)
                    .is_none_or(|value| matches!(value, Value::Integer(0..=2)));
                let texts = secrets
                    .iter()
                    .take(2)
                    .all(|value| text(value, LONGEST_SECRET).is_some());
                if !(matches!(secrets.len(), 0 | 2 | 3) && texts && protocol) {
                    return Err(self.general_refusal());
                }
                let (kind, point) = self.definition(names)?;
                // The module keeps it in capitals.
                self.lasting.default_context = Some((kind, point.to_ascii_uppercase()));
                DONE
            }
            _ => Err(Refusal::Error),
        }
    }

    /// A type, and perhaps an access point.
    fn definition(&self, values: &[Value]) -> Result<(String, String), Refusal> {
        let kind = values.first().and_then(|value| text(value, LONGEST_ACCESS_POINT));
        let point = match values {
            [_] => Some(""),
            [_, point] => text(point, LONGEST_ACCESS_POINT),
            _ => None,
        };
        match (kind, point) {
            (Some(kind), Some(point)) if TYPES.contains(&kind) => Ok((kind.into(), point.into())),
            _ => Err(self.general_refusal()),
        }
    }

    fn addresses(&mut self, name: &str, asked: &Asked) -> Answer {
        let Some(address) = self.dialect.around.address else {
            return Ok(None);
        };
        match asked {
            Asked::Execute => {}
            Asked::Set(values) => {
                self.number(values, &[address.context])?;
            }
            Asked::Test => return self.answer(name, format_args!("({})", address.context)),
            Asked::Read => return Err(Refusal::Error),
        }
        let quote = if address.quoted { "\"" } else { "" };
        if self.has_network() {
            self.answer(name, format_args!("{},{quote}{ADDRESS}{quote}", address.context))
        } else {
            self.answer(name, address.context)
        }
    }

    fn single(&mut self, name: &str, asked: &Asked) -> Answer {
        let state = self.general.contexts.single;
        self.general.contexts.single = match (name, asked) {
            ("QIFGCNT", Asked::Set(values)) => {
                self.number(values, &[0, 1])?;
                state
            }
            ("QICSGP", Asked::Set(values)) => {
                let mode = values.first() == Some(&Value::Integer(1));
                let names = values.iter().skip(1).all(|value| text(value, LONGEST_SECRET).is_some());
                if !(mode && names && matches!(values.len(), 2 | 4)) {
                    return Err(self.general_refusal());
                }
                state
            }
            ("QIREGAPP", Asked::Execute) if state == Single::Initial => Single::Started,
            ("QIACT", Asked::Execute) if state == Single::Started && self.has_network() => Single::Active,
            _ => return Ok(None),
        };
        DONE
    }

    fn numbered(&mut self, name: &str, asked: &Asked, most: i64) -> Answer {
        match (name, asked) {
            ("QICSGP", Asked::Set(values)) => {
                let range = |at: usize, high: i64| {
                    values
                        .get(at)
                        .is_none_or(|value| matches!(value, Value::Integer(number) if (0..=high).contains(number)))
                };
                let positive = values.iter().take(2).all(|value| *value != Value::Integer(0));
                let names = values.iter().skip(2).take(3);
                let names = names.into_iter().all(|value| text(value, LONGEST_SECRET).is_some());
                let fits = range(0, most) && range(1, 3) && positive && names && range(5, 3);
                if !(fits && matches!(values.len(), 3 | 5 | 6)) {
                    return Err(self.general_refusal());
                }
                DONE
            }
            ("QIACT", Asked::Set(values)) => {
                let context = self.number_in(values, (1, most))?;
                // An active one is refused, as modules were seen to do.
                if !self.has_network() || !self.general.contexts.active.insert(context) {
                    return Err(Refusal::Error);
                }
                DONE
            }
            ("QIACT", Asked::Read) => {
                let active = self.general.contexts.active.iter();
                let lines = active.map(|context| self.line(name, format_args!("{context},1,1,\"{ADDRESS}\"")));
                Ok(Some(lines.collect()))
            }
            ("QIDEACT", Asked::Set(values)) => {
                let context = self.number_in(values, (1, most))?;
                self.general.contexts.active.remove(&context);
                DONE
            }
            _ => Ok(None),
        }
    }
}
