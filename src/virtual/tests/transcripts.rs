//! Plays the transcripts of `tests/transcripts` against the virtual module.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

#[path = "support/player.rs"]
mod player;
mod rig;
#[path = "../../../tests/support/transcript.rs"]
mod transcript;

use std::collections::BTreeSet;
use std::path::Path;

use modemqtt_at::dialect::{self, Dialect, Row};
use modemqtt_at::{Command, Form};
use modemqtt_virtual::command_line::{Cursor, Entered, Head, LineReader, Suffix, Value, check};

use transcript::{Action, End, Transcript};

#[test]
fn the_module_prints_what_the_transcripts_say() {
    let failures: Vec<_> = transcripts()
        .iter()
        .filter_map(|transcript| play(transcript, None).err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} transcripts failed\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn the_module_prints_the_same_however_the_bytes_arrive() {
    for transcript in transcripts() {
        for (step, bytes) in host_bytes(&transcript) {
            for cut in 1..bytes.len() {
                play(&transcript, Some((step, cut))).unwrap();
            }
        }
    }
}

#[test]
fn the_module_prints_the_same_to_a_host_that_ends_its_lines_by_crlf() {
    let own = OWN.iter().map(|(name, text)| transcript::parse(Path::new(name), text));
    for transcript in transcripts().into_iter().chain(own) {
        player::play_with_crlf(&transcript, spoken(&transcript)).unwrap();
    }
}

#[test]
fn every_row_stands_in_a_transcript() {
    for dialect in dialect::ALL.iter().chain(dialect::REVISIONS) {
        let mut seen = BTreeSet::new();
        for transcript in transcripts() {
            if std::ptr::eq(*dialect, spoken(&transcript)) {
                for (_, bytes) in host_bytes(&transcript) {
                    seen.extend(rows_of(dialect, bytes));
                }
            }
        }
        let missing: Vec<_> = dialect
            .rows
            .iter()
            .filter(|row| !stands_in_the_usual_edition(dialect, row))
            .map(ToString::to_string)
            .filter(|row| !seen.contains(row))
            .collect();
        assert!(
            missing.is_empty(),
            "{}: no transcript has {}",
            dialect.name,
            missing.join("; ")
        );
    }
}

/// Whether a row is word for word that of the edition in [`dialect::ALL`], whose transcripts show it.
fn stands_in_the_usual_edition(dialect: &Dialect, row: &Row) -> bool {
    let usual = dialect::editions(dialect.name).next().unwrap();
    let same = |other: &Row| format!("{other:?}") == format!("{row:?}");
    usual.revision != dialect.revision && usual.rows.iter().any(same)
}

#[test]
#[ignore = "`make transcript FILE=…` runs it"]
fn the_transcript_that_was_named() {
    let named = transcript::named();
    let played = named
        .iter()
        .map(|transcript| transcript::tell(transcript, End::Virtual, || play(transcript, None)));
    assert!(played.fold(true, std::ops::BitAnd::bitand));
}

#[test]
fn our_own_transcripts_are_played() {
    for (name, text) in OWN {
        let transcript = transcript::parse(Path::new(name), text);
        play(&transcript, None).unwrap();
        for (step, bytes) in host_bytes(&transcript) {
            for cut in 1..bytes.len() {
                play(&transcript, Some((step, cut))).unwrap();
            }
        }
    }
}

fn transcripts() -> Vec<Transcript> {
    let all = dialect::ALL
        .iter()
        .flat_map(|dialect| transcript::load_all(dialect.name));
    all.filter(|transcript| transcript.only != Some(End::Host)).collect()
}

fn host_bytes(transcript: &Transcript) -> impl Iterator<Item = (usize, &[u8])> {
    let steps = transcript.steps.iter().enumerate();
    steps.filter_map(|(index, step)| match &step.action {
        Action::Host(bytes) => Some((index, bytes.as_slice())),
        _ => None,
    })
}

/// Plays a transcript, with the host's bytes of one step cut in two.
fn play(transcript: &Transcript, cut: Option<(usize, usize)>) -> Result<(), String> {
    player::play(transcript, spoken(transcript), cut)
}

/// The dialect in the edition that the transcript is about.
fn spoken(transcript: &Transcript) -> &'static Dialect {
    let (dialect, _) = dialect::of_model(&transcript.model).unwrap();
    match &transcript.revision {
        Some(year) => dialect::revision(dialect.name, year).unwrap(),
        None => dialect,
    }
}

/// The rows that the command lines among these bytes fit.
fn rows_of(dialect: &'static Dialect, bytes: &[u8]) -> BTreeSet<String> {
    let mut reader = LineReader::new(dialect.command_line);
    let lines = bytes.iter().filter_map(|byte| match reader.push(*byte) {
        Some(Entered::Line(line)) => Some(line),
        _ => None,
    });
    lines.filter_map(|line| row_of(dialect, &line)).collect()
}

fn row_of(dialect: &'static Dialect, line: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(line);
    let Ok(Some(Head::Extended { name, suffix })) = cursor.next_head() else {
        return None;
    };
    let command = Command::from_name(name)?;
    let (form, values) = match suffix {
        Suffix::None => return None,
        Suffix::Read => (Form::Read, Vec::new()),
        Suffix::Test => (Form::Test, Vec::new()),
        Suffix::Set => {
            let payload = |given: &[Value]| match given.last() {
                Some(Value::Integer(length)) if command == Command::Publish && given.len() == 6 => Some(*length),
                _ => None,
            };
            (Form::Set, cursor.parameters(payload).ok()?)
        }
    };
    Some(check(dialect, command, form, values).ok()?.row.to_string())
}

/// Transcripts of quirks that only the virtual module is asked about.
const OWN: &[(&str, &str)] = &[
    (
        "own/m95-day.at",
        r#"# M95 note 5.1, values of our own.
@ model M95
> AT+QMTOPEN=0,"broker.lab",1883\r
< \r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n
> AT+QMTOPEN?\r
< \r\n+QMTOPEN: 0,"broker.lab",1883\r\n\r\nOK\r\n
> AT+QMTCONN=0,"bench-7","",""\r
< \r\nOK\r\n\r\n+QMTCONN: 0,0,0\r\n
> AT+QMTCONN?\r
< \r\n+QMTCONN: 0,3\r\n\r\nOK\r\n
> AT+QMTSUB=0,1,"bench/#",2,"lab/+",1\r
< \r\nOK\r\n\r\n+QMTSUB: 0,1,0,2,1\r\n
> AT+QMTPUB=0,0,0,0,"bench/7"\r
< \r\n>\s
> 21.5\x1a
< \r\nOK\r\n\r\n+QMTPUB: 0,0,0\r\n\r\n+QMTRECV: 0,0,"bench/7",21.5\r\n
> AT+QMTPUB=0,2,2,0,"bench/7"\r
< \r\n>\s
> a\r\nb\x1a
< \r\nOK\r\n\r\n+QMTRECV: 0,1,"bench/7",a\r\nb\r\n\r\n+QMTPUB: 0,2,0\r\n
> AT+QMTPUB=0,3,1,0,"bench/7"\r
< \r\n>\s
! broker publish 0 0 bench/8 held
> never mind\x1b
< \r\nOK\r\n\r\n+QMTRECV: 0,0,"bench/8",held\r\n
> AT+QMTUNS=0,4,"bench/#","lab/+"\r
< \r\nOK\r\n\r\n+QMTUNS: 0,4,0\r\n
> AT+QMTDISC=0\r
< \r\nOK\r\n\r\n+QMTDISC: 0,0\r\n\r\n+QMTSTAT: 0,5\r\n
> AT+QMTCLOSE=0\r
< \r\n+CME ERROR: 8503\r\n
"#,
    ),
    (
        "own/bc660k-publish.at",
        r#"# BC660K-GL note 3.3.8 and 6.2.
@ model BC660K-GL
> AT+QMTCFG="showrecvlen",1,1\r
< \r\nOK\r\n
> AT+QMTOPEN=1,"broker.lab",1883\r
< \r\nOK\r\n\r\n+QMTOPEN: 1,0\r\n
> AT+QMTCONN=1,"bench-7"\r
< \r\nOK\r\n\r\n+QMTCONN: 1,0,0\r\n
> AT+QMTSUB=1,1,"t",0\r
< \r\nOK\r\n\r\n+QMTSUB: 1,1,0,0\r\n
> AT+QMTPUB=1,0,0,0,"t",4\r
< \r\n>\s
> \x1a\x1b"\r
< \r\nOK\r\n\r\n+QMTPUB: 1,0,0\r\n\r\n+QMTRECV: 1,0,"t",4,"\x1a\x1b"\r"\r\n
> AT+QMTPUB=1,0,0,0,"t",0\r
< \r\n> \r\nOK\r\n\r\n+QMTPUB: 1,0,0\r\n\r\n+QMTRECV: 1,0,"t",0,""\r\n
> AT+QMTPUB=1,5,1,0,"t",17,"{"a":"1","b":"2"}"\r
< \r\nOK\r\n\r\n+QMTRECV: 1,0,"t",17,"{"a":"1","b":"2"}"\r\n\r\n+QMTPUB: 1,5,0\r\n
> AT+QMTPUB=1,0,0,0,"t",17,"{"a":"1","b":"2"} "\r
< \r\nERROR\r\n
> AT+QMTPUB=1,0,0,0,"t"\r
< \r\n>\s
! elapse 60
< \r\nTimeout\r\n\r\nOK\r\n
> AT+QMTDISC=1\r
< \r\nOK\r\n\r\n+QMTDISC: 1,0\r\n
> AT+QMTCLOSE=1\r
< \r\n+CME ERROR: 8503\r\n
> AT+QMTOPEN?\r
< \r\nOK\r\n
"#,
    ),
    (
        "own/m95-retransmission.at",
        r#"# M95 note 3.2.8 and 4.1.1.
@ model M95
> AT+QMTCFG="TIMEOUT",0,5,2,1\r
< \r\nOK\r\n
> AT+QMTOPEN=0,"broker.lab",1883\r
< \r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n
> AT+QMTCONN=0,"bench-7"\r
< \r\nOK\r\n\r\n+QMTCONN: 0,0,0\r\n
! broker withhold
> AT+QMTPUB=0,7,1,0,"t"\r
< \r\n>\s
> x\x1a
< \r\nOK\r\n
! elapse 5
< \r\n+QMTPUB: 0,7,1,1\r\n
! elapse 5
< \r\n+QMTPUB: 0,7,1,2\r\n
! elapse 5
< \r\n+QMTPUB: 0,7,2\r\n
> AT+QMTSUB=0,8,"t",1\r
< \r\nOK\r\n
! elapse 5
< \r\n+QMTSUB: 0,8,1,1\r\n
! broker release
! elapse 5
< \r\n+QMTSUB: 0,8,1,2\r\n\r\n+QMTSUB: 0,8,0,1\r\n
! broker drop
< \r\n+QMTSTAT: 0,1\r\n
"#,
    ),
    (
        "own/bc660k-refused.at",
        r#"# BC660K-GL note 3.3.2, 3.3.4 and 5.1.
@ model BC660K-GL
! network down
> AT+QMTOPEN=0,"broker.lab",1883\r
< \r\nOK\r\n\r\n+QMTOPEN: 0,3\r\n
! network up
! name unknown nowhere.lab
> AT+QMTOPEN=0,"nowhere.lab",1883\r
< \r\nOK\r\n\r\n+QMTOPEN: 0,4\r\n
! broker down
> AT+QMTOPEN=0,"broker.lab",1883\r
< \r\nOK\r\n\r\n+QMTOPEN: 0,-1\r\n
! broker up
! broker refuse 5
> AT+QMTOPEN=0,"broker.lab",1883\r
< \r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n
> AT+QMTCFG="version",0,0\r
< \r\n+CME ERROR: 8503\r\n
> AT+QMTCONN=0,"bench-7"\r
< \r\nOK\r\n\r\n+QMTCONN: 0,0,5\r\n\r\n+QMTSTAT: 0,4\r\n
! broker accept
! broker withhold
> AT+QMTOPEN=0,"broker.lab",1883;+QMTOPEN=0,"broker.lab",1883\r
< \r\nOK\r\n\r\n+QMTOPEN: 0,2\r\n\r\n+QMTOPEN: 0,0\r\n
> AT+QMTCONN=0,"bench-7"\r
< \r\nOK\r\n
! elapse 30
< \r\n+QMTSTAT: 0,4\r\n\r\n+QMTCONN: 0,2\r\n
> AT+CFUN=1,1\r
< \r\nOK\r\n\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CEREG: 2\r\n
> AT\r
< AT\r\r\nOK\r\n
"#,
    ),
];
