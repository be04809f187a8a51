//! Whatever bytes come, in whatever pieces: no panic, no bound exceeded, and the same packets.
#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod broker_support;

use std::time::Duration;

use broker_support::*;
use bytes::Bytes;
use modemqtt_os::Moment;
use modemqtt_virtual::broker::QoS;
use modemqtt_virtual::broker::state::{Disposition, SocketId, State};
use modemqtt_virtual::broker::wire::{self, Decoder, Packet};
use modemqtt_virtual::broker::{BrokerOptions, Limits};
use proptest::collection::vec;
use proptest::prelude::*;

const OUTPUT_BYTES: usize = 2000;

/// Something that may happen to a broker.
#[derive(Debug, Clone)]
enum Step {
    Accept,
    Receive(usize, Vec<u8>),
    Lose(usize),
    Write(usize, usize),
    Wait(u64),
    Publish(String, QoS, bool),
    Withhold(bool),
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..4_usize;
    prop_oneof![
        3 => Just(Step::Accept),
        20 => (which.clone(), bytes()).prop_map(|(which, bytes)| Step::Receive(which, bytes)),
        1 => which.clone().prop_map(Step::Lose),
        3 => (which, 0..500_usize).prop_map(|(which, count)| Step::Write(which, count)),
        1 => (0..4000_u64).prop_map(Step::Wait),
        2 => (topic(), qos(), any::<bool>()).prop_map(|(topic, qos, retain)| Step::Publish(topic, qos, retain)),
        1 => any::<bool>().prop_map(Step::Withhold),
        1 => Just(Step::Drop),
    ]
}

/// A packet most of the time, sometimes damaged, sometimes noise.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        16 => packet(),
        2 => (packet(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, at, byte)| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        1 => vec(any::<u8>(), 0..40),
    ]
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let id = 1..4_u16;
    prop_oneof![
        8 => connect(),
        8 => publish(),
        4 => (id.clone(), topic(), 0..3_u8).prop_map(|(id, filter, qos)| subscribe(id, &[(&filter, qos)])),
        1 => (id.clone(), topic()).prop_map(|(id, filter)| unsubscribe(id, &[&filter])),
        2 => id.clone().prop_map(puback),
        2 => id.clone().prop_map(pubrec),
        2 => id.clone().prop_map(pubrel),
        2 => id.prop_map(pubcomp),
        1 => Just(PINGREQ.to_vec()),
        1 => Just(DISCONNECT.to_vec()),
    ]
}

fn connect() -> impl Strategy<Value = Vec<u8>> {
    let id = prop_oneof![Just(""), Just("a"), Just("b")];
    (id, any::<bool>(), any::<bool>(), any::<bool>(), 0..3_u16).prop_map(
        |(id, is_old, is_clean, has_will, keep_alive)| {
            let mut connect = Connect::new(id).keep_alive(keep_alive);
            if is_old {
                connect = connect.version_3_1();
            }
            if !is_clean {
                connect = connect.persistent();
            }
            if has_will {
                connect = connect.will("a", "gone", 1, true);
            }
            connect.bytes()
        },
    )
}

fn publish() -> impl Strategy<Value = Vec<u8>> {
    let payload = vec(any::<u8>(), 0..300);
    (topic(), payload, 0..3_u8, 1..4_u16, any::<bool>()).prop_map(|(topic, payload, qos, id, retain)| {
        let message = Publish::new(&topic, &payload).qos(qos, id).retain(retain);
        message.bytes()
    })
}

fn topic() -> impl Strategy<Value = String> {
    "[ab$/+#]{0,4}"
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::Level0), Just(QoS::Level1), Just(QoS::Level2)]
}

fn small_state() -> State {
    State::new(BrokerOptions {
        limits: Limits {
            connections: 4,
            sessions: 3,
            subscriptions: 3,
            packet_bytes: 400,
            output_bytes: OUTPUT_BYTES,
            window: 2,
            queue_messages: 3,
            retained_messages: 3,
            log_messages: 10,
            ..Limits::default()
        },
        ..BrokerOptions::default()
    })
}

fn take(state: &mut State, connections: &mut Vec<SocketId>, step: Step, now: &mut Moment) {
    match step {
        Step::Accept => connections.extend(state.accept(*now)),
        Step::Receive(which, bytes) => {
            if let Some(id) = connections.get(which) {
                state.receive(*id, &bytes, *now);
            }
        }
        Step::Lose(which) if which < connections.len() => state.lost(connections.remove(which)),
        Step::Lose(_) => {}
        Step::Write(which, count) => {
            if let Some(id) = connections.get(which) {
                state.sent(*id, count);
            }
        }
        Step::Wait(milliseconds) => {
            *now += Duration::from_millis(milliseconds);
            state.tick(*now);
        }
        Step::Publish(topic, qos, retain) => {
            let _ = state.publish(&topic, Bytes::from_static(b"outside"), qos, retain);
        }
        Step::Withhold(on) => state.withhold_acks(on),
        Step::Drop => state.drop_clients(),
    }
}

fn all_packets(decoder: &mut Decoder) -> Vec<Packet> {
    std::iter::from_fn(|| decoder.next_packet().ok().flatten()).collect()
}

proptest! {
    #[test]
    fn any_bytes_leave_the_decoder_standing(bytes in vec(any::<u8>(), 0..300)) {
        let mut decoder = Decoder::new(200);
        decoder.push(&bytes);
        for packet in all_packets(&mut decoder) {
            prop_assert!(wire::encode(&packet).is_ok());
        }
    }

    #[test]
    fn any_body_of_any_packet_type_leaves_the_decoder_standing(control: u8, body in vec(any::<u8>(), 0..100)) {
        let mut decoder = Decoder::new(200);
        decoder.push(&[control, u8::try_from(body.len()).unwrap()]);
        decoder.push(&body);
        prop_assert!(!matches!(decoder.next_packet(), Ok(None)));
    }

    #[test]
    fn the_pieces_make_no_difference(packets in vec(bytes(), 1..8), cuts in vec(1..50_usize, 1..20)) {
        let stream = packets.concat();
        let mut whole = Decoder::new(400);
        whole.push(&stream);
        let expected = all_packets(&mut whole);
        let mut pieces = Decoder::new(400);
        let mut received = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            let (piece, remainder) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            received.extend(all_packets(&mut pieces));
            rest = remainder;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(received, expected);
    }

    #[test]
    fn whatever_is_decoded_is_encoded_to_the_same_bytes(bytes in packet()) {
        let mut decoder = Decoder::new(400);
        decoder.push(&bytes);
        if let Ok(Some(packet)) = decoder.next_packet() {
            prop_assert_eq!(wire::encode(&packet).unwrap(), bytes);
        }
    }

    #[test]
    fn whatever_happens_the_state_keeps_its_bounds(steps in vec(step(), 1..150)) {
        let mut state = small_state();
        let mut connections = Vec::new();
        let mut now = Moment::now();
        for step in steps {
            take(&mut state, &mut connections, step, &mut now);
            prop_assert!(connections.len() <= 4);
            prop_assert!(state.clients().len() <= 3);
            prop_assert!(state.messages().len() <= 10);
            prop_assert!(state.deadline().is_none_or(|deadline| deadline > now));
            for id in &connections {
                prop_assert!(state.pending(*id).len() <= OUTPUT_BYTES);
            }
            connections.retain(|id| {
                let is_kept = state.disposition(*id) != Disposition::Close;
                if !is_kept {
                    state.lost(*id);
                }
                is_kept
            });
        }
    }
}
