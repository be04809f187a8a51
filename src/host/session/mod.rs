//! The host's side of the conversation: one command in flight, a queue behind it, operations awaiting their result, and
//! recovery when the module does not answer.
//!
//! Bytes and calls in, bytes and events out; the clock is an argument. There are four kinds of methods: calls from the
//! program ([`Session::submit`]), input from line and clock ([`Session::receive`], [`Session::handle_timeout`]), output
//! ([`Session::poll_transmit`], [`Session::poll_event`], [`Session::poll_wire`]), and the next deadline
//! ([`Session::next_timeout`]). After any input, take all the output.
//!
//! | where to look | for |
//! |---|---|
//! | `presence` | whether the module is there; restarts |
//! | `setup`, `question` | how the module is found; how a late answer is recognised |
//! | `queue` | which call is next, and which may overtake |
//! | `send`, `exchange` | what a step sends; the command in flight, its prompt and its data |
//! | `bytes`, `incoming`, `shown` | bytes and lines in; secrets and their echoes masked |
//! | `answered` | what follows from a final result code |
//! | `results` | what follows from a result URC; its meaning is in the file of the call in `mqtt` |
//! | `urc` | a lost connection, and what ends with it; [`crate::keep`] handles the loss for a kept session |
//! | `time_is_up` | what happens when something does not come in time: a result counts as lost |
//! | `leave`, `given_up` | the way out of a data phase; a data phase that the module gives up |
//! | `standing` | asking the module for the state of a client |
//! | `errands`, `behind`, `buffer`, `upload`, `pauses`, `joined`, `spelling`, `heard` | extras for certain calls or modules |

mod answered;
mod behind;
mod buffer;
mod bytes;
mod errands;
mod exchange;
mod given_up;
mod heard;
mod incoming;
mod joined;
mod leave;
mod pauses;
mod presence;
mod question;
mod queue;
mod results;
mod send;
mod setup;
mod shown;
mod spelling;
mod standing;
mod time_is_up;
mod upload;
mod urc;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use modemqtt_at::dialect::{Dialect, Model};
use modemqtt_at::{ClientIndex, MessageId};
use modemqtt_os::Moment;

use crate::call::{ClientState, Event, Reply};
use crate::error::Error;
use crate::framer::Framer;
use crate::job::{Caller, INTERNAL, Job, Task};
pub use crate::mqtt::Ids;
use crate::mqtt::{Clients, Context, Own};
use crate::timers::{Timer, Timers};
use crate::trace::{Piece, Trace};
use errands::Errands;
pub use errands::check_login;
use exchange::{DataState, Exchange, Waiting};
use heard::Heard;
pub use leave::Search;
use leave::{Leaving, Phase, Suspicion};
use pauses::Pauses;
use presence::Presence;
pub use setup::edition;
use upload::{Uploading, Uploads};

/// The time that the line, drivers and the module's own scheduling may add to any figure in a note.
const TRANSPORT_ALLOWANCE: Duration = Duration::from_secs(2);
/// The slowest line assumed for a payload, in bits per second; behind a terminal server the rate may differ from the
/// port's setting.
const SLOWEST_LINE: u32 = 2400;
/// How long the module may be silent before it is woken ahead of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wake {
    /// As long as the dialect says.
    #[default]
    ByDialect,
    /// This long.
    After(Duration),
    /// The module never sleeps, and is never woken.
    Never,
}

/// The host's side of the conversation.
pub struct Session {
    dialect: Option<&'static Dialect>,
    model: Option<&'static Model>,
    /// Bits per second, to compute how long bytes take on the line.
    baud_rate: u32,
    wake: Wake,
    /// The edition of the note that the module's firmware follows, if the program named one.
    revision: Option<String>,
    search: Search,
    /// The message ids used by an earlier session.
    former_ids: Vec<Ids>,
    /// The bytes that flow control uses and data cannot contain.
    reserved: &'static [u8],
    /// What has arrived during the search for the module.
    heard: Heard,
    /// When the module last answered. Unsolicited reports do not count: they do not show that it can hear.
    answered_at: Option<Moment>,
    /// When it last reported anything about a connection.
    reported_at: Option<Moment>,
    framer: Framer,
    timers: Timers,
    clients: Clients,
    presence: Presence,
    pauses: Pauses,
    /// When the last bytes of an unfinished payload came, and the sum of its pauses so far.
    payload: Option<(Moment, Duration)>,
    /// The bytes held back have been examined without result; they are examined again when more arrive.
    held_in_vain: bool,
    /// The last few secrets sent, which must not be shown if the module gives them back.
    secrets: VecDeque<String>,
    queue: VecDeque<Job>,
    exchange: Option<Exchange>,
    /// The way out of a data phase that the module may be in; meanwhile there is no exchange.
    leaving: Option<Leaving>,
    suspicion: Option<Suspicion>,
    /// How many questions were given up without an answer.
    stale_probes: u8,
    /// The data phase of the last command that had one.
    last_phase: Option<Phase>,
    waiting: Vec<Waiting>,
    errands: Errands,
    /// Messages that the module would not hand out of its buffer: client, slot, and number of requests.
    kept_back: Vec<(ClientIndex, u8, u8)>,
    transmit: Vec<u8>,
    /// Bytes handed over earlier and not yet written are obsolete.
    stale: bool,
    /// The credential being uploaded.
    upload: Option<Uploading>,
    uploads: Uploads,
    events: VecDeque<Event>,
    trace: Trace,
}

/// Leaves the contents out, since they include secrets.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("model", &self.model.map(|model| model.name))
            .field("queue", &self.queue.len())
            .field("in_flight", &self.exchange.as_ref().map(|exchange| &exchange.step.line))
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session with a module whose model is known or, with `None`, is to be asked for.
    pub fn new(model: Option<(&'static Dialect, &'static Model)>, baud_rate: u32) -> Self {
        let mut session = Self {
            dialect: None,
            model: None,
            baud_rate: baud_rate.max(1),
            wake: Wake::default(),
            revision: None,
            search: Search::default(),
            former_ids: Vec::new(),
            reserved: &[],
            heard: Heard::default(),
            answered_at: None,
            reported_at: None,
            framer: Framer::default(),
            timers: Timers::default(),
            clients: Clients::default(),
            presence: Presence::default(),
            pauses: Pauses::default(),
            payload: None,
            held_in_vain: false,
            secrets: VecDeque::new(),
            queue: VecDeque::new(),
            exchange: None,
            leaving: None,
            suspicion: None,
            stale_probes: 0,
            last_phase: None,
            waiting: Vec::new(),
            errands: Errands::default(),
            kept_back: Vec::new(),
            transmit: Vec::new(),
            stale: false,
            upload: None,
            uploads: Uploads::default(),
            events: VecDeque::new(),
            trace: Trace::default(),
        };
        if let Some((dialect, model)) = model {
            session.identify(dialect, model);
        }
        session
    }

    /// Sets when the module is woken.
    pub fn set_wake(&mut self, wake: Wake) {
        self.wake = wake;
    }

    /// Sets the edition of the note that the firmware follows, for a module that is asked for its model. If the family
    /// has no such edition, the set-up fails.
    pub fn set_revision(&mut self, year: Option<String>) {
        self.revision = year;
    }

    /// Sets how far the search for a module goes.
    pub fn set_search(&mut self, search: Search) {
        self.search = search;
    }

    /// Continues after the message ids of an earlier session: the server may have one of those messages half way.
    pub fn go_on_from(&mut self, ids: Vec<Ids>) {
        self.clients.go_on(&ids);
        self.former_ids = ids;
    }

    /// The message ids used, by client index.
    pub fn ids(&self) -> Vec<Ids> {
        if self.dialect.is_some() {
            self.clients.ids()
        } else {
            self.former_ids.clone()
        }
    }

    /// Names the bytes that flow control uses, such as XON and XOFF: they cannot be sent as data.
    pub fn reserve(&mut self, bytes: &'static [u8]) {
        self.reserved = bytes;
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.expired(now) {
            match timer {
                Timer::Quiet => self.flush(now),
                Timer::Prompt => self.prompt_pause_over(now),
                Timer::Gap => self.command_pause_over(now),
                Timer::Ping(client) => self.ask_after_ping(client, now),
                Timer::Fetch => self.fetch_kept_back(now),
                Timer::Exchange => self.exchange_timed_out(now),
                Timer::Leaving => self.leaving_timed_out(now),
                Timer::Outcome(ticket) => self.outcome_timed_out(ticket, now),
                Timer::Caller(ticket) => self.caller_gave_up(ticket, now),
                Timer::Errand(ticket) => self.errand_due(ticket, now),
            }
        }
        self.settle_errands(now);
    }

    /// When [`Session::handle_timeout`] is due next.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.timers.next_timeout()
    }

    /// When bytes held back are taken as they are, unless more come: of all deadlines the one that nearly every read sets.
    pub fn held_until(&self) -> Option<Moment> {
        self.timers.quiet()
    }

    /// When [`Session::handle_timeout`] is due for anything else.
    pub fn next_other_timeout(&self) -> Option<Moment> {
        self.timers.but_quiet()
    }

    /// Whether to discard earlier bytes that a blocked line has not taken: the search for the module has begun again.
    /// Ask this before [`Session::poll_transmit`].
    pub fn poll_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }

    /// The bytes to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if self.upload.is_some() {
            return self.next_piece();
        }
        if self.transmit.is_empty() || self.pauses.held.is_some() {
            None
        } else {
            Some(std::mem::take(&mut self.transmit))
        }
    }

    /// The next event.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next piece of wire traffic.
    #[inline]
    pub fn poll_wire(&mut self) -> Option<Piece<'_>> {
        self.trace.next(self.framer.bytes())
    }

    /// How many bytes from the module are kept until more arrive.
    pub fn buffered(&self) -> usize {
        self.framer.buffered()
    }

    /// How many calls, of the program and of the session, have not ended.
    pub fn unfinished(&self) -> usize {
        let leaving = self.leaving.as_ref().is_some_and(|leaving| leaving.then.is_some());
        self.errands.len() + self.queue.len() + self.waiting.len() + usize::from(self.exchange.is_some() || leaving)
    }

    /// Ends every call with this error, because the port is gone or was closed. Nothing may follow.
    pub fn abandon(&mut self, error: &Error, now: Moment) {
        self.end_everything(error);
        self.abandon_errands(error);
        self.show_rest(now);
    }

    fn identify(&mut self, dialect: &'static Dialect, model: &'static Model) {
        self.dialect = Some(dialect);
        self.model = Some(model);
        self.framer.set_receive(dialect.receive);
        self.clients = Clients::of(dialect);
        self.clients.go_on(&self.former_ids);
        self.events.push_back(Event::Identified(dialect, model));
    }

    fn set_state(&mut self, client: ClientIndex, state: ClientState) {
        if let Some(known) = self.clients.get(client)
            && known.state != state
        {
            if state == ClientState::Connected {
                known.lost = None;
                known.context = Context::Sound;
            }
            known.state = state.clone();
            self.events.push_back(Event::Client(client, state));
        }
    }

    /// Tells the caller how the call ended, once.
    fn end(&mut self, job: &mut Job, result: Result<Reply, Error>) {
        if !job.is_told() {
            job.caller = Caller::Told;
            self.timers.clear(Timer::Caller(job.ticket));
            if job.ticket != INTERNAL {
                self.events.push_back(Event::ended(job.ticket, result));
            }
        }
    }

    /// Gives back what a finished job held.
    fn release(&mut self, job: &Job, started: bool) {
        if let Task::Drain {
            client,
            slot,
            printed: false,
            ..
        } = job.task
            && let Some(known) = self.clients.get(client)
        {
            known.slot_is_free(slot);
        }
        let Some(client) = job.task.client().and_then(|client| self.clients.get(client)) else {
            return;
        };
        if let Some(id) = job.task.message_id()
            && id != MessageId(0)
        {
            if started && job.task.own().is_some_and(Own::may_be_half_way) {
                client.retire_id(id);
            } else {
                client.release_id(id);
            }
        }
        if started && job.task.is_publish() {
            client.in_flight = client.in_flight.saturating_sub(1);
        }
    }

    fn end_everything(&mut self, error: &Error) {
        if self.pauses.held.take().is_some() {
            self.transmit.clear();
        }
        self.timers.clear(Timer::Exchange);
        self.timers.clear(Timer::Leaving);
        self.suspicion = None;
        self.stale_probes = 0;
        let leaving = self.leaving.take().and_then(|leaving| leaving.then);
        let in_flight = self.exchange.take().map(|exchange| exchange.job).or(leaving);
        let waiting = std::mem::take(&mut self.waiting);
        for waiting in &waiting {
            self.timers.clear(Timer::Outcome(waiting.job.ticket));
        }
        let queued = std::mem::take(&mut self.queue);
        let started = waiting.into_iter().map(|waiting| waiting.job).chain(in_flight);
        let jobs: Vec<_> = started
            .map(|job| (job, true))
            .chain(queued.into_iter().map(|job| (job, false)))
            .collect();
        for (mut job, started) in jobs {
            self.end(&mut job, Err(error.clone()));
            self.release(&job, started);
        }
    }

    /// Discards unsent bytes: the module is no longer waiting for them.
    fn discard_unsent(&mut self) {
        self.transmit.clear();
        self.pauses.held = None;
        self.stale = true;
    }

    fn wire_time(&self, bytes: usize) -> Duration {
        wire_time(bytes, self.baud_rate)
    }
}

/// The time that bytes spend on a line of this rate.
fn wire_time(bytes: usize, baud_rate: u32) -> Duration {
    // Start bit, eight data bits, stop bit.
    let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(10);
    Duration::from_nanos(bits.saturating_mul(1_000_000_000) / u64::from(baud_rate))
}
