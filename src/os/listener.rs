//! A listening socket that ends when it is dropped, whoever has copies of its descriptor.
//!
//! An operating-system seam: `docs/windows.md` says what another system offers instead.

use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};

use crate::Kept;

/// A listening socket. It is shut down before it is closed: a forked child that still has a copy would go on listening.
#[derive(Debug)]
pub struct Listener {
    _kept: Kept,
    socket: TcpListener,
}

impl Listener {
    /// Takes a socket that listens.
    pub fn new(socket: TcpListener) -> Self {
        Self {
            _kept: Kept::new(&socket),
            socket,
        }
    }

    /// The socket.
    pub fn socket(&self) -> &TcpListener {
        &self.socket
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Where the system cannot shut a listener down, the child has to let go of it by itself.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_free_once_it_is_dropped_whoever_has_a_copy() {
        let listener = Listener::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.socket().local_addr().unwrap();
        let copy = listener.socket().try_clone().unwrap();
        assert!(TcpListener::bind(address).is_err());
        drop(listener);
        TcpListener::bind(address).unwrap();
        drop(copy);
    }
}
