//! What is shown of the line: everything as it came, but for secrets and what would act on a terminal.

#[path = "support/bench.rs"]
mod bench;

use bench::{Bench, CLIENT};
use modemqtt_host::call::{Call, Secret};

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
    while let Some(entry) = bench.session.poll_wire() {
        shown.push_str(&entry.text);
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
    while let Some(entry) = bench.session.poll_wire() {
        last = entry.text;
    }
    assert_eq!(last, "\\x1b[2Jgone");
}

#[test]
fn the_wire_log_shows_a_message_as_it_came() {
    let mut bench = Bench::connected("M95");
    while bench.session.poll_wire().is_some() {}
    bench.feed(b"\r\n+QMTRECV: 0,1,test,M95 \"Hello\"\r\n\r\n+QMTRECV: 0,2, \"t\",\x00\\\xff\r\n\r\nOK\r\n");
    let mut lines = Vec::new();
    while let Some(entry) = bench.session.poll_wire() {
        lines.push(entry.text);
    }
    let wanted = [
        "+QMTRECV: 0,1,test,M95 \"Hello\" <11 bytes>",
        "+QMTRECV: 0,2, \"t\",\\x00\\\\\\xff <3 bytes>",
        "OK",
    ];
    assert_eq!(lines, wanted);
}
