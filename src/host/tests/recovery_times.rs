//! How long a fault of the module is felt, on a simulated line and clock: when the affected call ends, and when the
//! next command has its own answer. `docs/reliability.md` states the times.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/pair.rs"]
mod pair;

use std::time::Duration;

use modemqtt_at::{Qos, dialect};
use modemqtt_host::call::{Call, Reply};
use modemqtt_host::error::Error;
use modemqtt_virtual::Fault;
use pair::{Pair, publish};

const MODELS: [&str; 4] = ["M95", "BC35-G", "BC660K-GL", "EG915Q"];

/// How a call ended, and after how many seconds.
struct Outcome {
    result: Result<Reply, Error>,
    seconds: f64,
}

fn timed(pair: &mut Pair, call: Call) -> Outcome {
    let begun = pair.now;
    let result = pair.call(call);
    Outcome {
        result,
        seconds: (pair.now - begun).as_secs_f64(),
    }
}

/// The next command has its own answer within this many seconds.
fn next_command(pair: &mut Pair, at_most: f64, model: &str) {
    let Outcome { result, seconds } = timed(pair, Call::command("AT+CSQ"));
    let answered =
        matches!(&result, Ok(Reply::Response { lines }) if lines.iter().any(|line| line.starts_with("+CSQ:")));
    assert!(answered, "{model}: {result:?}");
    assert!(seconds <= at_most, "{model}: {seconds} s");
}

fn next_publish(pair: &mut Pair, model: &str) {
    assert_eq!(
        pair.call(publish(b"after", Qos::AtLeastOnce)),
        Ok(Reply::Published),
        "{model}"
    );
}

fn is_timeout(outcome: &Outcome, awaited: &str, model: &str) {
    assert!(
        matches!(&outcome.result, Err(Error::Timeout { awaited: missed, .. }) if *missed == awaited),
        "{model}: {:?}",
        outcome.result
    );
}

fn connected(model: &str, fault: &str) -> Pair {
    let mut pair = Pair::connected(model, 4096);
    pair.rig.inject(fault);
    pair
}

#[test]
fn a_lost_prompt_ends_the_publish_after_seven_seconds_and_the_line_is_free_within_one() {
    for model in MODELS {
        let mut pair = connected(model, "lost-prompt=1");
        let outcome = timed(&mut pair, publish(b"21.5", Qos::AtLeastOnce));
        is_timeout(&outcome, "prompt", model);
        assert!(outcome.seconds < 7.2, "{model}: {} s", outcome.seconds);
        next_command(&mut pair, 1.0, model);
        next_publish(&mut pair, model);
    }
}

#[test]
fn a_lost_ok_of_a_publish_is_not_felt_and_the_line_is_free_within_three_seconds() {
    for model in MODELS {
        let mut pair = connected(model, "lost-ok=1");
        let outcome = timed(&mut pair, publish(b"21.5", Qos::AtLeastOnce));
        assert_eq!(outcome.result, Ok(Reply::Published), "{model}");
        assert!(outcome.seconds < 0.2, "{model}: {} s", outcome.seconds);
        next_command(&mut pair, 3.0, model);
        next_publish(&mut pair, model);
    }
}

#[test]
fn a_lost_ok_of_a_command_ends_it_after_seven_seconds_and_the_line_is_free_within_one() {
    for model in MODELS {
        let mut pair = connected(model, "lost-ok=1");
        let outcome = timed(&mut pair, Call::command("AT+CGATT?"));
        is_timeout(&outcome, "final result code", model);
        // The longest time that any family takes for the command, and what the line may add.
        let allowed = modemqtt_at::general::maximum_response_time("+CGATT").as_secs_f64() + 2.2;
        assert!(outcome.seconds < allowed, "{model}: {} s", outcome.seconds);
        next_command(&mut pair, 1.0, model);
        next_publish(&mut pair, model);
    }
}

#[test]
fn a_lost_result_leaves_a_publish_unknown_after_the_time_of_the_settings_and_holds_up_nothing_else() {
    for model in MODELS {
        let (dialect, _) = dialect::of_model(model).unwrap();
        let [packet_timeout, retries, ..] = dialect.defaults(modemqtt_at::SettingKey::TIMEOUT) else {
            panic!("{model}: no defaults");
        };
        let allowed = Duration::from_secs(u64::try_from(packet_timeout * (retries + 1)).unwrap()).as_secs_f64() + 2.2;
        let mut pair = connected(model, "lost-result=1");
        let begun = pair.now;
        let ticket = pair.submit(publish(b"21.5", Qos::AtLeastOnce));
        next_command(&mut pair, 0.2, model);
        while !pair.ended.iter().any(|(ended, _)| *ended == ticket) {
            pair.elapse(Duration::from_millis(100));
        }
        let (_, result) = pair.ended.pop().unwrap();
        let seconds = (pair.now - begun).as_secs_f64();
        is_timeout(&Outcome { result, seconds }, "result", model);
        assert!(seconds < allowed, "{model}: {seconds} s");
        next_publish(&mut pair, model);
    }
}

#[test]
fn a_silent_module_is_found_within_a_second_of_hearing_again() {
    for model in MODELS {
        let mut pair = connected(model, "mute");
        let outcome = timed(&mut pair, publish(b"21.5", Qos::AtLeastOnce));
        is_timeout(&outcome, "prompt", model);
        assert!(outcome.seconds < 7.2, "{model}: {} s", outcome.seconds);
        // Each call looks for the module, and reports after five seconds that it is not there: the next call at once,
        // and a later one too.
        let outcome = timed(&mut pair, Call::command("AT+CSQ"));
        is_timeout(&outcome, "final result code", model);
        assert!(outcome.seconds < 6.0, "{model}: {} s", outcome.seconds);
        for _ in 0..600 {
            pair.elapse(Duration::from_millis(100));
        }
        let outcome = timed(&mut pair, Call::command("AT+CSQ"));
        is_timeout(&outcome, "final result code", model);
        assert!(outcome.seconds < 6.0, "{model}: {} s", outcome.seconds);
        pair.rig.heal(Some(Fault::Mute));
        next_command(&mut pair, 1.0, model);
        next_publish(&mut pair, model);
    }
}

#[test]
fn a_module_that_hears_again_while_it_is_looked_for_is_found_within_a_second() {
    for model in MODELS {
        let mut pair = connected(model, "mute");
        let outcome = timed(&mut pair, publish(b"21.5", Qos::AtLeastOnce));
        is_timeout(&outcome, "prompt", model);
        let ticket = pair.submit(Call::command("AT+CSQ"));
        pair.elapse(Duration::from_millis(1500));
        pair.rig.heal(Some(Fault::Mute));
        for _ in 0..25 {
            pair.elapse(Duration::from_millis(100));
        }
        assert!(
            matches!(pair.ended.pop(), Some((ended, Ok(_))) if ended == ticket),
            "{model}"
        );
        next_publish(&mut pair, model);
    }
}

#[test]
fn a_module_asleep_is_awake_within_a_second_and_nothing_is_lost() {
    for model in ["M95", "BC35-G", "BC660K-GL"] {
        let mut pair = connected(model, "sleep=10");
        pair.elapse(Duration::from_secs(11));
        let outcome = timed(&mut pair, publish(b"21.5", Qos::AtLeastOnce));
        assert_eq!(outcome.result, Ok(Reply::Published), "{model}");
        assert!(outcome.seconds < 1.0, "{model}: {} s", outcome.seconds);
    }
}

#[test]
fn a_restart_ends_a_publish_at_once_and_the_next_command_is_answered_within_a_second() {
    for model in MODELS {
        let mut pair = Pair::connected(model, 4096);
        pair.rig.muted = true;
        let ticket = pair.submit(publish(b"21.5", Qos::AtLeastOnce));
        pair.rig.restart();
        pair.elapse(Duration::from_millis(10));
        assert_eq!(pair.ended.pop(), Some((ticket, Err(Error::Restarted))), "{model}");
        assert!(pair.others.contains(&"restarted".to_owned()), "{model}");
        next_command(&mut pair, 1.0, model);
    }
}

#[test]
fn a_silent_restart_is_told_as_a_lost_connection_when_something_is_refused() {
    for model in MODELS {
        let mut pair = connected(model, "silent-restart");
        pair.rig.restart();
        pair.elapse(Duration::from_millis(10));
        next_command(&mut pair, 0.2, model);
        let result = pair.call(publish(b"21.5", Qos::AtLeastOnce));
        assert!(matches!(result, Err(Error::Command { .. })), "{model}: {result:?}");
        pair.elapse(Duration::from_millis(300));
        assert_eq!(pair.others, ["lost 0 7"], "{model}");
        pair.log_in();
        next_publish(&mut pair, model);
    }
}

#[test]
fn an_echo_that_comes_back_is_not_felt() {
    for model in MODELS {
        for fault in ["echo-returns=1", "data-echo"] {
            let mut pair = connected(model, fault);
            next_command(&mut pair, 0.2, model);
            for payload in [b"\r\nOK\r\n".as_slice(), b"+QMTSTAT: 0,1", b"", b"> "] {
                let outcome = timed(&mut pair, publish(payload, Qos::AtLeastOnce));
                assert_eq!(
                    outcome.result,
                    Ok(Reply::Published),
                    "{model} {fault}: {}",
                    payload.escape_ascii()
                );
                assert!(outcome.seconds < 0.2, "{model} {fault}: {} s", outcome.seconds);
            }
            assert!(pair.others.is_empty(), "{model} {fault}: {:?}", pair.others);
        }
    }
}

#[test]
fn bytes_lost_in_a_data_phase_end_the_publish_after_seven_seconds_and_the_line_is_free_within_one() {
    for model in MODELS {
        let mut pair = Pair::connected(model, 4096);
        pair.submit(publish(&[b'x'; 100], Qos::AtLeastOnce));
        // That one went through; the module gets half of the next.
        let ticket = pair.tickets + 1;
        pair.half_of_the_data = true;
        let outcome = timed(&mut pair, publish(&[b'x'; 100], Qos::AtLeastOnce));
        assert_eq!(pair.tickets, ticket);
        is_timeout(&outcome, "final result code", model);
        assert!(outcome.seconds < 7.2, "{model}: {} s", outcome.seconds);
        next_command(&mut pair, 1.0, model);
        next_publish(&mut pair, model);
    }
}
