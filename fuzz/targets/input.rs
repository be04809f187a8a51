//! The bytes of a fuzzer as a start and a row of steps. 0xFF begins a step; everything else is what the other end sends.

#![allow(dead_code, reason = "each target uses a part of it")]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use modemqtt_at::dialect::{self, Dialect, Model};
use modemqtt_at::tls::Credential;
use modemqtt_at::{ClientIndex, Qos};
use modemqtt_host::call::{Call, Options, Secret};
use modemqtt_host::credentials::{Pem, Tls, Verify};

/// Begins a step; twice it is a byte of its own.
pub const ESCAPE: u8 = 0xFF;
/// From here on the number of a call.
pub const CALL: u8 = 0x00;
/// The same for a caller who gives up soon.
pub const HURRIED: u8 = 0x20;
/// From here on the number of a time in [`TIMES`].
pub const ELAPSE: u8 = 0x40;
/// The module answers as it should.
pub const ANSWER: u8 = 0x60;
/// The module echoes what it was sent.
pub const ECHO: u8 = 0x61;
/// The end of a read.
pub const CUT: u8 = 0x62;
/// The other end does not come to an end.
pub const FLOOD: u8 = 0x63;
/// The module echoes the first half of what it was sent; what comes next breaks the line.
pub const HALF_ECHO: u8 = 0x64;
/// How long a password is.
const PASSWORD: usize = 16;

/// Times about which something happens.
pub const TIMES: [Duration; 8] = [
    Duration::from_millis(1),
    Duration::from_millis(31),
    Duration::from_millis(500),
    Duration::from_millis(1_100),
    Duration::from_secs(3),
    Duration::from_secs(8),
    Duration::from_secs(35),
    Duration::from_secs(200),
];

/// Where a run begins.
pub struct Start {
    /// The model; the host may have to ask for it.
    pub model: Option<(&'static Dialect, &'static Model)>,
    /// Whether client 0 is connected.
    pub connected: bool,
}

impl Start {
    /// The first byte is the start.
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&first, rest) = bytes.split_first()?;
        let dialects = dialect::ALL.len();
        let at = usize::from(first >> 1) % (dialects + 1);
        let model = dialect::ALL.get(at).map(|dialect| (*dialect, &dialect.models[0]));
        let connected = first & 1 == 1;
        Some((Self { model, connected }, rest))
    }

    /// The byte for a dialect.
    pub fn byte(dialect: &Dialect, connected: bool) -> u8 {
        let at = dialect::ALL.iter().position(|known| known.name == dialect.name);
        u8::try_from(at.unwrap_or(0) << 1).unwrap_or(0) | u8::from(connected)
    }
}

/// One step.
pub enum Op<'a> {
    /// Bytes of one read.
    Print(&'a [u8]),
    /// A call of the program's.
    Call(u8),
    /// One that is given up soon.
    HurriedCall(u8),
    /// Time.
    Elapse(Duration),
    /// A right answer.
    Answer,
    /// An echo.
    Echo,
    /// The first half of one.
    HalfEcho,
    /// More than there is room for.
    Flood,
}

/// The steps in those bytes. One of them in a thousand bytes is enough; more would only take time.
pub fn ops(mut bytes: &[u8]) -> Vec<Op<'_>> {
    let mut ops = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == ESCAPE).unwrap_or(bytes.len());
        if end > 0 {
            ops.push(Op::Print(&bytes[..end]));
        }
        bytes = &bytes[end..];
        let [_, op, rest @ ..] = bytes else { break };
        match *op {
            ESCAPE => ops.push(Op::Print(&bytes[..1])),
            ANSWER => ops.push(Op::Answer),
            ECHO => ops.push(Op::Echo),
            FLOOD => ops.push(Op::Flood),
            HALF_ECHO => ops.push(Op::HalfEcho),
            CUT => {}
            op if (ELAPSE..ANSWER).contains(&op) => ops.push(Op::Elapse(TIMES[usize::from(op - ELAPSE) % TIMES.len()])),
            op if op >= HURRIED => ops.push(Op::HurriedCall(op - HURRIED)),
            op => ops.push(Op::Call(op)),
        }
        bytes = rest;
    }
    ops
}

/// A password that hangs on all of the input: a fuzzer cannot have the module print it.
pub fn password(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    let characters = (0..PASSWORD).map(|_| {
        bytes.hash(&mut hasher);
        CHARACTERS[usize::try_from(hasher.finish() % CHARACTERS.len() as u64).unwrap_or(0)]
    });
    characters.map(char::from).collect()
}

const CHARACTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a program may call. The first two connect client 0.
pub fn calls(password: &str) -> Vec<Call> {
    let client = ClientIndex(0);
    let publish = |qos, payload: &[u8]| Call::Publish {
        client,
        topic: "bench/temp".into(),
        payload: payload.to_vec(),
        qos,
        retain: false,
        form: None,
    };
    let configure = |options| Call::Configure { client, options };
    let command = |line: &str| Call::command(line);
    let open = |client| Call::Open {
        client,
        host: "broker.lab".into(),
        port: 1883,
    };
    vec![
        open(client),
        Call::connect(client, "bench-7".into(), None, None),
        Call::Subscribe {
            client,
            topics: vec![("bench/temp".into(), Qos::AtLeastOnce)],
        },
        Call::Unsubscribe {
            client,
            topics: vec!["bench/temp".into()],
        },
        publish(Qos::AtMostOnce, b"21.5"),
        publish(Qos::AtLeastOnce, b"\r\nOK\r\n+QMTPUB: 0,1,0\r\n> "),
        publish(Qos::ExactlyOnce, b""),
        Call::disconnect(client),
        Call::close(client),
        Call::CloseBehind { client },
        configure(Options {
            show_length: Some(true),
            ..Options::default()
        }),
        configure(Options {
            buffered: Some(true),
            ..Options::default()
        }),
        configure(Options {
            receive_hex: Some(true),
            send_hex: Some(true),
            ..Options::default()
        }),
        configure(Options {
            packet_timeout: Some(1),
            retries: Some(0),
            ..Options::default()
        }),
        configure(Options {
            tls: Some(Some(Box::new(secured()))),
            ..Options::default()
        }),
        Call::Configuration { client },
        command("AT+CSQ"),
        command("AT+QMTCONN?"),
        command("AT+QMTRECV?"),
        command("AT+QMTPUB=0,0,0,0,\"t\""),
        command("AT+QIDEACT"),
        Call::SetUp,
        Call::SetUpAnew,
        open(ClientIndex(1)),
        publish(Qos::AtLeastOnce, &[0, 10, 13, 34, 62]),
        Call::connect(
            client,
            "bench-7".into(),
            Some("bench".into()),
            Some(Secret(password.into())),
        ),
    ]
}

/// A connection whose server is verified.
fn secured() -> Tls {
    let ca = b"-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n";
    Tls {
        context: 0,
        version: 3,
        suite: None,
        verify: Verify::Server,
        ca: Pem::new(Credential::Authority, ca.to_vec()).ok(),
        certificate: None,
        key: None,
        check_time: false,
        server_name: None,
        handshake_time: None,
    }
}
