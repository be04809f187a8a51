//! Plays one transcript against the host. Any failure is a panic that names the line.

#![allow(dead_code, unreachable_pub, reason = "shared by #[path] between test binaries")]

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_at::ascii::{CR, LF};
use modemqtt_at::dialect::Dialect;
use modemqtt_host::call::{Call, Event, Reply, Ticket};
use modemqtt_host::error::{Error, Refusal};
use modemqtt_host::session::Session;
use modemqtt_os::Moment;

use crate::calls;
use crate::transcript::{Action, Location, Transcript, Words, World};

/// How the module's bytes are handed over.
#[derive(Clone, Copy, Debug)]
pub enum Cut<'a> {
    Whole,
    EveryByte,
    /// One cut, this many bytes into each thing that the module prints.
    At(usize),
    /// Whole, with a URC before each piece: modules print one whenever no line is under way.
    AfterUrc,
    /// Cut and mixed with URCs according to this.
    Mixed(&'a Mixture),
}

/// Cuts and URCs; each list repeats.
#[derive(Clone, Debug)]
pub struct Mixture {
    /// How many bytes are handed over at once.
    pub sizes: Vec<usize>,
    /// Which of [`UNRELATED`] come before each line.
    pub urcs: Vec<Vec<usize>>,
}

/// What no transcript contains, and whether the program is told: URCs, a message of another client, blank lines.
pub const UNRELATED: [(&[u8], bool); 4] = [
    (b"\r\n+QTEST: 7\r\n", true),
    (b"\r\n+QTEST: 0,\"OK\",\"\x7f> \"\r\n", true),
    (b"\r\n+QMTRECV: 31,0,\"q/test\",\"+QMTSTAT: 0,1\"\r\n", true),
    (b"\r\n\r\n", false),
];

/// Plays a transcript; returns how many bytes the module printed.
pub fn play(transcript: &Transcript, dialect: &'static Dialect, cut: Cut<'_>) -> usize {
    let mut player = Player::new(transcript, dialect);
    for step in &transcript.steps {
        player.place = format!("{} ({cut:?})", step.location);
        match &step.action {
            Action::Call(words) => player.call(words, &step.location),
            Action::Host(bytes) => player.expect_sent(bytes),
            Action::Module(bytes) => player.feed(bytes, &step.lines, cut),
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
    now: Moment,
    tickets: HashMap<Ticket, What>,
    last_ticket: u64,
    sent: Vec<u8>,
    reports: VecDeque<String>,
    fed: usize,
    /// The last byte fed.
    last: u8,
    /// How many lines with URCs before them, and how many pieces, the mixture has produced.
    mixed: (usize, usize),
    /// How many unrelated URCs were fed that the program has not been told of.
    unrelated: usize,
    place: String,
    /// The parts that no log may show, from the first call with any.
    secrets: Vec<String>,
}

struct What {
    word: String,
    client: u8,
    qos: u8,
    message_id: u16,
    topics: usize,
}

impl Player {
    fn new(transcript: &Transcript, dialect: &'static Dialect) -> Self {
        let model = dialect.model(&transcript.model).expect("a known model");
        let mut player = Self {
            session: Session::new(Some((dialect, model)), 115_200),
            now: Moment::now(),
            tickets: HashMap::new(),
            last_ticket: 1,
            sent: Vec::new(),
            reports: VecDeque::new(),
            fed: 0,
            last: LF,
            mixed: (0, 0),
            unrelated: 0,
            place: transcript.name.clone(),
            secrets: Vec::new(),
        };
        player.session.submit(Ticket(1), Call::SetUp, None, player.now);
        for command in ["AT\r", "ATE0\r", "AT+CMEE=1\r"] {
            player.expect_sent(command.as_bytes());
            player.session.receive(b"\r\nOK\r\n", player.now);
        }
        player.expect_sent(b"AT+CMEE?\r");
        player.session.receive(b"\r\n+CMEE: 1\r\n\r\nOK\r\n", player.now);
        player.collect();
        assert_eq!(player.reports.pop_front().as_deref(), Some("set up"));
        assert!(player.reports.is_empty(), "{:?}", player.reports);
        player
    }

    fn call(&mut self, words: &Words, location: &Location) {
        let texts = words.texts();
        let client = texts
            .get(1)
            .filter(|_| texts[0] != "token")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let call = calls::call(words, &texts, ClientIndex(client), location);
        self.secrets.extend(calls::secrets(&call));
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

    fn feed(&mut self, bytes: &[u8], lines: &[usize], cut: Cut<'_>) {
        match cut {
            Cut::Whole => self.session.receive(bytes, self.now),
            Cut::AfterUrc => {
                if self.between_lines(bytes) {
                    self.unrelated += 1;
                    self.session.receive(UNRELATED[0].0, self.now);
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
            Cut::Mixed(mixture) => {
                let mixed = self.mix(bytes, lines, mixture);
                let mut rest = mixed.as_slice();
                while !rest.is_empty() {
                    let size = mixture.sizes[self.mixed.1 % mixture.sizes.len()];
                    let (piece, tail) = rest.split_at(size.min(rest.len()));
                    self.session.receive(piece, self.now);
                    self.mixed.1 += 1;
                    rest = tail;
                }
            }
        }
        self.fed += bytes.len();
        self.last = bytes.last().copied().unwrap_or(self.last);
        self.collect();
    }

    /// Whether a URC may come before the next bytes: modules print one whenever no line is under way. The echo of the
    /// data, if the module has one, follows the prompt directly.
    fn between_lines(&self, next: &[u8]) -> bool {
        next.starts_with(b"\r") && matches!(self.last, CR | LF | b'>' | b' ')
    }

    fn mix(&mut self, bytes: &[u8], lines: &[usize], mixture: &Mixture) -> Vec<u8> {
        let mut mixed = Vec::new();
        let ends = lines.iter().copied().chain([bytes.len()]);
        for (from, to) in [0].into_iter().chain(lines.iter().copied()).zip(ends) {
            let line = &bytes[from..to];
            // An unfinished payload, if that is the transcript's subject, would take a URC for its rest.
            let unfinished = from == 0 && self.session.buffered() > 0;
            if self.between_lines(line) && !unfinished {
                for urc in &mixture.urcs[self.mixed.0 % mixture.urcs.len()] {
                    let (text, told) = UNRELATED[*urc];
                    mixed.extend(text);
                    self.unrelated += usize::from(told);
                }
                self.mixed.0 += 1;
            }
            mixed.extend(line);
            self.last = line.last().copied().unwrap_or(self.last);
        }
        mixed
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
        if self.sent.is_empty() {
            // The line is kept free for a moment after a refusal.
            self.elapse(Duration::from_millis(250));
        }
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
        assert_eq!(self.unrelated, 0, "{}: URCs that no one was told of", self.place);
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
        while let Some(piece) = self.session.poll_wire() {
            let Some(entry) = piece.entry() else { continue };
            let shown = self.secrets.iter().find(|secret| entry.text.contains(secret.as_str()));
            assert!(shown.is_none(), "{}: the log shows {}", self.place, entry.text);
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
            Event::Sent(_)
            | Event::Identified(..)
            | Event::Client(..)
            | Event::Opened { .. }
            | Event::Reopening(..)
            | Event::Uploading(..) => return None,
            Event::Overrun(client) => format!("overrun {client}"),
            Event::Accepted(ticket) => {
                let what = &self.tickets[&ticket];
                format!("accepted {} {}", what.client, what.message_id)
            }
            Event::Retransmitting(ticket, times) => {
                let what = &self.tickets[&ticket];
                format!("retransmitting {} {} {times}", what.client, what.message_id)
            }
            Event::Ended(Ticket(1), result) => {
                assert_eq!(*result, Ok(Reply::Done));
                "set up".into()
            }
            Event::Ended(ticket, result) => Self::ended(&self.tickets[&ticket], *result),
            Event::Message(message) if message.content.topic() == "q/test" => {
                // If the module has printed a payload without quotes, these belong to the payload.
                let payload = message
                    .content
                    .payload()
                    .strip_prefix(b"\"")
                    .unwrap_or(message.content.payload());
                let payload = payload.strip_suffix(b"\"").unwrap_or(payload);
                assert_eq!(
                    (message.content.client().0, payload),
                    (31, &b"+QMTSTAT: 0,1"[..]),
                    "{}",
                    self.place
                );
                self.unrelated -= 1;
                return None;
            }
            Event::Message(message) => {
                let words = Words(vec![
                    b"message".to_vec(),
                    message.content.client().to_string().into_bytes(),
                    message.content.message_id().to_string().into_bytes(),
                    message.content.topic_bytes().to_vec(),
                    message.content.payload().to_vec(),
                ]);
                format!(
                    "{words}{}",
                    if message.content.is_complete() {
                        ""
                    } else {
                        " incomplete"
                    }
                )
            }
            Event::Lost(client, code) => format!("lost {client} {}", code.0),
            Event::Urc(line) if line.starts_with("+QTEST") => {
                let printed = UNRELATED.iter().any(|(text, _)| text.trim_ascii() == line.as_bytes());
                assert!(printed, "{}: {line}", self.place);
                self.unrelated -= 1;
                return None;
            }
            Event::Urc(line) => Words(vec![b"urc".to_vec(), line.into_bytes()]).to_string(),
            Event::Restarted => "restarted".into(),
            Event::Reconnecting(..) | Event::Reconnected(_) | Event::ReconnectFailed(..) | Event::Unkept(_) => {
                unreachable!("no session is kept here")
            }
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
            Ok(Reply::Configuration(told)) => {
                let mut text = format!("configuration {client}");
                for printed in told.printed {
                    write!(text, " {}={}", printed.key.name(), printed.text).expect("a string");
                }
                text
            }
            Ok(Reply::Capabilities(_) | Reply::Number(_) | Reply::Text(_)) => panic!("no transcript asks for that"),
            Ok(Reply::Granted(granted)) => {
                assert_eq!(granted.len(), what.topics);
                let granted: Vec<_> = granted.iter().map(ToString::to_string).collect();
                format!("subscribed {client} {}", granted.join(","))
            }
            Ok(Reply::Published) if *qos == 0 => format!("sent {client} {message_id}"),
            Ok(Reply::Published) => format!("acknowledged {client} {message_id}"),
            Ok(Reply::Token(token)) => format!("token {}", token.0),
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
        Error::NotGranted { asked, granted, .. } if granted.len() == *asked => "result 128".into(),
        Error::NotGranted { granted, .. } => {
            let granted: Vec<_> = granted.iter().map(ToString::to_string).collect();
            format!("granted {}", granted.join(","))
        }
        Error::ConnectionLost { code, .. }
        | Error::NotConnected {
            lost: Some((code, _)), ..
        } => format!("lost {}", code.0),
        Error::Command { refusal, .. } | Error::NotConnected { refusal, .. } => match refusal {
            Refusal::Error => "error ERROR".into(),
            Refusal::Cme(code) => format!("error CME {}", code.0),
            Refusal::CmeText(text) => format!("error CME \"{text}\""),
            Refusal::Cms(code) => format!("error CMS {}", code.0),
            Refusal::CmsText(text) => format!("error CMS \"{text}\""),
            Refusal::NoCall(words) => Words(vec![b"error".to_vec(), words.clone().into_bytes()]).to_string(),
        },
        Error::DataGivenUp { report, .. } => Words(vec![b"error".to_vec(), report.clone().into_bytes()]).to_string(),
        Error::Timeout { .. } | Error::NotRegistered { .. } => "timeout".into(),
        Error::Registration { .. } => "registration".into(),
        Error::Restarted | Error::PoweredDown => "restarted".into(),
        Error::Usage(_) => "usage".into(),
        Error::Protocol { .. } => "protocol".into(),
        Error::Port(_) | Error::Closed | Error::TakenBack => panic!("{error}"),
    }
}
