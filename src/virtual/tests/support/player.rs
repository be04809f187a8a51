//! Plays one transcript against the virtual module.

#![allow(dead_code, unreachable_pub, reason = "shared by #[path] between test binaries")]

use modemqtt_at::dialect::Dialect;

use crate::rig::Rig;
use crate::transcript::{Action, Transcript, World};

/// Plays a transcript, with the host's bytes of one step cut in two.
pub fn play(transcript: &Transcript, dialect: &'static Dialect, cut: Option<(usize, usize)>) -> Result<(), String> {
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
                let (first, second) = match cut {
                    Some((step, at)) if step == index => bytes.split_at(at),
                    _ => (bytes.as_slice(), &[][..]),
                };
                rig.type_in(first);
                rig.type_in(second);
            }
            Action::Module(expected) => {
                let Some(rest) = rig.printed.strip_prefix(expected.as_slice()) else {
                    let (place, expected) = (&step.location, expected.escape_ascii());
                    let printed = printed(&rig);
                    return Err(format!(
                        "{place}: due is\n  {expected}\nand printed was (cut: {cut:?})\n  {printed}"
                    ));
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
            rig.broker.silence(true);
        }
        World::BrokerRelease => {
            rig.broker.withhold_acks(false);
            rig.broker.silence(false);
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
