//! The broker as its users hold it: start it, script it, ask it, close it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use crossbeam_channel::Sender;
use modemqtt_os::{Condvar, Moment, Mutex, Waker, Worker, waker};

use super::message::Message;
use super::options::BrokerOptions;
use super::reactor::{BrokerJob, BrokerReactor, Work};
use super::state::{State, StateError};
use super::wire::QoS;

/// Why a broker does not start, or refuses a request.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no thread or no descriptor left.
    #[error("cannot start the broker: {0}")]
    Start(#[source] io::Error),
    /// The broker was closed.
    #[error("the broker is closed")]
    Closed,
    /// The request makes no sense.
    #[error(transparent)]
    Request(#[from] StateError),
}

/// An MQTT broker on 127.0.0.1, with one thread, for as long as this value lives.
///
/// Every call returns when the broker's thread has done what it asks for and has written what followed from it to the sockets, so that
/// a test needs no pauses. In a forked child, where the thread does not exist, the broker counts as closed.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    /// The process that started it. A child of it must not touch the locks: whoever held them at the fork never lets go.
    process: u32,
    running: Option<RunningBroker>,
    /// Whether it listens, and the lock of who changes that.
    listens: Mutex<bool>,
    arrivals: Arc<Arrivals>,
    /// The same moment by both clocks.
    origin: (Moment, SystemTime),
}

/// How many messages have come; whoever waits for one watches it.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    count: Mutex<u64>,
    more: Condvar,
}

impl Arrivals {
    /// The broker's thread calls this when it has no more to do.
    pub(super) fn note(&self, count: u64) {
        let mut noted = self.count.lock();
        if *noted != count {
            *noted = count;
            self.more.notify_all();
        }
    }

    fn count(&self) -> u64 {
        *self.count.lock()
    }

    fn wait_for_more(&self, seen: u64, patience: Duration) {
        let mut count = self.count.lock();
        let deadline = Moment::now() + patience;
        while *count == seen && !self.more.wait_until(&mut count, deadline) {}
    }
}

#[derive(Debug)]
struct RunningBroker {
    /// The way to the thread, which sleeps in `poll` and looks at the channel only when it is woken.
    work: Sender<Work>,
    waker: Waker,
    thread: Worker,
}

impl Broker {
    /// Listens and starts the thread.
    pub fn start(options: BrokerOptions) -> Result<Self, BrokerError> {
        let port = options.port;
        let refused = |source| BrokerError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let arrivals = Arc::new(Arrivals::default());
        let running = RunningBroker::start(listener, State::new(options), &arrivals).map_err(BrokerError::Start)?;
        Ok(Self {
            address,
            process: process::id(),
            running: Some(running),
            listens: Mutex::new(true),
            arrivals,
            origin: (Moment::now(), SystemTime::now()),
        })
    }

    /// Where it listens: always `127.0.0.1`.
    pub const fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// The TCP port it listens on.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Publishes a message as a client would.
    pub fn publish(
        &self,
        topic: impl Into<String>,
        payload: impl Into<Bytes>,
        qos: QoS,
        retain: bool,
    ) -> Result<(), BrokerError> {
        let (topic, payload) = (topic.into(), payload.into());
        self.ask(move |state, _| state.publish(&topic, payload, qos, retain))?
            .map_err(BrokerError::from)
    }

    /// See [`State::messages`].
    pub fn messages(&self) -> Result<Vec<Message>, BrokerError> {
        self.ask(|state, _| state.messages())
    }

    /// The oldest message that matches the filter and that no call has taken. Waits at most this long for one; `None` if none comes.
    pub fn wait(&self, filter: &str, patience: Duration) -> Result<Option<Message>, BrokerError> {
        let claim = || {
            let filter = filter.to_owned();
            self.ask(move |state, _| state.claim(&filter))?
                .map_err(BrokerError::from)
        };
        if self.process != process::id() {
            return Err(BrokerError::Closed);
        }
        let seen = self.arrivals.count();
        if let Some(message) = claim()? {
            return Ok(Some(message));
        }
        self.arrivals.wait_for_more(seen, patience);
        claim()
    }

    /// The time of day at a moment, by the clock as it was set when the broker started.
    pub fn time_of(&self, moment: Moment) -> SystemTime {
        let (instant, time) = self.origin;
        time + moment.since(instant)
    }

    /// See [`State::messages_dropped`].
    pub fn messages_dropped(&self) -> Result<u64, BrokerError> {
        self.ask(|state, _| state.messages_dropped())
    }

    /// See [`State::clients`].
    pub fn clients(&self) -> Result<Vec<String>, BrokerError> {
        self.ask(|state, _| state.clients())
    }

    /// See [`State::refuse`].
    pub fn refuse(&self, return_code: Option<u8>) -> Result<(), BrokerError> {
        self.ask(move |state, _| state.refuse(return_code))?
            .map_err(BrokerError::from)
    }

    /// See [`State::deny`].
    pub fn deny(&self, filter: Option<String>) -> Result<(), BrokerError> {
        self.ask(move |state, _| state.deny(filter.as_deref()))?
            .map_err(BrokerError::from)
    }

    /// See [`State::ignore_connects`].
    pub fn ignore_connects(&self, on: bool) -> Result<(), BrokerError> {
        self.ask(move |state, _| state.ignore_connects(on))
    }

    /// See [`State::withhold_acks`].
    pub fn withhold_acks(&self, on: bool) -> Result<(), BrokerError> {
        self.ask(move |state, _| state.withhold_acks(on))
    }

    /// See [`State::drop_clients`].
    pub fn drop_clients(&self) -> Result<(), BrokerError> {
        self.ask(|state, _| state.drop_clients())
    }

    /// See [`State::mute`].
    pub fn mute(&self, on: bool) -> Result<(), BrokerError> {
        self.ask(move |state, _| state.mute(on))
    }

    /// See [`State::slow`].
    pub fn slow(&self, by: Option<Duration>) -> Result<(), BrokerError> {
        self.ask(move |state, _| state.slow(by))
    }

    /// See [`State::cut`].
    pub fn cut(&self, after: Option<usize>) -> Result<(), BrokerError> {
        self.ask(move |state, _| state.cut(after))
    }

    /// Closes the port and all connections, until [`Broker::resume`]; see [`State::stop`]. Does nothing to a stopped broker, except what `forget` asks for.
    pub fn stop(&self, forget: bool) -> Result<(), BrokerError> {
        self.here()?;
        let mut listens = self.listens.lock();
        self.listen(None)?;
        *listens = false;
        self.ask(move |state, _| state.stop(forget))
    }

    /// Listens again, on the same port. Does nothing if the broker is listening.
    pub fn resume(&self) -> Result<(), BrokerError> {
        self.here()?;
        let mut listens = self.listens.lock();
        if *listens {
            return Ok(());
        }
        let listener = TcpListener::bind(self.address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let port = self.port();
        self.listen(Some(listener.map_err(|source| BrokerError::Listen { port, source })?))?;
        *listens = true;
        Ok(())
    }

    /// Closes all connections and the port, and ends the thread. May be called again.
    pub fn close(&self) {
        self.close_later();
        while !self.wait_closed(Duration::from_hours(1)) {}
    }

    /// The same without waiting for it.
    pub fn close_later(&self) {
        if let Ok(running) = self.here() {
            // A thread that has ended need not be told.
            let _ = running.call(Work::End);
        }
    }

    /// Waits until it is closed, for at most that long. Returns whether it is.
    pub fn wait_closed(&self, at_most: Duration) -> bool {
        self.here().is_ok_and(|running| running.thread.wait(at_most)) || self.here().is_err()
    }

    /// What runs; an error in any process but the one that started it.
    fn here(&self) -> Result<&RunningBroker, BrokerError> {
        let running = self.running.as_ref().filter(|_| self.process == process::id());
        running.ok_or(BrokerError::Closed)
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut State, Moment) -> T + Send + 'static,
    ) -> Result<T, BrokerError> {
        let (reply, answer) = crossbeam_channel::bounded(1);
        let job: BrokerJob = Box::new(move |state, now| {
            let result = question(state, now);
            Box::new(move || {
                let _ = reply.send(result); // nobody may be waiting any more
            })
        });
        self.here()?.call(Work::Ask(job))?;
        answer.recv().map_err(|_| BrokerError::Closed)
    }

    /// Returns when the thread has the listener, or has closed the one it had.
    fn listen(&self, listener: Option<TcpListener>) -> Result<(), BrokerError> {
        let (done, is_done) = crossbeam_channel::bounded(1);
        self.here()?.call(Work::Listen(
            listener,
            Box::new(move || {
                let _ = done.send(()); // nobody may be waiting any more
            }),
        ))?;
        is_done.recv().map_err(|_| BrokerError::Closed)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.here().is_ok() {
            self.close();
        } else {
            // The thread and its channel are those of another process.
            std::mem::forget(self.running.take());
        }
    }
}

impl RunningBroker {
    fn start(listener: TcpListener, state: State, arrivals: &Arc<Arrivals>) -> io::Result<Self> {
        let (waker, wake) = waker::pair()?;
        let (work, inbox) = crossbeam_channel::unbounded();
        let mut reactor = BrokerReactor::new(listener, state, inbox, wake, Arc::clone(arrivals))?;
        let thread = Worker::spawn("modemqtt-broker", move || reactor.run())?;
        Ok(Self { work, waker, thread })
    }

    fn call(&self, work: Work) -> Result<(), BrokerError> {
        self.work.send(work).map_err(|_| BrokerError::Closed)?;
        self.waker.wake();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn in_another_process_nothing_is_asked_of_a_thread_that_is_not_there() {
        let mut broker = Broker::start(BrokerOptions::default()).unwrap();
        let port = broker.port();
        broker.process += 1; // as a forked child finds it
        let locked = broker.listens.lock();
        assert!(matches!(broker.clients(), Err(BrokerError::Closed)));
        assert!(matches!(broker.stop(false), Err(BrokerError::Closed)));
        broker.close();
        drop(locked);
        drop(broker);
        // The broker itself goes on.
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }
}
