//! Every transcript against the host alone: whole, byte by byte, and cut once at every byte.

#[path = "../../../tests/support/transcript.rs"]
mod transcript;

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use modemqtt_at::{ClientIndex, Qos, Version, dialect};
use modemqtt_host::call::{Call, Event, Options, Reply, Secret, Ticket, Will};
use modemqtt_host::error::{Error, Refusal};
use modemqtt_host::session::Session;
use transcript::{Action, End, Location, Transcript, Words, World};

/// How the module's bytes are handed over.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Whole,
    EveryByte,
    /// One cut, so many bytes into everything that the module prints.
    At(usize),
    /// Whole, with a URC in front of each piece: modules print one whenever no line is under way.
    AfterUrc,
}

/// A URC that no transcript has.
const URC: &[u8] = b"\r\n+QTEST: 7\r\n";

#[test]
fn the_host_does_what_every_transcript_says() {
    for_each(|transcript| {
        play(transcript, Cut::Whole);
    });
}

#[test]
fn the_host_reads_every_transcript_byte_by_byte_alike() {
    for_each(|transcript| {
        play(transcript, Cut::EveryByte);
    });
}

#[test]
fn the_host_reads_every_transcript_cut_at_any_byte_alike() {
    for_each(|transcript| {
        let length = play(transcript, Cut::Whole);
        for at in 1..length {
            play(transcript, Cut::At(at));
        }
    });
}

#[test]
fn a_urc_between_any_two_pieces_changes_nothing_else() {
    for_each(|transcript| {
        play(transcript, Cut::AfterUrc);
    });
}

fn for_each(play: impl Fn(&Transcript)) {
    let mut played = 0;
    let mut failed = Vec::new();
    for dialect in dialect::ALL {
        for transcript in transcript::load_all(dialect.name) {
            if transcript.only != Some(End::Virtual) {
                played += 1;
                // One transcript after another, so that a run shows every one that fails.
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(&transcript)));
                if result.is_err() {
                    failed.push(transcript.name.clone());
                }
            }
        }
    }
    assert!(played > 0);
    assert!(
        failed.is_empty(),
        "{} of {played} failed: {}",
        failed.len(),
        failed.join(" ")
    );
}

/// Plays a transcript; how many bytes the module printed.
fn play(transcript: &Transcript, cut: Cut) -> usize {
    let mut player = Player::new(transcript);
    for step in &transcript.steps {
        player.place = format!("{} ({cut:?})", step.location);
        match &step.action {
            Action::Call(words) => player.call(words, &step.location),
            Action::Host(bytes) => player.expect_sent(bytes),
            Action::Module(bytes) => player.feed(bytes, cut),
            Action::Report(words) => player.expect_report(&words.to_string()),
            Action::World(World::Elapse(time)) => player.elapse(*time),
            Action::World(_) => {}
        }
    }
    player.finish();
    player.fed
}

struct Player {
    session: Session,
    now: Instant,
    tickets: HashMap<Ticket, What>,
    last_ticket: u64,
    sent: Vec<u8>,
    reports: std::collections::VecDeque<String>,
    fed: usize,
    place: String,
}

struct What {
    word: String,
    client: u8,
    qos: u8,
    message_id: u16,
    topics: usize,
}

impl Player {
    fn new(transcript: &Transcript) -> Self {
        let model = dialect::of_model(&transcript.model).expect("a known model");
        let mut player = Self {
            session: Session::new(Some(model), 115_200),
            now: Instant::now(),
            tickets: HashMap::new(),
            last_ticket: 1,
            sent: Vec::new(),
            reports: std::collections::VecDeque::new(),
            fed: 0,
            place: transcript.name.clone(),
        };
        player.session.submit(Ticket(1), Call::SetUp, None, player.now);
        for command in ["AT\r", "ATE0\r", "AT+CMEE=1\r"] {
            player.expect_sent(command.as_bytes());
            player.session.receive(b"\r\nOK\r\n", player.now);
        }
        player.collect();
        assert_eq!(player.reports.pop_front().as_deref(), Some("set up"));
        assert!(player.reports.is_empty(), "{:?}", player.reports);
        player
    }

    fn call(&mut self, words: &Words, location: &Location) {
        let texts = words.texts();
        let client = texts.get(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        let call = call(words, &texts, ClientIndex(client), location);
        self.last_ticket += 1;
        let topics = match &call {
            Call::Subscribe { topics, .. } => topics.len(),
            _ => 0,
        };
        let qos = match &call {
            Call::Publish { qos, .. } => qos.number(),
            _ => 0,
        };
        let what = What {
            word: texts[0].clone(),
            client,
            qos,
            message_id: 0,
            topics,
        };
        self.tickets.insert(Ticket(self.last_ticket), what);
        self.session.submit(Ticket(self.last_ticket), call, None, self.now);
        self.collect();
    }

    fn feed(&mut self, bytes: &[u8], cut: Cut) {
        match cut {
            Cut::Whole => self.session.receive(bytes, self.now),
            Cut::AfterUrc => {
                // Directly behind the prompt stands the echo of the data, where a module has one.
                if bytes.starts_with(b"\r") {
                    self.session.receive(URC, self.now);
                }
                self.session.receive(bytes, self.now);
            }
            Cut::EveryByte => {
                for byte in bytes {
                    self.session.receive(&[*byte], self.now);
                }
            }
            Cut::At(at) => {
                let at = at.saturating_sub(self.fed).min(bytes.len());
                self.session.receive(&bytes[..at], self.now);
                self.session.receive(&bytes[at..], self.now);
            }
        }
        self.fed += bytes.len();
        self.collect();
    }

    fn elapse(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.session.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
        }
        self.now = end;
        self.collect();
    }

    fn expect_sent(&mut self, bytes: &[u8]) {
        self.collect();
        let head = self.sent.get(..bytes.len().min(self.sent.len())).unwrap_or_default();
        assert_eq!(
            head.escape_ascii().to_string(),
            bytes.escape_ascii().to_string(),
            "{}: sent",
            self.place
        );
        self.sent.drain(..bytes.len());
    }

    fn expect_report(&mut self, wanted: &str) {
        assert_eq!(
            self.reports.pop_front().as_deref(),
            Some(wanted),
            "{}; then {:?}",
            self.place,
            self.reports
        );
    }

    fn finish(&mut self) {
        self.place = format!("{}: at the end", self.place);
        assert!(
            self.reports.is_empty(),
            "{}: also reported {:?}",
            self.place,
            self.reports
        );
        assert!(
            self.sent.is_empty(),
            "{}: also sent {}",
            self.place,
            self.sent.escape_ascii()
        );
    }

    fn collect(&mut self) {
        while let Some(bytes) = self.session.poll_transmit() {
            self.sent.extend(bytes);
        }
        while let Some(event) = self.session.poll_event() {
            if let Some(report) = self.report(event) {
                self.reports.push_back(report);
            }
        }
    }

    fn report(&mut self, event: Event) -> Option<String> {
        Some(match event {
            Event::Started(ticket, id) => {
                if let (Some(what), Some(id)) = (self.tickets.get_mut(&ticket), id) {
                    what.message_id = id.0;
                }
                return None;
            }
            Event::Identified(..) | Event::Client(..) | Event::Reopening(_) => return None,
            Event::Accepted(ticket) => {
                let what = &self.tickets[&ticket];
                format!("accepted {} {}", what.client, what.message_id)
            }
            Event::Retransmitting(ticket, times) => {
                let what = &self.tickets[&ticket];
                format!("retransmitting {} {} {times}", what.client, what.message_id)
            }
            Event::Ended(Ticket(1), result) => {
                assert_eq!(result, Ok(Reply::Done));
                "set up".into()
            }
            Event::Ended(ticket, result) => Self::ended(&self.tickets[&ticket], result),
            Event::Message(message) => {
                let words = Words(vec![
                    b"message".to_vec(),
                    message.client.to_string().into_bytes(),
                    message.message_id.to_string().into_bytes(),
                    message.topic.into_bytes(),
                    message.payload,
                ]);
                format!("{words}{}", if message.complete { "" } else { " incomplete" })
            }
            Event::Lost(client, code) => format!("lost {client} {}", code.0),
            Event::Urc(line) if line == "+QTEST: 7" => return None,
            Event::Urc(line) => Words(vec![b"urc".to_vec(), line.into_bytes()]).to_string(),
            Event::Restarted => "restarted".into(),
        })
    }

    fn ended(what: &What, result: Result<Reply, Error>) -> String {
        let What {
            word,
            client,
            qos,
            message_id,
            ..
        } = what;
        match result {
            Ok(Reply::Response { lines }) => {
                let words = lines.into_iter().map(String::into_bytes);
                let words = [b"response".to_vec()].into_iter().chain(words).chain([b"OK".to_vec()]);
                Words(words.collect()).to_string()
            }
            Ok(Reply::Configuration(values)) => {
                let mut text = format!("configuration {client}");
                for (key, value) in values {
                    write!(text, " {}={value}", key.name()).expect("a string");
                }
                text
            }
            Ok(Reply::Granted(granted)) => {
                assert_eq!(granted.len(), what.topics);
                let granted: Vec<_> = granted.iter().map(ToString::to_string).collect();
                format!("subscribed {client} {}", granted.join(","))
            }
            Ok(Reply::Published) if *qos == 0 => format!("sent {client} {message_id}"),
            Ok(Reply::Published) => format!("acknowledged {client} {message_id}"),
            Ok(Reply::Done) => format!("{} {client}", past(word)),
            Err(Error::Timeout { .. } | Error::ConnectionLost { .. }) if word == "publish" => {
                format!("unknown {client} {message_id}")
            }
            Err(error) => format!("failed {word} {client} {}", failure(&error)),
        }
    }
}

fn past(word: &str) -> &str {
    match word {
        "configure" => "configured",
        "open" => "opened",
        "connect" => "connected",
        "unsubscribe" => "unsubscribed",
        "disconnect" => "disconnected",
        "close" => "closed",
        other => panic!("{other}"),
    }
}

fn failure(error: &Error) -> String {
    match error {
        Error::Operation {
            result,
            return_code: Some(code),
            ..
        } => format!("result {result} return_code {}", code.0),
        Error::Operation { result, .. } => format!("result {result}"),
        Error::Command { refusal, .. } => match refusal {
            Refusal::Error => "error ERROR".into(),
            Refusal::Cme(code) => format!("error CME {}", code.0),
            Refusal::CmeText(text) => format!("error CME \"{text}\""),
            Refusal::Cms(code) => format!("error CMS {code}"),
            Refusal::CmsText(text) => format!("error CMS \"{text}\""),
        },
        Error::Timeout { .. } => "timeout".into(),
        Error::ConnectionLost { code, .. } => format!("lost {}", code.0),
        Error::Restarted => "restarted".into(),
        Error::Usage(_) => "usage".into(),
        Error::Protocol { .. } => "protocol".into(),
        Error::Port(_) | Error::Closed => panic!("{error}"),
    }
}

fn call(words: &Words, texts: &[String], client: ClientIndex, location: &Location) -> Call {
    let text = |at: usize| {
        texts
            .get(at)
            .cloned()
            .unwrap_or_else(|| location.fail(format!("word {at} is missing")))
    };
    let qos = |at: usize| {
        let number = text(at).parse().ok().and_then(Qos::from_number);
        number.unwrap_or_else(|| location.fail("QoS is 0 to 2"))
    };
    match texts[0].as_str() {
        "configure" => Call::Configure {
            client,
            options: options(&words.0[2..], location),
        },
        "configuration" => Call::Configuration { client },
        "open" => Call::Open {
            client,
            host: text(2),
            port: text(3).parse().unwrap_or_else(|_| location.fail("no port")),
        },
        "connect" => Call::Connect {
            client,
            client_id: text(2),
            username: texts.get(3).cloned(),
            password: texts.get(4).cloned().map(Secret),
        },
        "subscribe" => Call::Subscribe {
            client,
            topics: (2..texts.len()).step_by(2).map(|at| (text(at), qos(at + 1))).collect(),
        },
        "unsubscribe" => Call::Unsubscribe {
            client,
            topics: texts[2..].to_vec(),
        },
        "publish" => Call::Publish {
            client,
            qos: qos(2),
            retain: text(3) == "1",
            topic: text(4),
            payload: words.0[5].clone(),
        },
        "disconnect" => Call::Disconnect { client },
        "close" => Call::Close { client },
        "command" => Call::Command {
            line: texts[1..].join(" "),
        },
        other => location.fail(format!("no call {other}")),
    }
}

fn options(words: &[Vec<u8>], location: &Location) -> Options {
    let mut options = Options::default();
    for word in words {
        let (key, value) = word.split_at(word.iter().position(|byte| *byte == b'=').unwrap_or(word.len()));
        let value = &value[1..];
        let text = String::from_utf8_lossy(value).into_owned();
        let number = |text: &str| text.parse::<u16>().unwrap_or_else(|_| location.fail("no number"));
        let small = |text: &str| u8::try_from(number(text)).expect("a small number");
        match key {
            b"keepalive" => options.keep_alive = Some(number(&text)),
            b"version" => {
                options.version = Some(match text.as_str() {
                    "3.1" => Version::V31,
                    "3.1.1" => Version::V311,
                    _ => location.fail("version is 3.1 or 3.1.1"),
                });
            }
            b"clean_session" => options.clean_session = Some(text == "1"),
            b"show_length" => options.show_length = Some(text == "1"),
            b"timeout" => {
                let values: Vec<_> = text.split(',').collect();
                let value = |at: usize| {
                    values
                        .get(at)
                        .filter(|value| !value.is_empty())
                        .map(|value| small(value))
                };
                options.packet_timeout = value(0);
                options.retries = value(1);
                options.timeout_notice = value(2).map(|notice| notice == 1);
            }
            b"will" if value == b"off" => options.will = Some(None),
            b"will" => {
                let fields: Vec<_> = value.splitn(4, |byte| *byte == b',').collect();
                let number = |at: usize| String::from_utf8_lossy(fields[at]).into_owned();
                options.will = Some(Some(Will {
                    topic: number(0),
                    qos: Qos::from_number(small(&number(1))).unwrap_or_else(|| location.fail("QoS is 0 to 2")),
                    retain: number(2) == "1",
                    payload: fields[3].to_vec(),
                }));
            }
            _ => location.fail(format!("no option {}", key.escape_ascii())),
        }
    }
    options
}
