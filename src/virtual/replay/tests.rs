use modemqtt_recording::{Kind, Piece, Span, What};

use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

/// A recording of these, each a second behind the last, `>` from the host and `<` from the module.
fn replay(steps: &[(&str, &str)], speed: Option<f64>) -> Replay {
    let pieces = steps.iter().map(|(mark, bytes)| piece(*mark == ">", bytes, &[]));
    of(pieces.collect(), speed)
}

fn piece(sent: bool, bytes: &str, spans: &[(usize, usize, u32)]) -> Piece {
    let spans = spans.iter().map(|&(start, length, id)| Span {
        start,
        length,
        kind: Kind::Invented,
        id,
    });
    Piece {
        sent,
        bytes: bytes.into(),
        spans: spans.collect(),
    }
}

fn of(pieces: Vec<Piece>, speed: Option<f64>) -> Replay {
    let entries = move || {
        pieces.clone().into_iter().enumerate().map(|(at, piece)| {
            let entry = Entry {
                at: Duration::from_secs(at as u64),
                what: What::Piece(piece),
            };
            Ok((entry, at as u64 + 2))
        })
    };
    Replay::new(Box::new(move || Ok(Box::new(entries()))), speed)
}

/// What the module prints when the host sends this.
fn answer(replay: &mut Replay, bytes: &str, now: Moment) -> String {
    replay.receive(bytes.as_bytes(), now);
    printed(replay, now)
}

fn printed(replay: &mut Replay, now: Moment) -> String {
    let mut printed = Vec::new();
    while let Some(bytes) = replay.next_print(now) {
        printed.extend(bytes);
    }
    String::from_utf8(printed).unwrap()
}

#[test]
fn the_module_answers_as_it_did_and_what_came_unasked_comes_where_it_came() {
    let now = Moment::now();
    let steps = [
        ("<", "\r\nRDY\r\n"),
        (">", "AT+CSQ\r"),
        ("<", "\r\n+CSQ: 20,0\r\n"),
        ("<", "\r\nOK\r\n"),
        ("<", "\r\n+CREG: 1\r\n"),
        (">", "AT+CREG?\r"),
        ("<", "\r\nOK\r\n"),
    ];
    let mut replay = replay(&steps, None);
    replay.begin(now);
    assert_eq!(printed(&mut replay, now), "\r\nRDY\r\n");
    assert_eq!(answer(&mut replay, "AT+C", now), "");
    assert_eq!(
        answer(&mut replay, "SQ\r", now),
        "\r\n+CSQ: 20,0\r\n\r\nOK\r\n\r\n+CREG: 1\r\n"
    );
    assert!(!replay.is_over());
    assert_eq!(answer(&mut replay, "AT+CREG?\r", now), "\r\nOK\r\n");
    assert!(replay.is_over() && replay.differences().is_empty());
}

#[test]
fn in_its_own_time_a_factor_makes_it_faster() {
    let start = Moment::now();
    let steps = [
        (">", "AT+CSQ\r"),
        ("<", "OK1"),
        ("<", "OK2"),
        (">", "AT+A\r"),
        ("<", "OK3"),
    ];
    let mut replay = replay(&steps, Some(10.0));
    assert_eq!(answer(&mut replay, "AT+CSQ\r", start), "");
    assert_eq!(replay.next_timeout(), Some(start + 100 * MILLISECOND));
    assert_eq!(printed(&mut replay, start + 100 * MILLISECOND), "OK1");
    // A host that is ahead of it has what was printed before.
    assert_eq!(answer(&mut replay, "AT+A\r", start + 110 * MILLISECOND), "OK2");
    assert_eq!(printed(&mut replay, start + 210 * MILLISECOND), "OK3");
}

#[test]
fn data_are_compared_byte_by_byte_however_they_are_written() {
    let now = Moment::now();
    let steps = [
        (">", "AT+QMTPUB=0,1,1,0,\"t\",5\r"),
        ("<", "\r\n> "),
        (">", "a\r\x1a"),
        ("<", "\r\n+CREG: 1\r\n"),
        (">", "\n\x1a"),
        ("<", "\r\nOK\r\n"),
        (">", "AT\r"),
        ("<", "\r\nOK\r\n"),
    ];
    for got in ["a\r\x1a\n\x1a", "a\r\x1a\r\x1a"] {
        let mut replay = replay(&steps, None);
        assert_eq!(answer(&mut replay, "AT+QMTPUB=0,1,1,0,\"t\",5\r", now), "\r\n> ");
        let answers: Vec<_> = got
            .chars()
            .map(|byte| answer(&mut replay, &byte.to_string(), now))
            .collect();
        assert_eq!(answers.last().unwrap(), "\r\n+CREG: 1\r\n\r\nOK\r\n", "{got:?}");
        let told: Vec<_> = replay
            .differences()
            .iter()
            .map(|one| (one.expected.as_str(), one.got.as_str()))
            .collect();
        let same = got == "a\r\x1a\n\x1a";
        assert_eq!(told.is_empty(), same, "{told:?}");
    }
}

#[test]
fn what_was_made_up_may_be_another_and_comes_back_as_it_is_now() {
    let now = Moment::now();
    let pieces = vec![
        piece(true, "AT+QMTPUB=0,7,1,0,\"t\",2\r", &[(12, 1, 1)]),
        piece(false, "\r\nOK\r\n\r\n+QMTPUB: 0,7,0\r\n", &[(19, 1, 1)]),
    ];
    let mut replay = of(pieces, None);
    let answered = answer(&mut replay, "AT+QMTPUB=0,31,1,0,\"t\",2\r", now);
    assert_eq!(answered, "\r\nOK\r\n\r\n+QMTPUB: 0,31,0\r\n");
}

#[test]
fn another_line_is_told_beside_the_one_that_was_due_and_the_next_is_taken_as_ever() {
    let now = Moment::now();
    let mut replay = replay(&[(">", "AT+CSQ\r"), ("<", "\r\nOK\r\n")], None);
    assert_eq!(answer(&mut replay, "AT+CREG?\r", now), "\r\nERROR\r\n");
    assert_eq!(answer(&mut replay, "AT+CSQ\r", now), "\r\nOK\r\n");
    assert_eq!(answer(&mut replay, "AT+CSQ\r", now), "\r\nERROR\r\n");
    let wanted = [
        Difference {
            line: Some(2),
            expected: "AT+CSQ\\r".into(),
            got: "AT+CREG?\\r".into(),
        },
        Difference {
            line: None,
            expected: "nothing more".into(),
            got: "AT+CSQ\\r".into(),
        },
    ];
    assert_eq!(replay.differences(), wanted);
}

#[test]
fn what_the_host_leaves_out_is_told_and_the_rest_goes_on() {
    let now = Moment::now();
    let steps = [
        (">", "AT+A\r"),
        ("<", "\r\nA\r\n"),
        (">", "AT+B\r"),
        ("<", "\r\nB\r\n"),
        (">", "AT+C\r"),
        ("<", "\r\nC\r\n"),
    ];
    let mut replay = replay(&steps, None);
    assert_eq!(answer(&mut replay, "AT+X\r", now), "\r\nERROR\r\n");
    assert_eq!(answer(&mut replay, "AT+B\r", now), "\r\nB\r\n");
    assert_eq!(answer(&mut replay, "AT+C\r", now), "\r\nC\r\n");
    let told: Vec<_> = replay
        .differences()
        .iter()
        .map(|one| (one.expected.as_str(), one.got.as_str()))
        .collect();
    assert_eq!(told, [("AT+A\\r", "AT+X\\r"), ("AT+A\\r", "AT+B\\r")]);
}

#[test]
fn the_opening_may_be_longer_or_shorter_than_recorded() {
    let now = Moment::now();
    let steps = [
        (">", "AT\r"),
        (">", "AT\r"),
        ("<", "AT\r\r\nOK\r\n"),
        (">", "ATE0\r"),
        ("<", "ATE0\r\r\nOK\r\n"),
        (">", "AT+CMEE=1\r"),
        ("<", "\r\nOK\r\n"),
        (">", "AT+CGMM\r"),
        ("<", "\r\nM95\r\n\r\nOK\r\n"),
        (">", "AT+CSQ\r"),
        ("<", "\r\n+CSQ: 20,0\r\n\r\nOK\r\n"),
    ];
    let mut once = replay(&steps, None);
    assert_eq!(answer(&mut once, "ATE0\r", now), "ATE0\r\r\nOK\r\n");
    assert_eq!(answer(&mut once, "AT+CSQ\r", now), "\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    let mut often = replay(&steps, None);
    for _ in 0..5 {
        answer(&mut often, "AT\r", now);
    }
    for _ in 0..2 {
        assert_eq!(answer(&mut often, "AT+CGMM\r", now), "\r\nM95\r\n\r\nOK\r\n");
    }
    assert_eq!(answer(&mut often, "\r\x1bAT\r", now), "AT\r\r\nOK\r\n");
    assert_eq!(answer(&mut often, "AT+CSQ\r", now), "\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    // All was played: a host that comes again gets it from the beginning.
    assert_eq!(answer(&mut once, "AT\r", now), "");
    assert_eq!(answer(&mut once, "AT\r", now), "AT\r\r\nOK\r\n");
    assert_eq!(answer(&mut once, "AT+CSQ\r", now), "\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    assert_eq!(once.differences(), []);
    assert_eq!(often.differences(), []);
}

/// The entries of another section.
fn section(steps: &[(&str, &str)]) -> Source {
    let steps = steps.iter().map(|(mark, bytes)| (*mark == ">", (*bytes).to_owned()));
    let pieces: Vec<_> = steps.map(|(sent, bytes)| piece(sent, &bytes, &[])).collect();
    Box::new(move || {
        let entries = pieces.clone().into_iter().map(|piece| {
            let what = What::Piece(piece);
            let at = Duration::from_hours(1);
            Ok((Entry { at, what }, 7))
        });
        Ok(Box::new(entries))
    })
}

#[test]
fn a_section_is_played_whatever_is_left_of_the_one_before() {
    let now = Moment::now();
    let mut replay = replay(
        &[(">", "AT+CSQ\r"), ("<", "1"), (">", "AT+CREG?\r"), ("<", "2")],
        Some(1.0),
    );
    assert_eq!(answer(&mut replay, "AT+CSQ\r", now), "");
    let now = now + Duration::from_secs(1);
    assert_eq!(printed(&mut replay, now), "1");
    replay.play(section(&[("<", "RDY"), (">", "AT+CIMI\r"), ("<", "3")]), now);
    // Its time is that of its beginning.
    assert_eq!(printed(&mut replay, now), "RDY");
    assert_eq!(answer(&mut replay, "AT+CIMI\r", now), "3");
    replay.end_section(now);
    assert_eq!(replay.differences(), []);
}

#[test]
fn what_is_missing_at_the_end_of_a_section_and_what_comes_behind_it_are_differences() {
    let now = Moment::now();
    let mut replay = replay(&[], None);
    replay.play(section(&[(">", "AT\r"), (">", "AT+CIMI\r"), ("<", "3")]), now);
    replay.end_section(now);
    assert_eq!(answer(&mut replay, "AT+CSQ\r", now), "\r\nERROR\r\n");
    // Whether a module is there may be asked at any time.
    assert_eq!(answer(&mut replay, "AT\r", now), "\r\nOK\r\n");
    let told: Vec<_> = replay.differences().iter().map(ToOwned::to_owned).collect();
    let [left, more] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        (left.line, left.expected.as_str(), left.got.as_str()),
        (Some(7), "AT+CIMI\\r", "nothing more")
    );
    assert_eq!(
        (more.line, more.expected.as_str(), more.got.as_str()),
        (None, "nothing more", "AT+CSQ\\r")
    );
}
