//! Sleep, power saving, bands, and the port of unsolicited lines.

use modemqtt_at::dialect::Refusal;

use super::Module;
use super::general::{Answer, Asked, DONE, list, text};
use crate::command_line::Value;

/// The key of `AT+QURCCFG`.
const URC_PORT: &str = "urcport";
/// The word for all ports.
const EVERY_PORT: &str = "all";

impl Module {
    pub(super) fn modes(&mut self, name: &str, asked: &Asked) -> Answer {
        let around = self.dialect.around;
        match name {
            "QSCLK" if !around.sleep_modes.is_empty() => self.sleep_clock(name, asked),
            "NPSMR" if around.power_saving => self.power_saving(name, asked),
            "NBAND" if !around.bands.is_empty() => self.bands(name, asked),
            "QURCCFG" if !around.urc_ports.is_empty() => self.urc_port(name, asked),
            _ => Ok(None),
        }
    }

    /// Whether unsolicited lines come on the UART.
    pub(super) fn reports_here(&self) -> bool {
        let uart = self.dialect.around.urc_ports.first();
        self.lasting
            .urc_port
            .is_none_or(|port| Some(&port) == uart || port == EVERY_PORT)
    }

    fn sleep_clock(&mut self, name: &str, asked: &Asked) -> Answer {
        let modes: Vec<i64> = (0..).take(self.dialect.around.sleep_modes.len()).collect();
        match asked {
            Asked::Read => self.answer(name, self.general.sleep_mode),
            Asked::Test => self.answer(name, list(&modes)),
            Asked::Set(values) => {
                let mode = self.number(values, &modes)?;
                self.general.sleep_mode = usize::try_from(mode).unwrap_or_default();
                DONE
            }
            Asked::Execute => Err(Refusal::Error),
        }
    }

    /// The module never saves power, so there is nothing to report.
    fn power_saving(&mut self, name: &str, asked: &Asked) -> Answer {
        match (asked, self.general.power_saving) {
            (Asked::Read, 0) => self.answer(name, "0"),
            (Asked::Read, on) => self.answer(name, format_args!("{on},0")),
            (Asked::Set(values), _) => {
                self.general.power_saving = self.number(values, &[0, 1])?;
                DONE
            }
            _ => Err(Refusal::Error),
        }
    }

    fn bands(&mut self, name: &str, asked: &Asked) -> Answer {
        let known = self.dialect.around.bands;
        match asked {
            Asked::Read => {
                let chosen = self.general.bands.as_deref().unwrap_or(known);
                let chosen: Vec<_> = chosen.iter().map(ToString::to_string).collect();
                self.answer(name, chosen.join(","))
            }
            Asked::Test => {
                let mut sorted = known.to_vec();
                sorted.sort_unstable();
                self.answer(name, list(&sorted))
            }
            Asked::Set(values) => {
                let band = |value: &Value| match value {
                    Value::Integer(band) if known.contains(band) => Some(*band),
                    _ => None,
                };
                let chosen: Option<Vec<i64>> = values.iter().map(band).collect();
                let chosen = chosen.filter(|chosen| !chosen.is_empty() && chosen.len() <= known.len());
                let chosen = chosen.ok_or(self.general_refusal())?;
                // This needs the radio off.
                if self.general.function != 0 {
                    return Err(self.dialect.refusals.state);
                }
                self.general.bands = Some(chosen);
                DONE
            }
            Asked::Execute => Err(Refusal::Error),
        }
    }

    fn urc_port(&mut self, name: &str, asked: &Asked) -> Answer {
        let ports = self.dialect.around.urc_ports;
        let Asked::Set(values) = asked else {
            return Err(Refusal::Error);
        };
        let values: Vec<_> = values.iter().map(|value| text(value, 16)).collect();
        match values.as_slice() {
            [Some(key)] if key.eq_ignore_ascii_case(URC_PORT) => {
                let port = self.lasting.urc_port.or(ports.first().copied()).unwrap_or_default();
                self.answer(name, format_args!("\"{URC_PORT}\",\"{port}\""))
            }
            [Some(key), Some(port)] if key.eq_ignore_ascii_case(URC_PORT) => {
                let port = ports.iter().find(|known| known.eq_ignore_ascii_case(port));
                self.lasting.urc_port = Some(port.ok_or(self.general_refusal())?);
                DONE
            }
            _ => Err(self.general_refusal()),
        }
    }
}
