//! The threads: each modem has one, which owns the port and moves bytes, time and requests. It knows nothing of AT.
//!
//! The thread blocks in `poll` on the port and on a wake-up descriptor, until the session's next deadline. It never
//! calls into the program: it leaves results where the program can take them.

mod bell;
mod inbox;
mod io_thread;
mod journal;
mod kept_session;
mod opening;
mod pending;
mod queues;
mod recorder;
mod request;
mod room;
mod seat;
mod shared;
mod stock;
mod tap;
mod traffic;

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crossbeam_channel::Sender;
use modemqtt_at::dialect::{Dialect, Model};
use modemqtt_os::{LogFile, Moment, Waker, Worker, waker};

use crate::call::{Submission, Ticket};
use crate::error::Error;
use crate::keep::Upkeep;
use crate::port::{Line, Port, PortError, PortOptions};
use crate::session::{Ids, Search, Session, Wake};
use crate::trace::Record;
pub use bell::Bell;
pub use inbox::{Empty, Inbox, Weigh};
use io_thread::IoThread;
pub use journal::{Journal, News, Remark};
pub use kept_session::{KeptSession, Wait};
pub use opening::{Failure, PortOpening, Reporting, Retry};
pub use pending::{Pending, Progress, PublishState, Stage};
pub use recorder::{Recorder, RecorderOptions, refusal};
use request::Request;
pub use room::{MOST_QUEUED, Room};
use seat::{Awaited, Seat};
pub use shared::{Messages, Modem, Notice, Shared, Stamped, Statistics};
pub use tap::Tap;
use traffic::Traffic;

/// A kept session remembers calls from one engine to the next, so tickets are unique within the process.
static LAST_TICKET: AtomicU64 = AtomicU64::new(0);

/// How a modem is opened.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The port's own settings.
    pub port: PortOptions,
    /// The model, or `None` to ask the module.
    pub model: Option<(&'static Dialect, &'static Model)>,
    /// The edition of the note, by its year, that the firmware follows if the module is asked for its model.
    pub revision: Option<String>,
    /// How long data wait after the prompt.
    pub prompt_delay: Duration,
    /// How long a command waits after the last answer.
    pub command_gap: Duration,
    /// A file to which the wire log is appended.
    pub log: Option<std::path::PathBuf>,
    /// The recording of the line's traffic, if there is one.
    pub recorder: Option<Arc<Recorder>>,
    /// How long the module may be silent before it is woken ahead of a command.
    pub wake: Wake,
    /// How far the search for a module goes.
    pub search: Search,
    /// The message ids that an earlier modem on the same port has used.
    pub ids: Vec<Ids>,
    /// How many bytes may wait for the program.
    pub queue: usize,
    /// How many bytes of the wire log are kept.
    pub wire_size: usize,
}

/// An open modem.
#[derive(Debug)]
pub struct Engine {
    url: String,
    shared: Arc<Shared>,
    requests: ManuallyDrop<Sender<Request>>,
    /// What a caller may carry on while the thread sleeps.
    place: Arc<Seat>,
    waker: Waker,
    thread: ManuallyDrop<Worker>,
    /// The process that opened the port: its thread does not exist in a forked child.
    process: u32,
}

impl Engine {
    /// Opens the port and starts the thread. The module has not been contacted yet: submit [`Call::SetUp`] first.
    pub fn open(url: &str, options: &EngineOptions) -> Result<Self, PortError> {
        let port = Port::open(url, &options.port)?;
        let other = |error: std::io::Error| PortError::other(url, error);
        let origin = (Moment::now(), SystemTime::now());
        let log = options.log.as_deref().map(|path| {
            LogFile::open_rendered(path, move |record, text| log_line(origin.1, record, text)).map_err(|error| {
                PortError::other(
                    &path.display().to_string(),
                    format_args!("the log cannot be written: {error}"),
                )
            })
        });
        let log = log.transpose()?;
        let (waker, wake) = waker::pair().map_err(other)?;
        // This bounds what callers submit without waiting; further callers wait for room.
        let (requests, receiver) = crossbeam_channel::bounded(16);
        let shared = Arc::new(Shared::new(
            origin,
            log,
            options.recorder.clone(),
            options.queue,
            options.wire_size,
            waker.clone(),
        ));
        if let Some(recorder) = &options.recorder {
            shared.tap(recorder.tap());
        }
        let mut session = Session::new(options.model, options.port.baud_rate);
        session.set_wake(options.wake);
        session.set_search(options.search);
        session.set_pauses(options.prompt_delay, options.command_gap);
        session.go_on_from(options.ids.clone());
        session.set_revision(options.revision.clone());
        session.reserve(options.port.flow_control.characters());
        shared.reach(port.lines());
        let traffic = Traffic::new(url, port, receiver, Upkeep::new(session), Arc::clone(&shared));
        let io = IoThread::new(url, traffic, wake, Arc::clone(&shared));
        let place = io.place();
        let name = format!("modemqtt-io-{}", url.rsplit('/').next().unwrap_or(url));
        let thread = Worker::spawn(name, move || io.run()).map_err(other)?;
        Ok(Self {
            url: url.to_owned(),
            shared,
            requests: ManuallyDrop::new(requests),
            place,
            waker,
            thread: ManuallyDrop::new(thread),
            process: std::process::id(),
        })
    }

    /// Takes a call or an errand. The value returned shows how it ends.
    pub fn submit(&self, submission: impl Into<Submission>, timeout: Option<Duration>) -> Result<Arc<Pending>, Error> {
        self.same_process()?;
        let submission = submission.into();
        let ticket = Ticket(LAST_TICKET.fetch_add(1, Ordering::Relaxed) + 1);
        let pending = Arc::new(Pending::new(ticket, &submission));
        let request = Request::Call {
            ticket,
            submission: Box::new(submission),
            timeout,
            pending: Arc::clone(&pending),
        };
        if !self.hand_over(request, None) {
            return Err(self.shared.end().unwrap_or(Error::Closed));
        }
        if let Some(end) = self.shared.end() {
            // The thread may have ended meanwhile, and answers nobody.
            pending.end(Err(end));
        }
        Ok(pending)
    }

    /// Takes back a call that has not been sent, waiting up to `at_most` for the outcome; returns whether nothing of it
    /// was or will be sent.
    pub fn take_back(&self, pending: &Pending, at_most: Duration) -> bool {
        if self.same_process().is_err() || !self.hand_over(Request::TakeBack(pending.ticket()), Some(at_most)) {
            return false;
        }
        pending.wait(
            |progress| progress.stage >= Stage::Started || progress.result.is_some(),
            at_most,
        );
        let progress = pending.progress();
        progress.result.is_some() && progress.stage < Stage::Started
    }

    /// Takes back a call that has not been sent, without waiting for the outcome.
    pub fn take_back_later(&self, pending: &Pending) {
        if self.same_process().is_ok() {
            self.hand_over(Request::TakeBack(pending.ticket()), None);
        }
    }

    /// Keeps a session from now on, instead of any other of its client; a session that another engine kept goes on. If
    /// the port is gone, the session waits for the next engine.
    pub fn keep(&self, kept: &Arc<KeptSession>) {
        if self.same_process().is_ok() {
            self.hand_over(Request::Keep(Arc::clone(kept)), None);
        }
    }

    /// Carries out a request: here and at once if nobody else is at work, otherwise through the thread, waiting at most
    /// this long for room in its queue. Returns whether there was a thread, and room.
    fn hand_over(&self, request: Request, at_most: Option<Duration>) -> bool {
        if let Some(mut place) = self.place.try_lock()
            && let Some(traffic) = place.as_mut()
            && !self.shared.closing()
            // What the module has said already, such as that it restarts, comes before the call.
            && !traffic.has_unread()
        {
            let (wake, told) = traffic.take_from_caller(request);
            let unread = self.place.give_back(place);
            told.wake(&self.shared);
            if wake || unread {
                self.waker.wake();
            }
            return true;
        }
        let taken = match at_most {
            Some(at_most) => self.requests.send_timeout(request, at_most).is_ok(),
            None => self.requests.send(request).is_ok(),
        };
        if taken {
            self.waker.wake();
        }
        taken
    }

    /// Waits at most this long until a call has come as far as `done` says; returns whether it has.
    pub fn wait(&self, pending: &Pending, done: impl Fn(&Progress) -> bool, at_most: Duration) -> bool {
        let deadline = Moment::now() + at_most;
        self.wait_for(&pending.until(&done), deadline).is_some()
    }

    /// Takes the oldest entry of a queue of this modem, waiting at most this long for one.
    ///
    /// # Errors
    ///
    /// Nothing came in time, or nothing more will come.
    pub fn take<T: Weigh>(&self, inbox: &Inbox<T>, at_most: Duration) -> Result<T, Empty> {
        let deadline = Moment::now() + at_most;
        self.wait_for(inbox, deadline).unwrap_or(Err(Empty::Waiting))
    }

    /// Waits until this deadline. Meanwhile this thread reads the port itself, unless another one does already.
    fn wait_for<A: Awaited>(&self, awaited: &A, deadline: Moment) -> Option<A::Found> {
        if let Some(found) = awaited.look(None) {
            return Some(found);
        }
        self.place
            .read_until(deadline, awaited, &self.waker, &self.shared)
            .or_else(|| awaited.sleep_until(deadline))
    }

    /// What the thread shares with the program. Every access goes through here, so that nobody in a forked child waits
    /// for a lock that is never released there.
    pub fn shared(&self) -> Result<&Arc<Shared>, Error> {
        self.same_process()?;
        Ok(&self.shared)
    }

    /// Sets a control line of the host, [`Line::Dtr`] or [`Line::Rts`].
    pub fn set_line(&self, line: Line, on: bool) -> Result<(), Error> {
        self.same_process()?;
        self.shared
            .on_lines(|lines| lines.set(line, on))
            .ok_or_else(|| self.no_lines())?;
        // With RFC 2217, the thread sends the change.
        self.waker.wake();
        Ok(())
    }

    /// Reads a control line of the module, [`Line::Cts`] or [`Line::Dsr`].
    pub fn read_line(&self, line: Line) -> Result<bool, Error> {
        self.same_process()?;
        self.shared
            .on_lines(|lines| lines.read(line))
            .ok_or_else(|| self.no_lines())
    }

    fn no_lines(&self) -> Error {
        self.shared.end().unwrap_or_else(|| {
            if self.url.starts_with("rfc2217://") {
                return Error::Usage(format!(
                    "{} has no lines such as DTR and CTS, since the server has not agreed to RFC 2217; ser2net does with telnet(rfc2217)",
                    self.url
                ));
            }
            Error::Usage(format!(
                "{} has no lines such as DTR and CTS; a serial device such as /dev/ttyUSB2 has them, and rfc2217:// reaches those of another machine",
                self.url
            ))
        })
    }

    /// The port as the caller named it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the port is open; always false outside the process that opened it.
    pub fn is_open(&self) -> bool {
        std::process::id() == self.process && self.shared.is_open()
    }

    /// Closes the port. Every call under way ends with [`Error::Closed`]. May be called more than once, and from any
    /// thread.
    pub fn close(&self) {
        self.close_later();
        while !self.wait_closed(Duration::from_hours(1)) {}
    }

    /// Waits at most this long until the port is closed; returns whether it is. In a forked child there is nothing to
    /// wait for.
    pub fn wait_closed(&self, at_most: Duration) -> bool {
        std::process::id() != self.process || self.thread.wait(at_most)
    }

    /// Asks the thread to end, without waiting for it.
    pub fn close_later(&self) {
        if std::process::id() == self.process {
            self.shared.ask_to_close();
            self.waker.wake();
        }
    }

    /// An error unless the modem belongs to this process: a lock that another thread held at the fork is never released
    /// in the child.
    pub fn same_process(&self) -> Result<(), Error> {
        if std::process::id() == self.process {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "{} was opened by process {}; a forked child opens a modem of its own",
            self.url, self.process
        )))
    }
}

/// Adds a line to a log file that began at `origin`.
fn log_line(origin: SystemTime, record: &[u8], text: &mut Vec<u8>) {
    let record = Record::read(record);
    let arrow = if record.sent() { '>' } else { '<' };
    let timestamp = shared::epoch_time(origin, record.since());
    text.extend(format!("{timestamp:.6} {arrow} {}", record.text()).bytes());
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.same_process().is_err() {
            // The other end of the channel is in a thread that does not exist here, and its locks may be held forever.
            return;
        }
        self.close_later();
        // SAFETY: both are dropped only here, and nothing uses them afterwards.
        unsafe {
            ManuallyDrop::drop(&mut self.requests);
            ManuallyDrop::drop(&mut self.thread);
        }
    }
}
