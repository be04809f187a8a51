//! The port that a host opens: a PTY, or a TCP port for one host at a time.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::{Options, VirtualError};

/// The module's end of the serial line.
#[derive(Debug)]
pub(super) enum Port {
    Pty(Pty),
    Tcp(Tcp),
}

#[derive(Debug)]
pub(super) struct Pty {
    master: OwnedFd,
    /// Held open so that the master outlives hosts that come and go; without it reading fails while no host is there.
    slave: OwnedFd,
    path: String,
    link: Option<PathBuf>,
    /// Tells when a host closes the slave.
    departures: Option<OwnedFd>,
}

#[derive(Debug)]
pub(super) struct Tcp {
    listener: TcpListener,
    name: String,
    host: Option<TcpStream>,
}

impl Port {
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
        Tcp::listen(address)
            .map(Self::Tcp)
            .map_err(|source| VirtualError::Listen {
                address: address.clone(),
                source,
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

    /// Where bytes come and go; `None` while no host is connected.
    pub(super) fn line(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Pty(pty) => Some(pty.master.as_fd()),
            Self::Tcp(tcp) => tcp.host.as_ref().map(AsFd::as_fd),
        }
    }

    /// Where hosts come, or where their leaving shows.
    pub(super) fn door(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Pty(pty) => pty.departures.as_ref().map(AsFd::as_fd),
            Self::Tcp(tcp) => Some(tcp.listener.as_fd()),
        }
    }

    /// Something happened at the door.
    pub(super) fn attend(&mut self) {
        match self {
            Self::Pty(pty) => pty.clear_exclusive(),
            Self::Tcp(tcp) => tcp.accept(),
        }
    }

    /// Reads what there is, perhaps nothing.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        match self {
            Self::Pty(pty) => rustix::io::read(&pty.master, buffer).unwrap_or(0),
            Self::Tcp(tcp) => tcp.read(buffer),
        }
    }

    /// Writes what finds room, perhaps nothing. Without a host bytes go nowhere, as on a real line.
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
            departures: watch_departures(&path),
            master,
            slave,
            path,
            link: None,
        })
    }

    /// A link that dangles is one of a virtual module that was killed; anything else is somebody's.
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

    /// A host may have locked the PTY with `TIOCEXCL`. The lock ends with the last descriptor of the slave, and ours never closes.
    fn clear_exclusive(&self) {
        let _ = rustix::termios::ioctl_tiocnxcl(&self.slave);
        if let Some(departures) = &self.departures {
            let mut events = [0; 1024];
            while rustix::io::read(departures, &mut events).is_ok_and(|count| count > 0) {}
        }
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

#[cfg(target_os = "linux")]
fn watch_departures(path: &str) -> Option<OwnedFd> {
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
    inotify::add_watch(&watch, path, WatchFlags::CLOSE_WRITE | WatchFlags::CLOSE_NOWRITE).ok()?;
    Some(watch)
}

/// Other systems do not tell; there a host that locks the PTY should unlock it.
#[cfg(not(target_os = "linux"))]
fn watch_departures(_: &str) -> Option<OwnedFd> {
    None
}

impl Tcp {
    fn listen(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let name = format!("socket://{}", listener.local_addr()?);
        Ok(Self {
            listener,
            name,
            host: None,
        })
    }

    /// A second host is turned away at once, as a busy serial port would.
    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.host.is_none() && stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok() {
                self.host = Some(stream);
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let Some(host) = &mut self.host else { return 0 };
        match host.read(buffer) {
            Ok(0) => self.host = None,
            Ok(count) => return count,
            Err(error) if is_temporary(&error) => {}
            Err(_) => self.host = None,
        }
        0
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let Some(host) = &mut self.host else { return bytes.len() };
        match host.write(bytes) {
            Ok(count) => count,
            Err(error) if is_temporary(&error) => 0,
            Err(_) => {
                self.host = None;
                bytes.len()
            }
        }
    }
}

pub(super) fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
