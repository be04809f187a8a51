//! Whether a host answers, and how soon: by an ICMP echo (RFC 792) where the system lets a program send one, otherwise by a TCP
//! connection, which a host that is there takes or refuses.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, connect, ipproto, send, socket_with, sockopt};

use crate::{Kept, Moment};

/// Ports on which a host may listen; a refusal is an answer as well.
const PORTS: [u16; 4] = [443, 80, 53, 7];
const HEADER: usize = 8;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingReply {
    /// The time until then.
    pub took: Duration,
    /// Its time to live; this system's own where a TCP connection stood in, because the system does not tell that of its answer.
    pub ttl: u8,
}

/// Asks a host for an echo of `bytes` bytes, and waits for it no longer than `within`; `None` if nothing comes.
pub fn ping(host: Ipv4Addr, bytes: usize, within: Duration) -> Option<PingReply> {
    let due = Moment::now() + within;
    match icmp_socket(host) {
        Ok(socket) => by_icmp(&socket, bytes, due),
        Err(_) => by_tcp(host, due),
    }
}

fn icmp_socket(host: Ipv4Addr) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, Some(ipproto::ICMP))?;
    connect(&socket, &SocketAddr::V4(SocketAddrV4::new(host, 0)))?;
    Ok(socket)
}

/// The system fills in checksum and identifier, and hands over only the answers to this socket.
fn by_icmp(socket: &OwnedFd, bytes: usize, due: Moment) -> Option<PingReply> {
    let _kept = Kept::new(socket);
    report_ttl(socket).ok()?;
    let mut request = vec![0; HEADER + bytes];
    request[0] = ECHO_REQUEST;
    request[7] = 1; // sequence number
    let sent = Moment::now();
    send(socket, &request, SendFlags::empty()).ok()?;
    while wait_for(&[socket.as_fd()], PollFlags::IN, due) {
        match receive(socket) {
            Ok((ECHO_REPLY, ttl)) => {
                let took = sent.elapsed();
                return Some(PingReply { took, ttl });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // The network has answered that the host cannot be reached.
            Err(_) => return None,
        }
    }
    None
}

fn report_ttl(socket: &OwnedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open, and the option is an int that outlives the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_RECVTTL,
            (&raw const on).cast(),
            length,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The type of one message, and its time to live.
fn receive(socket: &OwnedFd) -> io::Result<(u8, u8)> {
    let mut message = [0_u8; 2048];
    let mut control = [0_u64; 16];
    let mut part = libc::iovec {
        iov_base: message.as_mut_ptr().cast(),
        iov_len: message.len(),
    };
    // SAFETY: all zeros are a header without buffers.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control) as _;
    // SAFETY: the descriptor is open, and the header has buffers that outlive the call, with their lengths.
    let count = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    if count < 1 {
        return Err(io::Error::last_os_error());
    }
    let mut ttl = 0;
    // SAFETY: the system has filled in the header, whose control buffer is aligned for it; each step stays inside of what it says is there.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(&raw const header);
        while !at.is_null() {
            if (*at).cmsg_level == libc::IPPROTO_IP && matches!((*at).cmsg_type, libc::IP_TTL | libc::IP_RECVTTL) {
                ttl = libc::CMSG_DATA(at).cast::<libc::c_int>().read_unaligned();
            }
            at = libc::CMSG_NXTHDR(&raw const header, at);
        }
    }
    Ok((message[0], u8::try_from(ttl).unwrap_or_default()))
}

fn by_tcp(host: Ipv4Addr, due: Moment) -> Option<PingReply> {
    let asked = Moment::now();
    let mut waiting = Vec::new();
    for port in PORTS {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).ok()?;
        let kept = Kept::new(&socket);
        match connect(&socket, &SocketAddr::V4(SocketAddrV4::new(host, port))) {
            Err(Errno::INPROGRESS) => waiting.push((kept, socket)),
            Ok(()) | Err(Errno::CONNREFUSED) => return answered(&socket, asked),
            Err(_) => {}
        }
    }
    while !waiting.is_empty() && wait_for(&sockets(&waiting), PollFlags::OUT, due) {
        let mut still = Vec::new();
        for (kept, socket) in waiting {
            match sockopt::socket_error(&socket) {
                Ok(Err(Errno::CONNREFUSED)) => return answered(&socket, asked),
                Ok(Ok(())) if rustix::net::getpeername(&socket).is_ok() => return answered(&socket, asked),
                Ok(Ok(())) => still.push((kept, socket)),
                _ => {}
            }
        }
        waiting = still;
    }
    None
}

fn sockets(waiting: &[(Kept, OwnedFd)]) -> Vec<rustix::fd::BorrowedFd<'_>> {
    waiting.iter().map(|(_, socket)| socket.as_fd()).collect()
}

fn answered(socket: &OwnedFd, asked: Moment) -> Option<PingReply> {
    let took = asked.elapsed();
    let ttl = sockopt::ip_ttl(socket).ok()?;
    Some(PingReply {
        took,
        ttl: u8::try_from(ttl).unwrap_or(u8::MAX),
    })
}

/// Whether one of them is ready before its time is up.
fn wait_for(sockets: &[rustix::fd::BorrowedFd<'_>], wanted: PollFlags, due: Moment) -> bool {
    loop {
        let left = due.since(Moment::now());
        if left.is_zero() {
            return false;
        }
        let mut polled: Vec<_> = sockets.iter().map(|socket| PollFd::new(socket, wanted)).collect();
        match poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_answers_itself_with_the_ttl_of_its_system() {
        let echoed = ping(Ipv4Addr::LOCALHOST, 32, Duration::from_secs(5)).unwrap();
        assert!(echoed.took < Duration::from_secs(5));
        assert_eq!(echoed.ttl, 64);
    }

    #[test]
    fn a_connection_stands_in_for_an_echo() {
        let due = Moment::now() + Duration::from_secs(5);
        assert_eq!(by_tcp(Ipv4Addr::LOCALHOST, due).unwrap().ttl, 64);
    }
}
