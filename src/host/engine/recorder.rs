//! Recording a modem's line to a file: a thread masks and writes the traffic, and nobody waits for it.

mod backlog;
mod writer;

use std::fmt::Display;
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use modemqtt_at::ClientIndex;
use modemqtt_os::parts::PartWriter;
use modemqtt_os::{Moment, Worker};
use modemqtt_recording::{Fact, Header, Masker, Note, PART, What};

use self::backlog::{Backlog, Item};
use self::writer::Writer;
use super::Pending;
use super::journal::{Journal, News};
use super::tap::Tap;
use crate::call::Event;
use crate::error::Error;
use crate::message::Message;
use crate::trace::{Form, Piece, Place};

/// How long the end of a recording waits for a stalled disk.
const FINISHING: Duration = Duration::from_secs(2);

/// How to make a recording.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// The file, which must not exist.
    pub path: PathBuf,
    /// The kind of the port.
    pub port: String,
    /// Bits per second.
    pub baud_rate: u32,
    /// The model, if the program named one.
    pub model: Option<(&'static str, &'static str)>,
    /// Whether identities stay unmasked.
    pub keeps_identities: bool,
    /// The size of a part in bytes; `None` for the default.
    pub part: Option<u64>,
}

/// A recording under way. It can span any number of engines.
#[derive(Debug)]
pub struct Recorder {
    backlog: Arc<Backlog>,
    writer: ManuallyDrop<Worker>,
    /// The process that began it. In a forked child the thread does not exist, and the lock may be held forever.
    process: u32,
}

struct Tapped(Arc<Recorder>);

impl Tap for Tapped {
    fn take(&mut self, piece: &Piece<'_>) {
        for place in piece.secrets {
            // Noise and what may be an echo are masked where they stand, and are looked for nowhere else.
            let is_value = |line: &Place| place != line && line.start() <= place.start() && place.end() <= line.end();
            if piece.sent || matches!(&piece.form, Form::Line(line) if is_value(line)) {
                self.0.push(piece.at, Item::Secret(place.of(piece.bytes).to_vec()), &[]);
            }
        }
        let (sent, count) = (piece.sent, piece.bytes.len());
        if count > 0 {
            let secrets = piece.secrets.iter().map(|place| place.start()..place.end()).collect();
            self.0.push(piece.at, Item::Bytes { sent, count, secrets }, piece.bytes);
        }
    }
}

impl Recorder {
    /// Makes the file and starts the thread.
    pub fn create(options: &RecorderOptions, name: &str, journal: Arc<Journal>) -> io::Result<Self> {
        let origin = Moment::now();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let header = Header {
            part: 0,
            // In microseconds, as entries have them.
            started: (started.as_secs_f64() * 1e6).round() / 1e6,
            library: env!("CARGO_PKG_VERSION").into(),
            port: options.port.clone(),
            baudrate: options.baud_rate,
            identities_replaced: !options.keeps_identities,
            model: options.model.map(|(model, _)| model.into()),
            dialect: options.model.map(|(_, dialect)| dialect.into()),
            firmware: None,
        };
        let mut file = PartWriter::create(&options.path, options.part.unwrap_or(PART))?;
        file.write((header.to_line() + "\n").as_bytes())?;
        let backlog = Arc::<Backlog>::default();
        let name: Arc<str> = name.into();
        let writer = Writer {
            backlog: Arc::clone(&backlog),
            origin,
            masker: Masker::new(options.keeps_identities),
            header,
            file,
            tell: Box::new(move |text| journal.note(&name, News::Unrecorded(text))),
        };
        Ok(Self {
            backlog,
            writer: ManuallyDrop::new(Worker::spawn("modemqtt-record", move || writer.run())?),
            process: process::id(),
        })
    }

    /// The tap that receives everything that goes over the wire.
    pub(super) fn tap(self: &Arc<Self>) -> Box<dyn Tap> {
        Box::new(Tapped(Arc::clone(self)))
    }

    /// Records a call from the program.
    pub(super) fn called(&self, pending: &Pending) {
        let mut facts = vec![("number", count_of(pending.ticket().0))];
        facts.extend(pending.client().map(of_client));
        self.note(Moment::now(), What::Call(note(pending.subject(), facts)));
    }

    /// Records messages.
    pub(super) fn received(&self, messages: &[Message]) {
        let items = messages.iter().map(|message| {
            let (client, length) = (message.content.client().0, message.content.payload().len() as u64);
            (message.at, Item::Message { client, length })
        });
        self.backlog.push_all(items);
    }

    /// Records another event.
    pub(super) fn happened(&self, event: &Event) {
        match event {
            Event::Identified(dialect, model) => self.module(Moment::now(), model.name, dialect.name),
            Event::Ended(ticket, result) => {
                let mut facts = vec![("number", count_of(ticket.0))];
                facts.extend((**result).as_ref().err().map(|error| ("error", text(error))));
                self.event(Moment::now(), "ended", facts);
            }
            event => {
                if let Some(told) = event.told() {
                    let facts = told.client.map(of_client).into_iter().collect();
                    self.event(Moment::now(), told.name, facts);
                }
            }
        }
    }

    /// Records that the port was closed or lost.
    pub(super) fn ended(&self, error: &Error) {
        let (name, facts) = match error {
            Error::Closed => ("closed", Vec::new()),
            error => ("port lost", vec![("error", text(error))]),
        };
        self.event(Moment::now(), name, facts);
    }

    fn event(&self, at: Moment, name: &str, facts: Vec<(&str, Fact)>) {
        self.note(at, What::Event(note(name, facts)));
    }

    fn note(&self, at: Moment, what: What) {
        self.push(at, Item::Note(Box::new(what)), &[]);
    }

    fn module(&self, at: Moment, model: &str, dialect: &str) {
        let module = What::Module {
            model: Some(model.into()),
            dialect: Some(dialect.into()),
            firmware: None,
        };
        self.note(at, module);
    }

    /// Names a value that the program made up for this run; when the recording is played, any value matches it.
    pub fn invented(&self, value: &[u8]) {
        if self.process == process::id() {
            self.push(Moment::now(), Item::Invented(value.to_vec()), &[]);
        }
    }

    /// Begins a section of the recording, whose name is masked like everything else.
    pub fn mark(&self, name: &str) {
        if self.process == process::id() {
            self.note(Moment::now(), What::Mark(name.into()));
        }
    }

    /// Writes everything so far to the file, waiting at most this long; returns whether it is there.
    pub fn flush(&self, at_most: Duration) -> bool {
        if self.process != process::id() {
            return true;
        }
        self.backlog.flush(at_most)
    }

    /// Why recording has stopped, if it has.
    pub fn failure(&self) -> Option<String> {
        if self.process != process::id() {
            return None;
        }
        self.backlog.failure()
    }

    fn push(&self, at: Moment, item: Item, bytes: &[u8]) {
        self.backlog.push(at, item, bytes);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.process != process::id() {
            return;
        }
        self.backlog.end();
        self.writer.wait(FINISHING);
        // SAFETY: it is dropped only here, and nothing uses it afterwards.
        unsafe {
            ManuallyDrop::drop(&mut self.writer);
        }
    }
}

fn note(name: &str, facts: Vec<(&str, Fact)>) -> Note {
    Note {
        name: name.into(),
        facts: facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect(),
    }
}

fn count_of(value: u64) -> Fact {
    Fact::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

fn of_client(client: ClientIndex) -> (&'static str, Fact) {
    ("client", count_of(client.0.into()))
}

/// A fact from any value that can be displayed.
fn text(value: impl Display) -> Fact {
    Fact::Text(value.to_string())
}

/// Why no recording can be made at this path, in one sentence.
pub fn refusal(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists if error.get_ref().is_some() => {
            format!("{path} cannot be recorded to: {error}; move that one away, or name another file")
        }
        io::ErrorKind::AlreadyExists => {
            format!("{path} exists, and a recording never replaces a file; name another, or move that one away")
        }
        io::ErrorKind::NotFound => {
            format!("{path} cannot be recorded to: its folder does not exist; make it, or name another")
        }
        _ => format!("{path} cannot be recorded to: {error}"),
    }
}

#[cfg(test)]
mod tests;
