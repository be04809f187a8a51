//! Every row of every dialect against command lines that it forbids.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use modemqtt_at::codes::CmeCode;
use modemqtt_at::dialect::{self, Arity, DataPhase, Dialect, Flag, Gate, Kind, ReadBack, Refusal, Row};
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
            Gate::NotConnected => &[Gate::Connected],
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
        for &command in Command::ALL {
            assert_eq!(rig.answer(format!("{command}\r")), refusal(Refusal::Error));
            for (form, suffix) in [(Form::Read, "?"), (Form::Test, "=?"), (Form::Set, "=0,0,0")] {
                if !dialect
                    .rows
                    .iter()
                    .any(|row| (row.command, row.form) == (command, form))
                    || is_setting(dialect, command, form)
                {
                    let answer = rig.answer(format!("{command}{suffix}\r"));
                    assert_eq!(answer, refusal(Refusal::Error), "{}: {command}{suffix}", dialect.name);
                }
            }
        }
        for unknown in ["AT+QMT=?\r", "AT+\r", "AT=\r", "ATX9\r", "AT+QMTOPEN=?x\r", "AT\"\r"] {
            assert_eq!(rig.answer(unknown), refusal(Refusal::Error), "{unknown}");
        }
    }
}

#[test]
fn a_key_that_the_dialect_lacks_is_refused() {
    for dialect in dialect::ALL {
        let mut rig = Rig::new(dialect.models[0].name);
        for key in dialect::setting_keys() {
            if dialect.setting(key, Form::Set).is_none() {
                for values in ["0", "0,1"] {
                    let answer = rig.answer(format!("AT+QMTCFG=\"{}\",{values}\r", key.name()));
                    assert_eq!(answer, parameter(dialect));
                }
            }
        }
        assert_eq!(rig.answer("AT+QMTCFG=\"colour\",0,1\r"), parameter(dialect));
    }
}

#[test]
fn a_key_is_taken_in_either_case_and_in_both_spellings() {
    for (dialect, row) in rows().filter(|(_, row)| row.form == Form::Read && row.setting.is_some()) {
        let key = row.setting.unwrap();
        let mut rig = Rig::new(dialect.models[0].name);
        let answer = rig.answer(line(row, &["0".into()]));
        for spelling in [&key.name().to_ascii_uppercase(), dialect.spelling(key)] {
            assert_eq!(rig.answer(format!("AT+QMTCFG=\"{spelling}\",0\r")), answer, "{row}");
        }
    }
}

#[test]
fn a_setting_reads_back_in_the_form_of_its_dialect() {
    for (dialect, row) in rows().filter(|(_, row)| row.form == Form::Set && row.setting.is_some()) {
        let key = row.setting.unwrap();
        let read = dialect.setting(key, Form::Read).unwrap();
        let mut rig = Rig::new(dialect.models[0].name);
        let defaults: Vec<_> = row.defaults.iter().map(i64::to_string).collect();
        assert_eq!(
            rig.answer(line(read, &["0".into()])),
            read_back(dialect, key, &defaults)
        );
        let given = values(row, row.parameters.len());
        let answer = rig.answer(line(row, &given));
        if row.data.is_some() {
            assert_eq!(answer, "\\r\\n> ");
            rig.answer("abc");
        }
        assert_eq!(
            rig.answer(line(read, &["0".into()])),
            read_back(dialect, key, &given[1..]),
            "{row}"
        );
    }
}

#[test]
fn what_a_flag_demands_is_given_as_a_whole_or_not_at_all() {
    for (dialect, row) in rows().filter(|(_, row)| row.flag != Flag::Free) {
        let mut rig = Rig::new(dialect.models[0].name);
        let mut given = values(row, row.parameters.len());
        assert_eq!(
            rig.answer(line(row, &given[..2])),
            parameter(dialect),
            "{}: {row}",
            dialect.name
        );
        given[1] = "0".into();
        let expected = if row.flag == Flag::Whole {
            parameter(dialect)
        } else {
            "\\r\\nOK\\r\\n".into()
        };
        assert_eq!(rig.answer(line(row, &given)), expected, "{}: {row}", dialect.name);
        assert_eq!(rig.answer(line(row, &given[..2])), "\\r\\nOK\\r\\n");
    }
}

#[test]
fn of_some_values_in_range_only_one_works() {
    for (dialect, row) in rows() {
        for (position, _) in row.only {
            let mut rig = Rig::new(dialect.models[0].name);
            let mut given = values(row, row.parameters.len());
            given[*position] = "1".into();
            assert_eq!(rig.answer(line(row, &given)), parameter(dialect), "{row}");
        }
    }
}

#[test]
fn a_topic_to_publish_to_has_no_wildcards() {
    let with_topic = |row: &Row| row.form == Form::Set && (row.data.is_some() || row.setting == Some(SettingKey::WILL));
    for (dialect, row) in rows().filter(|(_, row)| with_topic(row)) {
        let topic = row
            .parameters
            .iter()
            .position(|parameter| parameter.name.contains("topic"))
            .unwrap();
        for wildcard in ["\"t/#\"", "\"+\""] {
            let mut rig = in_state(dialect, row.gate);
            let mut given = values(row, row.parameters.len());
            given[topic] = wildcard.into();
            assert_eq!(
                rig.answer(line(row, &given)),
                parameter(dialect),
                "{}: {row}",
                dialect.name
            );
        }
    }
}

#[test]
fn the_message_id_is_0_with_qos_0_and_only_there() {
    for (dialect, row) in publishes() {
        let mut rig = in_state(dialect, Gate::Connected);
        for (id, qos) in [(1, 0), (0, 1), (0, 2)] {
            let mut given = values(row, row.parameters.len());
            (given[1], given[2]) = (id.to_string(), qos.to_string());
            assert_eq!(
                rig.answer(line(row, &given)),
                parameter(dialect),
                "{}: {row}",
                dialect.name
            );
        }
    }
}

#[test]
fn the_window_is_as_wide_as_the_dialect_says() {
    for (dialect, row) in publishes() {
        let mut rig = in_state(dialect, Gate::Connected);
        rig.broker.withhold_acks(true);
        for id in 1..=dialect.window + 1 {
            let mut given = values(row, row.parameters.len());
            given[1] = id.to_string();
            let mut answer = rig.answer(line(row, &given));
            if id > dialect.window {
                assert_eq!(answer, refusal(dialect.refusals.window), "{}: {row}", dialect.name);
                break;
            }
            if !matches!(row.data, Some(DataPhase::Inline | DataPhase::Quoted)) {
                assert_eq!(answer, "\\r\\n> ");
                answer = rig.answer(if row.data == Some(DataPhase::Counted) {
                    "abc"
                } else {
                    "abc\x1a"
                });
            }
            assert_eq!(answer, "\\r\\nOK\\r\\n");
        }
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
        rig.answer(if set.data.is_some() { "abc" } else { "" });
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
    fn no_command_line_makes_the_module_panic(lines in prop::collection::vec("(AT|at)(\\+QMT(CFG|OPEN|CONN|SUB|UNS|PUB|PUBEX|RECV|ENAUTH|DISC|CLOSE)|\\+C[A-Z]{3}|E|&F)(=|\\?|=\\?)?[\"0-9,;a\\\\? +/#]{0,30}\r", 0..20)) {
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
            let now = modemqtt_os::Moment::now();
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

fn publishes() -> impl Iterator<Item = (&'static Dialect, &'static Row)> {
    rows().filter(|(_, row)| row.data.is_some() && row.setting.is_none())
}

/// Whether a command has that form for its keys only.
fn is_setting(dialect: &Dialect, command: Command, form: Form) -> bool {
    form == Form::Read && dialect.row(command, form).is_none()
}

fn read_back(dialect: &Dialect, key: SettingKey, values: &[String]) -> String {
    const OK: &str = "\\r\\nOK\\r\\n";
    if values.is_empty() {
        return OK.into();
    }
    let key = match dialect.read_back {
        ReadBack::Values => String::new(),
        ReadBack::KeyThenValues => format!("\"{}\",", key.name()),
    };
    let line = format!("+QMTCFG: {key}{}", values.join(",")).replace('"', "\\\"");
    format!("\\r\\n{line}\\r\\n{OK}")
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
                if value.is_empty() && row.skips.contains(&position) {
                    continue;
                }
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
        // A flag is 1 below, which asks for all of it.
        Arity::OneOf(_) if row.flag != Flag::Free => vec![row.parameters.len()],
        Arity::OneOf(counts) => counts.to_vec(),
        Arity::Groups { fixed, group } => vec![fixed + group, fixed + 2 * group],
    }
}

/// Legal values for the first parameters of a row, none of them a default.
fn values(row: &Row, count: usize) -> Vec<String> {
    (0..count).map(|position| value(row, position)).collect()
}

fn value(row: &Row, position: usize) -> String {
    if let Some((_, value)) = row.only.iter().find(|(at, _)| *at == position) {
        return value.to_string();
    }
    let parameter = row.parameter(position).unwrap();
    let default = position.checked_sub(1).and_then(|at| row.defaults.get(at));
    match (parameter.kind, parameter.name) {
        (Kind::Integer { .. }, "tcpconnectID" | "TCP_connectID" | "client_idx") => "0".into(),
        (Kind::Integer { .. }, "msg_len" | "length" | "will_len") => "3".into(),
        (Kind::Integer { low, high }, _) => {
            let mut numbers = [1, 0, low, low + 1]
                .into_iter()
                .filter(|number| (low..=high).contains(number));
            numbers.find(|number| Some(number) != default).unwrap().to_string()
        }
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
