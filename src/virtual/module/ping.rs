//! Whether a host answers: `AT+QPING` and `AT+NPING`, by echoes that really go out.
//!
//! One series at a time. Each echo is an action; its answer, or the lack of one, is reported by a line and leads to the next echo. On the
//! air an answer takes as long as a result, and the line says so.

use std::fmt;
use std::time::Duration;

use modemqtt_at::dialect::{Ping, PingKind, Refusal};
use modemqtt_os::Moment;

use super::general::{Answer, Asked, DONE};
use super::terminal::PieceKind;
use super::{Action, Failure, Module};
use crate::command_line::Value;

/// The echoes of a series, unless the command says otherwise.
const ECHOES: u8 = 4;
const MOST_ECHOES: i64 = 10;
/// In seconds.
const LONGEST_PATIENCE: i64 = 255;
/// The longest name of a host (BG96 TCP/IP Application Note gives no figure; `QMTOPEN` has this one).
const LONGEST_HOST_NAME: usize = 100;
/// In milliseconds; of `AT+NPING`.
const LEAST_WAIT: i64 = 10;

/// Names one echo; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PingId(u64);

/// An address of version 4; it is written as four numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4(pub [u8; 4]);

impl fmt::Display for Ipv4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

impl Ipv4 {
    /// Four decimal numbers, without leading zeros.
    fn read(text: &str) -> Option<Self> {
        let parts: Option<Vec<u8>> = text
            .split('.')
            .map(|part| part.parse().ok().filter(|number: &u8| number.to_string() == part))
            .collect();
        parts?.try_into().ok().map(Self)
    }
}

/// What a host has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingReply {
    /// Its address.
    pub address: Ipv4,
    /// The time until its answer came.
    pub took: Duration,
    /// The time to live of the answer.
    pub ttl: u8,
}

/// A series of echoes, under way.
#[derive(Debug)]
pub(super) struct Series {
    row: &'static Ping,
    host: String,
    bytes: usize,
    within: Duration,
    left: u8,
    sent: u32,
    /// In milliseconds.
    times: Vec<u128>,
    /// The echo that is under way.
    asked: PingId,
    /// An answer that is on its way.
    coming: Option<(Moment, PingReply)>,
}

impl Module {
    pub(super) fn ping(&mut self, name: &str, asked: &Asked) -> Answer {
        let Some(row) = self.dialect.around.ping.as_ref().filter(|row| row.name == name) else {
            return Ok(None);
        };
        match (row.kind, asked) {
            (PingKind::Series { contexts, .. }, Asked::Test) => {
                let context = contexts.map(|(low, high)| format!("({low}-{high}),"));
                let ranges = format_args!("<host>,(1-{LONGEST_PATIENCE}),(1-{MOST_ECHOES})");
                self.answer(name, format_args!("{}{ranges}", context.unwrap_or_default()))
            }
            (PingKind::Series { contexts, .. }, Asked::Set(values)) => self.start_series(row, contexts, values),
            (PingKind::Once { .. }, Asked::Set(values)) => self.start_once(row, values),
            _ => Err(Refusal::Error),
        }
    }

    fn start_series(&mut self, row: &'static Ping, contexts: Option<(i64, i64)>, values: &[Value]) -> Answer {
        let values = match (contexts, values) {
            (None, values) => values,
            (Some((low, high)), [Value::Integer(context), values @ ..]) if (low..=high).contains(context) => values,
            _ => return Err(self.general_refusal()),
        };
        let host = match values.first() {
            Some(Value::Quoted(host)) if (1..=LONGEST_HOST_NAME).contains(&host.len()) => host,
            _ => return Err(self.general_refusal()),
        };
        let host = String::from_utf8(host.clone()).map_err(|_| self.general_refusal())?;
        let seconds = self.number_or(values.get(1), (1, LONGEST_PATIENCE), i64::from(row.patience))?;
        let echoes = self.number_or(values.get(2), (1, MOST_ECHOES), i64::from(ECHOES))?;
        let bytes = self.bytes(row, values.get(3))?;
        let within = Duration::from_secs(seconds.unsigned_abs());
        self.start(row, values.len() <= 4, host, bytes, within, echoes)
    }

    /// This family looks up no names.
    fn start_once(&mut self, row: &'static Ping, values: &[Value]) -> Answer {
        let host = match values.first() {
            Some(Value::Word(host)) => String::from_utf8(host.clone()).ok(),
            _ => None,
        };
        let host = host.filter(|host| Ipv4::read(host).is_some());
        let host = host.ok_or(self.general_refusal())?;
        let bytes = self.bytes(row, values.get(1))?;
        let range = (LEAST_WAIT, i64::from(u32::MAX));
        let milliseconds = self.number_or(values.get(2), range, i64::from(row.patience))?;
        let within = Duration::from_millis(milliseconds.unsigned_abs());
        self.start(row, values.len() <= 3, host, bytes, within, 1)
    }

    fn bytes(&self, row: &Ping, value: Option<&Value>) -> Result<usize, Refusal> {
        let own = i64::try_from(row.bytes).unwrap_or_default();
        let bytes = match (row.sizes, value) {
            (None, Some(_)) => return Err(self.general_refusal()),
            (sizes, value) => self.number_or(value, sizes.unwrap_or_default(), own)?,
        };
        usize::try_from(bytes).map_err(|_| self.general_refusal())
    }

    /// A number within that range; `otherwise` if none is given.
    fn number_or(&self, value: Option<&Value>, (low, high): (i64, i64), otherwise: i64) -> Result<i64, Refusal> {
        match value {
            None | Some(Value::Omitted) => Ok(otherwise),
            Some(Value::Integer(number)) if (low..=high).contains(number) => Ok(*number),
            Some(_) => Err(self.general_refusal()),
        }
    }

    fn start(
        &mut self,
        row: &'static Ping,
        fits: bool,
        host: String,
        bytes: usize,
        within: Duration,
        echoes: i64,
    ) -> Answer {
        if !fits {
            return Err(self.general_refusal());
        }
        match row.kind {
            PingKind::Series { busy, .. } if self.series.is_some() => self.report_ping(row.name, busy),
            PingKind::Series { no_network, .. } if !self.has_network() => self.report_ping(row.name, no_network),
            PingKind::Once { .. } if self.series.is_some() => return Err(Refusal::Error),
            PingKind::Once { failed, unsent, .. } if !self.has_network() => self.report_ping(failed, unsent),
            _ => {
                self.series = Some(Series {
                    row,
                    host,
                    bytes,
                    within,
                    left: u8::try_from(echoes).unwrap_or(ECHOES),
                    sent: 0,
                    times: Vec::new(),
                    asked: PingId(0),
                    coming: None,
                });
                self.next_ping();
            }
        }
        DONE
    }

    fn report_ping(&mut self, name: &str, values: impl fmt::Display) {
        let line = self.line(name, values);
        self.terminal.urc(PieceKind::Urc, &line);
    }

    /// Takes the answer to an echo, or the failure to get one. An answer to a series from before a restart is ignored.
    pub fn tell_ping(&mut self, ping: PingId, outcome: Result<PingReply, Failure>, now: Moment) {
        self.pace.look(now);
        let Some(series) = self.series.as_mut().filter(|series| series.asked == ping) else {
            return;
        };
        let row = series.row;
        match outcome.map(|reply| (self.pace.latency(), reply)) {
            Ok((Some(takes), reply)) if takes < series.within => {
                let took = reply.took + takes;
                series.coming = Some((now + takes, PingReply { took, ..reply }));
            }
            Ok((None, reply)) => self.ping_answered(reply),
            Err(Failure::NameUnknown) => {
                self.series = None;
                if let PingKind::Series { unknown, .. } = row.kind {
                    self.report_ping(row.name, unknown);
                }
            }
            _ => self.ping_lost(row),
        }
        self.settle(now);
    }

    pub(super) fn ping_due(&self) -> Option<Moment> {
        let series = self.series.as_ref()?;
        series.coming.map(|(due, _)| due)
    }

    /// Reports an answer that has arrived.
    pub(super) fn tick_ping(&mut self, now: Moment) {
        let due = self.series.as_mut().and_then(|series| {
            let (_, reply) = series.coming.take_if(|(due, _)| *due <= now)?;
            Some(reply)
        });
        if let Some(reply) = due {
            self.ping_answered(reply);
        }
    }

    fn ping_answered(&mut self, reply: PingReply) {
        let reachable = self.has_network();
        let Some(series) = &mut self.series else {
            return;
        };
        let row = series.row;
        if !reachable {
            return self.ping_lost(row);
        }
        let PingReply { address, took, ttl } = reply;
        let time = took.as_millis();
        series.times.push(time);
        let (bytes, quote) = (series.bytes, if row.quoted { "\"" } else { "" });
        match row.kind {
            PingKind::Series { .. } => {
                self.report_ping(row.name, format_args!("0,{quote}{address}{quote},{bytes},{time},{ttl}"));
            }
            PingKind::Once { .. } => {
                self.report_ping(row.name, format_args!("{quote}{address}{quote},{ttl},{time}"));
            }
        }
        self.next_ping();
    }

    fn ping_lost(&mut self, row: &Ping) {
        match row.kind {
            PingKind::Series { unanswered, .. } => self.report_ping(row.name, unanswered),
            PingKind::Once { failed, unanswered, .. } => self.report_ping(failed, unanswered),
        }
        self.next_ping();
    }

    /// Sends the next echo, or sums up.
    fn next_ping(&mut self) {
        let Some(series) = &mut self.series else {
            return;
        };
        if series.left > 0 {
            series.left -= 1;
            series.sent += 1;
            self.connections += 1;
            series.asked = PingId(self.connections);
            self.actions.push_back(Action::Ping {
                ping: series.asked,
                host: series.host.clone(),
                bytes: series.bytes,
                within: series.within,
            });
            return;
        }
        if let Some(series) = self.series.take()
            && let PingKind::Series { finished, .. } = series.row.kind
        {
            let Series { row, sent, times, .. } = series;
            let received = times.len();
            let lost = usize::try_from(sent).unwrap_or_default() - received;
            let least = times.iter().min().copied().unwrap_or_default();
            let most = times.iter().max().copied().unwrap_or_default();
            let average = times.iter().sum::<u128>() / times.len().max(1) as u128;
            self.report_ping(
                row.name,
                format_args!("{finished},{sent},{received},{lost},{least},{most},{average}"),
            );
        }
    }
}
