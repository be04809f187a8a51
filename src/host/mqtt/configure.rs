//! From options to `AT+QMTCFG` lines. An option that stands for one of several values of a key is sent with the others
//! as they are in force.

use modemqtt_at::ascii::{QUOTE, is_forbidden_in_string};
use modemqtt_at::dialect::{DataPhase, ReceiveLength};
use modemqtt_at::{ClientIndex, Form, SettingKey};

use super::clients::{Kept, Settings};
use super::plan::{Planner, Steps};
use super::topics::topic_name;
use crate::call::{Options, Will};
use crate::error::Error;
use crate::job::{Change, Data, Step, Task};
use crate::writer::Argument;

impl Planner {
    /// One command a key, in the order of [`SettingKey::ALL`] but for the version, which decides what the others mean.
    pub(super) fn configure(
        &self,
        client: ClientIndex,
        options: &Options,
        now: Settings,
        kept: &Kept,
    ) -> Result<(Task, Steps), Error> {
        let settings = self.in_force_then(options, now)?;
        let mut steps = Steps::new();
        match &options.tls {
            None => {}
            Some(_) if options.tls_context.is_some() => {
                return Err(Error::Usage("tls, tls_context: one of them says it all".into()));
            }
            Some(None) => steps.push_back(self.set(SettingKey::Tls, client, &[Argument::Number(0)])?),
            Some(Some(tls)) => self.secure(client, tls, kept, &mut steps)?,
        }
        let mut set = |key, values: &[Argument<'_>]| -> Result<(), Error> {
            steps.push_back(Step {
                change: change(key, settings),
                ..self.set(key, client, values)?
            });
            Ok(())
        };
        if let Some(version) = options.version {
            self.row(SettingKey::Version)?;
            let code = self.dialect.versions.iter().find(|(known, _)| *known == version);
            let Some((_, code)) = code else {
                return Err(Error::Usage(format!(
                    "{} does not speak MQTT {version}",
                    self.dialect.name
                )));
            };
            set(SettingKey::Version, &[Argument::Number(*code)])?;
        }
        if let Some(seconds) = options.keep_alive {
            set(SettingKey::KeepAlive, &[Argument::Number(seconds.into())])?;
        }
        if let Some(clean) = options.clean_session {
            set(SettingKey::Session, &[Argument::Number(clean.into())])?;
        }
        if options.packet_timeout.is_some() || options.retries.is_some() || options.timeout_notice.is_some() {
            // All three values: some firmware refuses fewer.
            let values = [
                settings.packet_timeout,
                settings.retries,
                settings.timeout_notice.into(),
            ];
            set(SettingKey::Timeout, &values.map(|value| Argument::Number(value.into())))?;
        }
        match &options.will {
            None => {}
            Some(None) => set(SettingKey::Will, &[Argument::Number(0)])?,
            Some(Some(will)) => steps.push_back(self.will(client, will)?),
        }
        self.devices_and_lines(client, options, settings, &mut steps)?;
        Ok((Task::Configure { client }, steps))
    }

    /// The options that not every family has.
    fn devices_and_lines(
        &self,
        client: ClientIndex,
        options: &Options,
        settings: Settings,
        steps: &mut Steps,
    ) -> Result<(), Error> {
        let mut set = |key, values: &[Argument<'_>]| -> Result<(), Error> {
            steps.push_back(Step {
                change: change(key, settings),
                ..self.set(key, client, values)?
            });
            Ok(())
        };
        if let Some(device) = &options.alibaba {
            let names = [&device.product_key, &device.device_name].map(|name| Argument::Text(name.as_bytes()));
            let secret = Argument::Text(device.device_secret.0.as_bytes());
            set(SettingKey::Alibaba, &[names[0], names[1], secret])?;
        }
        if let Some(device) = &options.onenet {
            let product = Argument::Text(device.product_id.as_bytes());
            set(
                SettingKey::OneNet,
                &[product, Argument::Text(device.access_key.0.as_bytes())],
            )?;
        }
        match options.tls_context {
            None => {}
            Some(None) => set(SettingKey::Tls, &[Argument::Number(0)])?,
            Some(Some(context)) => {
                // BC660K-GL has a connect id behind the context, of which only 0 works.
                let values = [
                    Argument::Number(1),
                    Argument::Number(context.into()),
                    Argument::Number(0),
                ];
                let count = self.row(SettingKey::Tls)?.parameters.len() - 1;
                set(SettingKey::Tls, &values[..count.min(values.len())])?;
            }
        }
        let length_key = match self.dialect.receive.length {
            ReceiveLength::Never => None,
            ReceiveLength::Switchable { key, .. } => Some(key),
        };
        let buffer_key = self.dialect.buffer.map(|buffer| buffer.key);
        if options.show_length.is_some() && length_key.is_none() {
            self.row(SettingKey::ShowReceiveLength)?;
        }
        if options.buffered.is_some() && buffer_key.is_none() {
            self.row(SettingKey::ReceiveMode)?;
        }
        if options.show_length.is_some() && length_key == Some(SettingKey::ShowReceiveLength) {
            set(
                SettingKey::ShowReceiveLength,
                &[Argument::Number(settings.length_shown.into())],
            )?;
        }
        if let Some(on) = options.echo_data {
            set(SettingKey::EchoData, &[Argument::Number(on.into())])?;
        }
        if options.send_hex.is_some() || options.receive_hex.is_some() {
            let send_hex = options.send_hex.unwrap_or(settings.send_hex);
            let values = [send_hex, settings.receive_hex].map(|hex| Argument::Number(hex.into()));
            set(SettingKey::DataFormat, &values)?;
        }
        if let Some(context) = options.pdp_context {
            set(SettingKey::PdpContext, &[Argument::Number(context.into())])?;
        }
        if length_key == Some(SettingKey::ReceiveMode) && (options.show_length.is_some() || options.buffered.is_some())
        {
            let values = [settings.buffered, settings.length_shown].map(|on| Argument::Number(on.into()));
            set(SettingKey::ReceiveMode, &values)?;
        }
        if let Some(seconds) = options.ping_interval {
            set(SettingKey::PingInterval, &[Argument::Number(seconds.into())])?;
        }
        if let Some(hex) = options.send_mode_hex {
            set(SettingKey::SendMode, &[Argument::Number(hex.into())])?;
        }
        if let Some(on) = options.view_data {
            set(SettingKey::ViewMode, &[Argument::Number(on.into())])?;
        }
        match options.edit_timeout {
            None => {}
            Some(None) => set(SettingKey::EditTimeout, &[Argument::Number(0)])?,
            Some(Some(seconds)) => {
                set(
                    SettingKey::EditTimeout,
                    &[Argument::Number(1), Argument::Number(seconds.into())],
                )?;
            }
        }
        Ok(())
    }

    /// The settings that the host minds, as they will be.
    fn in_force_then(&self, options: &Options, now: Settings) -> Result<Settings, Error> {
        let settings = Settings {
            packet_timeout: options.packet_timeout.unwrap_or(now.packet_timeout),
            retries: options.retries.unwrap_or(now.retries),
            timeout_notice: options.timeout_notice.unwrap_or(now.timeout_notice),
            // What is not said otherwise is exact.
            length_shown: options.show_length.unwrap_or(if now.length_asked {
                now.length_shown
            } else {
                options.buffered.is_some()
            }),
            length_asked: now.length_asked,
            buffered: options.buffered.unwrap_or(now.buffered),
            send_hex: options.send_mode_hex.or(options.send_hex).unwrap_or(now.send_hex),
            receive_hex: options.receive_hex.unwrap_or(now.receive_hex),
            pdp_context: options.pdp_context.unwrap_or(now.pdp_context),
        };
        if options.edit_timeout == Some(Some(0)) {
            self.row(SettingKey::EditTimeout)?;
            return Err(Error::Usage(
                "edit_timeout must be 1 s or more, or None for no limit, not 0".into(),
            ));
        }
        Ok(settings)
    }

    /// The will in quotes where it can stand there, else behind a prompt where the dialect has that.
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
        if quotable || self.dialect.setting(SettingKey::WillExact, Form::Set).is_none() {
            return self.set(
                SettingKey::Will,
                client,
                &[&head[..], &[Argument::Text(payload)]].concat(),
            );
        }
        let length = Argument::Number(i64::try_from(payload.len()).unwrap_or(i64::MAX));
        let mut step = self.set(SettingKey::WillExact, client, &[&head[..], &[length]].concat())?;
        step.data = Some(Data::payload(DataPhase::Counted, payload.clone()));
        Ok(step)
    }
}

/// What the host minds of a setting once it is accepted.
fn change(key: SettingKey, settings: Settings) -> Option<Change> {
    match key {
        SettingKey::Timeout => Some(Change::Timeout {
            packet_timeout: settings.packet_timeout,
            retries: settings.retries,
            notice: settings.timeout_notice,
        }),
        SettingKey::PdpContext => Some(Change::PdpContext(settings.pdp_context)),
        SettingKey::ShowReceiveLength => Some(Change::Length(settings.length_shown)),
        SettingKey::ReceiveMode => Some(Change::ReceiveMode {
            buffered: settings.buffered,
            length: settings.length_shown,
        }),
        // Set after `dataformat`: the last one rules.
        SettingKey::SendMode => Some(Change::SendMode(settings.send_hex)),
        SettingKey::DataFormat => Some(Change::Format {
            send_hex: settings.send_hex,
            receive_hex: settings.receive_hex,
        }),
        _ => None,
    }
}
