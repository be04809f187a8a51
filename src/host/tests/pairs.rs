//! The host's session against the virtual module, on a simulated line and clock. These tests prove that the two ends
//! agree, not that they are right: the transcripts prove that.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/pair.rs"]
mod pair;

use std::time::Duration;

use modemqtt_at::{Qos, dialect};
use modemqtt_host::call::{Call, ClientState, Options, Reply};
use modemqtt_host::error::Error;
use modemqtt_host::session::Session;
use modemqtt_virtual::Fault;
use pair::{CLIENT, Pair, each_model, publish};

#[test]
fn what_is_published_comes_back_bit_for_bit() {
    each_model(|model, chunk| {
        let mut pair = Pair::connected(model, chunk);
        let subscribe = Call::Subscribe {
            client: CLIENT,
            topics: vec![("bench/#".into(), Qos::ExactlyOnce)],
        };
        assert_eq!(pair.call(subscribe), Ok(Reply::Granted(vec![2])));
        let (dialect, _) = dialect::of_model(model).unwrap();
        let mut wanted = Vec::new();
        for (at, length) in [0, 1, 2, 255, 256, 1024, dialect.payload].into_iter().enumerate() {
            let bytes = (0..length).map(|at| u8::try_from(at * 7 % 256).unwrap());
            let counted = dialect.publish(dialect::DataPhase::Counted).is_some();
            let payload: Vec<u8> = bytes
                .map(|byte| if counted { byte } else { 0x20 | (byte & 0x5F) })
                .collect();
            let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][at % 3];
            assert_eq!(
                pair.call(publish(&payload, qos)),
                Ok(Reply::Published),
                "{model} {length}"
            );
            wanted.push(payload);
        }
        pair.elapse(Duration::from_secs(1));
        let seen: Vec<_> = pair
            .messages
            .iter()
            .map(|message| message.content.payload().to_vec())
            .collect();
        assert_eq!(seen, wanted, "{model} {chunk}");
        assert!(
            pair.messages.iter().all(|message| message.content.is_complete()),
            "{model}"
        );
    });
}

#[test]
fn publishes_overlap_up_to_the_window_and_the_others_wait_for_room() {
    each_model(|model, chunk| {
        let mut pair = Pair::connected(model, chunk);
        let (dialect, _) = dialect::of_model(model).unwrap();
        pair.rig.broker.withhold_acks(true);
        for number in 0..8u8 {
            let call = publish(&[b'0' + number], Qos::AtLeastOnce);
            pair.submit(call);
        }
        let accepted = pair
            .interim
            .iter()
            .filter(|interim| interim.starts_with("accepted"))
            .count();
        assert_eq!(accepted, dialect.window, "{model}");
        pair.rig.broker.withhold_acks(false);
        // The module resends what was not acknowledged; if it does not, the publish fails and makes room.
        for _ in 0..400 {
            pair.elapse(Duration::from_secs(1));
        }
        assert_eq!(pair.ended.len(), 8, "{model}");
        if dialect.defaults(modemqtt_at::SettingKey::TIMEOUT)[1] > 0 {
            assert!(
                pair.ended.iter().all(|(_, result)| result == &Ok(Reply::Published)),
                "{model}: {:?}",
                pair.ended
            );
        }
    });
}

#[test]
fn a_withheld_acknowledgement_is_noticed_then_reported_as_failure() {
    each_model(|model, chunk| {
        // Some families accept settings only before the connection.
        let mut pair = Pair::new(model, chunk);
        let options = Options {
            packet_timeout: Some(2),
            retries: Some(2),
            timeout_notice: Some(true),
            ..Options::default()
        };
        assert_eq!(
            pair.call(Call::Configure {
                client: CLIENT,
                options
            }),
            Ok(Reply::Done)
        );
        pair.log_in();
        pair.rig.broker.withhold_acks(true);
        let error = pair.call(publish(b"x", Qos::AtLeastOnce)).unwrap_err();
        assert!(matches!(error, Error::Operation { result: 2, .. }), "{model}: {error}");
        let again: Vec<_> = pair
            .interim
            .iter()
            .filter(|interim| interim.starts_with("again"))
            .collect();
        assert_eq!(again.len(), 2, "{model}: {again:?}");
    });
}

#[test]
fn an_occupied_index_is_closed_and_opened_again() {
    each_model(|model, chunk| {
        let mut pair = Pair::connected(model, chunk);
        assert_eq!(pair.open(), Ok(Reply::Done), "{model}");
        assert_eq!(pair.others, ["reopening 0"], "{model}");
    });
}

#[test]
fn a_restart_ends_what_waits_and_the_next_call_sets_the_module_up_again() {
    each_model(|model, chunk| {
        let mut pair = Pair::connected(model, chunk);
        pair.rig.broker.withhold_acks(true);
        let call = publish(b"x", Qos::AtLeastOnce);
        let ticket = pair.submit(call);
        pair.rig.restart();
        pair.pump();
        pair.elapse(Duration::from_secs(10));
        assert_eq!(pair.ended, [(ticket, Err(Error::Restarted))], "{model}");
        assert!(pair.others.contains(&"restarted".to_owned()), "{model}");
        pair.ended.clear();
        pair.rig.broker.withhold_acks(false);
        assert_eq!(pair.open(), Ok(Reply::Done), "{model}");
    });
}

#[test]
fn a_lost_connection_leaves_a_publish_without_outcome_and_is_told_once() {
    each_model(|model, chunk| {
        let mut pair = Pair::connected(model, chunk);
        pair.rig.broker.withhold_acks(true);
        let call = publish(b"x", Qos::AtLeastOnce);
        pair.submit(call);
        pair.rig.drop_clients();
        pair.pump();
        assert!(
            matches!(pair.ended[..], [(_, Err(Error::ConnectionLost { .. }))]),
            "{model}: {:?}",
            pair.ended
        );
        assert_eq!(pair.others, ["lost 0 1"], "{model}");
    });
}

#[test]
fn a_result_before_its_ok_and_a_prompt_with_a_line_end_change_nothing() {
    each_model(|model, chunk| {
        let mut pair = Pair::connected(model, chunk);
        pair.rig.module.inject(Fault::PublishResultBeforeOk);
        pair.rig.module.inject(Fault::PromptCrlf);
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            assert_eq!(pair.call(publish(b"21.5", qos)), Ok(Reply::Published), "{model} {qos}");
        }
    });
}

#[test]
fn a_publish_whose_result_never_comes_ends_with_the_time_of_the_settings() {
    each_model(|model, chunk| {
        let mut pair = Pair::connected(model, chunk);
        pair.rig.module.inject(Fault::SilentPublish);
        let start = pair.now;
        let error = pair.call(publish(b"x", Qos::AtLeastOnce)).unwrap_err();
        assert!(
            matches!(error, Error::Timeout { awaited: "result", .. }),
            "{model}: {error}"
        );
        let waited = pair.now - start;
        let (dialect, _) = dialect::of_model(model).unwrap();
        let timeout = dialect.defaults(modemqtt_at::SettingKey::TIMEOUT);
        let least = Duration::from_secs(u64::try_from(timeout[0] * (timeout[1] + 1)).unwrap());
        assert!(
            waited >= least && waited < least + Duration::from_secs(3),
            "{model}: {waited:?}"
        );
    });
}

#[test]
fn a_disconnect_leaves_the_client_closed_and_tells_of_no_loss() {
    each_model(|model, chunk| {
        let mut pair = Pair::connected(model, chunk);
        assert_eq!(pair.call(Call::disconnect(CLIENT)), Ok(Reply::Done), "{model}");
        pair.elapse(Duration::from_secs(1));
        assert_eq!(pair.call(Call::close(CLIENT)), Ok(Reply::Done), "{model}");
        assert!(pair.others.is_empty(), "{model}: {:?}", pair.others);
        assert_eq!(pair.state, ClientState::Closed, "{model}");
    });
}

#[test]
fn what_comes_too_late_for_a_data_phase_that_the_module_gives_up_is_not_written() {
    let edit_timeout = |seconds| Options {
        edit_timeout: Some(Some(seconds)),
        ..Options::default()
    };
    for (model, delay, options, shown) in [
        (
            "BC660K-GL",
            70,
            None,
            "Timeout; the data were still waiting for the end of Modem(prompt_delay=70)",
        ),
        ("EG915Q", 3, Some(edit_timeout(2)), "ERROR"),
    ] {
        let mut session = Session::new(None, 115_200);
        session.set_pauses(Duration::from_secs(delay), Duration::ZERO);
        let mut pair = Pair::of(session, model, 4096);
        if let Some(options) = options {
            let call = Call::Configure {
                client: CLIENT,
                options,
            };
            assert_eq!(pair.call(call), Ok(Reply::Done), "{model}");
        }
        pair.log_in();
        pair.sent.clear();
        let begun = pair.now;
        let error = pair.call(publish(b"12345", Qos::AtLeastOnce)).unwrap_err().to_string();
        assert!(error.contains(shown), "{model}: {error}");
        assert!(
            pair.now - begun < Duration::from_secs(delay),
            "{model}: {:?}",
            pair.now - begun
        );
        pair.elapse(Duration::from_secs(100));
        let sent = String::from_utf8_lossy(&pair.sent).into_owned();
        let lines: Vec<_> = sent.split_terminator('\r').collect();
        // A bare ERROR may be due to a missing connection.
        let asked = &lines[1..];
        assert!(lines[0].ends_with(",5"), "{model}: {sent:?}");
        assert!(asked.is_empty() || asked == ["AT+QMTCONN?"], "{model}: {sent:?}");
        assert!(pair.rig.broker.messages().is_empty(), "{model}");
    }
}
