//! Settings read back, each with the read form of `AT+QMTCFG`.

use std::collections::VecDeque;

use modemqtt_at::dialect::Dialect;
use modemqtt_at::{ClientIndex, Form, SettingKey};

use super::clients::Client;
use super::own::Own;
use super::plan::{Planner, Steps};
use crate::call::Reply;
use crate::error::Error;
use crate::job::{About, Step, Task};
use crate::options::Configuration;
use crate::writer;

impl Planner {
    /// One command for each key that the dialect can read.
    pub(super) fn configuration(&self, client: ClientIndex) -> Result<(Task, Steps), Error> {
        writer::client(self.dialect, client)?;
        let reads = self
            .dialect
            .rows
            .iter()
            .filter(|row| row.setting.is_some() && row.form == Form::Read);
        let steps = reads.map(|row| self.read(row, client)).collect::<Result<_, _>>()?;
        let reading = BeingRead::default();
        Ok((Task::Call(About::Module, Box::new(reading)), steps))
    }
}

/// The settings read so far.
#[derive(Debug, Default)]
struct BeingRead {
    told: Box<Configuration>,
}

impl Own for BeingRead {
    fn take(
        &mut self,
        setting: Option<SettingKey>,
        lines: Vec<String>,
        dialect: &'static Dialect,
        _: Option<&mut Client>,
    ) {
        if let Some(key) = setting {
            let read: Vec<_> = lines.iter().map(|line| value_of(line, key)).collect();
            self.told.add(dialect, key, read.join(";"));
        }
    }

    /// Leaves out a setting that this firmware cannot read, unless none is left.
    fn goes_on_without(
        &mut self,
        _: &Step,
        _: Option<ClientIndex>,
        left: &mut VecDeque<Step>,
        _: &'static Dialect,
    ) -> bool {
        !(self.told.printed.is_empty() && left.is_empty())
    }

    fn reply(&mut self) -> Reply {
        Reply::Configuration(std::mem::take(&mut self.told))
    }
}

/// The values in a line of `AT+QMTCFG`, with or without the key before them.
pub(super) fn value_of(line: &str, key: SettingKey) -> &str {
    let key = key.name();
    let values = line.split_once(':').map_or(line, |(_, values)| values).trim();
    let unkeyed = values
        .strip_prefix('"')
        .and_then(|rest| {
            rest.get(..key.len())
                .filter(|head| head.eq_ignore_ascii_case(key))
                .map(|_| &rest[key.len()..])
        })
        .and_then(|rest| rest.strip_prefix("\","));
    unkeyed.unwrap_or(values)
}
