//! The dialects side by side.

use modemqtt_at::codes::{
    CloseResult, CmeCode, ConnectionState, OpenResult, PacketResult, ReturnCode, StatCode, TokenResult,
};
use modemqtt_at::dialect::{self, Dialect, ReadBack, ReceiveLength, Refusal};
use modemqtt_at::{Command, Form};

use super::words::{forms, gate, numbers, refusal, time, wait, yes};
use super::{around, table};

pub(super) fn all() -> String {
    let mut text = String::from("## Side by side\n\n### Values\n\n");
    text.push_str(&table(&values()));
    text.push_str("### Commands and their forms\n\n");
    text.push_str(&table(&commands()));
    text.push_str("### Maximum response times\n\n");
    text.push_str(&table(&waits()));
    text.push_str("### Keys of `AT+QMTCFG`\n\nThe defaults, and when the key can be set.\n\n");
    text.push_str(&table(&keys()));
    text.push_str(&around::all());
    text.push_str(&codes());
    text
}

/// A line: what it is about, then each dialect's word for it.
fn line(name: &str, of: impl Fn(&Dialect) -> String) -> Vec<String> {
    [name.to_owned()]
        .into_iter()
        .chain(dialect::ALL.iter().map(|dialect| of(dialect)))
        .collect()
}

fn head() -> Vec<String> {
    line("", |dialect| dialect.name.to_owned())
}

fn values() -> Vec<Vec<String>> {
    vec![
        head(),
        line("models", |dialect| {
            let names: Vec<_> = dialect.models.iter().map(|model| model.name).collect();
            names.join(", ")
        }),
        line("experimental", |dialect| yes(dialect.experimental).into()),
        line("client index", |dialect| match dialect.last_client {
            0 => "0".into(),
            last => format!("0–{last}"),
        }),
        line("MQTT versions", |dialect| match dialect.versions {
            [] => format!("not settable, {}", dialect.default_version),
            versions => {
                let versions: Vec<_> = versions
                    .iter()
                    .map(|(version, code)| format!("{code} = {version}"))
                    .collect();
                versions.join(", ")
            }
        }),
        line("payload of one publish, bytes", |dialect| match dialect.hex_payload {
            Some(hex) => format!("{}, {hex} in hexadecimal digits", dialect.payload),
            None => dialect.payload.to_string(),
        }),
        line("publishes in flight", |dialect| dialect.window.to_string()),
        line("command line, bytes", |dialect| dialect.command_line.to_string()),
        line("buffer for messages", |dialect| {
            dialect
                .buffer
                .map_or_else(|| "–".into(), |buffer| format!("{} of a client", buffer.slots))
        }),
        line("length in `+QMTRECV`", |dialect| match dialect.receive.length {
            ReceiveLength::Never => "never".into(),
            ReceiveLength::Switchable { key, value } => format!("value {} of `{}`", value + 1, key.name()),
        }),
        line("quotes in `+QMTRECV`", |dialect| {
            match (dialect.receive.topic_quoted, dialect.receive.payload_quoted) {
                (true, true) => "topic and payload".into(),
                (true, false) => "topic".into(),
                (false, true) => "payload".into(),
                (false, false) => "none".into(),
            }
        }),
        line("`AT+QMTCFG` reads back", |dialect| match dialect.read_back {
            ReadBack::Values => "values".into(),
            ReadBack::KeyThenValues => "key, values".into(),
        }),
        line("`AT+QMTDISC` closes the connection", |dialect| {
            yes(dialect.disconnect_closes).into()
        }),
        line("data phase may be idle for", |dialect| {
            dialect.data_idle.map_or_else(|| "ever".into(), |idle| time(idle.after))
        }),
        line("wrong parameter", |dialect| refusal(dialect.refusals.parameter)),
        line("wrong state", |dialect| refusal(dialect.refusals.state)),
        line("window full", |dialect| refusal(dialect.refusals.window)),
        line("echo after a start", |dialect| yes(dialect.echo).into()),
        line("`AT+CMEE`, after a start", |dialect| {
            let levels: Vec<_> = dialect.error_levels.iter().map(ToString::to_string).collect();
            format!("{}, {}", levels.join("/"), dialect.error_level)
        }),
        line("boot text", |dialect| {
            let lines: Vec<_> = dialect.boot.iter().map(|line| format!("`{line}`")).collect();
            lines.join(" ")
        }),
        line("restarted by", |dialect| {
            let reboots: Vec<_> = dialect
                .reboots
                .iter()
                .map(|reboot| format!("`{}`", reboot.line()))
                .collect();
            reboots.join(", ")
        }),
        line("PDP context given up by", |dialect| {
            dialect
                .deactivate
                .map_or_else(|| "–".into(), |command| format!("`{}`", command.line()))
        }),
        line("asleep after", |dialect| {
            dialect.sleeps_after.map_or_else(
                || "never, with DTR asserted".into(),
                |idle| format!("{} idle", time(idle)),
            )
        }),
        line("TLS", super::tls::brief),
        line("registration", |dialect| {
            let names: Vec<_> = dialect.registration.iter().map(|name| format!("`AT+{name}`")).collect();
            names.join(", ")
        }),
    ]
}

fn commands() -> Vec<Vec<String>> {
    let lines = Command::ALL
        .iter()
        .map(|command| line(&format!("`{command}`"), |dialect| forms(dialect, *command)));
    [head()].into_iter().chain(lines).collect()
}

fn waits() -> Vec<Vec<String>> {
    let lines = Command::ALL.iter().map(|command| {
        line(&format!("`{command}`"), |dialect| {
            let mut rows = dialect.rows.iter();
            let row = rows.find(|row| row.command == *command && row.form == Form::Set);
            row.map_or_else(|| "–".into(), |row| wait(row.wait))
        })
    });
    [head()].into_iter().chain(lines).collect()
}

fn keys() -> Vec<Vec<String>> {
    let lines = dialect::setting_keys().into_iter().map(|key| {
        line(&format!("`{}`", key.name()), |dialect| {
            match dialect.setting(key, Form::Set) {
                None => "–".into(),
                Some(row) if row.defaults.is_empty() => format!("unset, {}", gate(row.gate)),
                Some(row) => format!("{}, {}", numbers(row.defaults), gate(row.gate)),
            }
        })
    });
    [head()].into_iter().chain(lines).collect()
}

/// The dialects of which that holds, in a sentence.
fn having(holds: impl Fn(&Dialect) -> bool) -> String {
    let names = dialect::ALL.iter().filter(|dialect| holds(dialect));
    names.map(|dialect| dialect.name).collect::<Vec<_>>().join(" and ")
}

/// Whether it refuses with the codes of the notes' own errors.
fn has_mqtt_errors(dialect: &Dialect) -> bool {
    let refusals = [
        dialect.refusals.parameter,
        dialect.refusals.state,
        dialect.refusals.window,
    ];
    refusals
        .iter()
        .any(|refusal| matches!(refusal, Refusal::Cme(code) if *code >= CmeCode::MQTT_LINK))
}

fn codes() -> String {
    let mut text = String::from("### Result codes\n\nIn `+QMTOPEN: <client>,<result>`:\n\n");
    let lines = OpenResult::TABLE.iter().map(|(code, name)| {
        line(&format!("{} {name}", code.0), |dialect| {
            yes(dialect.open_results.contains(code)).into()
        })
    });
    text.push_str(&table(&[head()].into_iter().chain(lines).collect::<Vec<_>>()));
    text.push_str("Alike in all of them:\n\n");
    let named = |what: &str, codes: Vec<(i64, &str)>| {
        let codes: Vec<_> = codes.iter().map(|(code, name)| format!("{code} {name}")).collect();
        vec![what.to_owned(), codes.join("; ")]
    };
    let mqtt = CmeCode::TABLE.iter().filter(|(code, _)| code.0 >= CmeCode::MQTT_LINK.0);
    text.push_str(&table(&[
        vec!["where".into(), "codes".into()],
        named(
            "`<result>` of `+QMTCONN`, `+QMTSUB`, `+QMTUNS`, `+QMTPUB`, `+QMTPUBEX`",
            PacketResult::TABLE.iter().map(|(code, name)| (code.0, *name)).collect(),
        ),
        named(
            "`<ret_code>` of `+QMTCONN`",
            ReturnCode::TABLE.iter().map(|(code, name)| (code.0, *name)).collect(),
        ),
        named(
            "`<state>` of `AT+QMTCONN?`",
            ConnectionState::TABLE
                .iter()
                .map(|(code, name)| (code.0, *name))
                .collect(),
        ),
        named(
            "`<result>` of `+QMTCLOSE`, `+QMTDISC`",
            CloseResult::TABLE.iter().map(|(code, name)| (code.0, *name)).collect(),
        ),
        named(
            "`<err_code>` of `+QMTSTAT`; 8 by the EG800Q&EG91xQ note only",
            StatCode::TABLE.iter().map(|(code, name)| (code.0, *name)).collect(),
        ),
        named(
            &format!(
                "`<result_code>` of `+QMTENAUTH`, in {}",
                having(|dialect| dialect.row(Command::Token, Form::Set).is_some())
            ),
            TokenResult::TABLE.iter().map(|(code, name)| (code.0, *name)).collect(),
        ),
        named(
            &format!(
                "MQTT errors of `+CME ERROR`, in {}; {} in {} only",
                having(has_mqtt_errors),
                CmeCode::MQTT_WINDOW.0,
                having(|dialect| dialect.refusals.window == Refusal::Cme(CmeCode::MQTT_WINDOW)),
            ),
            mqtt.map(|(code, name)| (code.0, *name)).collect(),
        ),
    ]));
    text
}
