//! A port, from before it is opened until after it is closed.
//!
//! Opening may take long: a name is looked up, another program holds the port, a module starts. So it has its own
//! thread, which ends when the opening does; once this is closed, nothing stays open.

use std::process;
use std::sync::Arc;
use std::time::Duration;

use modemqtt_os::{Condvar, Moment, Mutex, Worker};

use super::bell::{Bell, Bells};
use super::{Engine, EngineOptions, Journal, Shared};
use crate::call::Call;
use crate::error::Error;
use crate::limit::Limit;
use crate::port::{PortError, PortErrorKind};

/// The time between two attempts.
const REST: Duration = Duration::from_millis(100);
/// The least time allowed for a port: enough to find out what is wrong with a device.
const LEAST_FOR_A_PORT: Duration = Duration::from_millis(100);
/// How long closing waits for a port that is just being opened. A device opens or fails within this time; a host that
/// does not answer is left to its thread.
const STILL_OPENING: Duration = Duration::from_millis(50);

/// Which failures are tried again while there is time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// A port that another program holds.
    Busy,
    /// A missing port, or a module that does not answer yet, too.
    Gone,
}

/// Where an engine reports, even before it contacts its module.
#[derive(Clone, Debug)]
pub struct Reporting {
    /// What the program calls the port.
    pub name: String,
    /// The journal to report to.
    pub journal: Arc<Journal>,
    /// Whether the lines of the wire are reported too.
    pub traced: bool,
}

/// A port that is being opened, is open, or has been closed.
#[derive(Debug)]
pub struct PortOpening {
    work: Arc<Work>,
    /// The process that opens it: its thread does not exist in a forked child, where the lock may be held forever.
    process: u32,
}

#[derive(Debug)]
struct Work {
    url: String,
    options: EngineOptions,
    reporting: Reporting,
    state: Mutex<Attempt>,
    changed: Condvar,
    bells: Bells,
}

#[derive(Debug, Default)]
struct Attempt {
    stage: Reached,
    /// Nobody wants it any more.
    closed: bool,
    limit: Limit,
}

#[derive(Debug, Default)]
enum Reached {
    #[default]
    New,
    /// Waiting for the port itself; holds the failure of the last attempt.
    Opening(Option<Failure>),
    /// Setting up the module.
    SettingUp(Arc<Engine>),
    Failed(Failure),
    Open(Arc<Engine>),
}

/// Why there is no open modem.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The reason.
    pub error: Error,
    /// The wire traffic before that.
    pub shared: Option<Arc<Shared>>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, shared: None }
    }
}

impl PortOpening {
    /// Takes the settings. Opens nothing before `start`.
    pub fn new(url: String, options: EngineOptions, reporting: Reporting) -> Self {
        Self {
            work: Arc::new(Work {
                url,
                options,
                reporting,
                state: Mutex::default(),
                changed: Condvar::new(),
                bells: Bells::default(),
            }),
            process: process::id(),
        }
    }

    /// Begins to open the port and set up the module, unless it was closed before. Without a timeout it makes one
    /// attempt, and the module gets the time limit of the set-up.
    pub fn start(&self, retry: Retry, timeout: Option<Duration>) -> Result<(), Error> {
        self.same_process()?;
        let mut state = self.work.state.lock();
        if state.closed || !matches!(state.stage, Reached::New) {
            return Ok(());
        }
        state.limit = Limit::new(timeout, Moment::now());
        let (work, limit) = (Arc::clone(&self.work), state.limit);
        Worker::spawn("modemqtt-open", move || work.run(retry, limit))
            .map_err(|error| PortError::other(&self.work.url, error))?;
        state.stage = Reached::Opening(None);
        Ok(())
    }

    /// Waits at most this long for the outcome: the open modem, or why there is none.
    pub fn wait(&self, at_most: Duration) -> Option<Result<Arc<Engine>, Failure>> {
        if let Err(error) = self.same_process() {
            return Some(Err(error.into()));
        }
        let mut state = self.work.state.lock();
        if !state.closed && state.stage.is_under_way() {
            self.work.changed.wait_for(&mut state, at_most);
        }
        let late = Moment::now()
            .checked_sub(LEAST_FOR_A_PORT)
            .is_some_and(|then| state.limit.is_over(then));
        match &state.stage {
            _ if state.closed => Some(Err(Error::Closed.into())),
            Reached::New => Some(Err(Error::Closed.into())),
            Reached::Opening(last) if late => {
                let timed_out = || PortError::timed_out(&self.work.url, state.limit.allowed.unwrap_or_default());
                Some(Err(last.clone().unwrap_or_else(|| Error::Port(timed_out()).into())))
            }
            // The set-up keeps to its own time limit.
            Reached::Opening(_) | Reached::SettingUp(_) => None,
            Reached::Failed(failure) => Some(Err(failure.clone())),
            Reached::Open(engine) => Some(Ok(Arc::clone(engine))),
        }
    }

    /// Rings this bell at the end.
    pub fn attend(&self, bell: &Arc<Bell>) {
        if self.same_process().is_ok() {
            self.work.bells.add(bell);
        }
    }

    /// Gives up, without waiting for open things to be closed.
    pub fn close_later(&self) {
        if self.process != process::id() {
            return;
        }
        let mut state = self.work.state.lock();
        state.closed = true;
        self.work.changed.notify_all();
        self.work.bells.ring();
        if let Reached::SettingUp(engine) | Reached::Open(engine) = &state.stage {
            engine.close_later();
        }
    }

    /// Waits at most this long until nothing is open; returns whether that is so. In a forked child there is nothing to
    /// close.
    pub fn wait_closed(&self, since: Moment, at_most: Duration) -> bool {
        if self.process != process::id() {
            return true;
        }
        let mut state = self.work.state.lock();
        if matches!(state.stage, Reached::Opening(_)) {
            self.work.changed.wait_for(&mut state, at_most.min(STILL_OPENING));
        }
        let engine = match &state.stage {
            // If a host does not answer, its thread closes whatever still opens.
            Reached::Opening(_) => return since.elapsed() >= STILL_OPENING,
            Reached::SettingUp(engine) | Reached::Open(engine) => Arc::clone(engine),
            Reached::New | Reached::Failed(_) => return true,
        };
        drop(state);
        let closed = engine.wait_closed(at_most);
        if closed {
            self.work.state.lock().stage = Reached::New;
        }
        closed
    }

    /// Whether it has been closed.
    pub fn is_closed(&self) -> bool {
        self.process != process::id() || self.work.state.lock().closed
    }

    fn same_process(&self) -> Result<(), Error> {
        if self.process == process::id() {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "{} was opened by process {}; a forked child opens a modem of its own",
            self.work.url, self.process
        )))
    }
}

impl Reached {
    fn is_under_way(&self) -> bool {
        matches!(self, Self::Opening(_) | Self::SettingUp(_))
    }
}

impl Work {
    /// The thread. If nobody wants the modem any more, it is closed before anyone is told.
    fn run(&self, retry: Retry, limit: Limit) {
        let outcome = loop {
            let outcome = self.attempt(limit);
            let Err(failure) = &outcome else { break outcome };
            if !retry.is_worth_it(&failure.error) || limit.left(Moment::now()).is_none_or(|left| left.is_zero()) {
                break outcome;
            }
            let mut state = self.state.lock();
            if state.closed {
                break outcome;
            }
            state.stage = Reached::Opening(Some(failure.clone()));
            self.changed.notify_all();
            let rest = limit.left(Moment::now()).unwrap_or_default().min(REST);
            self.changed.wait_for(&mut state, rest);
            if state.closed {
                break Err(Error::Closed.into());
            }
        };
        self.state.lock().stage = outcome.map_or_else(Reached::Failed, Reached::Open);
        self.changed.notify_all();
        self.bells.ring();
    }

    fn attempt(&self, limit: Limit) -> Result<Arc<Engine>, Failure> {
        let engine = Engine::open(&self.url, &self.options).map_err(Error::Port)?;
        let engine = Arc::new(engine);
        let shared = Arc::clone(engine.shared()?);
        let Reporting { name, journal, .. } = &self.reporting;
        shared.report_to(name, Arc::clone(journal), self.options.log.as_deref());
        shared.trace(self.reporting.traced);
        let mut state = self.state.lock();
        let closed = state.closed;
        if !closed {
            state.stage = Reached::SettingUp(Arc::clone(&engine));
        }
        drop(state);
        let outcome = if closed {
            Err(Error::Closed)
        } else {
            set_up(&engine, &shared, limit)
        };
        match outcome {
            Ok(()) => Ok(engine),
            Err(error) => {
                engine.close();
                Err(Failure {
                    error,
                    shared: Some(shared),
                })
            }
        }
    }
}

fn set_up(engine: &Engine, shared: &Shared, limit: Limit) -> Result<(), Error> {
    let pending = engine.submit(Call::SetUp, limit.left(Moment::now()))?;
    loop {
        if pending.wait(|progress| progress.result.is_some(), Duration::from_secs(1)) || shared.end().is_some() {
            let result = pending.progress().result;
            return result.map_or_else(|| Err(shared.end().unwrap_or(Error::Closed)), |result| result.map(drop));
        }
    }
}

impl Retry {
    fn is_worth_it(self, error: &Error) -> bool {
        match (self, error) {
            (_, Error::Port(error)) if error.kind == PortErrorKind::Busy => true,
            (Self::Busy, _) => false,
            (Self::Gone, error) => matches!(
                error,
                Error::Port(_) | Error::Timeout { .. } | Error::Restarted | Error::PoweredDown
            ),
        }
    }
}
