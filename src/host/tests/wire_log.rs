//! What is shown of the line: everything as it came, except secrets and anything that would act on a terminal.

#[path = "support/bench.rs"]
mod bench;

use bench::{Bench, CLIENT};
use modemqtt_host::call::{Call, Secret};
use modemqtt_host::error::Error;

#[test]
fn neither_the_wire_log_nor_a_debug_print_shows_a_password() {
    let mut bench = Bench::set_up("M95");
    let call = Call::connect(CLIENT, "id".into(), Some("u".into()), Some(Secret("hunter2".into())));
    assert!(!format!("{call:?}").contains("hunter2"));
    bench.submit(call);
    assert!(bench.sent().contains("hunter2"));
    // A torn echo.
    bench.feed(b"NN=0,\"id\",\"u\",\"hunter2\"\r\n");
    assert!(
        !format!("{:?}", bench.session).contains("hunter2\""),
        "{:?}",
        bench.session
    );
    let mut shown = String::new();
    while let Some(piece) = bench.session.poll_wire() {
        shown.push_str(&piece.entry().map_or(String::new(), |entry| entry.text));
    }
    bench.collect();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!format!("{:?}", bench.events).contains("hunter2"));
}

#[test]
fn what_the_module_prints_cannot_act_on_a_terminal() {
    let mut bench = Bench::set_up("M95");
    bench.feed(b"\r\n\x1b[2Jgone\r\n");
    let mut last = String::new();
    while let Some(piece) = bench.session.poll_wire() {
        last = piece.entry().map_or(last, |entry| entry.text);
    }
    assert_eq!(last, "\\x1b[2Jgone");
}

#[test]
fn the_wire_log_shows_a_message_as_it_came() {
    let mut bench = Bench::connected("M95");
    while bench.session.poll_wire().is_some() {}
    bench.feed(b"\r\n+QMTRECV: 0,1,test,M95 \"Hello\"\r\n\r\n+QMTRECV: 0,2, \"t\",\x00\\\xff\r\n\r\nOK\r\n");
    let mut lines = Vec::new();
    while let Some(piece) = bench.session.poll_wire() {
        lines.extend(piece.entry().map(|entry| entry.text));
    }
    let wanted = [
        "+QMTRECV: 0,1,test,M95 \"Hello\" <11 bytes>",
        "+QMTRECV: 0,2, \"t\",\\x00\\\\\\xff <3 bytes>",
        "OK",
    ];
    assert_eq!(lines, wanted);
}

/// Every byte from the module that was reported, with an `x` for each secret one.
fn told(bench: &mut Bench) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = bench.session.poll_wire() {
        if piece.sent {
            continue;
        }
        let from = bytes.len();
        bytes.extend_from_slice(piece.bytes);
        for secret in piece.secrets {
            bytes[from + secret.start()..from + secret.end()].fill(b'x');
        }
    }
    bytes
}

#[test]
fn every_byte_that_comes_is_told_once_in_order_and_an_echo_with_its_secret_masked() {
    let lines = b"\r\n+QMTRECV: 0,1,\"t\",one\r\ntwo\r\n\r\n\r\nAT+QMTCONN=0,\"id\",\"u\",\"hunter2\"\r\r\nOK\r\n\r\n+QMTSTAT: 0,1\r\n\n+CS";
    let wanted = String::from_utf8_lossy(lines)
        .replace("hunter2", "xxxxxxx")
        .replace("+CS", "xxx");
    for size in [1, 2, 3, 7, 16, lines.len()] {
        let mut bench = Bench::set_up("M95");
        bench.open();
        bench.feed(b"\r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n");
        bench.submit(Call::connect(
            CLIENT,
            "id".into(),
            Some("u".into()),
            Some(Secret("hunter2".into())),
        ));
        told(&mut bench);
        for piece in lines.chunks(size) {
            bench.feed(piece);
        }
        let now = bench.now();
        bench.session.abandon(&Error::Closed, now);
        assert_eq!(String::from_utf8_lossy(&told(&mut bench)), wanted, "{size}");
    }
}

/// A module whose client is logging in with a password.
fn logging_in(model: &str) -> Bench {
    let mut bench = Bench::set_up(model);
    bench.submit(Call::connect(
        CLIENT,
        "bench-7".into(),
        Some("bench".into()),
        Some(Secret("7Zuj9VOciCkEgfmE".into())),
    ));
    bench
}

/// The lines that the wire log shows from here on.
fn shown(bench: &mut Bench) -> Vec<String> {
    let pieces = std::iter::from_fn(|| bench.session.poll_wire().map(|piece| piece.entry()));
    pieces.flatten().map(|entry| entry.text).collect()
}

#[test]
fn no_piece_of_a_broken_echo_shows_a_password_however_late_it_comes() {
    let mut bench = logging_in("M95");
    bench.feed(b"AT+QMTCONN=0,\"ben\r\n+CREG: 1\rch-7\",\"bench\",\"7Zuj9\r\n+CREG: 1\r\n");
    bench.elapse(std::time::Duration::from_mins(1));
    bench.feed(b"VOciCkEgfmE\"\r\n+CREG: 5\r\n");
    let mut shown = shown(&mut bench);
    bench.collect();
    shown.push(format!("{:?}", bench.events));
    let told = shown.join(" ");
    assert!(!told.contains("7Zuj") && !told.contains("gfmE"), "{told}");
    for line in ["+CREG: 1", "+CREG: 5"] {
        assert!(shown.iter().any(|text| text == line), "{told}");
    }
}

#[test]
fn a_piece_of_a_broken_echo_that_a_command_takes_for_its_answer_shows_nothing_of_a_password() {
    let mut bench = logging_in("M95");
    bench.feed(b"AT+QMTCONN=0,\"bench-7\",\"bench\",\"7Zuj9\r\n+CREG: 1\r\n\r\nERROR\r\n");
    bench.submit(Call::command("AT+OTHER"));
    bench.feed(b"VOciCkEgfmE\"\r\nOK\r\n");
    let shown = shown(&mut bench).join(" ");
    assert!(!shown.contains("gfmE"), "{shown}");
}

#[test]
fn a_piece_of_a_password_beside_the_whole_of_it_shows_nothing() {
    let mut bench = logging_in("M95");
    bench.feed(b"VOciCkEgfmE\"\rAT+QMTCONN=0,\"bench-7\",\"bench\",\"7Zuj9VOciCkEgfmE\"\r\n+CREG: 1\r\n");
    let shown = shown(&mut bench).join(" ");
    assert!(!shown.contains("gfmE"), "{shown}");
}

#[test]
fn an_echo_that_got_into_a_message_shows_nothing_of_a_password() {
    let mut bench = logging_in("EG915Q");
    bench.feed(b"+QMTRECV: 0,0,\"be\r\nnch\",\"7Zuj9VOciCkEgfmE\"\rAT\r\n\r\n+CREG: 1\r\n");
    bench.elapse(std::time::Duration::from_mins(1));
    let shown = shown(&mut bench).join(" ");
    assert!(!shown.contains("7Zuj9V") && !shown.contains("gfmE"), "{shown}");
}

#[test]
fn what_is_taken_only_after_more_has_come_is_shown_as_it_was() {
    let mut bench = Bench::connected("M95");
    while bench.session.poll_wire().is_some() {}
    let lines: Vec<_> = (0..200).map(|number| format!("+QTEST: {number}")).collect();
    for line in &lines {
        bench.feed(format!("\r\n{line}\r\n\r\n+QT").as_bytes());
        bench.feed(b"RI\r\n");
    }
    let shown = std::iter::from_fn(|| {
        bench
            .session
            .poll_wire()
            .map(|piece| piece.entry().map(|entry| entry.text))
    });
    let shown: Vec<_> = shown.flatten().filter(|line| line.starts_with("+QTEST")).collect();
    assert_eq!(shown, lines);
}
