//! The host's session against the virtual module, on a simulated line and clock. These prove that the two ends agree,
//! never that they are right: that is for the transcripts.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "../../virtual/tests/rig/mod.rs"]
mod rig;

use std::time::{Duration, Instant};

use modemqtt_at::{ClientIndex, Qos, dialect};
use modemqtt_host::call::{Call, ClientState, Event, Message, Options, Reply, Ticket};
use modemqtt_host::error::Error;
use modemqtt_host::session::Session;
use modemqtt_virtual::Fault;
use rig::Rig;

const CLIENT: ClientIndex = ClientIndex(0);

/// Both ends, and what the program was told.
struct Pair {
    host: Session,
    rig: Rig,
    now: Instant,
    chunk: usize,
    tickets: u64,
    ended: Vec<(Ticket, Result<Reply, Error>)>,
    messages: Vec<Message>,
    interim: Vec<String>,
    others: Vec<String>,
    state: ClientState,
}

impl Pair {
    fn new(model: &str, chunk: usize) -> Self {
        let mut pair = Self {
            host: Session::new(None, 115_200),
            rig: Rig::new(model),
            now: Instant::now(),
            chunk,
            tickets: 0,
            ended: Vec::new(),
            messages: Vec::new(),
            interim: Vec::new(),
            others: Vec::new(),
            state: ClientState::Closed,
        };
        assert_eq!(pair.call(Call::SetUp), Ok(Reply::Done), "{model}");
        pair
    }

    fn connected(model: &str, chunk: usize) -> Self {
        let mut pair = Self::new(model, chunk);
        pair.log_in();
        pair
    }

    fn log_in(&mut self) {
        self.open().expect("an open connection");
        let call = Call::Connect {
            client: CLIENT,
            client_id: "bench".into(),
            username: None,
            password: None,
        };
        assert_eq!(self.call(call), Ok(Reply::Done));
    }

    fn open(&mut self) -> Result<Reply, Error> {
        self.call(Call::Open {
            client: CLIENT,
            host: "broker.lab".into(),
            port: 1883,
        })
    }

    fn submit(&mut self, call: Call) -> Ticket {
        self.tickets += 1;
        self.host.submit(Ticket(self.tickets), call, None, self.now);
        self.pump();
        Ticket(self.tickets)
    }

    /// Carries a call out, letting time pass until it ends.
    fn call(&mut self, call: Call) -> Result<Reply, Error> {
        let ticket = self.submit(call);
        for _ in 0..100_000 {
            if let Some(at) = self.ended.iter().position(|(ended, _)| *ended == ticket) {
                return self.ended.remove(at).1;
            }
            self.elapse(Duration::from_millis(100));
        }
        panic!("the call did not end");
    }

    fn elapse(&mut self, time: Duration) {
        self.now += time;
        self.rig.elapse(time);
        self.pump();
        self.host.handle_timeout(self.now);
        self.pump();
    }

    fn pump(&mut self) {
        loop {
            let sent = self.host.poll_transmit();
            if let Some(bytes) = &sent {
                for chunk in bytes.chunks(self.chunk) {
                    self.rig.type_in(chunk);
                }
            }
            let printed = std::mem::take(&mut self.rig.printed);
            for chunk in printed.chunks(self.chunk) {
                self.host.receive(chunk, self.now);
            }
            self.collect();
            if sent.is_none() && printed.is_empty() {
                return;
            }
        }
    }

    fn collect(&mut self) {
        while self.host.poll_wire().is_some() {}
        while let Some(event) = self.host.poll_event() {
            match event {
                Event::Ended(ticket, result) => self.ended.push((ticket, result)),
                Event::Message(message) => self.messages.push(message),
                Event::Accepted(ticket) => self.interim.push(format!("accepted {}", ticket.0)),
                Event::Retransmitting(ticket, times) => self.interim.push(format!("again {} {times}", ticket.0)),
                Event::Lost(client, code) => self.others.push(format!("lost {client} {}", code.0)),
                Event::Urc(line) => self.others.push(line),
                Event::Restarted => self.others.push("restarted".into()),
                Event::Reopening(client, _) => self.others.push(format!("reopening {client}")),
                Event::Overrun(client) => self.others.push(format!("overrun {client}")),
                Event::Client(_, state) => self.state = state,
                Event::Started(..) | Event::Identified(..) | Event::Uploading(..) => {}
            }
        }
    }
}

fn publish(payload: &[u8], qos: Qos) -> Call {
    Call::Publish {
        client: CLIENT,
        topic: "bench/t".into(),
        payload: payload.to_vec(),
        qos,
        retain: false,
        form: None,
    }
}

fn each_model(test: impl Fn(&str, usize)) {
    for (_, model) in dialect::models() {
        for chunk in [1, 7, 4096] {
            test(model.name, chunk);
        }
    }
}

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
        let seen: Vec<_> = pair.messages.iter().map(|message| message.payload.clone()).collect();
        assert_eq!(seen, wanted, "{model} {chunk}");
        assert!(pair.messages.iter().all(|message| message.complete), "{model}");
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
        // The module sends again what was not acknowledged; where it does not, the publish fails and makes room.
        for _ in 0..400 {
            pair.elapse(Duration::from_secs(1));
        }
        assert_eq!(pair.ended.len(), 8, "{model}");
        if dialect.defaults(modemqtt_at::SettingKey::Timeout)[1] > 0 {
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
        // Some families take settings only before the connection.
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
        let timeout = dialect.defaults(modemqtt_at::SettingKey::Timeout);
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
        assert_eq!(
            pair.call(Call::Disconnect { client: CLIENT }),
            Ok(Reply::Done),
            "{model}"
        );
        pair.elapse(Duration::from_secs(1));
        assert_eq!(pair.call(Call::Close { client: CLIENT }), Ok(Reply::Done), "{model}");
        assert!(pair.others.is_empty(), "{model}: {:?}", pair.others);
        assert_eq!(pair.state, ClientState::Closed, "{model}");
    });
}
