//! Recording a modem's line to a file: a thread masks and writes the traffic, and nobody waits for it.

mod queue;

use std::fmt::Display;
use std::io;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use modemqtt_at::ClientIndex;
use modemqtt_os::Worker;
use modemqtt_os::parts::PartWriter;
use modemqtt_recording::{Fact, Header, Masker, Note, PART, What};

use queue::{Item, WAITING, Writing};

use super::Pending;
use super::journal::{Journal, News};
use super::tap::Tap;
use crate::call::Event;
use crate::error::Error;
use crate::trace::{Form, Piece, Place};

/// The time between two looks at the queue while the line is busy.
const PACE: Duration = Duration::from_millis(5);
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
    shared: Arc<Writing>,
    writer: ManuallyDrop<Worker>,
    origin: Instant,
    /// The process that began it. In a forked child the thread does not exist, and the lock may be held forever.
    process: u32,
}

struct Tapped(Arc<Recorder>);

impl Tap for Tapped {
    fn take(&mut self, piece: &Piece<'_>) {
        for place in piece.secrets {
            // Noise and what may be an echo are masked where they stand, and are looked for nowhere else.
            let is_value = |line: &Place| place != line && line.from <= place.from && place.to <= line.to;
            if piece.sent || matches!(&piece.form, Form::Line(line) if is_value(line)) {
                self.0.push(piece.at, Item::Secret(place.of(piece.bytes).to_vec()), &[]);
            }
        }
        let (sent, count) = (piece.sent, piece.bytes.len());
        if count > 0 {
            let secrets = piece.secrets.iter().map(|place| place.from..place.to).collect();
            self.0.push(piece.at, Item::Bytes { sent, count, secrets }, piece.bytes);
        }
    }
}

impl Recorder {
    /// Makes the file and starts the thread.
    pub fn create(options: &RecorderOptions, name: &str, journal: Arc<Journal>) -> io::Result<Self> {
        let origin = Instant::now();
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
        let shared = Arc::<Writing>::default();
        let name: Arc<str> = name.into();
        let writer = Writer {
            shared: Arc::clone(&shared),
            origin,
            masker: Masker::new(options.keeps_identities),
            header,
            file,
            tell: Box::new(move |text| journal.note(&name, News::Unrecorded(text))),
        };
        Ok(Self {
            shared,
            writer: ManuallyDrop::new(Worker::spawn("modemqtt-record", move || writer.run())?),
            origin,
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
        self.push(
            Instant::now(),
            Item::Note(What::Call(note(pending.subject(), facts))),
            &[],
        );
    }

    /// Records an event.
    pub(super) fn happened(&self, event: &Event) {
        let now = Instant::now();
        match event {
            Event::Identified(dialect, model) => self.module(now, model.name, dialect.name),
            Event::Ended(ticket, result) => {
                let mut facts = vec![("number", count_of(ticket.0))];
                facts.extend(result.as_ref().err().map(|error| ("error", text(error))));
                self.event(now, "ended", facts);
            }
            Event::Message(message) => {
                let length = ("bytes", count_of(message.payload.len() as u64));
                self.event(message.at, "message", vec![of_client(message.client), length]);
            }
            event => {
                if let Some(told) = event.told() {
                    self.event(now, told.name, told.client.map(of_client).into_iter().collect());
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
        self.event(Instant::now(), name, facts);
    }

    fn event(&self, at: Instant, name: &str, facts: Vec<(&str, Fact)>) {
        self.push(at, Item::Note(What::Event(note(name, facts))), &[]);
    }

    fn module(&self, at: Instant, model: &str, dialect: &str) {
        let module = What::Module {
            model: Some(model.into()),
            dialect: Some(dialect.into()),
            firmware: None,
        };
        self.push(at, Item::Note(module), &[]);
    }

    /// Names a value that the program made up for this run; when the recording is played, any value matches it.
    pub fn invented(&self, value: &[u8]) {
        if self.process == process::id() {
            self.push(Instant::now(), Item::Invented(value.to_vec()), &[]);
        }
    }

    /// Begins a section of the recording, whose name is masked like everything else.
    pub fn mark(&self, name: &str) {
        if self.process == process::id() {
            self.push(Instant::now(), Item::Note(What::Mark(name.into())), &[]);
        }
    }

    /// Writes everything so far to the file, waiting at most this long; returns whether it is there.
    pub fn flush(&self, at_most: Duration) -> bool {
        if self.process != process::id() {
            return true;
        }
        let deadline = Instant::now() + at_most;
        let mut queue = self.shared.queue.lock();
        queue.wanted += 1;
        let wanted = queue.wanted;
        self.shared.changed.notify_all();
        while queue.written < wanted {
            if self.shared.changed.wait_until(&mut queue, deadline) && queue.written < wanted {
                return false;
            }
        }
        true
    }

    /// Why recording has stopped, if it has.
    pub fn failure(&self) -> Option<String> {
        if self.process != process::id() {
            return None;
        }
        self.shared.queue.lock().failure.clone()
    }

    fn push(&self, at: Instant, item: Item, bytes: &[u8]) {
        let at = at.max(self.origin);
        let mut queue = self.shared.queue.lock();
        queue.push(at, item, bytes);
        let idle = std::mem::take(&mut queue.idle);
        drop(queue);
        if idle {
            self.shared.changed.notify_all();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.process != process::id() {
            return;
        }
        self.shared.queue.lock().over = true;
        self.shared.changed.notify_all();
        self.writer.wait(FINISHING);
        // SAFETY: it is dropped only here, and nothing uses it afterwards.
        unsafe {
            ManuallyDrop::drop(&mut self.writer);
        }
    }
}

/// The thread that writes.
struct Writer {
    shared: Arc<Writing>,
    origin: Instant,
    masker: Masker,
    header: Header,
    file: PartWriter,
    tell: Box<dyn Fn(String) + Send>,
}

impl Writer {
    fn run(mut self) {
        let reason = match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the recorder itself failed (please report it)".into(),
        };
        let text = format!("nothing is recorded any more, since {reason}; the session goes on");
        let mut queue = self.shared.queue.lock();
        queue.failure = Some(text.clone());
        queue.written = u64::MAX;
        self.shared.changed.notify_all();
        drop(queue);
        (self.tell)(text);
    }

    fn work(&mut self) -> io::Result<()> {
        let (mut bytes, mut items) = (Vec::new(), Vec::new());
        let mut last = Duration::ZERO;
        loop {
            let (over, wanted) = self.wait(&mut bytes, &mut items);
            let mut rest = bytes.as_slice();
            for (at, item) in items.drain(..) {
                // Calls and bytes get their time from different threads.
                last = last.max(at.duration_since(self.origin));
                let at = last;
                match item {
                    Item::Bytes { sent, count, secrets } => {
                        let (piece, behind) = rest.split_at(count);
                        rest = behind;
                        self.masker.bytes_with_secrets(at, sent, piece, &secrets);
                    }
                    Item::Note(what) => self.masker.note(at, what),
                    Item::Invented(value) => self.masker.invented(&value),
                    Item::Secret(value) => self.masker.secret(&value),
                }
            }
            bytes.clear();
            // Give back the memory that a burst has taken.
            bytes.shrink_to(WAITING / 64);
            if over || wanted.is_some() {
                self.masker.finish();
            } else {
                self.masker.tick(self.origin.elapsed());
            }
            self.write()?;
            let mut queue = self.shared.queue.lock();
            if let Some(wanted) = wanted {
                queue.written = wanted;
                self.shared.changed.notify_all();
            }
            if over {
                return Ok(());
            }
        }
    }

    /// Waits for something to write; returns whether it is the last, and which flush it completes.
    fn wait(&mut self, bytes: &mut Vec<u8>, items: &mut Vec<(Instant, Item)>) -> (bool, Option<u64>) {
        let mut queue = self.shared.queue.lock();
        let mut paced = Instant::now() + PACE;
        loop {
            let due = self.masker.next_timeout().map(|due| self.origin + due);
            let now = Instant::now();
            let wanted = (queue.written < queue.wanted).then_some(queue.wanted);
            let late = due.is_some_and(|due| due <= now);
            let something = !queue.items.is_empty() && paced <= now;
            if queue.over || wanted.is_some() || late || something {
                std::mem::swap(bytes, &mut queue.bytes);
                std::mem::swap(items, &mut queue.items);
                return (queue.over, wanted);
            }
            if queue.items.is_empty() {
                queue.idle = true;
                let rest = due.map_or(Duration::from_hours(1), |due| due - now);
                self.shared.changed.wait_for(&mut queue, rest);
                if std::mem::take(&mut queue.idle) {
                    continue;
                }
                // The line was silent and is busy now: a little of the traffic is collected first.
                paced = Instant::now() + PACE;
            } else {
                self.shared.changed.wait_for(&mut queue, paced - now);
            }
        }
    }

    /// Writes whatever is ready.
    fn write(&mut self) -> io::Result<()> {
        let mut lines = String::new();
        while let Some(mut entry) = self.masker.poll() {
            match &mut entry.what {
                What::Module { model, dialect, .. } => {
                    (self.header.model, self.header.dialect) = (model.clone(), dialect.clone());
                }
                What::Mark(name) => *name = self.masker.masked(name),
                What::Call(note) | What::Event(note) => {
                    for (_, fact) in &mut note.facts {
                        if let Fact::Text(text) = fact {
                            *text = self.masker.masked(text);
                        }
                    }
                }
                _ => {}
            }
            lines.push_str(&entry.to_line());
            lines.push('\n');
            if let Some(firmware) = self.masker.poll_firmware() {
                self.header.firmware = Some(firmware.clone());
                let what = What::Module {
                    model: self.header.model.clone(),
                    dialect: self.header.dialect.clone(),
                    firmware: Some(firmware),
                };
                let entry = modemqtt_recording::Entry { at: entry.at, what };
                lines.push_str(&entry.to_line());
                lines.push('\n');
            }
            if lines.len() > 1024 * 1024 {
                self.put(&mut lines)?;
            }
        }
        self.put(&mut lines)
    }

    fn put(&mut self, lines: &mut String) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.file.is_full() {
            self.file.next_part()?;
            self.header.part = self.file.part();
            self.file.write((self.header.to_line() + "\n").as_bytes())?;
        }
        self.file.write(lines.as_bytes())?;
        lines.clear();
        Ok(())
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
