//! Requests that take several commands, on a simulated line and clock: numbers, SIM card, registration and restart.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/pair.rs"]
mod pair;

use std::time::Duration;

use modemqtt_at::dialect;
use modemqtt_host::call::{Call, Errand, Reply, Secret, Ticket};
use modemqtt_host::error::Error;
use modemqtt_virtual::Fault;
use pair::Pair;

const MINUTE: Duration = Duration::from_mins(1);

fn each_model(test: impl Fn(&str, &mut Pair)) {
    for (_, model) in dialect::models() {
        test(model.name, &mut Pair::new(model.name, 7));
    }
}

fn begin(pair: &mut Pair, errand: Errand, timeout: Duration) -> Ticket {
    pair.submit_for(errand, Some(timeout))
}

/// Lets this much time pass; returns the end of the call if it has ended.
fn after(pair: &mut Pair, ticket: Ticket, time: Duration) -> Option<Result<Reply, Error>> {
    pair.elapse(time);
    let at = pair.ended.iter().position(|(ended, _)| *ended == ticket)?;
    Some(pair.ended.remove(at).1)
}

#[test]
fn the_numbers_of_module_subscriber_and_card_are_told() {
    each_model(|model, pair| {
        for (errand, number) in [
            (Errand::Imei, "490154203237518"),
            (Errand::Imsi, "001010123456789"),
            (Errand::Iccid, "89001010000000000017"),
        ] {
            assert_eq!(pair.call(errand), Ok(Reply::Text(number.into())), "{model}");
        }
    });
}

#[test]
fn a_registration_is_asked_for_each_second_until_it_is_there() {
    each_model(|model, pair| {
        pair.rig.set_registration(2);
        let ticket = begin(pair, Errand::WaitRegistered, MINUTE);
        assert_eq!(after(pair, ticket, Duration::from_secs(10)), None, "{model}");
        pair.rig.set_registration(5);
        let end = after(pair, ticket, Duration::from_millis(1500));
        assert_eq!(end, Some(Ok(Reply::Number(Some(5)))), "{model}");
    });
}

#[test]
fn a_registration_that_the_module_tells_of_is_asked_for_at_once() {
    let mut pair = Pair::new("BC660K-GL", 7);
    assert!(pair.call(Call::command("AT+CEREG=1")).is_ok());
    pair.rig.set_registration(2);
    let ticket = begin(&mut pair, Errand::WaitRegistered, MINUTE);
    // Halfway between two questions.
    assert_eq!(after(&mut pair, ticket, Duration::from_millis(3500)), None);
    pair.rig.set_registration(1);
    pair.pump();
    let end = after(&mut pair, ticket, Duration::from_millis(100));
    assert_eq!(end, Some(Ok(Reply::Number(Some(1)))));
}

#[test]
fn a_registration_that_does_not_come_ends_the_wait_at_its_time_with_the_last_state() {
    each_model(|model, pair| {
        pair.rig.set_registration(2);
        let ticket = begin(pair, Errand::WaitRegistered, Duration::from_secs(20));
        assert_eq!(after(pair, ticket, Duration::from_millis(19_900)), None, "{model}");
        let end = after(pair, ticket, Duration::from_millis(600));
        let error = end.unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "not registered with a network within 20 s; the last state was 2",
            "{model}"
        );
    });
}

#[test]
fn other_calls_go_between_two_questions() {
    each_model(|model, pair| {
        pair.rig.set_registration(2);
        let ticket = begin(pair, Errand::WaitRegistered, MINUTE);
        pair.elapse(Duration::from_secs(2));
        assert!(pair.call(Call::command("AT+CSQ")).is_ok(), "{model}");
        pair.rig.set_registration(1);
        let end = after(pair, ticket, Duration::from_secs(2));
        assert_eq!(end, Some(Ok(Reply::Number(Some(1)))), "{model}");
    });
}

#[test]
fn a_denied_registration_and_a_missing_card_end_the_wait_at_once() {
    each_model(|model, pair| {
        pair.rig.set_registration(3);
        let error = pair.call(Errand::WaitRegistered).unwrap_err();
        assert!(
            matches!(error, Error::Registration { stat: Some(3), .. }),
            "{model}: {error}"
        );
        pair.rig.set_sim("absent");
        let error = pair.call(Errand::WaitRegistered).unwrap_err();
        let Error::Registration {
            stat: None,
            cause: Some(cause),
            ..
        } = error
        else {
            panic!("{model}: {error}");
        };
        assert!(matches!(*cause, Error::Command { .. }), "{model}: {cause}");
    });
}

#[test]
fn a_card_is_given_its_pin_once_and_one_that_asks_for_none_is_left_alone() {
    each_model(|model, pair| {
        let unlock = |pin: &str| Errand::Unlock(Secret(pin.into()));
        assert_eq!(pair.call(unlock("1234")), Ok(Reply::Done), "{model}");
        pair.rig.set_sim("pin");
        assert!(matches!(pair.call(unlock("12a4")), Err(Error::Usage(_))), "{model}");
        assert!(
            matches!(pair.call(unlock("0000")), Err(Error::Command { .. })),
            "{model}"
        );
        assert_eq!(pair.call(unlock("1234")), Ok(Reply::Done), "{model}");
        assert_eq!(pair.call(Errand::WaitRegistered), Ok(Reply::Number(Some(1))), "{model}");
    });
}

#[test]
fn a_restart_ends_when_the_module_answers_again_and_is_told_once() {
    each_model(|model, pair| {
        let ticket = begin(pair, Errand::Restart, MINUTE);
        assert_eq!(
            after(pair, ticket, Duration::from_secs(30)),
            Some(Ok(Reply::Done)),
            "{model}"
        );
        let told = pair.others.iter().filter(|other| *other == "restarted").count();
        assert_eq!(told, 1, "{model}: {:?}", pair.others);
        assert!(pair.call(Call::command("AT+CSQ")).is_ok(), "{model}");
    });
}

#[test]
fn a_module_that_starts_silently_is_asked_after_ten_seconds() {
    // BC35-G/BC28 do not answer the command either.
    for model in ["M95", "BC660K-GL", "EG800Q"] {
        let mut pair = Pair::new(model, 7);
        pair.rig.module.inject(Fault::SilentRestart);
        let ticket = begin(&mut pair, Errand::Restart, MINUTE);
        assert_eq!(after(&mut pair, ticket, Duration::from_secs(9)), None, "{model}");
        let end = after(&mut pair, ticket, Duration::from_secs(20));
        assert_eq!(end, Some(Ok(Reply::Done)), "{model}");
        assert!(pair.others.contains(&"restarted".to_owned()), "{model}");
    }
}

#[test]
fn a_module_that_is_gone_ends_the_restart_at_its_time() {
    each_model(|model, pair| {
        pair.rig.power_off();
        let ticket = begin(pair, Errand::Restart, Duration::from_secs(5));
        assert_eq!(after(pair, ticket, Duration::from_millis(4900)), None, "{model}");
        let error = after(pair, ticket, Duration::from_millis(200)).unwrap().unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{model}: {error}");
    });
}

#[test]
fn an_errand_that_is_taken_back_asks_nothing_more() {
    each_model(|model, pair| {
        pair.rig.set_registration(2);
        let ticket = begin(pair, Errand::WaitRegistered, MINUTE);
        pair.elapse(Duration::from_millis(2500));
        pair.host.take_back(ticket, pair.now);
        pair.pump();
        assert_eq!(
            after(pair, ticket, Duration::ZERO),
            Some(Err(Error::TakenBack)),
            "{model}"
        );
        pair.rig.set_registration(1);
        pair.elapse(Duration::from_secs(5));
        assert_eq!(pair.ended, [], "{model}");
        assert_eq!(pair.host.next_timeout(), None, "{model}");
        assert!(pair.call(Call::command("AT+CSQ")).is_ok(), "{model}");
    });
}
