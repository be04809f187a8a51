//! What a client keeps of a session beyond one connection, unless the session is clean (MQTT 3.1.1 sections 4.1 and 4.4).

use std::collections::BTreeSet;

use modemqtt_at::Version;

use super::{Awaits, DUP_FLAG};
use crate::broker::wire::{self, Packet, Pid};

/// The publishes without their last acknowledgement, and the QoS 2 messages that were handed on and not released.
///
/// The host knows that the connection is lost, so the fate of the publishes is reported to nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In the order in which they were sent.
    pub(super) unfinished: Vec<Unfinished>,
    pub(super) received: BTreeSet<u16>,
}

/// A publish on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfinished {
    pub(super) pid: u16,
    pub(super) awaits: Awaits,
    /// PUBLISH or PUBREL.
    pub(super) packet: Vec<u8>,
}

impl Memory {
    /// Whether the identifier belongs to an unfinished publish.
    pub(super) fn holds(&self, pid: u16) -> bool {
        self.unfinished.iter().any(|it| it.pid == pid)
    }

    /// Everything unacknowledged, to be sent again on a new connection.
    pub(super) fn packets(&self, version: Version) -> Vec<u8> {
        let mut bytes = Vec::new();
        for Unfinished { awaits, packet, .. } in &self.unfinished {
            let at = bytes.len();
            bytes.extend_from_slice(packet);
            // MQTT 3.1 marks every packet that is repeated (its section 2.1), 3.1.1 only PUBLISH.
            if *awaits != Awaits::Pubcomp || version == Version::V31 {
                bytes[at] |= DUP_FLAG;
            }
        }
        bytes
    }

    /// PUBACK or PUBCOMP ends a publish.
    pub(super) fn acknowledge(&mut self, pid: Pid, awaited: Awaits) {
        self.unfinished
            .retain(|it| it.pid != pid.value() || it.awaits != awaited);
    }

    /// PUBREC moves a publish on to PUBREL.
    pub(super) fn release(&mut self, pid: Pid) {
        let mut unfinished = self.unfinished.iter_mut();
        if let Some(it) = unfinished.find(|it| it.pid == pid.value() && it.awaits == Awaits::Pubrec) {
            it.awaits = Awaits::Pubcomp;
            it.packet = wire::encode(&Packet::Pubrel(pid)).unwrap_or_default();
        }
    }
}
