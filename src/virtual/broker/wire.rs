//! Bytes to MQTT packets and back, on the codec of `mqtt-proto`.
//!
//! The codec decodes one body; everything a stream needs around it is here: waiting for a whole packet, the size limit, and the cases
//! the codec lets pass (bytes left over, a will's retain flag without a will) or gets wrong (a string longer than its length field, the
//! failure code of a SUBACK).

use std::borrow::Cow;

use bytes::{Buf as _, BytesMut};
pub use mqtt_proto::v3::{
    Connack, Connect, ConnectReturnCode, LastWill, Packet, Publish, Suback, Subscribe, SubscribeReturnCode, Unsubscribe,
};
use mqtt_proto::{Encodable as _, PollHeader as _, VarBytes, v3::Header};
pub use mqtt_proto::{Pid, Protocol, QoS, QosPid, TopicFilter, TopicName};

/// Why bytes are not a packet, or a packet cannot become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The fixed header announces more than the limit.
    #[error("a packet of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// The size of the whole packet.
        size: usize,
        /// The largest one accepted.
        limit: usize,
    },
    /// The remaining length has more than four bytes (MQTT 3.1.1 section 2.2.3).
    #[error("the remaining length has more than four bytes")]
    RemainingLength,
    /// The fields of a packet need more bytes than it has.
    #[error("a field reaches past the end of its packet")]
    Truncated,
    /// A packet has more bytes than its fields need.
    #[error("bytes are left over at the end of a packet")]
    Trailing,
    /// A CONNECT that asks for a protocol level other than 3.1 and 3.1.1; it deserves return code 1 (MQTT 3.1.1 section 3.1.2.2).
    #[error("the protocol level is neither 3.1 nor 3.1.1")]
    UnacceptableProtocol,
    /// A string or binary field does not fit its two-byte length (MQTT 3.1.1 section 1.5.3).
    #[error("the {0} is longer than 65535 bytes")]
    FieldTooLong(&'static str),
    /// Anything else the codec refuses.
    #[error("malformed packet: {0}")]
    Malformed(mqtt_proto::Error),
}

impl From<mqtt_proto::Error> for WireError {
    fn from(error: mqtt_proto::Error) -> Self {
        use mqtt_proto::Error;
        match error {
            Error::UnexpectedProtocol(_) => Self::UnacceptableProtocol,
            Error::InvalidProtocol(name, _) if matches!(&*name, "MQTT" | "MQIsdp") => Self::UnacceptableProtocol,
            error if error.is_eof() => Self::Truncated,
            error => Self::Malformed(error),
        }
    }
}

/// Collects the bytes of one TCP connection and hands out whole packets.
///
/// Call [`Decoder::next_packet`] until it returns `None` after every [`Decoder::push`]; the buffer then holds less than one packet.
/// After an error nobody knows where the next packet begins: the same error is returned for ever, and further bytes are discarded.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit: usize,
    /// MQTT 3.1 lets a client set DUP on a repeated SUBSCRIBE, UNSUBSCRIBE or PUBREL; 3.1.1 reserves the bit.
    dup_everywhere: bool,
    failure: Option<WireError>,
}

impl Decoder {
    /// A decoder that accepts packets of at most `limit` bytes, fixed header included.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
            dup_everywhere: false,
            failure: None,
        }
    }

    /// Appends bytes that were read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole packet, or `None` until more bytes arrive.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, WireError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.take_packet().inspect_err(|error| {
            self.failure = Some(error.clone());
            self.buffer = BytesMut::new();
        })
    }

    fn take_packet(&mut self) -> Result<Option<Packet>, WireError> {
        let Some(frame) = Frame::find(&self.buffer)? else {
            return Ok(None);
        };
        if frame.total() > self.limit {
            return Err(WireError::TooLarge {
                size: frame.total(),
                limit: self.limit,
            });
        }
        if self.buffer.len() < frame.total() {
            return Ok(None);
        }
        let body = &self.buffer[frame.header..frame.total()];
        let packet = decode_body(self.control_byte(frame), body)?;
        if let Packet::Connect(connect) = &packet {
            self.dup_everywhere = connect.protocol == Protocol::V310;
        }
        self.buffer.advance(frame.total());
        Ok(Some(packet))
    }

    fn control_byte(&self, frame: Frame) -> u8 {
        const DUP: u8 = 0b1000;
        const REPEATED: [u8; 3] = [0x6A, 0x8A, 0xAA]; // PUBREL, SUBSCRIBE, UNSUBSCRIBE
        if self.dup_everywhere && REPEATED.contains(&frame.control) {
            frame.control & !DUP
        } else {
            frame.control
        }
    }
}

/// Where the packet at the start of the buffer lies (MQTT 3.1.1 section 2.2).
#[derive(Debug, Clone, Copy)]
struct Frame {
    control: u8,
    header: usize,
    remaining: usize,
}

impl Frame {
    /// Reads the fixed header; `None` until all of it has arrived.
    fn find(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        const LONGEST: usize = 4;
        let Some((&control, lengths)) = bytes.split_first() else {
            return Ok(None);
        };
        let mut remaining = 0;
        for (index, byte) in lengths.iter().take(LONGEST).enumerate() {
            remaining |= usize::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(Some(Self {
                    control,
                    header: index + 2,
                    remaining,
                }));
            }
        }
        if lengths.len() < LONGEST {
            Ok(None)
        } else {
            Err(WireError::RemainingLength)
        }
    }

    const fn total(self) -> usize {
        self.header + self.remaining
    }
}

/// Bit 0 of the flags of a CONNECT must be 0 in MQTT 3.1.1 (section 3.1.2.3), but not in 3.1, where it is not used. The codec refuses it in both.
fn without_unused_flag(control: u8, body: &[u8]) -> Cow<'_, [u8]> {
    const CONNECT: u8 = 0x10;
    const VERSION_3_1: &[u8] = b"\0\x06MQIsdp\x03";
    let mut body = Cow::Borrowed(body);
    if control == CONNECT
        && body.starts_with(VERSION_3_1)
        && body.get(VERSION_3_1.len()).is_some_and(|flags| flags & 1 != 0)
    {
        body.to_mut()[VERSION_3_1.len()] &= !1;
    }
    body
}

fn decode_body(control: u8, body: &[u8]) -> Result<Packet, WireError> {
    let body = &*without_unused_flag(control, body);
    let remaining = u32::try_from(body.len()).map_err(|_| WireError::RemainingLength)?;
    let header = Header::new_with(control, remaining, remaining)?;
    let mut used = 0;
    let packet = match header.build_empty_packet() {
        Some(packet) => packet,
        None => header.decode_buffer(body, &mut used)?,
    };
    if used != body.len() {
        return Err(WireError::Trailing);
    }
    if let Packet::Connect(connect) = &packet {
        check_will_flags(connect, body)?;
    }
    Ok(packet)
}

/// Will retain must be 0 when there is no will (MQTT 3.1.1 section 3.1.2.7); the codec checks the same for the will's QoS only.
fn check_will_flags(connect: &Connect, body: &[u8]) -> Result<(), WireError> {
    const WILL_RETAIN: u8 = 0b0010_0000;
    match body.get(connect.protocol.encode_len()) {
        Some(&flags) if connect.last_will.is_none() && flags & WILL_RETAIN != 0 => {
            Err(WireError::Malformed(mqtt_proto::Error::InvalidConnectFlags(flags)))
        }
        _ => Ok(()),
    }
}

/// The bytes of a packet.
pub fn encode(packet: &Packet) -> Result<Vec<u8>, WireError> {
    check_fields(packet)?;
    let mut bytes = match packet.encode()? {
        VarBytes::Dynamic(bytes) => bytes,
        VarBytes::Fixed2(bytes) => bytes.to_vec(),
        VarBytes::Fixed4(bytes) => bytes.to_vec(),
    };
    if let Packet::Suback(suback) = packet {
        mark_failures(&mut bytes, &suback.topics);
    }
    Ok(bytes)
}

/// The codec would write the length modulo 65,536, and then all of the bytes.
fn check_fields(packet: &Packet) -> Result<(), WireError> {
    let Packet::Connect(connect) = packet else {
        return Ok(()); // Topic names and filters are checked when they are made.
    };
    if connect.protocol == Protocol::V500 {
        return Err(WireError::UnacceptableProtocol);
    }
    let will = connect.last_will.as_ref();
    let fields = [
        ("client id", connect.client_id.len()),
        ("will message", will.map_or(0, |will| will.message.len())),
        ("user name", connect.username.as_ref().map_or(0, |name| name.len())),
        ("password", connect.password.as_ref().map_or(0, bytes::Bytes::len)),
    ];
    match fields.iter().find(|(_, length)| *length > usize::from(u16::MAX)) {
        Some((name, _)) => Err(WireError::FieldTooLong(name)),
        None => Ok(()),
    }
}

/// The codec writes the failure code as 3, instead of 0x80 (MQTT 3.1.1 section 3.9.3).
fn mark_failures(bytes: &mut [u8], codes: &[SubscribeReturnCode]) {
    const SUBACK_FAILURE: u8 = 0x80;
    for (byte, code) in bytes.iter_mut().rev().zip(codes.iter().rev()) {
        if *code == SubscribeReturnCode::Failure {
            *byte = SUBACK_FAILURE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Option<Packet>, WireError> {
        let mut decoder = Decoder::new(1024);
        decoder.push(bytes);
        decoder.next_packet()
    }

    fn connect(protocol: Protocol) -> Connect {
        let mut connect = Connect::new(String::from("c").into(), 60);
        connect.protocol = protocol;
        connect
    }

    #[test]
    fn a_packet_in_single_bytes_arrives_with_its_last_byte() {
        let bytes = b"\x32\x08\x00\x01t\x00\x07abc";
        let mut decoder = Decoder::new(1024);
        for byte in &bytes[..bytes.len() - 1] {
            decoder.push(&[*byte]);
            assert_eq!(decoder.next_packet(), Ok(None));
        }
        decoder.push(&bytes[bytes.len() - 1..]);
        let packet = decoder.next_packet().unwrap().unwrap();
        assert_eq!(encode(&packet).unwrap(), bytes);
        assert_eq!(decoder.next_packet(), Ok(None));
    }

    #[test]
    fn two_packets_in_one_read_come_one_after_the_other() {
        let mut decoder = Decoder::new(1024);
        decoder.push(b"\xC0\x00\xE0\x00");
        assert_eq!(decoder.next_packet(), Ok(Some(Packet::Pingreq)));
        assert_eq!(decoder.next_packet(), Ok(Some(Packet::Disconnect)));
        assert_eq!(decoder.next_packet(), Ok(None));
    }

    #[test]
    fn a_packet_over_the_limit_is_refused_by_its_header() {
        let refused = WireError::TooLarge {
            size: 1025,
            limit: 1024,
        };
        assert_eq!(decode(&[0x30, 0xFE, 0x07]), Err(refused));
        assert_eq!(decode(&[0x30, 0xFD, 0x07]), Ok(None));
    }

    #[test]
    fn a_remaining_length_of_five_bytes_is_refused() {
        let bytes = [0x30, 0x80, 0x80, 0x80, 0x80];
        assert_eq!(decode(&bytes), Err(WireError::RemainingLength));
        assert_eq!(decode(&bytes[..4]), Ok(None));
    }

    #[test]
    fn a_field_past_the_end_of_its_packet_is_refused() {
        assert_eq!(decode(b"\x30\x03\x00\x05t"), Err(WireError::Truncated));
        assert_eq!(decode(b"\x40\x01\x00"), Err(WireError::Truncated));
    }

    #[test]
    fn bytes_left_over_in_a_packet_are_refused() {
        assert_eq!(decode(b"\x40\x03\x00\x01\x00"), Err(WireError::Trailing));
        assert_eq!(decode(b"\xC0\x01\x00"), Err(WireError::Trailing));
    }

    #[test]
    fn an_error_lasts() {
        let mut decoder = Decoder::new(1024);
        decoder.push(b"\xC0\x01\x00");
        assert_eq!(decoder.next_packet(), Err(WireError::Trailing));
        decoder.push(b"\xC0\x00");
        assert_eq!(decoder.next_packet(), Err(WireError::Trailing));
    }

    #[test]
    fn an_unknown_level_is_told_apart_from_an_unknown_protocol() {
        let unknown = Err(WireError::UnacceptableProtocol);
        assert_eq!(decode(b"\x10\x0D\x00\x04MQTT\x05\x02\x00\x3C\x00\x01c"), unknown);
        assert_eq!(decode(b"\x10\x0D\x00\x04MQTT\x09\x02\x00\x3C\x00\x01c"), unknown);
        assert!(matches!(
            decode(b"\x10\x0D\x00\x04MQTX\x04\x02\x00\x3C\x00\x01c"),
            Err(WireError::Malformed(_))
        ));
    }

    #[test]
    fn a_retained_will_without_a_will_is_refused() {
        assert_eq!(
            decode(b"\x10\x0D\x00\x04MQTT\x04\x22\x00\x3C\x00\x01c"),
            Err(WireError::Malformed(mqtt_proto::Error::InvalidConnectFlags(0x22)))
        );
    }

    #[test]
    fn only_mqtt_3_1_may_repeat_a_pubrel_with_dup() {
        let repeated = b"\x6A\x02\x00\x01";
        for (protocol, accepted) in [(Protocol::V310, true), (Protocol::V311, false)] {
            let mut decoder = Decoder::new(1024);
            decoder.push(&encode(&connect(protocol).into()).unwrap());
            decoder.push(repeated);
            assert!(decoder.next_packet().unwrap().is_some());
            assert_eq!(decoder.next_packet().is_ok(), accepted);
        }
    }

    #[test]
    fn a_client_id_that_does_not_fit_its_length_is_refused() {
        let mut long = connect(Protocol::V311);
        long.client_id = "c".repeat(65536).into();
        assert_eq!(encode(&long.clone().into()), Err(WireError::FieldTooLong("client id")));
        long.client_id = "c".repeat(65535).into();
        assert!(encode(&long.into()).is_ok());
    }

    #[test]
    fn a_refused_subscription_is_encoded_as_0x80() {
        let codes = vec![
            SubscribeReturnCode::Failure,
            SubscribeReturnCode::MaxLevel2,
            SubscribeReturnCode::Failure,
        ];
        let suback = Suback::new(Pid::default(), codes);
        let bytes = encode(&suback.clone().into()).unwrap();
        assert_eq!(bytes, [0x90, 5, 0, 1, 0x80, 2, 0x80]);
        assert_eq!(decode(&bytes), Ok(Some(suback.into())));
    }
}
