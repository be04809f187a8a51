//! The module's thread: it moves bytes between the port, the module and the brokers, and sleeps in `poll` without a timeout unless the
//! module or the line sets one.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use modemqtt_os::{Moment, Wake};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::log::Log;
use super::network::{Made, Network, NotMade, SocketRead};
use super::port::{Port, PortReady};
use super::{Mailbox, Options};
use crate::line::Line;
use crate::module::{
    Action, Cause, ConnectionEvent, ConnectionId, Failure, Module, Parting, PingId, PingReply, Print, Timing,
};

/// Bytes on their way to a host that reads slowly, or does not read at all; beyond them lines are lost.
const TO_HOST: usize = 2 * 1024 * 1024;
/// Of these, what only lines take that come of a connection: more than what is read at once from the brokers comes to.
const CONNECTIONS: usize = 512 * 1024;
/// What other unsolicited lines leave beside that for the answers to commands.
const ANSWERS: usize = 64 * 1024;
/// The room without which the brokers wait, so that neither messages nor answers are lost.
const TO_HEAR_BROKERS: usize = 2 * CONNECTIONS + ANSWERS;
/// Bytes on their way from the host; beyond them the port is not read.
const FROM_HOST: usize = 4096;
const PORT_READ: usize = 16 * 1024;

/// What reaches the thread from others.
pub(super) enum Mail {
    /// Do this, and tell by dropping the sender.
    Call(ModuleJob, Sender<()>),
    /// A connection was made, or not.
    Connected(ConnectionId, Result<Made, NotMade>),
    /// A host has answered, or not.
    Pinged(PingId, Result<PingReply, Failure>),
    /// End.
    Close,
}

pub(super) type ModuleJob = Box<dyn FnOnce(&mut Module) + Send>;

pub(super) struct ModuleReactor {
    module: Module,
    port: Port,
    log: Option<Log>,
    from_host: Line,
    to_host: Line,
    network: Network,
    inbox: Receiver<Mail>,
    wake: Wake,
    buffer: Vec<u8>,
    /// Whether the module is off until a host comes.
    cold: bool,
    /// Whether the host's end took less than there was to write.
    blocked: bool,
}

/// What there is to do once something has happened.
struct ModuleReady {
    wake: bool,
    port: PortReady,
    sockets: Vec<ConnectionId>,
}

impl ModuleReactor {
    pub(super) fn new(
        module: Module,
        port: Port,
        log: Option<Log>,
        options: &Options,
        (mailbox, inbox, wake): (Mailbox, Receiver<Mail>, Wake),
    ) -> Self {
        let mut module = module;
        if options.timing == Timing::Field {
            module.power_off(Parting::Silent, Moment::now());
        }
        Self {
            module,
            port,
            log,
            from_host: Line::new(FROM_HOST, options.baudrate, options.seed, 0),
            to_host: Line::new(TO_HOST, options.baudrate, options.seed, 1),
            network: Network::new(mailbox),
            inbox,
            wake,
            buffer: vec![0; PORT_READ],
            cold: options.timing == Timing::Field,
            blocked: false,
        }
    }

    /// Returns when the module is closed.
    pub(super) fn run(&mut self) {
        self.set_line();
        loop {
            let Ok(ready) = self.wait_for_work() else {
                return; // poll fails for want of kernel memory only; the host then finds the port closed
            };
            let mut done = Vec::new();
            if ready.wake && !self.read_inbox(&mut done) {
                return;
            }
            if ready.port.line {
                self.read_line();
            }
            for connection in ready.sockets {
                self.read_socket(connection);
            }
            if self.port.attend(ready.port.door, Moment::now()) {
                self.to_host.clear();
            }
            self.run_module();
            drop(done);
        }
    }

    fn wait_for_work(&self) -> io::Result<ModuleReady> {
        let now = Moment::now();
        let mut descriptors = vec![PollFd::new(&self.wake, PollFlags::IN)];
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, self.from_host.room() > 0);
        wanted.set(PollFlags::OUT, self.blocked);
        let port = self.port.watch(&mut descriptors, wanted, now);
        let sockets_at = descriptors.len();
        let hears_brokers = self.to_host.room() >= TO_HEAR_BROKERS;
        let sockets = || self.network.sockets().take_while(|_| hears_brokers);
        for (_, socket) in sockets() {
            let mut interest = PollFlags::IN;
            interest.set(PollFlags::OUT, socket.is_writing());
            descriptors.push(PollFd::new(&socket.stream, interest));
        }
        let timeout = self.deadline(now).map(|due| timespec(due.since(now)));
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |at: usize| !descriptors[at].revents().is_empty();
        Ok(ModuleReady {
            wake: is_ready(0),
            port: port.ready(&descriptors),
            sockets: sockets()
                .enumerate()
                .filter(|(at, _)| is_ready(sockets_at + at))
                .map(|(_, (connection, _))| connection)
                .collect(),
        })
    }

    fn deadline(&self, now: Moment) -> Option<Moment> {
        let to_host = self.to_host.next_timeout().filter(|_| !self.blocked);
        let deadlines = [
            self.module.next_timeout(),
            self.from_host.next_timeout(),
            to_host,
            self.port.next_timeout(now),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// `false` when the module is to end. Who called is told when what follows has been written.
    fn read_inbox(&mut self, done: &mut Vec<Sender<()>>) -> bool {
        self.wake.clear();
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Mail::Call(job, caller) => {
                    job(&mut self.module);
                    self.set_line();
                    done.push(caller);
                }
                Mail::Connected(connection, outcome) => {
                    let event = match outcome {
                        Ok(made) => {
                            let open = self.network.insert(connection, made);
                            if !self.module.knows(connection) {
                                self.network.close(connection);
                            }
                            if !open {
                                continue;
                            }
                            ConnectionEvent::Connected
                        }
                        Err(not_made) => {
                            self.tell_not_made(connection, &not_made);
                            continue;
                        }
                    };
                    self.tell(connection, event);
                }
                Mail::Pinged(ping, outcome) => self.module.tell_ping(ping, outcome, Moment::now()),
                Mail::Close => return false,
            }
        }
        true
    }

    /// The line is as good as the faults that are on let it be.
    fn set_line(&mut self) {
        let quality = self.module.line_quality();
        self.from_host.set_quality(quality);
        self.to_host.set_quality(quality);
    }

    fn read_line(&mut self) {
        let room = self.from_host.room().min(self.buffer.len());
        if room == 0 {
            return; // reading nothing would look like the host's end
        }
        let count = self.port.read(&mut self.buffer[..room]);
        let now = Moment::now();
        self.from_host.push(&self.buffer[..count], now);
        if let Some(log) = &mut self.log {
            log.heard(&self.buffer[..count], self.module.takes_data(), now);
        }
    }

    fn read_socket(&mut self, connection: ConnectionId) {
        let event = match self.network.serve(connection, &mut self.buffer) {
            SocketRead::Nothing => return,
            SocketRead::Bytes(bytes) => ConnectionEvent::Data(bytes),
            SocketRead::Plain(bytes) => return self.tell(connection, ConnectionEvent::Data(&bytes)),
            SocketRead::Closed => ConnectionEvent::Closed,
            SocketRead::Established => return self.tell(connection, ConnectionEvent::Connected),
            SocketRead::Unsecured(reason) => return self.tell_not_made(connection, &NotMade::unsecured(&reason)),
        };
        self.module.tell(connection, event, Moment::now());
    }

    /// Tells the module. A connection that it has given up is closed.
    fn tell(&mut self, connection: ConnectionId, event: ConnectionEvent<'_>) {
        if !self.module.tell(connection, event, Moment::now()) {
            self.network.close(connection);
        }
    }

    /// The module has a number for it, the log has the reason.
    fn tell_not_made(&mut self, connection: ConnectionId, not_made: &NotMade) {
        if let Some(log) = &mut self.log {
            log.note(&not_made.reason, Moment::now());
        }
        self.tell(connection, ConnectionEvent::Failed(not_made.failure));
    }

    /// Passes on everything that is due.
    fn run_module(&mut self) {
        let now = Moment::now();
        // One that takes its time is switched on by its first host, which would miss the start otherwise.
        if self.cold && self.port.has_host() {
            self.cold = false;
            self.module.power_on(now);
        }
        loop {
            let bytes = self.from_host.due(now);
            if bytes.is_empty() {
                break;
            }
            let count = bytes.len();
            self.module.receive(bytes, now);
            self.from_host.consume(count, now);
        }
        self.module.tick(now);
        while let Some(action) = self.module.next_action() {
            self.carry_out(action, now);
        }
        self.print(now);
        if let Some(log) = &mut self.log {
            log.lost(self.module.lost_messages(), now);
        }
        self.write_line(now);
    }

    /// Without a host bytes go nowhere, as on a real line. A host that reads slowly loses whole lines: those that come of
    /// nothing first, and those that come of a connection never.
    fn print(&mut self, now: Moment) {
        let has_host = self.port.has_host();
        while let Some(print) = self.module.next_print() {
            let Print { bytes, cause, .. } = &print;
            let spared = match cause {
                Cause::Connection => 0,
                Cause::Command => CONNECTIONS,
                Cause::Nothing => CONNECTIONS + ANSWERS,
            };
            if has_host && bytes.len() + spared <= self.to_host.room() {
                self.to_host.push(bytes, now);
                if let Some(log) = &mut self.log {
                    log.printed(&print, now);
                }
            }
        }
    }

    fn carry_out(&mut self, action: Action, now: Moment) {
        let refused = match action {
            Action::Connect {
                connection,
                host,
                port,
                within,
                security,
            } => (!self.network.connect(connection, host, port, within, security))
                .then_some((connection, ConnectionEvent::Failed(Failure::Unreachable))),
            Action::Ping {
                ping,
                host,
                bytes,
                within,
            } => {
                if !self.network.ping(ping, host, bytes, within) {
                    self.module.tell_ping(ping, Err(Failure::Unreachable), now);
                }
                None
            }
            Action::Send { connection, bytes } => {
                (!self.network.send(connection, &bytes)).then_some((connection, ConnectionEvent::Closed))
            }
            Action::Abandon { connection } => {
                self.network.abandon(connection);
                None
            }
            Action::Close { connection } => {
                self.network.close(connection);
                None
            }
        };
        if let Some((connection, event)) = refused {
            self.module.tell(connection, event, now);
        }
    }

    fn write_line(&mut self, now: Moment) {
        self.blocked = false;
        loop {
            let bytes = self.to_host.due(now);
            if bytes.is_empty() {
                return;
            }
            let count = self.port.write(bytes);
            if count == 0 {
                self.blocked = true;
                return;
            }
            self.to_host.consume(count, now);
        }
    }
}

pub(super) fn timespec(duration: Duration) -> Timespec {
    // Later than any deadline of ours is early enough to look again.
    Timespec::try_from(duration.min(Duration::from_hours(1))).unwrap_or_default()
}
