//! What the thread knows and has put down for the program. Everything here is bounded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender};
use modemqtt_at::ClientIndex;
use modemqtt_at::codes::{OpenResult, StatCode};
use modemqtt_at::dialect::{Dialect, Model as ModelRow};
use parking_lot::Mutex;

use crate::call::{ClientState, Message};
use crate::engine::Pending;
use crate::error::Error;
use crate::trace::Entry;

/// How many messages of one client, and how many lines that no one waited for, are kept until they are taken.
const KEPT: usize = 10_000;
/// How many events wait for callbacks.
const NOTICES: usize = 65_536;
/// How many lines of the wire log are kept.
const WIRE: usize = 1_000;

/// A queue that drops its oldest entry when it is full, and counts that.
#[derive(Debug)]
pub struct Inbox<T> {
    sender: Mutex<Option<Sender<T>>>,
    receiver: Receiver<T>,
    capacity: usize,
}

impl<T> Inbox<T> {
    /// The channel itself grows with what is in it: a bounded one would hold memory for every entry it could ever have.
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self {
            sender: Mutex::new(Some(sender)),
            receiver,
            capacity,
        }
    }

    /// Where the entries come out. It ends when the port is closed and everything was taken.
    pub fn receiver(&self) -> &Receiver<T> {
        &self.receiver
    }

    /// Whether an old entry had to go.
    fn push(&self, entry: T) -> bool {
        let sender = self.sender.lock();
        let Some(sender) = &*sender else { return false };
        let dropped = self.receiver.len() >= self.capacity && self.receiver.try_recv().is_ok();
        // The receiver is ours: it cannot be gone.
        let _ = sender.send(entry);
        dropped
    }

    fn end(&self) {
        self.sender.lock().take();
    }
}

/// Something with the time at which its last byte was read, in seconds since 1970.
#[derive(Clone, Debug)]
pub struct Stamped<T> {
    /// When.
    pub timestamp: f64,
    /// What.
    pub value: T,
}

/// What a callback may be called for.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A message has come.
    Message(Stamped<Arc<Message>>),
    /// A client has lost its connection.
    Lost(ClientIndex, StatCode),
    /// A line that no one waited for.
    Urc(String),
    /// The module has restarted.
    Restarted,
    /// A publish has come to its end.
    Delivery(Arc<Pending>),
    /// So many notices were dropped, because the callbacks were too slow.
    Overflow(u64),
    /// The module's buffer for a client was full: messages may be lost.
    Overrun(ClientIndex),
    /// A client could not be opened for that reason, and is tried once more.
    Reopening(ClientIndex, OpenResult),
}

/// What is known of the module.
#[derive(Clone, Copy, Debug)]
pub struct Modem {
    /// Its dialect.
    pub dialect: &'static Dialect,
    /// Its model.
    pub model: &'static ModelRow,
}

/// Counters since the port was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    /// Bytes read.
    pub bytes_received: u64,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Messages received.
    pub messages: u64,
    /// Messages dropped because no one took them.
    pub messages_dropped: u64,
    /// Times that the module's buffer for received messages was full.
    pub overruns: u64,
    /// Times that the module has restarted by itself.
    pub restarts: u64,
    /// Lines that no one waited for.
    pub urcs: u64,
    /// Times that the thread has woken.
    pub wakeups: u64,
}

#[derive(Debug, Default)]
struct Known {
    modem: Option<Modem>,
    states: HashMap<ClientIndex, ClientState>,
    watched: HashSet<ClientIndex>,
    statistics: Statistics,
    wire: VecDeque<Stamped<Entry>>,
    log: Option<BufWriter<File>>,
    end: Option<Error>,
}

/// The messages of one client.
pub type Messages = Inbox<Stamped<Arc<Message>>>;

/// What the thread and the program share.
#[derive(Debug)]
pub struct Shared {
    known: Mutex<Known>,
    inboxes: Mutex<HashMap<ClientIndex, Arc<Messages>>>,
    urcs: Inbox<Stamped<String>>,
    notices: Inbox<Notice>,
    listening: AtomicBool,
    overflow: Mutex<u64>,
    closing: AtomicBool,
    origin: (Instant, SystemTime),
}

impl Shared {
    pub(super) fn new(log: Option<BufWriter<File>>) -> Self {
        Self {
            known: Mutex::new(Known {
                log,
                ..Known::default()
            }),
            inboxes: Mutex::default(),
            urcs: Inbox::new(KEPT),
            notices: Inbox::new(NOTICES),
            listening: AtomicBool::new(false),
            overflow: Mutex::new(0),
            closing: AtomicBool::new(false),
            origin: (Instant::now(), SystemTime::now()),
        }
    }

    /// What is known of the module, once it was set up.
    pub fn modem(&self) -> Option<Modem> {
        self.known.lock().modem
    }

    /// Where a client stands.
    pub fn client_state(&self, client: ClientIndex) -> ClientState {
        self.known.lock().states.get(&client).cloned().unwrap_or_default()
    }

    /// Counters since the port was opened.
    pub fn statistics(&self) -> Statistics {
        self.known.lock().statistics
    }

    /// The last lines of the wire log, oldest first.
    pub fn wire(&self, at_most: usize) -> Vec<Stamped<Entry>> {
        let known = self.known.lock();
        let skip = known.wire.len().saturating_sub(at_most);
        known.wire.iter().skip(skip).cloned().collect()
    }

    /// Why the port is no longer open.
    pub fn end(&self) -> Option<Error> {
        self.known.lock().end.clone()
    }

    /// The messages of a client.
    pub fn messages(&self, client: ClientIndex) -> Arc<Messages> {
        let mut inboxes = self.inboxes.lock();
        let inbox = inboxes.entry(client).or_insert_with(|| {
            let inbox = Inbox::new(KEPT);
            if self.end().is_some() {
                inbox.end();
            }
            Arc::new(inbox)
        });
        Arc::clone(inbox)
    }

    /// Lines that no one waited for.
    pub fn urcs(&self) -> &Inbox<Stamped<String>> {
        &self.urcs
    }

    /// What callbacks may be called for; empty until someone listens.
    pub fn notices(&self) -> &Inbox<Notice> {
        &self.notices
    }

    /// From now on notices are put down.
    pub fn listen(&self) {
        self.listening.store(true, Ordering::Release);
    }

    /// Whether the messages of a client are taken from the notices: then none is lost that is dropped here.
    pub fn watch(&self, client: ClientIndex, watched: bool) {
        let clients = &mut self.known.lock().watched;
        if watched {
            clients.insert(client)
        } else {
            clients.remove(&client)
        };
    }

    /// How many notices were dropped since this was asked last.
    pub fn take_overflow(&self) -> u64 {
        std::mem::take(&mut self.overflow.lock())
    }

    /// A time in seconds since 1970.
    pub fn timestamp(&self, at: Instant) -> f64 {
        let (instant, system) = self.origin;
        let since = system.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        (since + at.saturating_duration_since(instant)).as_secs_f64()
    }

    pub(super) fn ask_to_close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn notify(&self, notice: Notice) {
        if self.listening.load(Ordering::Acquire) && self.notices.push(notice) {
            *self.overflow.lock() += 1;
        }
    }

    pub(super) fn identified(&self, modem: Modem) {
        self.known.lock().modem = Some(modem);
    }

    pub(super) fn client_changed(&self, client: ClientIndex, state: ClientState) {
        self.known.lock().states.insert(client, state);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Statistics)) {
        change(&mut self.known.lock().statistics);
    }

    pub(super) fn message(&self, message: Message) {
        let stamped = Stamped {
            timestamp: self.timestamp(message.at),
            value: Arc::new(message),
        };
        let client = stamped.value.client;
        let inbox = self.messages(client);
        // Counted before anyone can take it.
        let watched = {
            let mut known = self.known.lock();
            known.statistics.messages += 1;
            known.watched.contains(&client)
        };
        if inbox.push(stamped.clone()) && !watched {
            self.count(|statistics| statistics.messages_dropped += 1);
        }
        self.notify(Notice::Message(stamped));
    }

    pub(super) fn restarted(&self) {
        self.count(|statistics| statistics.restarts += 1);
        self.notify(Notice::Restarted);
    }

    pub(super) fn overrun(&self, client: ClientIndex) {
        self.count(|statistics| statistics.overruns += 1);
        self.notify(Notice::Overrun(client));
    }

    pub(super) fn urc(&self, at: Instant, line: String) {
        self.urcs.push(Stamped {
            timestamp: self.timestamp(at),
            value: line.clone(),
        });
        self.count(|statistics| statistics.urcs += 1);
        self.notify(Notice::Urc(line));
    }

    pub(super) fn logged(&self, entry: Entry) {
        let stamped = Stamped {
            timestamp: self.timestamp(entry.at),
            value: entry,
        };
        let mut known = self.known.lock();
        if let Some(log) = &mut known.log {
            let arrow = if stamped.value.sent { '>' } else { '<' };
            // A full disk must not stop the modem.
            let _ = writeln!(log, "{:.6} {arrow} {}", stamped.timestamp, stamped.value.text);
        }
        if known.wire.len() == WIRE {
            known.wire.pop_front();
        }
        known.wire.push_back(stamped);
    }

    pub(super) fn flush_log(&self) {
        if let Some(log) = &mut self.known.lock().log {
            // As above.
            let _ = log.flush();
        }
    }

    /// The port is closed or lost: who waits for messages or lines gets what is left, then the end.
    pub(super) fn ended(&self, error: Error) {
        let mut known = self.known.lock();
        known.end.get_or_insert(error);
        known.states.clear();
        drop(known);
        for inbox in self.inboxes.lock().values() {
            inbox.end();
        }
        self.urcs.end();
        self.notices.end();
    }
}

/// Opens the wire log for appending.
pub(super) fn open_log(path: &Path) -> std::io::Result<BufWriter<File>> {
    Ok(BufWriter::new(File::options().create(true).append(true).open(path)?))
}
