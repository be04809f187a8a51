//! `AT+QMTPUB` and `AT+QMTPUBEX`: which publish is accepted, where its payload comes from, and how it is sent.

use modemqtt_at::dialect::{DataPhase, Refusal};
use modemqtt_at::{ClientIndex, Operation};
use modemqtt_os::Moment;

use super::data_phase::{End, Purpose};
use super::operations::qos;
use super::{Module, Next, hex};
use crate::broker::bridge::Outgoing;
use crate::broker::wire::{QoS, TopicName};
use crate::command_line::Checked;

/// A publish that has been accepted and still needs its payload.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    pub(super) client: ClientIndex,
    id: u16,
    qos: QoS,
    retain: bool,
    topic: TopicName,
}

impl Module {
    pub(super) fn start_publish(
        &mut self,
        checked: &Checked,
        client: ClientIndex,
        now: Moment,
    ) -> Result<Next, Refusal> {
        let publication = publication(checked, client).ok_or(self.mqtt_refusal())?;
        let settings = &self.client(client).settings;
        let (hex, most) = (settings.sends_hex(), settings.payload());
        let length: usize = checked.number(5);
        if length > most {
            return Err(self.mqtt_refusal());
        }
        let payload = match checked.row.data {
            Some(DataPhase::Quoted) => Some(checked.text(5).as_bytes()),
            _ => checked.payload(),
        };
        let inline = match payload {
            Some(digits) if hex => Some(hex::decode(digits).ok_or(self.mqtt_refusal())?),
            payload => payload.map(<[u8]>::to_vec),
        };
        let refused = if inline.is_none() { self.ends_its_line() } else { Ok(()) };
        refused?;
        self.pass(checked.row, client)?;
        self.find_room(client, &[Operation::Publish], self.dialect.window)?;
        let end = match (checked.row.data, inline) {
            (_, Some(payload)) => return self.publish(&publication, payload, now),
            (Some(DataPhase::Counted), _) => End::Count(length),
            _ => End::CtrlZ(most),
        };
        Ok(self.begin_data(Purpose::Publish(publication), end, now))
    }

    /// Sends a publish whose payload is complete. The connection may have gone during the data phase.
    pub(super) fn publish(
        &mut self,
        publication: &Publication,
        payload: Vec<u8>,
        now: Moment,
    ) -> Result<Next, Refusal> {
        let Publication { client, id, qos, .. } = *publication;
        let message = Outgoing {
            topic: publication.topic.clone(),
            payload: payload.into(),
            qos,
            retain: publication.retain,
        };
        let patience = self.patience(client);
        self.with_result(Operation::Publish, client, id, |module| {
            module.with_session(client, |session| session.publish(id, message, patience, now))
        })
    }
}

/// What a command line publishes. `None`, and it is refused, if message id and QoS contradict each other (the id is 0 with QoS 0
/// and only then: M95 note 3.2.8; BC660K-GL note 3.3.8), or if the topic has wildcards.
fn publication(checked: &Checked, client: ClientIndex) -> Option<Publication> {
    let id = checked.number(1);
    let qos = qos(checked, 2)?;
    if (id == 0) != (qos == QoS::Level0) {
        return None;
    }
    Some(Publication {
        client,
        id,
        qos,
        retain: checked.integer(3) == 1,
        topic: TopicName::try_from(checked.text(4)).ok()?,
    })
}
