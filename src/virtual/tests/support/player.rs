//! Plays one transcript against the virtual module.

#![allow(dead_code, unreachable_pub, reason = "shared by #[path] between test binaries")]

use modemqtt_at::dialect::Dialect;

use crate::rig::Rig;
use crate::transcript::{Action, Transcript, World};

/// Plays a transcript by a host that ends its command lines by CR and LF.
pub fn play_with_crlf(transcript: &Transcript, dialect: &'static Dialect) -> Result<(), String> {
    play_typed(transcript, dialect, |rig, _, bytes| {
        for byte in bytes {
            if *byte == b'\r' && !rig.module.takes_data() {
                rig.type_in(b"\r\n");
            } else {
                rig.type_in(&[*byte]);
            }
        }
    })
    .map_err(|error| format!("with CRLF: {error}"))
}

/// Plays a transcript, with the host's bytes of one step cut in two.
pub fn play(transcript: &Transcript, dialect: &'static Dialect, cut: Option<(usize, usize)>) -> Result<(), String> {
    play_typed(transcript, dialect, |rig, index, bytes| {
        let (first, second) = match cut {
            Some((step, at)) if step == index => bytes.split_at(at),
            _ => (bytes, &[][..]),
        };
        rig.type_in(first);
        rig.type_in(second);
    })
    .map_err(|error| match cut {
        Some(cut) => format!("{error}\n(cut: {cut:?})"),
        None => error,
    })
}

/// Plays a transcript; `type_in` has the rig and the bytes of a step.
fn play_typed(
    transcript: &Transcript,
    dialect: &'static Dialect,
    type_in: impl Fn(&mut Rig, usize, &[u8]),
) -> Result<(), String> {
    let mut rig = Rig::of(dialect, &transcript.model);
    for (index, step) in transcript.steps.iter().enumerate() {
        let printed = |rig: &Rig| rig.printed.escape_ascii().to_string();
        match &step.action {
            Action::Call(_) | Action::Report(_) => {}
            Action::Host(bytes) => {
                if !rig.printed.is_empty() {
                    return Err(format!(
                        "{}: before this it also printed\n  {}",
                        step.location,
                        printed(&rig)
                    ));
                }
                type_in(&mut rig, index, bytes);
            }
            Action::Module(expected) => {
                let Some(rest) = rig.printed.strip_prefix(expected.as_slice()) else {
                    let (place, expected) = (&step.location, expected.escape_ascii());
                    let printed = printed(&rig);
                    return Err(format!("{place}: due is\n  {expected}\nand printed was\n  {printed}"));
                };
                rig.printed = rest.to_vec();
            }
            Action::World(world) => change(&mut rig, world),
        }
    }
    match rig.take() {
        rest if rest.is_empty() => Ok(()),
        rest => Err(format!(
            "{}: at the end it also printed\n  {rest}",
            transcript.path.display()
        )),
    }
}

fn change(rig: &mut Rig, world: &World) {
    match world {
        World::BrokerRefuse(code) => rig.broker.refuse(Some(*code)).unwrap(),
        World::BrokerAccept => rig.broker.refuse(None).unwrap(),
        World::BrokerWithhold => {
            rig.broker.withhold_acks(true);
            rig.broker.ignore_connects(true);
        }
        World::BrokerRelease => {
            rig.broker.withhold_acks(false);
            rig.broker.ignore_connects(false);
            rig.muted = false;
        }
        World::BrokerMute => rig.muted = true,
        World::BrokerPublish {
            qos,
            retain,
            topic,
            payload,
        } => rig.publish(topic, payload, *qos, *retain),
        World::BrokerDrop => rig.drop_clients(),
        World::BrokerDown => rig.set_broker_down(true),
        World::BrokerUp => rig.set_broker_down(false),
        World::NameUnknown(name) => rig.forget_name(name),
        World::NetworkDown => rig.set_network(false),
        World::NetworkUp => rig.set_network(true),
        World::Registration(stat) => rig.set_registration(*stat),
        World::Sim(state) => rig.set_sim(state),
        World::PowerOff => rig.power_off(),
        World::PowerOn => rig.power_on(),
        World::Elapse(duration) => rig.elapse(*duration),
        World::Restart => rig.restart(),
    }
}
