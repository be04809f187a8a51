//! Bytes to frames: any split gives the same frames, memory is bounded, and nothing gets stuck.

use modemqtt_at::dialect;
use modemqtt_host::framer::{Expect, Frame, Framer, Hold, Prompt};
use modemqtt_host::message::Content;
use proptest::prelude::*;

fn framer(model: &str, length_shown: bool) -> Framer {
    let (dialect, _) = dialect::of_model(model).expect("a known model");
    let mut framer = Framer::default();
    framer.set_receive(dialect.receive);
    framer.set_length_shown(0, length_shown);
    framer
}

/// Every frame of the bytes, handed over in these pieces; bytes held back at the end are taken as they are.
fn frames<'a>(mut framer: Framer, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let expect = Expect::default();
    let mut seen = Vec::new();
    for piece in pieces {
        let before = (seen.len(), framer.hold());
        let lengthened = framer.push(piece);
        while let Some(frame) = framer.next_frame(expect) {
            seen.push(frame);
        }
        // Whoever skips asking for a frame then loses none.
        assert!(!lengthened || before == (seen.len(), framer.hold()));
    }
    while framer.hold().is_some() {
        let Some(frame) = framer.flush() else { break };
        seen.push(frame);
        while let Some(frame) = framer.next_frame(expect) {
            seen.push(frame);
        }
    }
    seen
}

fn message(topic: &str, payload: &[u8], complete: bool) -> Frame {
    Frame::Message(Content::new(0, 3, topic.as_bytes(), payload, complete))
}

#[test]
fn a_counted_payload_may_hold_anything() {
    let payload: Vec<u8> = (0..=255).chain(*b"\r\nOK\r\n+QMTSTAT: 0,1\r\n> ").collect();
    let mut bytes = format!("\r\n+QMTRECV: 0,3,\"bench/t\",{},\"", payload.len()).into_bytes();
    bytes.extend(&payload);
    bytes.extend(b"\"\r\n\r\nOK\r\n");
    let wanted = [message("bench/t", &payload, true), Frame::Line(b"OK".to_vec())];
    assert_eq!(frames(framer("BC660K-GL", true), [bytes.as_slice()]), wanted);
}

#[test]
fn a_length_that_does_not_fit_marks_the_message_and_loses_no_line() {
    let bytes = b"\r\n+QMTRECV: 0,3,\"t\",9,\"abc\"\r\n\r\n+QMTSTAT: 0,1\r\n\r\nOK\r\n";
    let frames = frames(framer("BC660K-GL", true), [bytes.as_slice()]);
    assert_eq!(frames[0], message("t", b"abc", false));
    assert_eq!(
        frames[1..],
        [Frame::Line(b"+QMTSTAT: 0,1".to_vec()), Frame::Line(b"OK".to_vec())]
    );
}

#[test]
fn a_payload_whose_rest_stays_away_is_taken_as_it_stands() {
    let mut framer = framer("BC660K-GL", true);
    framer.push(b"\r\n+QMTRECV: 0,3,\"t\",500,\"abc\"\r\n\r\nOK\r\n");
    assert_eq!(framer.next_frame(Expect::default()), None);
    assert_eq!(framer.hold(), Some(Hold::Payload));
    assert_eq!(framer.flush(), Some(message("t", b"abc", false)));
    assert_eq!(framer.next_frame(Expect::default()), Some(Frame::Line(b"OK".to_vec())));
}

#[test]
fn quotes_round_a_payload_are_the_payloads_own_once_a_payload_came_without() {
    let bytes = b"\r\n+QMTRECV: 0,3,\"t\",\"a\"\r\n\r\n+QMTRECV: 0,3,\"t\",b\r\n\r\n+QMTRECV: 0,3,\"t\",\"c\"\r\n";
    let wanted = [
        message("t", b"a", false),
        message("t", b"b", true),
        message("t", b"\"c\"", true),
    ];
    assert_eq!(frames(framer("M95", false), [bytes.as_slice()]), wanted);
}

#[test]
fn a_known_line_without_its_line_feed_is_taken_once_nothing_more_comes() {
    for line in ["OK", "ERROR", "+CME ERROR: 14", "+QMTOPEN: 0,0", "+QMTSTAT: 0,1"] {
        let mut framer = framer("M95", false);
        framer.push(format!("\r\n{line}\r").as_bytes());
        assert_eq!(framer.next_frame(Expect::default()), None);
        assert_eq!(framer.hold(), Some(Hold::Settling));
        assert_eq!(framer.flush(), Some(Frame::Line(line.into())));
        // Its line feed comes after all.
        framer.push(b"\n\r\nRING\r\n");
        assert_eq!(
            framer.next_frame(Expect::default()),
            Some(Frame::Line(b"RING".to_vec()))
        );
    }
    let mut framer = framer("M95", false);
    framer.push(b"\r\nsomething el\r");
    assert_eq!((framer.next_frame(Expect::default()), framer.hold()), (None, None));
}

#[test]
fn what_was_begun_as_a_message_and_turns_out_to_be_an_answer_leaves_nothing_behind() {
    for model in ["M95", "BC28", "BC660K-GL", "EG915Q"] {
        let mut framer = framer(model, true);
        let flags = Expect {
            flags: true,
            ..Expect::default()
        };
        // A notice about the buffer, which ends only after the module was asked about it.
        framer.push(b"+QMTRECV: 0,0,0,0,0,0\r");
        assert_eq!(framer.next_frame(Expect::default()), None, "{model}");
        framer.push(b"\n");
        let line = framer.next_frame(flags);
        assert_eq!(line, Some(Frame::Line(b"+QMTRECV: 0,0,0,0,0,0".to_vec())), "{model}");
        framer.push(b"\r\nO");
        assert_eq!(framer.next_frame(flags), None);
        assert_eq!((framer.hold(), framer.flush()), (None, None), "{model}");
        framer.push(b"K\r\n");
        assert_eq!(framer.next_frame(flags), Some(Frame::Line(b"OK".to_vec())));
    }
}

#[test]
fn an_overlong_line_is_reported_once_and_the_next_line_is_read() {
    let mut bytes = vec![b'x'; 100_000];
    bytes.extend(b"\r\nOK\r\n");
    let frames = frames(framer("M95", false), bytes.chunks(777));
    assert!(
        matches!(&frames[0], Frame::Overlong(head) if head.len() == 8192),
        "{frames:?}"
    );
    assert_eq!(frames[1..], [Frame::Line(b"OK".to_vec())]);
}

#[test]
fn nothing_endless_is_kept_without_bound() {
    let heads = [
        "",
        "+QMTRECV: 0,3,",
        "+QMTRECV: 0,3,\"",
        "+QMTRECV: 0,3,\"t\",",
        "+QMTRECV: 0,3,\"t\",\"",
        "+QMTRECV: 0,3,\"t\",131072,\"",
        "+QMTRECV: 0,3,\"t\",131072\r\n",
        "+QMTRECV: 0,3,\"t\",abc\r\n",
    ];
    for (head, filler, length_shown) in heads
        .iter()
        .flat_map(|head| ["x", "0", ">", " ", "x\r\n", "x\"y", "\0"].map(|filler| (head, filler)))
        .flat_map(|(head, filler)| [true, false].map(|shown| (head, filler, shown)))
    {
        for model in ["M95", "BC660K-GL"] {
            let mut framer = framer(model, length_shown);
            framer.set_hex(0, true);
            framer.push(format!("\r\n{head}").as_bytes());
            let mut longest = 0;
            for _ in 0..700 {
                framer.push(filler.repeat(1000 / filler.len()).as_bytes());
                while framer.next_frame(Expect::default()).is_some() {}
                longest = longest.max(framer.buffered());
            }
            assert!(
                longest < 280_000,
                "{model} {head:?} {filler:?}: {longest} bytes were kept"
            );
            while framer.hold().is_some() && framer.flush().is_some() {
                while framer.next_frame(Expect::default()).is_some() {}
            }
            framer.push(b"\r\n\r\nOK\r\n");
            let mut last = None;
            loop {
                while let Some(frame) = framer.next_frame(Expect::default()) {
                    last = Some(frame);
                }
                match framer.hold().and_then(|_| framer.flush()) {
                    Some(frame) => last = Some(frame),
                    None => break,
                }
            }
            assert_eq!(last, Some(Frame::Line(b"OK".to_vec())), "{model} {head:?} {filler:?}");
        }
    }
}

#[test]
fn a_number_at_the_end_of_its_line_is_a_payload_where_no_line_of_that_length_follows() {
    let bytes = b"\r\n+QMTRECV: 0,3,\"t\",2\r\n\r\nOK\r\n";
    let wanted = [message("t", b"2", false), Frame::Line(b"OK".to_vec())];
    assert_eq!(frames(framer("BC660K-GL", true), [bytes.as_slice()]), wanted);
}

#[test]
fn blank_lines_may_stand_before_a_payload_on_a_line_of_its_own() {
    for blank in 0..=6 {
        let blank = "\r\n".repeat(blank);
        let bytes = format!("\r\n+QMTRECV: 0,3,\"t\",4\r\n{blank}open\r\n\r\nOK\r\n");
        let wanted = [message("t", b"open", true), Frame::Line(b"OK".to_vec())];
        assert_eq!(frames(framer("BC660K-GL", true), [bytes.as_bytes()]), wanted);
    }
}

#[test]
fn quotes_are_doubtful_once_a_module_that_prints_them_printed_none() {
    let bytes = b"\r\n+QMTRECV: 0,3,\"t\",\"a\"\r\n\r\n+QMTRECV: 0,3,\"t\",b\r\n\r\n+QMTRECV: 0,3,\"t\",\"c\"\r\n";
    let wanted = [
        message("t", b"a", true),
        message("t", b"b", true),
        message("t", b"c", false),
    ];
    assert_eq!(frames(framer("BC660K-GL", false), [bytes.as_slice()]), wanted);
}

#[test]
fn an_echo_is_what_was_sent_and_a_prompt_is_one_only_when_it_is_waited_for() {
    let mut framer = framer("M95", false);
    let expect = Expect {
        echo: Some(b"AT+QMTPUB=0,0,0,0,\"t\""),
        prompt: Prompt::Due,
        ..Expect::default()
    };
    framer.push(b"AT+QMTPUB=0,0,0,0,\"t\"\r\r\n> ");
    assert_eq!(framer.next_frame(expect), Some(Frame::Echo));
    assert_eq!(framer.next_frame(Expect { echo: None, ..expect }), Some(Frame::Prompt));
    framer.push(b"\r\n> 5\r\n");
    assert_eq!(framer.next_frame(Expect::default()), Some(Frame::Line(b"> 5".to_vec())));
}

/// Lines and messages as modules print them, with random payloads.
fn printed() -> impl Strategy<Value = Vec<u8>> {
    let text = "[ -~]{0,40}";
    let piece = prop_oneof![
        Just(b"\r\nOK\r\n".to_vec()),
        Just(b"\r\n+QMTPUB: 0,3,0\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"boot\n\r".to_vec()),
        text.prop_map(|text| format!("\r\n{text}\r\n").into_bytes()),
        text.prop_map(|payload| format!("\r\n+QMTRECV: 0,3,\"a/b\",{payload}\r\n").into_bytes()),
        text.prop_map(|payload| format!("\r\n+QMTRECV: 0,3,a/b,\"{payload}\"\r\n").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(|payload| {
            let mut bytes = format!("\r\n+QMTRECV: 0,3,\"a/b\",{},\"", payload.len()).into_bytes();
            bytes.extend(payload);
            bytes.extend(b"\"\r\n");
            bytes
        }),
        (text, 0..8_usize).prop_map(|(payload, blank)| {
            let blank = "\r\n".repeat(blank);
            format!("\r\n+QMTRECV: 0,3,\"a/b\",{}\r\n{blank}{payload}\r\n", payload.len()).into_bytes()
        }),
        (0..30_u8).prop_map(|payload| format!("\r\n+QMTRECV: 0,3,\"a/b\",{payload}\r\n").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..60),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        bytes in printed(),
        cuts in proptest::collection::vec(1..40usize, 1..60),
        model in prop_oneof![Just("M95"), Just("BC660K-GL")],
        length_shown: bool,
    ) {
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        let whole = frames(framer(model, length_shown), [bytes.as_slice()]);
        prop_assert_eq!(frames(framer(model, length_shown), pieces), whole);
    }

    #[test]
    fn after_anything_at_all_the_next_lines_are_read(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut framer = framer("BC660K-GL", true);
        framer.push(&noise);
        while framer.next_frame(Expect::default()).is_some() {}
        framer.push(b"\r\nERROR\r\n\r\nOK\r\n");
        let mut seen = Vec::new();
        loop {
            while let Some(frame) = framer.next_frame(Expect::default()) {
                seen.push(frame);
            }
            if framer.hold().is_none() {
                break;
            }
            seen.extend(framer.flush());
        }
        prop_assert_eq!(seen.last(), Some(&Frame::Line(b"OK".to_vec())));
    }
}

#[test]
fn a_payload_of_many_lines_is_one_message() {
    for lines in [2, 3, 9] {
        let payload = vec!["one line"; lines].join("\r\n").into_bytes();
        for (model, quote) in [("M95", ""), ("BC660K-GL", "\"")] {
            let mut bytes = format!("\r\n+QMTRECV: 0,3,\"t\",{quote}").into_bytes();
            bytes.extend(&payload);
            bytes.extend(quote.bytes().chain(*b"\r\n\r\nOK\r\n"));
            let wanted = [message("t", &payload, false), Frame::Line(b"OK".to_vec())];
            assert_eq!(
                frames(framer(model, false), [bytes.as_slice()]),
                wanted,
                "{model} {lines}"
            );
        }
    }
}
