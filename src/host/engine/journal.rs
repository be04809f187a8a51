//! Remarks for the program's log, about all modems of a process, kept until the program writes them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use modemqtt_at::ClientIndex;

use super::inbox::{Inbox, Queue as _, Weigh};
use super::stock::Stock;
use crate::error::Error;

/// How many bytes of remarks are kept until they are taken.
const KEPT: usize = 4 * 1024 * 1024;
/// What a remark weighs, except a line of the wire.
const REMARK: usize = 256;

/// One remark, with the port it is about.
#[derive(Clone, Debug)]
pub struct Remark {
    /// The port as the program named it.
    pub port: Arc<str>,
    /// The remark itself.
    pub news: News,
}

/// What a remark says.
#[derive(Clone, Debug)]
pub enum News {
    /// A connection or the module's state is lost.
    Lost(Error),
    /// A kept session will reconnect after this time; with `None`, once the modem is open again.
    Reconnecting(ClientIndex, Error, Option<Duration>),
    /// A kept session has its connection back: the number of attempts, and how long it was without one.
    Reconnected(ClientIndex, u32, Duration),
    /// A kept session has given up: the reason, and the number of attempts.
    ReconnectFailed(ClientIndex, Error, u32),
    /// The log file of a modem cannot be written: its path, and why.
    Unlogged(PathBuf, String),
    /// Recording has stopped; why, in words.
    Unrecorded(String),
    /// A line of the wire, as a [`crate::trace::Record`].
    Wire(Box<[u8]>),
}

/// The remarks of all modems of a process.
#[derive(Debug)]
pub struct Journal {
    stock: Arc<Stock>,
    remarks: Inbox<Remark>,
}

impl Weigh for Remark {
    fn weight(&self) -> usize {
        match &self.news {
            News::Wire(record) => REMARK + record.len(),
            _ => REMARK,
        }
    }
}

impl Default for Journal {
    fn default() -> Self {
        let stock = Arc::new(Stock::new(KEPT, None));
        Self {
            remarks: Inbox::new(Arc::clone(&stock)),
            stock,
        }
    }
}

impl Journal {
    /// The remarks. They end when the journal does.
    pub fn remarks(&self) -> &Inbox<Remark> {
        &self.remarks
    }

    /// Takes no more remarks.
    pub fn end(&self) {
        self.remarks.end();
    }

    pub(super) fn note(&self, port: &Arc<str>, news: News) {
        let remark = Remark {
            port: Arc::clone(port),
            news,
        };
        self.remarks.push(remark);
        self.remarks.wake();
        while self.stock.beyond() > 0 && self.remarks.evict() {}
    }
}
