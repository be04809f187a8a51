//! From options to `AT+QMTCFG` lines. If an option is one of several values of a key, the others are sent as they are
//! in force.

use modemqtt_at::ascii::{QUOTE, is_forbidden_in_string};
use modemqtt_at::dialect::DataPhase;
use modemqtt_at::{ClientIndex, Form, SettingKey};

use super::clients::Kept;
use super::own::Own;
use super::plan::{Planner, Steps};
use super::settings::{Change, Format, Length, Settings};
use super::topics::topic_name;
use crate::call::{Value, Will};
use crate::error::Error;
use crate::job::{About, Data, Step, Task};
use crate::options::{Definition, OPTIONS, Options, Shape};
use crate::writer::Argument;

/// Options on their way: a refused one ends the call, and the ones before it stay set.
#[derive(Debug)]
struct Configuring;

impl Own for Configuring {
    fn configures(&self) -> bool {
        true
    }
}

impl Planner {
    /// One command for each key, in the order of [`OPTIONS`].
    pub(super) fn configure(
        &self,
        client: ClientIndex,
        options: &Options,
        now: Settings,
        kept: &Kept,
    ) -> Result<(Task, Steps), Error> {
        let settings = self.in_force_then(options, now)?;
        if options.tls.is_some() && options.tls_context.is_some() {
            return Err(Error::Usage("tls, tls_context: give one of them, not both".into()));
        }
        let mut given = options.clone();
        // All values of a key: some firmware refuses fewer.
        let mut all = with_those_in_force(options, settings);
        let mut steps = Steps::new();
        for definitions in OPTIONS.chunk_by(|one, next| one.key == next.key && !matches!(one.shape, Shape::Tls(_))) {
            let own = definitions.iter().find(|definition| {
                let named = Definition::of(Some(self.dialect), definition.name);
                definition.is_given(&mut given) && named.is_some_and(|named| named.key == definition.key)
            });
            let Some(own) = own else { continue };
            match (own.shape, &options.tls, &options.will) {
                (Shape::Tls(_), Some(Some(tls)), _) => self.secure(client, tls, kept, &mut steps)?,
                (Shape::Will(_), _, Some(Some(will))) => steps.push_back(self.will(client, will)?),
                _ => {
                    let mut values = Vec::new();
                    for definition in definitions {
                        values.extend(self.values(definition, &mut all)?);
                    }
                    let arguments: Vec<_> = values.iter().map(Value::argument).collect();
                    steps.push_back(Step {
                        change: change(own.key, settings),
                        ..self.set(own.key, client, &arguments)?
                    });
                }
            }
        }
        Ok((Task::Call(About::Client(client), Box::new(Configuring)), steps))
    }

    /// The values of an option on the command line.
    fn values(&self, definition: &Definition, options: &mut Options) -> Result<Vec<Value>, Error> {
        let row = self.row(definition.key)?;
        Ok(match definition.shape {
            Shape::Byte(place) => place(options).map(Value::from).into_iter().collect(),
            Shape::Short(place) => place(options).map(Value::from).into_iter().collect(),
            Shape::Flag(place) | Shape::Word(place, _) => place(options).map(Value::from).into_iter().collect(),
            Shape::Unless(place) => match *place(options) {
                None => Vec::new(),
                Some(None) => vec![Value::Number(0)],
                Some(Some(number)) => {
                    // BC660K-GL has a connect id after the TLS context; only 0 works.
                    let mut values = vec![Value::Number(1), Value::from(number)];
                    values.resize(row.parameters.len() - 1, Value::Number(0));
                    values
                }
            },
            Shape::Version(place) => match *place(options) {
                None => Vec::new(),
                Some(version) => {
                    let code = self.dialect.versions.iter().find(|(known, _)| *known == version);
                    let Some((_, code)) = code else {
                        return Err(Error::Usage(format!(
                            "{} does not speak MQTT {version}",
                            self.dialect.name
                        )));
                    };
                    vec![Value::Number(*code)]
                }
            },
            Shape::Alibaba(place) => place(options).as_ref().map_or_else(Vec::new, |device| {
                [&device.product_key, &device.device_name, &device.device_secret.0]
                    .map(Value::from)
                    .into()
            }),
            Shape::OneNet(place) => place(options).as_ref().map_or_else(Vec::new, |device| {
                [&device.product_id, &device.access_key.0].map(Value::from).into()
            }),
            // Taking it back; setting it takes more than values.
            Shape::Will(_) | Shape::Tls(_) => vec![Value::Number(0)],
        })
    }

    /// The settings that affect the host, as they will be.
    fn in_force_then(&self, options: &Options, now: Settings) -> Result<Settings, Error> {
        let settings = Settings {
            packet_timeout: options.packet_timeout.unwrap_or(now.packet_timeout),
            retries: options.retries.unwrap_or(now.retries),
            timeout_notice: options.timeout_notice.unwrap_or(now.timeout_notice),
            // Unless the program says otherwise, payloads have an exact length.
            length: match now.length {
                Length::Assumed(_) => Length::Assumed(options.show_length.unwrap_or(options.buffered.is_some())),
                set @ Length::Set(_) => set.told(options.show_length),
            },
            buffered: options.buffered.unwrap_or(now.buffered),
            send: options.send_mode_hex.or(options.send_hex).map_or(now.send, Format::of),
            receive: options.receive_hex.map_or(now.receive, Format::of),
            pdp_context: options.pdp_context.unwrap_or(now.pdp_context),
        };
        if options.edit_timeout == Some(Some(0)) {
            self.row(SettingKey::EDIT_TIMEOUT)?;
            return Err(Error::Usage(
                "edit_timeout must be 1 s or more, or None for no limit, not 0".into(),
            ));
        }
        Ok(settings)
    }

    /// The will in quotes if it can be quoted, otherwise after a prompt if the dialect has one.
    fn will(&self, client: ClientIndex, will: &Will) -> Result<Step, Error> {
        let Will {
            topic,
            payload,
            qos,
            retain,
        } = will;
        topic_name(topic)?;
        let head = [
            Argument::Number(1),
            Argument::Number(qos.number().into()),
            Argument::Number((*retain).into()),
            Argument::Text(topic.as_bytes()),
        ];
        let quotable = !payload
            .iter()
            .any(|byte| *byte == QUOTE || is_forbidden_in_string(*byte));
        if quotable || self.dialect.setting(SettingKey::WILL_EXACT, Form::Set).is_none() {
            return self.set(
                SettingKey::WILL,
                client,
                &[&head[..], &[Argument::Text(payload)]].concat(),
            );
        }
        let length = Argument::Number(i64::try_from(payload.len()).unwrap_or(i64::MAX));
        let mut step = self.set(SettingKey::WILL_EXACT, client, &[&head[..], &[length]].concat())?;
        step.data = Some(Data::payload(DataPhase::Counted, payload.clone()));
        Ok(step)
    }
}

impl From<u8> for Value {
    fn from(number: u8) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Number(flag.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

/// The given options, with the values in force for the rest of each key.
fn with_those_in_force(options: &Options, settings: Settings) -> Options {
    Options {
        packet_timeout: Some(settings.packet_timeout),
        retries: Some(settings.retries),
        timeout_notice: Some(settings.timeout_notice),
        show_length: Some(settings.length.is_shown()),
        buffered: Some(settings.buffered),
        send_hex: options.send_hex.or(Some(settings.send.is_hex())),
        receive_hex: Some(settings.receive.is_hex()),
        ..options.clone()
    }
}

/// The effect of a setting on the host, once accepted.
fn change(key: SettingKey, settings: Settings) -> Option<Change> {
    match key {
        SettingKey::TIMEOUT => Some(Change::Timeout {
            packet_timeout: settings.packet_timeout,
            retries: settings.retries,
            notice: settings.timeout_notice,
        }),
        SettingKey::PDP_CONTEXT => Some(Change::PdpContext(settings.pdp_context)),
        SettingKey::SHOW_RECEIVE_LENGTH => Some(Change::Length(settings.length.is_shown())),
        SettingKey::RECEIVE_MODE => Some(Change::ReceiveMode {
            buffered: settings.buffered,
            length: settings.length.is_shown(),
        }),
        // Set after `dataformat`: the last one wins.
        SettingKey::SEND_MODE => Some(Change::SendMode(settings.send)),
        SettingKey::DATA_FORMAT => Some(Change::Formats {
            send: settings.send,
            receive: settings.receive,
        }),
        _ => None,
    }
}
