//! The virtual module on a real port, with real brokers: a thin shell round [`Module`].
//!
//! `port` is a PTY, whose `hosts` are seen coming and going, or a TCP port, `network` the sockets of the brokers, `tls` what secures them, `reactor` the thread that moves bytes between them and the
//! module, `log` tells what went over the line.

mod hosts;
mod log;
mod network;
mod port;
mod reactor;
mod replay;
mod secured;

use std::io;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use modemqtt_at::dialect::{self, Model};
use modemqtt_os::{Moment, Waker, Worker, waker};

use crate::fault::{Fault, Injection};
use crate::module::{Module, Parting, Registration, Signal, Sim, Timing, Unmet};
use crate::profile::{self, Profile};
use crate::script::{Expectation, Step};
use log::Log;
use port::Port;
use reactor::{Mail, ModuleReactor};
pub use replay::{ReplayError, ReplayModem, ReplayOptions, Report, Section};

/// How a virtual module is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The model, as on its label and in either case: `M95`.
    pub model: String,
    /// A symbolic link to make to the PTY.
    pub link: Option<PathBuf>,
    /// A TCP address to listen on instead of a PTY; port 0 lets the system choose: `127.0.0.1:0`.
    pub listen: Option<String>,
    /// The baud rate at which bytes pass; `None` lets them pass at once.
    pub baudrate: Option<u32>,
    /// The seed of everything random.
    pub seed: u64,
    /// How long things take.
    pub timing: Timing,
    /// The edition of the note that its firmware follows, by its year; `None` for the one of the dialect.
    pub revision: Option<String>,
    /// A module that was seen, by the name of its [`Profile`](crate::profile::Profile).
    pub as_seen: Option<String>,
    /// What the module does wrong from the start.
    pub faults: Vec<Injection>,
    /// The command lines that it expects from the start.
    pub script: Vec<Expectation>,
    /// A file to which the traffic of the line is appended, secrets masked.
    pub log: Option<PathBuf>,
}

/// Why a virtual module does not start.
#[derive(Debug, thiserror::Error)]
pub enum VirtualError {
    /// No dialect has the model.
    #[error("{0:?} is not a model of the virtual module; the known ones are {known}", known = known_models())]
    UnknownModel(String),
    /// The model's note has no such edition.
    #[error("revision must be {known} for {model}, not {asked:?}")]
    Revision {
        /// The year asked for.
        asked: String,
        /// The model.
        model: &'static str,
        /// The editions that exist.
        known: String,
    },
    /// No module was seen under that name.
    #[error("{0:?} is not a module as seen; the known ones are {known}", known = profile::known())]
    UnknownProfile(String),
    /// The profile is of another model.
    #[error("{profile} was seen of {models}, not of {model}")]
    ForeignProfile {
        /// The profile.
        profile: &'static str,
        /// The models that were seen.
        models: String,
        /// The model asked for.
        model: &'static str,
    },
    /// Nothing passes at 0 baud.
    #[error("the baud rate must not be 0")]
    Baudrate,
    /// A TCP port has no name in the file system.
    #[error("a link can be made to a PTY only, not to the TCP port {0}")]
    LinkToTcp(String),
    /// This is not an address.
    #[error("listen must be HOST:PORT, with a port of 0 to 65535, not {0:?}")]
    Address(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no PTY.
    #[error("cannot open a PTY: {0}")]
    Pty(#[source] io::Error),
    /// Something that is not a link of a former virtual module stands in the way.
    #[error("{} exists and is not a dangling link; it is left as it is", .0.display())]
    LinkTaken(PathBuf),
    /// The link cannot be made.
    #[error("cannot make the link {}: {source}", path.display())]
    Link {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The log cannot be written.
    #[error("cannot write the log {}: {source}", path.display())]
    Log {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no thread or no descriptor left.
    #[error("cannot start the virtual module: {0}")]
    Start(#[source] io::Error),
}

/// A virtual module, with one thread, for as long as this value lives.
///
/// Every call returns when the module's thread has done what it asks for. After [`VirtualModem::close`] calls do nothing; nor do they in
/// a forked child, where the thread does not exist.
#[derive(Debug)]
pub struct VirtualModem {
    model: &'static Model,
    port: String,
    /// The process that started it. A forked child must not touch the channel: a thread that held its lock at the fork does not exist there and
    /// never releases it.
    process: u32,
    running: Option<RunningModule>,
}

#[derive(Debug)]
struct RunningModule {
    mailbox: Mailbox,
    thread: Worker,
}

/// The way to the module's thread, which sleeps in `poll` and looks at the channel only when it is woken.
#[derive(Clone, Debug)]
struct Mailbox {
    messages: Sender<Mail>,
    waker: Waker,
}

impl VirtualModem {
    /// Opens the port and starts the thread.
    pub fn start(options: Options) -> Result<Self, VirtualError> {
        let Some((dialect, model)) = dialect::of_model(&options.model) else {
            return Err(VirtualError::UnknownModel(options.model));
        };
        if options.baudrate == Some(0) {
            return Err(VirtualError::Baudrate);
        }
        let dialect = match &options.revision {
            None => dialect,
            Some(year) => dialect::revision(dialect.name, year).ok_or_else(|| VirtualError::Revision {
                asked: year.clone(),
                model: model.name,
                known: editions(dialect.name),
            })?,
        };
        let seen = options.as_seen.as_deref().map(|name| seen(name, model));
        let mut module = Module::new(dialect, model)
            .with_seed(options.seed)
            .with_timing(options.timing, options.seed)
            .with_clock(since_1970(), Moment::now());
        for fault in seen.transpose()?.into_iter().flat_map(Profile::injections) {
            module.inject(fault);
        }
        for fault in &options.faults {
            module.inject(*fault);
        }
        for expectation in &options.script {
            module.expect(expectation.clone());
        }
        let log = options.log.as_ref().map(|path| {
            Log::open(path, Moment::now()).map_err(|source| VirtualError::Log {
                path: path.clone(),
                source,
            })
        });
        let log = log.transpose()?;
        let port = Port::open(&options)?;
        Ok(Self {
            model,
            port: port.name().to_string(),
            process: process::id(),
            running: Some(RunningModule::start(module, port, log, &options).map_err(VirtualError::Start)?),
        })
    }

    /// What a host opens: the path of the PTY or of the link to it, or `socket://<address>:<port>`.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// The model.
    pub const fn model(&self) -> &'static str {
        self.model.name
    }

    /// Ends the module, its thread and its connections. Further calls do nothing.
    pub fn close(&self) {
        self.close_later();
        while !self.wait_closed(Duration::from_hours(1)) {}
    }

    /// The same without waiting for it.
    pub fn close_later(&self) {
        if let Some(running) = self.here() {
            running.mailbox.send(Mail::Close);
        }
    }

    /// Whether it runs: it was not closed, and belongs to this process.
    pub fn is_open(&self) -> bool {
        self.ask(|_| ()).is_some()
    }

    /// Waits until it is closed, for at most that long; whether it is.
    pub fn wait_closed(&self, at_most: Duration) -> bool {
        self.here().is_none_or(|running| running.thread.wait(at_most))
    }

    /// What runs; `None` in any process but the one that started it.
    fn here(&self) -> Option<&RunningModule> {
        self.running.as_ref().filter(|_| self.process == process::id())
    }

    /// Restarts the module, as a loss of power would.
    pub fn restart(&self) {
        self.call(|module| module.restart(Moment::now()));
    }

    /// Cuts its power: it is silent until it is switched on.
    pub fn power_off(&self, parting: Parting) {
        self.call(move |module| module.power_off(parting, Moment::now()));
    }

    /// Switches it on, if it is off.
    pub fn power_on(&self) {
        self.call(|module| module.power_on(Moment::now()));
    }

    /// See [`Module::power_key`].
    pub fn power_key(&self) {
        self.call(|module| module.power_key(Moment::now()));
    }

    /// See [`Module::urc`].
    pub fn urc(&self, line: Vec<u8>) {
        self.call(move |module| module.urc(&line, Moment::now()));
    }

    /// See [`Module::commands`]; nothing once it is closed.
    pub fn commands(&self) -> Vec<String> {
        self.ask(|module| module.commands()).unwrap_or_default()
    }

    /// Sets how the network treats the module.
    pub fn set_registration(&self, registration: Registration) {
        self.call(move |module| module.set_registration(registration, Moment::now()));
    }

    /// Changes the state of the SIM card.
    pub fn set_sim(&self, sim: Sim) {
        self.call(move |module| module.set_sim(sim, Moment::now()));
    }

    /// Takes the network away, and with it every connection, or gives it back.
    pub fn network(&self, up: bool, parting: Parting) {
        self.call(move |module| module.set_network(up, parting, Moment::now()));
    }

    /// See [`Module::set_signal`].
    pub fn set_signal(&self, signal: Signal) {
        self.call(move |module| module.set_signal(signal));
    }

    /// See [`Module::set_battery`].
    pub fn set_battery(&self, millivolts: u16, charge: u8) {
        self.call(move |module| module.set_battery(millivolts, charge));
    }

    /// See [`Module::set_cell`].
    pub fn set_cell(&self, area: u16, cell: u32) {
        self.call(move |module| module.set_cell(area, cell, Moment::now()));
    }

    /// Misbehaves from now on.
    pub fn inject(&self, fault: impl Into<Injection>) {
        let injection = fault.into();
        self.call(move |module| module.inject(injection));
    }

    /// Ends one fault, or all of them.
    pub fn heal(&self, fault: Option<Fault>) {
        self.call(move |module| module.heal(fault));
    }

    /// The faults that are on; none once it is closed.
    pub fn faults(&self) -> Vec<Injection> {
        self.ask(|module| module.faults()).unwrap_or_default()
    }

    /// See [`Module::expect`]; `None` once it is closed.
    pub fn expect(&self, expectation: Expectation) -> Option<usize> {
        self.ask(move |module| module.expect(expectation))
    }

    /// See [`Module::expect_nothing`].
    pub fn expect_nothing(&self) {
        self.call(Module::expect_nothing);
    }

    /// See [`Module::answer_by`].
    pub fn answer(&self, expectation: usize, steps: Vec<Step>) {
        self.call(move |module| module.answer_by(expectation, steps));
    }

    /// What was expected and has not come, empty if everything has; `None` once it is closed.
    pub fn unmet(&self) -> Option<Result<(), Unmet>> {
        self.ask(|module| module.unmet().map_or(Ok(()), Err))
    }

    fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut Module) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = bounded(1);
        self.call(move |module| {
            // The caller waits.
            let _ = answer.send(question(module));
        });
        answered.try_recv().ok()
    }

    fn call(&self, job: impl FnOnce(&mut Module) + Send + 'static) {
        let Some(running) = self.here() else { return };
        let (done, is_done) = bounded(1);
        running.mailbox.send(Mail::Call(Box::new(job), done));
        // If the module is closed meanwhile, the other end is dropped, which ends the wait too.
        let _ = is_done.recv();
    }
}

impl Drop for VirtualModem {
    fn drop(&mut self) {
        if self.here().is_some() {
            self.close();
        } else {
            // The thread and its channel are those of another process.
            std::mem::forget(self.running.take());
        }
    }
}

impl RunningModule {
    fn start(module: Module, port: Port, log: Option<Log>, options: &Options) -> io::Result<Self> {
        /// How many calls may wait for the thread at the same time; one more waits for a place.
        const CALLS: usize = 256;
        let (messages, inbox) = bounded(CALLS);
        let (waker, wake) = waker::pair()?;
        let mailbox = Mailbox { messages, waker };
        let mut reactor = ModuleReactor::new(module, port, log, options, (mailbox.clone(), inbox, wake));
        let name = format!("modemqtt-virtual-{}", options.model);
        let thread = Worker::spawn(name, move || reactor.run())?;
        Ok(Self { mailbox, thread })
    }
}

impl Mailbox {
    fn send(&self, message: Mail) {
        if self.messages.send(message).is_ok() {
            self.waker.wake();
        }
    }
}

/// The editions of a note, in words.
fn editions(dialect: &str) -> String {
    let years: Vec<_> = dialect::editions(dialect)
        .filter_map(|edition| edition.revision)
        .collect();
    match years.as_slice() {
        [] => "left out".into(),
        years => years.join(" or "),
    }
}

/// The profile with this name, if it is of this model.
fn seen(name: &str, model: &'static Model) -> Result<&'static Profile, VirtualError> {
    let profile = profile::of_name(name).ok_or_else(|| VirtualError::UnknownProfile(name.into()))?;
    if profile.models.contains(&model.name) {
        return Ok(profile);
    }
    Err(VirtualError::ForeignProfile {
        profile: profile.name,
        models: profile.models.join(", "),
        model: model.name,
    })
}

/// The time of this machine, in seconds.
fn since_1970() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or_default())
}

fn known_models() -> String {
    dialect::models()
        .map(|(_, model)| model.name)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn in_another_process_nothing_is_asked_of_a_thread_that_is_not_there() {
        let mut modem = VirtualModem::start(Options {
            model: "M95".into(),
            ..Options::default()
        })
        .unwrap();
        let mut host = OpenOptions::new().read(true).write(true).open(modem.port()).unwrap();
        modem.process += 1; // as a forked child finds it
        modem.restart();
        modem.close();
        drop(modem);
        // The module itself goes on.
        host.write_all(b"AT\r").unwrap();
        let mut answer = [0; 9];
        host.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"AT\r\r\nOK\r\n");
    }
}
