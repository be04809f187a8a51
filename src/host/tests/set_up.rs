//! Bringing a module to a known state from any state. The module is played by hand.

#[path = "support/bench.rs"]
mod bench;

use bench::{Bench, OK, PROBED, response, seconds};
use modemqtt_host::call::{Call, Reply};
use modemqtt_host::error::Error;

#[test]
fn answers_to_copies_of_a_question_do_not_answer_what_follows() {
    let mut bench = Bench::fresh("M95");
    let ticket = bench.submit(Call::SetUp);
    bench.elapse(seconds(1.2));
    assert_eq!(bench.sent(), "AT\r\x1bAT\r\x1bAT\r");
    // The link was slow: all three are answered, and the last two answers come when others are due.
    for line in ["ATE0\r", "AT+CMEE=1\r", "AT+CMEE?\r", "", ""] {
        bench.feed(OK);
        assert_eq!(bench.sent(), line);
    }
    bench.feed(PROBED);
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
    let ticket = bench.command("AT+CSQ");
    bench.feed(b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
    assert_eq!(bench.ended(ticket), response(&["+CSQ: 20,0"]));
}

#[test]
fn late_answers_to_another_programs_commands_do_not_answer_ours() {
    for late in [
        b"\r\nOK\r\n".as_slice(),
        b"\r\nERROR\r\n",
        b"\r\n+COPS: 0\r\n\r\nOK\r\n\r\nOK\r\n",
    ] {
        let mut bench = Bench::fresh("M95");
        let ticket = bench.submit(Call::SetUp);
        bench.feed(late);
        let mut sent = bench.sent();
        for _ in 0..20 {
            let lines: Vec<_> = sent.split_terminator('\r').map(ToOwned::to_owned).collect();
            for line in lines {
                bench.feed(if line == "AT+CMEE?" { PROBED } else { OK });
            }
            sent = bench.sent();
        }
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
        let ticket = bench.command("AT+CSQ");
        bench.feed(b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
        assert_eq!(bench.ended(ticket), response(&["+CSQ: 20,0"]));
    }
}

#[test]
fn a_module_that_knows_no_question_about_errors_is_set_up_all_the_same() {
    // A stand-in may accept everything.
    for answer in [b"\r\nERROR\r\n", OK] {
        let mut bench = Bench::fresh("M95");
        let ticket = bench.submit(Call::SetUp);
        bench.answers(&[("AT\r", OK), ("ATE0\r", OK), ("AT+CMEE=1\r", answer)]);
        for _ in 0..2 {
            bench.answers(&[("AT+CMEE?\r", answer)]);
            bench.elapse(seconds(1.1));
        }
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
    }
}

#[test]
fn a_module_that_slept_through_some_questions_is_not_waited_for() {
    let mut bench = Bench::fresh("M95");
    let ticket = bench.submit(Call::SetUp);
    bench.elapse(seconds(1.2));
    bench.sent();
    bench.feed(OK);
    bench.answers(&[("ATE0\r", OK), ("AT+CMEE=1\r", OK), ("AT+CMEE?\r", PROBED)]);
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
}

#[test]
fn what_another_program_left_in_the_line_buffer_does_not_fail_the_set_up() {
    let mut bench = Bench::fresh("M95");
    let ticket = bench.submit(Call::SetUp);
    assert_eq!(bench.sent(), "AT\r");
    bench.feed(b"\r\nERROR\r\n");
    bench.answers_set_up();
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
}

#[test]
fn a_module_left_in_the_data_phase_is_brought_out_of_it() {
    let mut bench = Bench::fresh("M95");
    bench.submit(Call::SetUp);
    bench.elapse(seconds(0.55));
    assert_eq!(bench.sent(), "AT\r\x1b");
    bench.elapse(seconds(0.1));
    assert_eq!(bench.sent(), "AT\r");
}

#[test]
fn a_module_left_in_a_data_phase_of_counted_bytes_is_filled_up() {
    let mut bench = Bench::fresh("BC660K-GL");
    let ticket = bench.submit(Call::SetUp);
    bench.elapse(seconds(1.05));
    assert_eq!(bench.sent(), "AT\r\x1bAT\r\x1b");
    bench.elapse(seconds(0.2));
    let filling = bench.sent();
    assert!(
        filling.chars().all(|letter| letter == '\r') && filling.len() < 1460,
        "{filling:?}"
    );
    // The filling ends the other program's publish, and stops.
    bench.feed(b"\r\nOK\r\n\r\n+QMTPUB: 0,1,0\r\n");
    bench.answers_set_up();
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
}

#[test]
fn a_restart_during_the_set_up_starts_it_again_and_ends_what_waited() {
    let mut bench = Bench::connected("M95");
    let publish = bench.publish(b"x");
    assert_eq!(bench.sent(), "AT+QMTPUB=0,1,1,0,\"t\"\r");
    bench.feed(b"\r\n> ");
    assert_eq!(bench.sent(), "x\x1a");
    bench.feed(OK);
    let set_up = bench.submit(Call::SetUp);
    assert_eq!(bench.sent(), "AT\r");
    bench.feed(b"\r\nRDY\r\n");
    assert_eq!(bench.ended(publish), Some(Err(Error::Restarted)));
    assert_eq!(bench.restarted(), 1);
    bench.answers_set_up();
    assert_eq!(bench.ended(set_up), Some(Ok(Reply::Done)));
}

#[test]
fn a_module_that_starts_again_and_again_fails_the_set_up() {
    let mut bench = Bench::set_up("M95");
    let ticket = bench.submit(Call::SetUp);
    for _ in 0..3 {
        bench.feed(b"\r\nRDY\r\n");
        assert_eq!(bench.ended(ticket), None);
    }
    bench.feed(b"\r\nRDY\r\n");
    assert_eq!(bench.ended(ticket), Some(Err(Error::Restarted)));
    let next = bench.command("AT+CSQ");
    bench.sent();
    bench.elapse(seconds(20.0));
    assert!(matches!(bench.ended(next), Some(Err(Error::Timeout { .. }))));
}

#[test]
fn the_ok_of_the_boot_text_answers_no_command_whether_it_comes_or_not() {
    for boot in [b"\r\nNeul\r\n\r\nOK\r\n".as_slice(), b"\r\nNeul\r\n"] {
        let mut bench = Bench::set_up("BC35-G");
        let ticket = bench.submit(Call::SetUp);
        assert_eq!(bench.sent(), "AT\r");
        bench.feed(b"\r\nREBOOT_CAUSE_APPLICATION_AT\r\n");
        assert_eq!(bench.sent(), "AT\r");
        bench.feed(boot);
        for _ in 0..3 {
            bench.feed(OK);
        }
        assert!(bench.sent().ends_with("AT+CMEE?\r"));
        bench.feed(PROBED);
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
        let ticket = bench.command("AT+CSQ");
        bench.feed(b"\r\n+CSQ:20,0\r\n\r\nOK\r\n");
        assert_eq!(bench.ended(ticket), response(&["+CSQ:20,0"]));
    }
}

#[test]
fn the_first_start_seen_from_its_beginning_is_no_restart() {
    let mut bench = Bench::fresh("M95");
    let ticket = bench.submit(Call::SetUp);
    bench.sent();
    bench.feed(b"\r\nRDY\r\n");
    bench.answers_set_up();
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
    assert_eq!(bench.restarted(), 0);
}

#[test]
fn a_module_that_refuses_everything_for_some_seconds_after_its_start_is_asked_until_it_is_ready() {
    for refusal in [&b"\r\nERROR\r\n"[..], b"\r\n+CME ERROR: 14\r\n"] {
        let mut bench = Bench::unknown();
        let ticket = bench.submit_for(Call::SetUp, Some(seconds(30.0)));
        assert_eq!(bench.sent(), "AT\r");
        bench.feed(refusal);
        for _ in 0..40 {
            assert_eq!(bench.sent(), "AT\r");
            bench.feed(refusal);
            bench.elapse(seconds(0.5));
        }
        assert_eq!(bench.sent(), "AT\r");
        bench.feed(OK);
        bench.answers(&[
            ("ATE0\r", OK),
            ("AT+CMEE=1\r", OK),
            ("AT+CMEE?\r", PROBED),
            ("AT+CGMM\r", refusal),
            ("ATI\r", refusal),
            ("ATI\r", refusal),
        ]);
        bench.elapse(seconds(0.5));
        bench.answers(&[("ATI\r", b"\r\nQuectel_M95\r\n\r\nOK\r\n")]);
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
    }
}

#[test]
fn a_module_that_never_gets_ready_is_an_error_with_its_last_refusal() {
    for (refusal, shown) in [
        (&b"\r\nERROR\r\n"[..], "it has answered ERROR"),
        (b"\r\n+CME ERROR: 14\r\n", "it has answered +CME ERROR: 14 (SIM busy)"),
    ] {
        for limit in [None, Some(seconds(4.0))] {
            let mut bench = Bench::fresh("M95");
            let ticket = bench.submit_for(Call::SetUp, limit);
            for _ in 0..60 {
                if bench.sent() == "AT\r" {
                    bench.feed(refusal);
                }
                bench.elapse(seconds(0.25));
            }
            let Some(Err(error @ Error::Timeout { waited, .. })) = bench.ended(ticket) else {
                panic!("no error");
            };
            assert!(error.to_string().contains(shown), "{error}");
            let expected = limit.unwrap_or(seconds(10.0));
            assert!(waited >= expected && waited < expected + seconds(1.0), "{waited:?}");
        }
    }
}

#[test]
fn a_call_waits_for_a_module_that_refuses_everything_after_its_start_until_it_is_ready() {
    let mut bench = Bench::set_up("M95");
    bench.feed(b"\r\nRDY\r\n");
    let ticket = bench.command("AT+CSQ");
    for _ in 0..10 {
        assert_eq!(bench.sent(), "AT\r");
        bench.feed(b"\r\nERROR\r\n");
        bench.elapse(seconds(0.5));
    }
    bench.answers_set_up();
    bench.answers(&[("AT+CSQ\r", OK)]);
    assert_eq!(bench.ended(ticket), response(&[]));
}

#[test]
fn a_module_that_was_left_to_answer_in_digits_or_not_at_all_is_set_right() {
    for answer in [&b""[..], b"0\r", b"4\r"] {
        let mut bench = Bench::fresh("M95");
        let ticket = bench.submit(Call::SetUp);
        let mut asked = Vec::new();
        for _ in 0..12 {
            let sent = bench.sent().replace('\x1b', "");
            if sent == "ATQ0V1\r" {
                bench.feed(OK);
                break;
            }
            if sent == "AT\r" {
                bench.feed(answer);
            }
            asked.push(sent);
            bench.elapse(seconds(0.25));
        }
        bench.answers(&[("ATE0\r", OK), ("AT+CMEE=1\r", OK), ("AT+CMEE?\r", PROBED)]);
        assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)), "{asked:?}");
    }
}

#[test]
fn a_module_of_no_known_model_is_an_error_that_lists_the_known_and_how_to_force_one() {
    let mut bench = Bench::unknown();
    let ticket = bench.submit(Call::SetUp);
    bench.answers(&[
        ("AT\r", OK),
        ("ATE0\r", OK),
        ("AT+CMEE=1\r", OK),
        ("AT+CMEE?\r", PROBED),
        ("AT+CGMM\r", b"\r\nSIMCOM_SIM800L\r\n\r\nOK\r\n"),
        ("ATI\r", b"\r\nSIM800 R14.18\r\n\r\nOK\r\n"),
    ]);
    let Some(Err(Error::Usage(message))) = bench.ended(ticket) else {
        panic!("no error");
    };
    for part in ["SIM800 R14.18", "M95", "BC35-G", "EG915Q", "model=\"…\""] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn a_model_that_cgmm_does_not_tell_is_found_by_ati() {
    let mut bench = Bench::unknown();
    let ticket = bench.submit(Call::SetUp);
    bench.answers(&[
        ("AT\r", OK),
        ("ATE0\r", OK),
        ("AT+CMEE=1\r", OK),
        ("AT+CMEE?\r", PROBED),
        ("AT+CGMM\r", b"\r\nERROR\r\n"),
        ("ATI\r", b"\r\nQuectel\r\nBC28\r\nRevision:BC28JAR01A10\r\n\r\nOK\r\n"),
    ]);
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
}

#[test]
fn last_words_that_a_new_answer_completes_do_not_end_the_search_for_the_module() {
    let mut bench = Bench::set_up("M95");
    // The line end was lost when the module went off.
    bench.feed(b"\r\nNORMAL POWER DOWN\r");
    bench.elapse(seconds(3600.0));
    let ticket = bench.submit(Call::SetUp);
    assert_eq!(bench.sent(), "AT\r");
    bench.feed(OK);
    assert_eq!(bench.restarted(), 1);
    assert_eq!(bench.ended(ticket), None);
    // The answer that came with them is taken for the answer to the new question, and all answers lag by one until the
    // probe.
    assert_eq!(bench.sent(), "AT\rATE0\r");
    for line in ["AT+CMEE=1\r", "AT+CMEE?\r", ""] {
        bench.feed(OK);
        assert_eq!(bench.sent(), line);
    }
    bench.feed(PROBED);
    assert_eq!(bench.ended(ticket), Some(Ok(Reply::Done)));
}
