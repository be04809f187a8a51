//! The packets of MQTT 3.1 and 3.1.1, written out byte by byte from the standard.

pub const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
pub const CONNACK_RESUMED: [u8; 4] = [0x20, 2, 1, 0];
pub const PINGREQ: [u8; 2] = [0xC0, 0];
pub const PINGRESP: [u8; 2] = [0xD0, 0];
pub const DISCONNECT: [u8; 2] = [0xE0, 0];

pub fn connack_refusing(code: u8) -> [u8; 4] {
    [0x20, 2, 0, code]
}

/// A CONNECT: 3.1.1, clean session, keep-alive 60 unless told otherwise.
#[derive(Clone)]
pub struct Connect {
    name: &'static str,
    level: u8,
    flags: u8,
    keep_alive: u16,
    id: String,
    will: Vec<u8>,
    credentials: Vec<u8>,
}

impl Connect {
    pub fn new(id: &str) -> Self {
        Self {
            name: "MQTT",
            level: 4,
            flags: 0x02,
            keep_alive: 60,
            id: id.to_owned(),
            will: Vec::new(),
            credentials: Vec::new(),
        }
    }

    pub fn protocol(mut self, name: &'static str, level: u8) -> Self {
        (self.name, self.level) = (name, level);
        self
    }

    pub fn version_3_1(self) -> Self {
        self.protocol("MQIsdp", 3)
    }

    pub fn persistent(mut self) -> Self {
        self.flags &= !0x02;
        self
    }

    pub fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive = seconds;
        self
    }

    pub fn will(mut self, topic: &str, payload: &str, qos: u8, retain: bool) -> Self {
        self.flags |= 0x04 | qos << 3 | u8::from(retain) << 5;
        self.will = [text(topic), text(payload)].concat();
        self
    }

    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.flags |= 0xC0;
        self.credentials = [text(name), text(password)].concat();
        self
    }

    pub fn unused_flag(mut self) -> Self {
        self.flags |= 0x01;
        self
    }

    pub fn lone_password(mut self, password: &str) -> Self {
        self.flags |= 0x40;
        self.credentials = text(password);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let body = [
            &text(self.name)[..],
            &[self.level, self.flags],
            &self.keep_alive.to_be_bytes(),
            &text(&self.id),
            &self.will,
            &self.credentials,
        ];
        packet(0x10, &body.concat())
    }
}

/// A PUBLISH: QoS 0, not retained unless told otherwise.
#[derive(Clone)]
pub struct Publish {
    topic: String,
    payload: Vec<u8>,
    qos: u8,
    id: u16,
    retain: bool,
    dup: bool,
}

impl Publish {
    pub fn new(topic: &str, payload: &[u8]) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            qos: 0,
            id: 0,
            retain: false,
            dup: false,
        }
    }

    pub fn qos(mut self, qos: u8, id: u16) -> Self {
        (self.qos, self.id) = (qos, id);
        self
    }

    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    pub fn dup(mut self) -> Self {
        self.dup = true;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut body = text(&self.topic);
        if self.qos > 0 {
            body.extend(self.id.to_be_bytes());
        }
        body.extend(&self.payload);
        let flags = u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain);
        packet(0x30 | flags, &body)
    }
}

/// The id of a PUBLISH with QoS 1 or 2.
pub fn id_of(publish: &[u8]) -> u16 {
    let header = 1 + publish[1..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let topic = usize::from(u16::from_be_bytes([publish[header], publish[header + 1]]));
    let at = header + 2 + topic;
    u16::from_be_bytes([publish[at], publish[at + 1]])
}

pub fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

pub fn pubrec(id: u16) -> Vec<u8> {
    packet(0x50, &id.to_be_bytes())
}

pub fn pubrel(id: u16) -> Vec<u8> {
    packet(0x62, &id.to_be_bytes())
}

pub fn pubcomp(id: u16) -> Vec<u8> {
    packet(0x70, &id.to_be_bytes())
}

pub fn subscribe(id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for (filter, qos) in filters {
        body.extend(text(filter));
        body.push(*qos);
    }
    packet(0x82, &body)
}

pub fn suback(id: u16, codes: &[u8]) -> Vec<u8> {
    packet(0x90, &[&id.to_be_bytes()[..], codes].concat())
}

pub fn unsubscribe(id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for filter in filters {
        body.extend(text(filter));
    }
    packet(0xA2, &body)
}

pub fn unsuback(id: u16) -> Vec<u8> {
    packet(0xB0, &id.to_be_bytes())
}

fn packet(control: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![control];
    let mut rest = body.len();
    loop {
        let digit = u8::try_from(rest % 128).unwrap();
        rest /= 128;
        if rest == 0 {
            bytes.push(digit);
            break;
        }
        bytes.push(digit | 0x80);
    }
    bytes.extend(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}
