//! What a host writes, at random, against the virtual module: its command line, its data phase and all behind them, with the
//! in-process broker at the other end of the air.
//!
//! Whatever comes, nothing panics, nothing grows without bound, and a host that starts anew is served.

#![no_main]

mod input;
#[path = "../../src/virtual/tests/rig/mod.rs"]
mod rig;

use input::{Op, Start};
use libfuzzer_sys::fuzz_target;
use modemqtt_virtual::Fault;
use rig::Rig;

/// More than all that a module may have to say about one step.
const MOST_PRINTED: usize = 4 * 1024 * 1024;
/// The longest file; a payload in hexadecimal digits is shorter.
const LONGEST_DATA: usize = 32 * 1024;

/// Answers of every kind, to what the last lines of the target are not.
const SCRIPT: &str = r"
> AT+QMTPUB*
! own
! urc +X: 1
! drop
> AT+QMT*
! times 20
< +X: 2
! 0.5
! bytes \r\nO
! 3
< K
> *+QMT*
! times 3
! ignore
> *+C*
! times 5
! own
! 1
! drop
";

fuzz_target!(|bytes: &[u8]| {
    let Some((start, ops)) = Start::read(bytes) else { return };
    let Some((dialect, model)) = start.model else { return };
    let mut rig = Rig::of(dialect, model.name);
    if start.connected {
        rig.type_in(b"AT+QMTOPEN=0,\"broker.lab\",1883\rAT+QMTCONN=0,\"bench-7\"\rAT+QMTSUB=0,1,\"bench/temp\",1\r");
    }
    for op in input::ops(ops) {
        play(&mut rig, op);
        assert!(
            rig.printed.len() < MOST_PRINTED,
            "{} bytes were printed",
            rig.printed.len()
        );
        rig.printed.clear();
    }
    rig.heal(None);
    // What stands in the line buffer may switch it off.
    rig.type_in(b"\r");
    rig.elapse(std::time::Duration::from_millis(200));
    // One that is off is switched on, and one asleep wakes.
    rig.power_on();
    rig.type_in(b"\r");
    rig.elapse(std::time::Duration::from_millis(200));
    // A data phase of either kind ends; what stands in the line buffer is an empty or a wrong line.
    rig.type_in(b"\x1b\x1a");
    rig.type_in(&[b'\r'; LONGEST_DATA]);
    rig.type_in(b"AT&F\r");
    rig.printed.clear();
    rig.type_in(b"ATE0\r");
    rig.printed.clear();
    rig.type_in(b"AT\r");
    assert!(
        rig.printed.ends_with(b"\r\nOK\r\n"),
        "AT was answered {}",
        rig.printed.escape_ascii()
    );
});

fn play(rig: &mut Rig, op: Op<'_>) {
    match op {
        Op::Print(bytes) => rig.type_in(bytes),
        Op::Elapse(time) => rig.elapse(time),
        Op::Call(number) => match number % 8 {
            0 => rig.publish("bench/temp", b"21.5", 0, false),
            1 => rig.publish("bench/temp", b"\"\r\nOK\r\n+QMTRECV: 0,1", 1, false),
            2 => rig.publish("bench/temp", &[0; 3000], 2, true),
            3 => rig.drop_clients(),
            4 => rig.restart(),
            5 => rig.set_network(number & 8 == 0),
            6 => rig.set_broker_down(number & 8 == 0),
            _ => rig.muted = number & 8 == 0,
        },
        // Two faults at a time, and now and then a script.
        Op::HurriedCall(number) => {
            for fault in Fault::ALL.iter().skip(2 * usize::from(number)).take(2) {
                rig.module.inject(*fault);
            }
            if number % 4 == 0 {
                for expectation in modemqtt_virtual::script::parse(SCRIPT).unwrap_or_default() {
                    rig.module.expect(expectation);
                }
            }
        }
        Op::Flood => rig.type_in(&[b'x'; 2 * LONGEST_DATA]),
        Op::HalfEcho => {}
        Op::Answer => rig.babble(&[0x40, 2, 0, 1]),
        Op::Echo => {
            rig.babble(&[0x30, 12, 0, 10]);
            rig.heal(None);
        }
    }
}
