//! A received message. All of it lies in one piece of memory, which copies share.

use std::borrow::Cow;
use std::fmt;

use modemqtt_at::{ClientIndex, MessageId};
use modemqtt_os::Moment;
use triomphe::ThinArc;

use crate::trace::Place;

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When its last byte was read.
    pub at: Moment,
    /// What was printed.
    pub content: Content,
}

/// A message as it was printed.
#[derive(Clone)]
pub struct Content(ThinArc<Fields, u8>);

/// What stands before the topic, and where topic and payload lie in the bytes behind this.
#[derive(Clone, Copy, Debug)]
struct Fields {
    client: u8,
    message_id: u16,
    complete: bool,
    topic: Place,
    payload: Place,
}

impl Content {
    /// A message of these parts.
    pub fn new(client: u8, message_id: u16, topic: &[u8], payload: &[u8], complete: bool) -> Self {
        let (between, end) = (topic.len(), topic.len() + payload.len());
        let (topic_at, payload_at) = ((0..between).into(), (between..end).into());
        Self::within(
            client,
            message_id,
            &[topic, payload].concat(),
            topic_at,
            payload_at,
            complete,
        )
    }

    /// A message with a topic, and behind it a payload, at these places of its line.
    pub(crate) fn within(
        client: u8,
        message_id: u16,
        line: &[u8],
        topic: Place,
        payload: Place,
        complete: bool,
    ) -> Self {
        let fields = Fields {
            client,
            message_id,
            complete,
            topic: topic.seen_from(topic.start()),
            payload: payload.seen_from(topic.start()),
        };
        Self(ThinArc::from_header_and_slice(
            fields,
            &line[topic.start()..payload.end()],
        ))
    }

    /// The same message with this payload, of which it is not certain that it is complete.
    pub(crate) fn with_doubtful_payload(&self, payload: &[u8]) -> Self {
        let Fields { client, message_id, .. } = *self.fields();
        Self::new(client, message_id, self.topic_bytes(), payload, false)
    }

    fn fields(&self) -> &Fields {
        &self.0.header.header
    }

    /// The client.
    pub fn client(&self) -> ClientIndex {
        ClientIndex(self.fields().client)
    }

    /// Message id; 0 with QoS 0.
    pub fn message_id(&self) -> MessageId {
        MessageId(self.fields().message_id)
    }

    /// Topic name, without quotes. Bytes that are not UTF-8 are replaced.
    pub fn topic(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.topic_bytes())
    }

    /// The bytes of the topic name.
    pub fn topic_bytes(&self) -> &[u8] {
        self.fields().topic.of(&self.0.slice)
    }

    /// Payload, bit for bit, without the quotes around it.
    pub fn payload(&self) -> &[u8] {
        self.fields().payload.of(&self.0.slice)
    }

    /// Whether the layout left no doubt about where the payload ends.
    pub fn is_complete(&self) -> bool {
        self.fields().complete
    }
}

/// Where the parts lie does not count.
impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let parts = |of: &Self| (of.client(), of.message_id(), of.is_complete());
        parts(self) == parts(other) && self.topic_bytes() == other.topic_bytes() && self.payload() == other.payload()
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("client", &self.client())
            .field("message_id", &self.message_id())
            .field("topic", &self.topic())
            .field("payload", &self.payload())
            .field("complete", &self.is_complete())
            .finish()
    }
}
