//! Every row of every dialect against command lines that it forbids.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::{self, Arity, Dialect, Gate, Kind, Parameter, Refusal, Row};
use modemqtt_at::{Command, Form, SettingKey};
use modemqtt_virtual::module::Module;
use proptest::prelude::*;

use rig::Rig;

#[test]
fn a_legal_line_of_every_row_is_carried_out() {
    for (dialect, row) in rows() {
        for count in legal_counts(row) {
            let mut rig = in_state(dialect, row.gate);
            let answer = rig.answer(line(row, &values(row, count)));
            let expected = if row.data.is_some() && !answer.contains("OK") {
                "\\r\\n> "
            } else {
                "\\r\\nOK\\r\\n"
            };
            assert!(
                answer.contains(expected),
                "{}: {row} with {count}: {answer}",
                dialect.name
            );
        }
    }
}

#[test]
fn one_parameter_more_or_fewer_than_any_row_takes_is_refused() {
    for (dialect, row) in rows().filter(|(_, row)| row.form == Form::Set) {
        for count in 0..=row.parameters.len() + 1 {
            let taken = dialect.rows.iter().any(|other| {
                (other.command, other.setting) == (row.command, row.setting)
                    && other.form != Form::Test
                    && other.arity.allows(count)
                    && !(other.form == Form::Read && other.setting.is_none())
            });
            if taken {
                continue;
            }
            let mut given = values(row, count.min(row.parameters.len()));
            given.resize(count, "1".into());
            let mut rig = in_state(dialect, row.gate);
            assert_eq!(
                rig.answer(line(row, &given)),
                parameter(dialect),
                "{}: {row} with {count}",
                dialect.name
            );
        }
    }
}

#[test]
fn a_number_out_of_its_range_is_refused() {
    each_parameter(|kind| match kind {
        Kind::Integer { low, high } => vec![
            (low - 1).to_string(),
            (high + 1).to_string(),
            "99999999999999999999".into(),
        ],
        Kind::Port { .. } => vec!["0".into(), "65536".into(), "-1".into()],
        _ => vec![],
    });
}

#[test]
fn a_string_of_the_wrong_length_is_refused() {
    each_parameter(|kind| match kind {
        Kind::Text { least, most } => {
            let lengths = [least.checked_sub(1), (most < 2000).then_some(most + 1)];
            lengths
                .into_iter()
                .flatten()
                .map(|length| format!("\"{}\"", "x".repeat(length)))
                .collect()
        }
        _ => vec![],
    });
}

#[test]
fn a_parameter_of_the_wrong_type_is_refused() {
    each_parameter(|kind| match kind {
        Kind::Integer { low, .. } => vec![format!("\"{low}\""), "x".into(), "1.0".into(), String::new()],
        Kind::Text { .. } => vec![
            "bare".into(),
            "7".into(),
            "\"open".into(),
            "open\"".into(),
            "'single'".into(),
            String::new(),
        ],
        Kind::Port { quoted_too: false } => vec!["\"1883\"".into(), "x".into(), String::new()],
        Kind::Port { quoted_too: true } => vec!["\"x\"".into(), "\"0\"".into(), "x".into(), String::new()],
        Kind::Payload => vec![
            "abc".into(),
            "\"ab\"".into(),
            "\"abcd\"".into(),
            "3".into(),
            String::new(),
        ],
    });
}

#[test]
fn a_command_in_the_wrong_state_of_its_client_is_refused() {
    for (dialect, row) in rows() {
        let wrong: &[Gate] = match row.gate {
            Gate::Always => &[],
            Gate::BeforeOpen => &[Gate::Opened, Gate::Connected],
            Gate::Opened => &[Gate::Always],
            Gate::Connected => &[Gate::Always, Gate::Opened],
        };
        for state in wrong {
            let mut rig = in_state(dialect, *state);
            let answer = rig.answer(line(row, &values(row, legal_counts(row)[0])));
            assert_eq!(
                answer,
                refusal(dialect.refusals.state),
                "{}: {row} in {state:?}",
                dialect.name
            );
        }
    }
}

#[test]
fn a_form_that_a_command_lacks_is_an_error() {
    for dialect in dialect::ALL {
        let mut rig = Rig::new(dialect.models[0].name);
        for command in Command::ALL {
            assert_eq!(rig.answer(format!("{command}\r")), refusal(Refusal::Error));
            if dialect.row(command, Form::Read).is_none() {
                assert_eq!(rig.answer(format!("{command}?\r")), refusal(Refusal::Error));
            }
        }
        for unknown in [
            "AT+QMTPUBEX=0\r",
            "AT+QMT=?\r",
            "AT+\r",
            "AT=\r",
            "ATX9\r",
            "AT+QMTOPEN=?x\r",
            "AT\"\r",
        ] {
            assert_eq!(rig.answer(unknown), refusal(Refusal::Error), "{unknown}");
        }
    }
}

#[test]
fn a_key_that_the_dialect_lacks_is_refused() {
    for dialect in dialect::ALL {
        let mut rig = Rig::new(dialect.models[0].name);
        for key in [SettingKey::Version, SettingKey::ShowReceiveLength] {
            if dialect.setting(key, Form::Set).is_none() {
                let answer = rig.answer(format!("AT+QMTCFG=\"{}\",0,1\r", key.name()));
                assert_eq!(answer, parameter(dialect));
            }
        }
        assert_eq!(rig.answer("AT+QMTCFG=\"colour\",0,1\r"), parameter(dialect));
    }
}

#[test]
fn a_will_is_set_as_a_whole_or_not_at_all() {
    for dialect in dialect::ALL {
        let mut rig = Rig::new(dialect.models[0].name);
        for values in ["0,1", "0,0,1,0,\"t\",\"m\"", "0,1,1,0,\"t/#\",\"m\""] {
            assert_eq!(
                rig.answer(format!("AT+QMTCFG=\"will\",{values}\r")),
                parameter(dialect),
                "{values}"
            );
        }
        assert_eq!(rig.answer("AT+QMTCFG=\"will\",0,1,1,0,\"t\",\"m\"\r"), "\\r\\nOK\\r\\n");
        assert_eq!(
            rig.answer("AT+QMTCFG=\"will\",0\r"),
            "\\r\\n+QMTCFG: 1,1,0,\\\"t\\\",\\\"m\\\"\\r\\n\\r\\nOK\\r\\n"
        );
    }
}

#[test]
fn the_message_id_is_0_with_qos_0_and_only_there() {
    for dialect in dialect::ALL {
        let mut rig = in_state(dialect, Gate::Connected);
        for values in [
            "0,1,0,0,\"t\"",
            "0,0,1,0,\"t\"",
            "0,0,2,0,\"t\"",
            "0,0,0,0,\"t/#\"",
            "0,0,0,0,\"+\"",
        ] {
            assert_eq!(
                rig.answer(format!("AT+QMTPUB={values}\r")),
                parameter(dialect),
                "{values}"
            );
        }
    }
}

#[test]
fn the_window_is_as_wide_as_the_dialect_says() {
    for dialect in dialect::ALL {
        let mut rig = in_state(dialect, Gate::Connected);
        rig.broker.withhold_acks(true);
        for id in 1..=dialect.window {
            assert_eq!(rig.answer(format!("AT+QMTPUB=0,{id},1,0,\"t\"\r")), "\\r\\n> ");
            assert_eq!(rig.answer("x\x1a"), "\\r\\nOK\\r\\n");
        }
        let id = dialect.window + 1;
        assert_eq!(
            rig.answer(format!("AT+QMTPUB=0,{id},1,0,\"t\"\r")),
            refusal(dialect.refusals.window)
        );
    }
}

#[test]
fn a_line_over_the_limit_is_an_error_and_the_next_one_is_not() {
    for dialect in dialect::ALL {
        let mut rig = Rig::new(dialect.models[0].name);
        let long = format!("AT+QMTOPEN=0,\"{}\",1\r", "x".repeat(dialect.command_line));
        assert_eq!(rig.answer(long), refusal(Refusal::Error));
        assert_eq!(rig.answer("AT\r"), "\\r\\nOK\\r\\n");
    }
}

#[test]
fn no_setting_survives_a_restart() {
    for (dialect, row) in rows().filter(|(_, row)| row.setting.is_some() && row.form == Form::Read) {
        let mut rig = Rig::new(dialect.models[0].name);
        let read = line(row, &["0".into()]);
        let fresh = rig.answer(&read);
        let set = dialect.setting(row.setting.unwrap(), Form::Set).unwrap();
        rig.answer(line(set, &values(set, set.parameters.len())));
        assert_ne!(rig.answer(&read), fresh, "{row}");
        rig.restart();
        rig.answer("ATE0\r");
        assert_eq!(rig.answer(&read), fresh, "{row}");
    }
}

proptest! {
    #[test]
    fn no_bytes_from_the_host_make_the_module_panic_or_talk_without_end(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for dialect in dialect::ALL {
            let mut rig = in_state(dialect, Gate::Connected);
            rig.type_in(&bytes);
            prop_assert!(rig.take().len() < 100_000);
        }
    }

    #[test]
    fn no_command_line_makes_the_module_panic(lines in prop::collection::vec("(AT|at)(\\+QMT(CFG|OPEN|CONN|SUB|UNS|PUB|DISC|CLOSE)|\\+C[A-Z]{3}|E|&F)(=|\\?|=\\?)?[\"0-9,;a\\\\? +/#]{0,30}\r", 0..20)) {
        for dialect in dialect::ALL {
            let mut rig = in_state(dialect, Gate::Connected);
            for line in &lines {
                rig.type_in(line.as_bytes());
            }
        }
    }

    #[test]
    fn any_split_of_the_bytes_gives_the_same_output(bytes in "(AT\\+QMT(SUB=0,1,\"t\",1|PUB=0,0,0,0,\"t\")\r[a-z]{0,3}\x1a?){1,4}", cut in 0usize..200) {
        for dialect in dialect::ALL {
            let (dialect, model) = dialect::of_model(dialect.models[0].name).unwrap();
            let now = std::time::Instant::now();
            let mut whole = Module::new(dialect, model);
            let mut split = Module::new(dialect, model);
            let (first, second) = bytes.as_bytes().split_at(cut.min(bytes.len()));
            whole.receive(bytes.as_bytes(), now);
            split.receive(first, now);
            split.receive(second, now);
            prop_assert_eq!(whole.take_output(), split.take_output());
        }
    }
}

fn rows() -> impl Iterator<Item = (&'static Dialect, &'static Row)> {
    dialect::ALL
        .iter()
        .flat_map(|dialect| dialect.rows.iter().map(|row| (*dialect, row)))
}

/// Puts wrong values in the place of every parameter of every row.
fn each_parameter(wrong: impl Fn(Kind) -> Vec<String>) {
    for (dialect, row) in rows().filter(|(_, row)| !row.parameters.is_empty()) {
        let count = *legal_counts(row).last().unwrap();
        for position in 0..count {
            for value in wrong(row.parameter(position).unwrap().kind) {
                // One value before it is the payload's length and rules how it is read.
                let mut given = values(row, count);
                given[position].clone_from(&value);
                let mut rig = in_state(dialect, row.gate);
                let answer = rig.answer(line(row, &given));
                assert_eq!(
                    answer,
                    parameter(dialect),
                    "{}: {row}, {position} = {value}",
                    dialect.name
                );
            }
        }
    }
}

fn legal_counts(row: &Row) -> Vec<usize> {
    match row.arity {
        Arity::Exact(count) => vec![count],
        // A will's flag is 1 below, which asks for all of it.
        Arity::OneOf(_) if row.setting == Some(SettingKey::Will) => vec![row.parameters.len()],
        Arity::OneOf(counts) => counts.to_vec(),
        Arity::Groups { fixed, group } => vec![fixed + group, fixed + 2 * group],
    }
}

/// Legal values for the first parameters of a row.
fn values(row: &Row, count: usize) -> Vec<String> {
    (0..count)
        .map(|position| value(row.parameter(position).unwrap()))
        .collect()
}

fn value(parameter: &Parameter) -> String {
    match (parameter.kind, parameter.name) {
        (Kind::Integer { low: 0, .. }, name) if name.contains("onnectID") || name.contains("client") => "0".into(),
        (Kind::Integer { .. }, "msg_len") => "3".into(),
        (Kind::Integer { .. }, "version_num") => "0".into(),
        (Kind::Integer { .. } | Kind::Port { .. }, name) if name.contains("session") => "0".into(),
        (Kind::Integer { .. }, _) => "1".into(),
        (Kind::Port { .. }, _) => "1883".into(),
        (Kind::Text { .. }, name) => format!("\"{}\"", &name[..1]),
        (Kind::Payload, _) => "\"a\"b\"".into(),
    }
}

fn line(row: &Row, values: &[String]) -> String {
    let key = row.setting.map(|key| format!("\"{}\"", key.name()));
    let values: Vec<String> = key.into_iter().chain(values.iter().cloned()).collect();
    match row.form {
        Form::Test => format!("{}=?\r", row.command),
        Form::Read if row.setting.is_none() => format!("{}?\r", row.command),
        Form::Read | Form::Set => format!("{}={}\r", row.command, values.join(",")),
    }
}

fn in_state(dialect: &'static Dialect, gate: Gate) -> Rig {
    let mut rig = Rig::new(dialect.models[0].name);
    if matches!(gate, Gate::Opened | Gate::Connected) {
        assert!(rig.answer("AT+QMTOPEN=0,\"h\",1883\r").contains("+QMTOPEN: 0,0"));
    }
    if gate == Gate::Connected {
        assert!(rig.answer("AT+QMTCONN=0,\"c\"\r").contains("+QMTCONN: 0,0,0"));
    }
    rig
}

fn parameter(dialect: &Dialect) -> String {
    refusal(dialect.refusals.parameter)
}

fn refusal(refusal: Refusal) -> String {
    match refusal {
        Refusal::Error => "\\r\\nERROR\\r\\n".into(),
        Refusal::Cme(CmeCode(code)) => format!("\\r\\n+CME ERROR: {code}\\r\\n"),
    }
}
