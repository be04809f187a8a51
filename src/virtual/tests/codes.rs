//! Every code that a dialect can print stands in what a module prints in one of its transcripts.

#[path = "../../../tests/support/transcript.rs"]
mod transcript;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use modemqtt_at::Command;
use modemqtt_at::codes::{CloseResult, ConnectionState, OpenResult, PacketResult, ReturnCode, StatCode, TokenResult};
use modemqtt_at::dialect::{self, Dialect};
use transcript::{Action, Transcript};

/// What no row says: the errors that the notes list, and how far `+QMTSTAT` goes.
struct Listed {
    dialect: &'static str,
    errors: &'static [RangeInclusive<i64>],
    last_stat: StatCode,
}

const LISTED: &[Listed] = &[
    // M95 note 4.1.1 and 6.2.
    Listed {
        dialect: "m95",
        errors: &[8503..=8512, 8600..=8600],
        last_stat: StatCode::LINK_DOWN,
    },
    // BC35-G&BC28 note, chapter 4 and 5.1. The codes of 3GPP TS 27.005 are rows.
    Listed {
        dialect: "bc35",
        errors: &[3..=4, 23..=23, 30..=30, 50..=52, 159..=159],
        last_stat: StatCode::LINK_DOWN,
    },
    // BC660K-GL note, chapter 4 and 5.1.
    Listed {
        dialect: "bc660k",
        errors: &[8503..=8511, 8600..=8600],
        last_stat: StatCode::LINK_DOWN,
    },
    // EG800Q&EG91xQ note 4.1. It has `ERROR` only.
    Listed {
        dialect: "eg91xq",
        errors: &[],
        last_stat: StatCode::CLIENT_CLOSED,
    },
    Listed {
        dialect: "bg9x",
        errors: &[],
        last_stat: StatCode::LINK_DOWN,
    },
];

#[test]
fn every_dialect_is_listed() {
    let listed: BTreeSet<_> = LISTED.iter().map(|listed| listed.dialect).collect();
    let known: BTreeSet<_> = dialect::ALL.iter().map(|dialect| dialect.name).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_code_of_every_dialect_stands_in_a_transcript() {
    let missing: Vec<_> = LISTED.iter().flat_map(missing).collect();
    assert!(
        missing.is_empty(),
        "{} codes stand in no transcript\n{}",
        missing.len(),
        missing.join("\n")
    );
}

fn missing(listed: &Listed) -> Vec<String> {
    let dialect = dialect::ALL.iter().find(|dialect| dialect.name == listed.dialect);
    let dialect = dialect.expect("a known dialect");
    let printed: BTreeSet<String> = transcript::load_all(dialect.name).iter().flat_map(printed).collect();
    wanted(dialect, listed)
        .into_iter()
        .filter(|line| !printed.contains(line))
        .map(|line| format!("{}: {line}", dialect.name))
        .collect()
}

/// The lines that a module prints, those that the program has not asked for and those that it has told apart, with the client
/// and the message id left out and nothing behind the code.
fn printed(transcript: &Transcript) -> Vec<String> {
    let mut lines = Vec::new();
    let mut asked = "";
    let mut typed = String::new();
    for step in &transcript.steps {
        match &step.action {
            Action::Host(bytes) => typed = String::from_utf8_lossy(bytes).into_owned(),
            Action::Module(bytes) => {
                if typed.ends_with("?\r") {
                    asked = "? ";
                }
                let text = String::from_utf8_lossy(bytes).into_owned();
                lines.extend(text.split("\r\n").filter_map(|line| code(line, asked)));
                asked = "";
                typed.clear();
            }
            _ => {}
        }
    }
    lines
}

fn code(line: &str, asked: &str) -> Option<String> {
    let Some((name, fields)) = line.split_once(": ") else {
        return (line == "ERROR").then(|| line.to_owned());
    };
    let name = name.strip_prefix('+')?;
    if name == "CME ERROR" {
        return Some(line.to_owned());
    }
    let fields: Vec<&str> = fields.split(',').collect();
    let place = match Command::from_name(name.as_bytes()) {
        Some(Command::Token) => 0,
        Some(Command::Subscribe | Command::Unsubscribe | Command::Publish | Command::PublishExact) => 2,
        None if name != "QMTSTAT" => return None,
        _ => 1,
    };
    let code: i64 = fields.get(place)?.parse().ok()?;
    let name = Command::from_name(name.as_bytes()).map_or_else(|| name.to_owned(), |command| command.name().to_owned());
    match (name.as_str(), fields.get(2)) {
        ("QMTCONN", Some(returned)) => Some(format!("{name} {code},{returned}")),
        ("QMTCONN", None) => Some(format!("{asked}{name} {code}")),
        _ => Some(format!("{name} {code}")),
    }
}

fn wanted(dialect: &Dialect, listed: &Listed) -> BTreeSet<String> {
    let commands: BTreeSet<_> = dialect.rows.iter().map(|row| row.command).collect();
    let mut wanted = BTreeSet::from(["ERROR".to_owned()]);
    wanted.extend(
        dialect
            .open_results
            .iter()
            .map(|OpenResult(code)| format!("QMTOPEN {code}")),
    );
    for (PacketResult(code), _) in PacketResult::TABLE {
        wanted.extend(["QMTSUB", "QMTUNS", publish(&commands)].map(|name| format!("{name} {code}")));
        if *code != PacketResult::ACKNOWLEDGED.0 {
            wanted.insert(format!("QMTCONN {code}"));
        }
    }
    wanted.extend(
        ReturnCode::TABLE
            .iter()
            .map(|(ReturnCode(code), _)| format!("QMTCONN 0,{code}")),
    );
    wanted.extend(
        ConnectionState::TABLE
            .iter()
            .map(|(ConnectionState(code), _)| format!("? QMTCONN {code}")),
    );
    for (CloseResult(code), _) in CloseResult::TABLE {
        wanted.extend(["QMTCLOSE", "QMTDISC"].map(|name| format!("{name} {code}")));
    }
    wanted.extend((1..=listed.last_stat.0).map(|code| format!("QMTSTAT {code}")));
    if commands.contains(&Command::Token) {
        wanted.extend(
            TokenResult::TABLE
                .iter()
                .map(|(TokenResult(code), _)| format!("QMTENAUTH {code}")),
        );
    }
    let vendor = dialect.vendor_errors.iter().map(|(code, _)| *code);
    let errors = listed.errors.iter().cloned().flatten().chain(vendor);
    wanted.extend(errors.map(|code| format!("+CME ERROR: {code}")));
    wanted
}

/// The name that results of a publish bear. Some families have two commands that publish, and one name.
fn publish(commands: &BTreeSet<Command>) -> &'static str {
    let long = [Command::Publish, Command::PublishExact];
    let first = long.into_iter().find(|command| commands.contains(command));
    first.map_or("", Command::name)
}
