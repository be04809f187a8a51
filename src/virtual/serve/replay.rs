//! A recording on a real port: a thin shell round [`Replay`].
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::io;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use modemqtt_os::parts::Position;
use modemqtt_os::{Moment, Mutex, Wake, Waker, Worker, waker};
use modemqtt_recording::{Entry, Header, ReadError, Recording, What};
use rustix::event::{PollFd, PollFlags, poll};

use super::port::{Port, PortReady};
use super::reactor::timespec;
use super::{Options, VirtualError};
use crate::replay::{Difference, Entries, Replay, Source};

/// Bytes on their way to a host that reads slowly; while there are as many nothing is printed.
const MOST_AHEAD: usize = 256 * 1024;

/// How a recording is played.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// The file.
    pub path: PathBuf,
    /// A symbolic link to make to the PTY.
    pub link: Option<PathBuf>,
    /// A TCP address to listen on instead of a PTY.
    pub listen: Option<String>,
    /// How many times as fast as recorded; `None` as fast as the host asks.
    pub speed: Option<f64>,
}

/// Why a recording is not played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The port cannot be made.
    #[error(transparent)]
    Port(#[from] VirtualError),
}

/// How a replay went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the host sent otherwise than recorded, the first of it.
    pub differences: Vec<Difference>,
    /// How many more there were.
    pub dropped: u64,
    /// Why the recording could not be read to its end.
    pub failure: Option<String>,
    /// What the host should send next, with its line in the file; nothing before there was a host.
    pub left: Option<(u64, String)>,
}

/// A recording that is played on a port, with one thread, for as long as this value lives.
#[derive(Debug)]
pub struct ReplayModem {
    port: String,
    header: Header,
    report: Arc<Mutex<Report>>,
    process: u32,
    running: Option<Running>,
}

/// A section of a recording: what begins at that position of a file, and ends with the next mark. Without one, what stands before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The file.
    pub path: PathBuf,
    /// Where it begins.
    pub begins: Option<Position>,
}

/// What the thread is told.
#[derive(Debug)]
enum Order {
    End,
    /// Goes on with a section, or with none, and drops what it is sent.
    Play(Option<Section>, Sender<()>),
}

#[derive(Debug)]
struct Running {
    orders: Sender<Order>,
    waker: Waker,
    thread: Worker,
}

impl ReplayModem {
    /// Reads the recording once, so that damage is found now, opens the port and starts the thread.
    pub fn start(options: &ReplayOptions) -> Result<Self, ReplayError> {
        let header = Recording::check(&options.path)?.header;
        let replay = Replay::new(source(options.path.clone()), options.speed);
        let port = Port::open(&Options {
            link: options.link.clone(),
            listen: options.listen.clone(),
            ..Options::default()
        })?;
        let report = Arc::<Mutex<Report>>::default();
        let (waker, wake) = waker::pair().map_err(VirtualError::Start)?;
        let (orders, due) = unbounded();
        let name = port.name().to_owned();
        let player = Player {
            replay,
            port,
            report: Arc::clone(&report),
            wake,
            due,
            to_host: Vec::new(),
            blocked: false,
        };
        let thread = Worker::spawn("modemqtt-replay", move || player.run()).map_err(VirtualError::Start)?;
        Ok(Self {
            port: name,
            header,
            report,
            process: process::id(),
            running: Some(Running { orders, waker, thread }),
        })
    }

    /// What a host opens.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// What the recording says of itself and of the module.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How it went so far; nothing in a forked child.
    pub fn report(&self) -> Report {
        if self.here().is_some() {
            self.report.lock().clone()
        } else {
            Report::default()
        }
    }

    /// Ends it without waiting.
    pub fn close_later(&self) {
        if let Some(running) = self.here() {
            // One that has ended takes no more.
            let _ = running.orders.send(Order::End);
            running.waker.wake();
        }
    }

    /// Goes on with a section, once what the host has sent is compared. `None` ends the last one: what the host should have sent in it is a
    /// difference, and so is whatever it sends until another begins.
    pub fn play(&self, section: Option<Section>) {
        if let Some(running) = self.here() {
            let (done, is_done) = bounded(0);
            if running.orders.send(Order::Play(section, done)).is_ok() {
                running.waker.wake();
                // The other end is dropped when it is done, or has ended.
                let _ = is_done.recv();
            }
        }
    }

    /// Waits until it has ended, for at most that long; whether it has.
    pub fn wait_closed(&self, at_most: Duration) -> bool {
        self.here().is_none_or(|running| running.thread.wait(at_most))
    }

    fn here(&self) -> Option<&Running> {
        self.running.as_ref().filter(|_| self.process == process::id())
    }
}

impl Drop for ReplayModem {
    fn drop(&mut self) {
        if self.here().is_some() {
            self.close_later();
            while !self.wait_closed(Duration::from_hours(1)) {}
        } else {
            // The thread and its channel are those of another process.
            std::mem::forget(self.running.take());
        }
    }
}

impl Section {
    /// What begins it.
    fn source(self) -> Source {
        Box::new(move || {
            let recording = match self.begins {
                Some(begins) => Recording::open_at(&self.path, begins)?,
                None => Recording::open(&self.path)?,
            };
            let goes_on = |entry: &Result<(Entry, u64), ReadError>| {
                !entry
                    .as_ref()
                    .is_ok_and(|(entry, _)| matches!(entry.what, What::Mark(_)))
            };
            let entries: Entries = Box::new(entries(recording).take_while(goes_on));
            Ok(entries)
        })
    }
}

/// What begins the recording.
fn source(path: PathBuf) -> Source {
    Box::new(move || {
        let entries: Entries = Box::new(entries(Recording::open(&path)?));
        Ok(entries)
    })
}

fn entries(mut recording: Recording) -> impl Iterator<Item = Result<(Entry, u64), ReadError>> {
    std::iter::from_fn(move || recording.next_entry().transpose())
}

/// The thread.
struct Player {
    replay: Replay,
    port: Port,
    report: Arc<Mutex<Report>>,
    wake: Wake,
    due: Receiver<Order>,
    to_host: Vec<u8>,
    blocked: bool,
}

impl Player {
    fn run(mut self) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(ready) = self.sleep() else {
                return; // poll fails for want of kernel memory only; the host then finds the port closed
            };
            self.wake.clear();
            let orders: Vec<_> = self.due.try_iter().collect();
            // What the host sent before an order may have come behind the look at its line.
            if (ready.line || !orders.is_empty()) && self.replay.has_room() {
                let count = self.port.read(&mut buffer);
                if count > 0 {
                    self.replay.receive(&buffer[..count], Moment::now());
                }
            }
            if self.port.attend(ready.door, Moment::now()) {
                self.to_host.clear();
                self.replay.forget_received();
            }
            self.play();
            for order in orders {
                let now = Moment::now();
                let Order::Play(section, done) = order else {
                    return;
                };
                match section {
                    Some(section) => self.replay.play(section.source(), now),
                    None => self.replay.end_section(now),
                }
                self.tell();
                drop(done);
            }
            self.play();
        }
    }

    fn sleep(&self) -> io::Result<PortReady> {
        let now = Moment::now();
        let mut descriptors = vec![PollFd::new(&self.wake, PollFlags::IN)];
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, self.replay.has_room());
        wanted.set(PollFlags::OUT, self.blocked);
        let port = self.port.watch(&mut descriptors, wanted, now);
        let due = self
            .replay
            .next_timeout()
            .filter(|_| !self.blocked && self.port.has_host());
        let due = due.into_iter().chain(self.port.next_timeout(now)).min();
        let timeout = due.map(|due| timespec(due.since(now)));
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(port.ready(&descriptors))
    }

    fn play(&mut self) {
        if !self.port.has_host() {
            return;
        }
        self.replay.begin(Moment::now());
        loop {
            while self.to_host.len() < MOST_AHEAD
                && let Some(bytes) = self.replay.next_print(Moment::now())
            {
                self.to_host.extend(bytes);
            }
            // Whoever has its answer finds the report complete.
            self.tell();
            let count = if self.to_host.is_empty() {
                0
            } else {
                self.port.write(&self.to_host)
            };
            self.blocked = count < self.to_host.len();
            self.to_host.drain(..count);
            if self.blocked || count == 0 {
                break;
            }
        }
    }

    /// Adds what is new to the report.
    fn tell(&mut self) {
        let failure = self.replay.failure().map(ToString::to_string);
        let (differences, dropped) = self.replay.take_differences();
        let left = self.replay.left();
        let mut report = self.report.lock();
        report.left = left;
        report.dropped += dropped;
        for difference in differences {
            if report.differences.len() < crate::replay::MOST {
                report.differences.push(difference);
            } else {
                report.dropped += 1;
            }
        }
        report.failure = report.failure.take().or(failure);
    }
}
