//! The port that a host opens: a PTY, or a TCP port for one host at a time. Neither has control lines (DTR, RTS, CTS, DSR).
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use modemqtt_os::{Kept, Listener, Moment};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};

use super::hosts::Hosts;
use super::{Options, VirtualError};

/// How long the listener is left alone if the system has no descriptor for a host; otherwise `poll` would return at once, again and again.
const REST: Duration = Duration::from_secs(1);

/// The module's end of the serial line.
#[derive(Debug)]
pub(super) enum Port {
    Pty(Pty),
    Tcp(Tcp),
}

#[derive(Debug)]
pub(super) struct Pty {
    /// As long as anybody has a copy of the master, a host does not learn that the module is gone.
    _kept: Kept,
    master: OwnedFd,
    /// Held open so that the master outlives hosts that come and go; without it reading fails while no host is there.
    slave: Option<Slave>,
    path: String,
    link: Option<PathBuf>,
    hosts: Hosts,
    /// Whether bytes have been read since the last look at the hosts.
    heard: bool,
}

#[derive(Debug)]
pub(super) struct Tcp {
    listener: Listener,
    name: String,
    host: Option<Host>,
    /// A host that came while another was there. It waits until the other has been read to its end, or proves to stay.
    newcomer: Option<Host>,
    /// Whether a host has left since the door was attended.
    left: bool,
    rests_until: Option<Moment>,
}

/// The connection of a host. It ends as this is dropped, whoever has copies of its descriptor.
#[derive(Debug)]
struct Host {
    _kept: Kept,
    stream: TcpStream,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both); // the host may have gone
    }
}

/// The hosts' end of the PTY, as the module has it open.
#[derive(Debug)]
struct Slave {
    _kept: Kept,
    device: OwnedFd,
}

impl Slave {
    fn new(device: OwnedFd) -> Self {
        Self {
            _kept: Kept::new(&device),
            device,
        }
    }
}

/// Where the descriptors of a port stand among those of a poll.
pub(super) struct Watched {
    line: Option<usize>,
    door: Option<usize>,
}

/// What a poll has found of a port.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortReady {
    /// The line can be read or written.
    pub(super) line: bool,
    /// A host may have come or gone.
    pub(super) door: bool,
}

impl Watched {
    /// What the poll has found.
    pub(super) fn ready(&self, descriptors: &[PollFd<'_>]) -> PortReady {
        let is_ready = |at: usize| !descriptors[at].revents().is_empty();
        PortReady {
            line: self.line.is_some_and(is_ready),
            door: self.door.is_some_and(is_ready),
        }
    }
}

impl Port {
    /// Adds its descriptors to those of a poll: the line, with the events that are wanted, and the door.
    pub(super) fn watch<'port>(
        &'port self,
        descriptors: &mut Vec<PollFd<'port>>,
        wanted: PollFlags,
        now: Moment,
    ) -> Watched {
        let mut add = |fd: BorrowedFd<'port>, wanted| {
            descriptors.push(PollFd::from_borrowed_fd(fd, wanted));
            descriptors.len() - 1
        };
        Watched {
            line: self.line().map(|line| add(line, wanted)),
            door: self.door(now).map(|door| add(door, PollFlags::IN)),
        }
    }

    pub(super) fn open(options: &Options) -> Result<Self, VirtualError> {
        let Some(address) = &options.listen else {
            let mut pty = Pty::open().map_err(VirtualError::Pty)?;
            if let Some(link) = &options.link {
                pty.link(link)?;
            }
            return Ok(Self::Pty(pty));
        };
        if options.link.is_some() {
            return Err(VirtualError::LinkToTcp(address.clone()));
        }
        Tcp::listen(address.strip_prefix("tcp:").unwrap_or(address))
            .map(Self::Tcp)
            .map_err(|source| match source.kind() {
                ErrorKind::InvalidInput => VirtualError::Address(address.clone()),
                _ => VirtualError::Listen {
                    address: address.clone(),
                    source,
                },
            })
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Pty(Pty {
                link: Some(link), path, ..
            }) => link.to_str().unwrap_or(path),
            Self::Pty(pty) => &pty.path,
            Self::Tcp(tcp) => &tcp.name,
        }
    }

    /// The descriptor that bytes come and go by; `None` while no host is connected.
    pub(super) fn line(&self) -> Option<BorrowedFd<'_>> {
        match self {
            // Without a slave the master would be ready for ever, to say that it has hung up.
            Self::Pty(pty) => pty.slave.as_ref().map(|_| pty.master.as_fd()),
            Self::Tcp(tcp) => tcp.host.as_ref().map(|host| host.stream.as_fd()),
        }
    }

    /// The descriptor at which hosts come, or which shows that they come and go.
    pub(super) fn door(&self, now: Moment) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Pty(pty) => pty.hosts.descriptor(),
            Self::Tcp(tcp) if tcp.newcomer.is_some() => None,
            Self::Tcp(tcp) => tcp
                .rests_until
                .is_none_or(|until| until <= now)
                .then(|| tcp.listener.as_fd()),
        }
    }

    /// When to watch the door again.
    pub(super) fn next_timeout(&self, now: Moment) -> Option<Moment> {
        match self {
            Self::Pty(pty) => pty
                .slave
                .is_none()
                .then(|| now + REST)
                .into_iter()
                .chain(pty.hosts.next_look())
                .min(),
            Self::Tcp(tcp) => tcp.rests_until.filter(|until| *until > now),
        }
    }

    /// Lets hosts in and out. Returns `true` if the host is gone for which the bytes on their way were meant.
    ///
    /// Call it between reading and printing, even if nothing happened at the door while `poll` slept: then the host whose
    /// bytes were read is known to be there, and the answer reaches it.
    pub(super) fn attend(&mut self, door: bool, now: Moment) -> bool {
        match self {
            Self::Pty(pty) => pty.attend(now),
            Self::Tcp(tcp) => {
                if door {
                    tcp.accept(now);
                }
                tcp.seat_newcomer();
                std::mem::take(&mut tcp.left)
            }
        }
    }

    /// Whether a host is there, as far as the system tells.
    pub(super) fn has_host(&self) -> bool {
        match self {
            Self::Pty(pty) => pty.hosts.are_there(),
            Self::Tcp(tcp) => tcp.host.is_some(),
        }
    }

    /// Reads what has come, perhaps nothing.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        match self {
            Self::Pty(pty) => pty.read(buffer),
            Self::Tcp(tcp) => tcp.read(buffer),
        }
    }

    /// Writes as much as there is room for, perhaps nothing. A host must be there.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Pty(pty) => rustix::io::write(&pty.master, bytes).unwrap_or(0),
            Self::Tcp(tcp) => tcp.write(bytes),
        }
    }
}

impl Pty {
    fn open() -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        #[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "netbsd"))]
        let flags = flags | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = ptsname(&master, Vec::new())?;
        let slave = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let mut attributes = tcgetattr(&slave)?;
        attributes.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &attributes)?;
        let path = path
            .into_string()
            .map_err(|_| io::Error::other("the PTY's name is not UTF-8"))?;
        Ok(Self {
            _kept: Kept::new(&master),
            hosts: Hosts::new(&path),
            heard: false,
            master,
            slave: Some(Slave::new(slave)),
            path,
            link: None,
        })
    }

    /// A dangling link is left from a virtual module that was killed; anything else belongs to somebody.
    fn link(&mut self, link: &Path) -> Result<(), VirtualError> {
        let failed = |source| VirtualError::Link {
            path: link.to_path_buf(),
            source,
        };
        if link.symlink_metadata().is_ok() {
            let target = fs::read_link(link).map_err(|_| VirtualError::LinkTaken(link.to_path_buf()))?;
            if target != Path::new(&self.path) && link.exists() {
                return Err(VirtualError::LinkTaken(link.to_path_buf()));
            }
            fs::remove_file(link).map_err(failed)?;
        }
        std::os::unix::fs::symlink(&self.path, link).map_err(failed)?;
        self.link = Some(link.to_path_buf());
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let count = rustix::io::read(&self.master, buffer).unwrap_or(0);
        self.heard |= count > 0;
        count
    }

    fn attend(&mut self, now: Moment) -> bool {
        if self.slave.is_none() {
            self.reopen();
        }
        let somebody_left = self.hosts.look(std::mem::take(&mut self.heard));
        let deserted = (somebody_left || self.hosts.is_look_due(now)) && self.unlock();
        self.hosts.plan_look(somebody_left, now);
        if deserted && let Some(slave) = &self.slave {
            // This drops what the module has printed and nobody has read. What a host wrote before it left still counts, and the next one may have written
            // as well, so that the other queue stays.
            let _ = tcflush(&slave.device, QueueSelector::IFlush);
        }
        deserted && somebody_left
    }

    /// Ends the exclusive use that a host has asked for with `TIOCEXCL` if no host is left, and tells whether none is. It would end with the
    /// last descriptor of the slave, but ours stays open.
    ///
    /// Events are no proof. A hang-up of the master is: it comes when no slave is open. To see it, our slave is closed
    /// for a moment, during which the PTY is not locked; if a host has the PTY open, it is locked again afterwards.
    fn unlock(&mut self) -> bool {
        /// If a host comes or goes in that moment, this looks again, but not for ever.
        const LOOKS: usize = 8;
        let mut deserted = false;
        for _ in 0..LOOKS {
            let Some(slave) = self.slave.take() else { break };
            let was_locked = is_locked(&slave.device);
            let _ = rustix::termios::ioctl_tiocnxcl(&slave.device);
            drop(slave);
            self.hosts.forget();
            deserted = self.is_deserted();
            self.reopen();
            if let Some(slave) = self.slave.as_ref().filter(|_| was_locked && !deserted) {
                let _ = rustix::termios::ioctl_tiocexcl(&slave.device);
            }
            if !self.hosts.look_again(deserted) {
                break;
            }
        }
        deserted
    }

    /// Whether no host has the slave open. Ours must be closed.
    fn is_deserted(&self) -> bool {
        let mut master = [PollFd::new(&self.master, PollFlags::empty())];
        poll(&mut master, Some(&Timespec::default())).is_ok() && master[0].revents().contains(PollFlags::HUP)
    }

    fn reopen(&mut self) {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        self.slave = rustix::fs::open(&self.path, flags, Mode::empty()).ok().map(Slave::new);
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let Some(link) = &self.link else { return };
        if fs::read_link(link).is_ok_and(|target| target == Path::new(&self.path)) {
            // It is nobody's loss if it cannot be removed: it dangles and is replaced by the next one.
            let _ = fs::remove_file(link);
        }
    }
}

impl Tcp {
    fn listen(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let name = format!("socket://{}", listener.local_addr()?);
        Ok(Self {
            listener: Listener::new(listener),
            name,
            host: None,
            newcomer: None,
            left: false,
            rests_until: None,
        })
    }

    /// A host that comes while another is there waits for what becomes of that.
    fn accept(&mut self, now: Moment) {
        self.rests_until = None;
        // Further ones wait in the queue of the system.
        while self.newcomer.is_none() {
            match self.listener.socket().accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        self.rests_until = Some(now + REST);
                        return;
                    }
                },
            }
        }
    }

    fn admit(&mut self, stream: TcpStream) {
        let is_usable = stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok();
        // A host that vanishes without a word must not keep the port for ever.
        if is_usable && keep_alive(&stream).is_ok() {
            let place = if self.host.is_none() {
                &mut self.host
            } else {
                &mut self.newcomer
            };
            place.get_or_insert(Host {
                _kept: Kept::new(&stream),
                stream,
            });
        }
    }

    /// Turns the newcomer away, as a busy serial port would, unless the present host has closed; a program may write, close and connect
    /// again at once. What it wrote is read first.
    fn seat_newcomer(&mut self) {
        if self.newcomer.is_none() {
            return;
        }
        let mut next = [0];
        match self.host.as_ref().map(|host| host.stream.peek(&mut next)) {
            Some(Ok(1..)) => return,
            Some(Err(error)) if is_temporary(&error) => self.newcomer = None,
            Some(Ok(0) | Err(_)) => self.lose(),
            None => {}
        }
        if self.host.is_none() {
            self.host = self.newcomer.take();
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let Some(host) = &mut self.host else { return 0 };
        match host.stream.read(buffer) {
            Ok(0) => self.lose(),
            Ok(count) => return count,
            Err(error) if is_temporary(&error) => {}
            Err(_) => self.lose(),
        }
        0
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let Some(host) = &mut self.host else { return bytes.len() };
        match host.stream.write(bytes) {
            Ok(count) => count,
            Err(error) if is_temporary(&error) => 0,
            Err(_) => {
                self.lose();
                bytes.len()
            }
        }
    }

    fn lose(&mut self) {
        self.host = None;
        self.left = true;
    }
}

/// Asks a silent host whether it is there, after half a minute and then three times, 10 s apart.
fn keep_alive(stream: &TcpStream) -> rustix::io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(stream, true)?;
    #[cfg(target_os = "linux")]
    {
        sockopt::set_tcp_keepidle(stream, Duration::from_secs(30))?;
        sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10))?;
        sockopt::set_tcp_keepcnt(stream, 3)?;
    }
    Ok(())
}

/// Whether a host has asked for exclusive use.
#[cfg(target_os = "linux")]
fn is_locked(slave: &OwnedFd) -> bool {
    use rustix::ioctl::{Getter, ioctl};
    const TIOCGEXCL: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<std::ffi::c_int>(b'T', 0x40);
    // SAFETY: it writes one int (tty_ioctl(2), `ioctl_tty`).
    unsafe { ioctl(slave, Getter::<TIOCGEXCL, std::ffi::c_int>::new()) }.is_ok_and(|locked| locked != 0)
}

/// The system does not tell.
#[cfg(not(target_os = "linux"))]
const fn is_locked(_: &OwnedFd) -> bool {
    false
}

pub(super) fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
