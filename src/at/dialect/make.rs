//! The functions that the tables are written with.

use std::time::Duration;

use super::everyday::{Effect, Everyday};
use super::ping::PingKind;
use super::rows::{Arity, DataPhase, Flag, Gate, Kind, Parameter, Row, Wait};
use crate::{Command, Form, SettingKey};

/// An integer parameter.
pub(super) const fn integer(name: &'static str, low: i64, high: i64) -> Parameter {
    Parameter {
        name,
        kind: Kind::Integer { low, high },
        secret: false,
    }
}

/// A string parameter.
pub(super) const fn text(name: &'static str, least: usize, most: usize) -> Parameter {
    Parameter {
        name,
        kind: Kind::Text { least, most },
        secret: false,
    }
}

/// A string parameter that must never be shown.
pub(super) const fn secret(name: &'static str, least: usize, most: usize) -> Parameter {
    Parameter {
        secret: true,
        ..text(name, least, most)
    }
}

/// The longest string of an MQTT packet (MQTT 3.1.1 section 1.5.3); it applies if a note gives no limit.
pub(super) const MQTT_STRING: usize = 65_535;

/// The values of most rows.
pub(super) const ROW: Row = Row {
    command: Command::Configure,
    setting: None,
    form: Form::Set,
    parameters: &[],
    arity: Arity::Exact(0),
    skips: &[],
    answer: &[],
    defaults: &[],
    flag: Flag::Free,
    only: &[],
    data: None,
    gate: Gate::Always,
    wait: Wait::Fixed(Duration::from_millis(300)),
    source: "",
};

/// The test form of a command.
pub(super) const fn test(command: Command, answer: &'static [&'static str], source: &'static str) -> Row {
    Row {
        command,
        form: Form::Test,
        answer,
        source,
        ..ROW
    }
}

/// The read form of a command that is not `QMTCFG`.
pub(super) const fn read(command: Command, source: &'static str) -> Row {
    Row {
        command,
        form: Form::Read,
        source,
        ..ROW
    }
}

/// The read form of a setting, which has the client index as its parameter.
pub(super) const fn read_setting(key: SettingKey, client: &'static [Parameter; 1], source: &'static str) -> Row {
    Row {
        setting: Some(key),
        form: Form::Read,
        parameters: client,
        arity: Arity::Exact(1),
        source,
        ..ROW
    }
}

/// The rows of another edition of a note: changed rows in their old places, new ones at the end.
pub(super) const fn revised<const OLD: usize, const NEW: usize>(old: &[Row; OLD], changed: &[Row]) -> [Row; NEW] {
    let mut rows = [ROW; NEW];
    let mut used = 0;
    while used < OLD {
        rows[used] = old[used];
        used += 1;
    }
    let mut next = 0;
    while next < changed.len() {
        let mut at = 0;
        while at < OLD && !is_same_form(&rows[at], &changed[next]) {
            at += 1;
        }
        if at == OLD {
            at = used;
            used += 1;
        }
        rows[at] = changed[next];
        next += 1;
    }
    assert!(used == NEW, "NEW must be the number of new rows");
    rows
}

/// Whether two rows are the same form of the same command, whatever its parameters.
const fn is_same_form(one: &Row, other: &Row) -> bool {
    const fn key_of(row: &Row) -> &[u8] {
        match row.setting {
            Some(key) => key.name().as_bytes(),
            None => &[],
        }
    }
    const fn same(one: &[u8], other: &[u8]) -> bool {
        let mut at = 0;
        while at < one.len() && at < other.len() && one[at] == other[at] {
            at += 1;
        }
        at == one.len() && at == other.len()
    }
    const fn phase_of(row: &Row) -> u8 {
        match row.data {
            Some(DataPhase::UntilCtrlZ) => 1,
            Some(DataPhase::Counted) => 2,
            Some(DataPhase::Inline) => 3,
            Some(DataPhase::Quoted) => 4,
            None => 0,
        }
    }
    one.command as u8 == other.command as u8
        && one.form as u8 == other.form as u8
        && same(key_of(one), key_of(other))
        && phase_of(one) == phase_of(other)
}

/// The values of most everyday rows.
pub(super) const EVERYDAY: Everyday = Everyday {
    name: "",
    read: None,
    test: None,
    execute: None,
    set: None,
    least: 1,
    answer: &[],
    unregistered: None,
    defaults: &[],
    effect: Effect::Keep,
    source: "",
};

/// The test form's answer for a parameter that is 0 or 1.
pub(super) const TEST_ON_OR_OFF: &[&str] = &["(0,1)"];

const RATES: &[i64] = &[
    0, 300, 600, 1200, 2400, 4800, 9600, 14_400, 19_200, 28_800, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600,
];

const RATE: &[Parameter] = &[integer("rate", 0, 921_600)];

const OPERATOR: &[Parameter] = &[
    integer("mode", 0, 4),
    integer("format", 0, 2),
    text("oper", 1, 32),
    integer("AcT", 0, 9),
];

const STATE: &[Parameter] = &[integer("state", 0, 1), integer("cid", 0, 15)];

const TIME: &[Parameter] = &[text("time", 17, 24)];

/// A setting of numbers, read and set.
pub(super) const fn numbers(
    name: &'static str,
    set: &'static [Parameter],
    defaults: &'static [&'static str],
    test: &'static [&'static str],
    source: &'static str,
) -> Everyday {
    Everyday {
        name,
        read: Some(&["{all}"]),
        test: Some(test),
        set: Some(set),
        defaults,
        source,
        ..EVERYDAY
    }
}

/// `AT+COPS`.
pub(super) const fn operator(
    read: &'static [&'static str],
    test: &'static [&'static str],
    source: &'static str,
) -> Everyday {
    Everyday {
        name: "COPS",
        read: Some(read),
        test: Some(test),
        set: Some(OPERATOR),
        unregistered: Some(&["{mode}"]),
        effect: Effect::Operator,
        source,
        ..EVERYDAY
    }
}

/// `AT+CCLK`.
pub(super) const fn clock(read: &'static [&'static str], source: &'static str) -> Everyday {
    Everyday {
        name: "CCLK",
        read: Some(read),
        test: Some(&[]),
        set: Some(TIME),
        effect: Effect::Clock,
        source,
        ..EVERYDAY
    }
}

/// `AT+CGACT`.
pub(super) const fn context(read: &'static [&'static str], source: &'static str) -> Everyday {
    Everyday {
        name: "CGACT",
        read: Some(read),
        test: Some(TEST_ON_OR_OFF),
        set: Some(STATE),
        effect: Effect::Context,
        source,
        ..EVERYDAY
    }
}

/// `AT+IPR`.
pub(super) const fn rate(default: &'static [&'static str], source: &'static str) -> Everyday {
    Everyday {
        effect: Effect::OneOf(RATES),
        ..numbers(
            "IPR",
            RATE,
            default,
            &["(0),(300,600,1200,2400,4800,9600,14400,19200,28800,38400,57600,115200,230400,460800,921600)"],
            source,
        )
    }
}

/// A command without parameters that these lines answer.
pub(super) const fn told(name: &'static str, lines: &'static [&'static str], source: &'static str) -> Everyday {
    Everyday {
        name,
        execute: Some(lines),
        test: Some(&[]),
        source,
        ..EVERYDAY
    }
}

/// The same kind of ping, with other contexts.
pub(super) const fn with_contexts(kind: PingKind, contexts: (i64, i64)) -> PingKind {
    match kind {
        PingKind::Series {
            finished,
            unanswered,
            unknown,
            no_network,
            busy,
            ..
        } => PingKind::Series {
            contexts: Some(contexts),
            finished,
            unanswered,
            unknown,
            no_network,
            busy,
        },
        PingKind::Once { .. } => kind,
    }
}
