//! A restart, which ends when the module has started and answers again.

use std::time::Duration;

use modemqtt_at::dialect::{Dialect, FixedCommand};
use modemqtt_os::Moment;

use super::{Course, Move, Turn};
use crate::call::{Call, Reply};
use crate::error::Error;
use crate::limit::Limit;

/// After this long without a line the module is asked anyway: some print nothing when they start.
const SILENCE: Duration = Duration::from_secs(10);

/// Restarts the module and finds it again.
#[derive(Debug)]
pub(super) struct Restart {
    limit: Limit,
    at: Restarting,
}

/// Its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restarting {
    /// The command has not ended.
    Command,
    /// The command has not ended, but the module has started. Some restart without an `OK`.
    Started,
    /// Waiting for the start.
    Silence,
    /// Searching for the module.
    Search,
}

impl Restart {
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            at: Restarting::Command,
        }
    }

    fn search(&mut self, call: Call, now: Moment) -> Move {
        self.at = Restarting::Search;
        Move::Make(call, self.limit.left(now))
    }
}

impl Course for Restart {
    fn next(&mut self, turn: Turn, dialect: Option<&'static Dialect>, now: Moment) -> Move {
        match (self.at, turn) {
            (Restarting::Command, Turn::Begin) => {
                let own = dialect
                    .and_then(|dialect| dialect.reboots.first())
                    .map(FixedCommand::line);
                Move::command(own.unwrap_or_else(|| "AT+CFUN=1,1".into()), self.limit.allowed)
            }
            (Restarting::Command, Turn::Restarted) => {
                self.at = Restarting::Started;
                Move::Stay
            }
            (Restarting::Silence, Turn::Restarted) => self.search(Call::SetUp, now),
            (Restarting::Silence, Turn::Due) => self.search(Call::SetUpAnew, now),
            (Restarting::Command, Turn::Ended(Ok(_) | Err(Error::Restarted | Error::PoweredDown))) => {
                self.at = Restarting::Silence;
                Move::WaitUntil(self.limit.at_most(now + SILENCE))
            }
            (Restarting::Started, Turn::Ended(Ok(_) | Err(Error::Restarted | Error::PoweredDown))) => {
                self.search(Call::SetUp, now)
            }
            (Restarting::Search, Turn::Ended(Err(Error::Timeout { .. } | Error::Restarted | Error::PoweredDown)))
                if !self.limit.is_over(now) =>
            {
                self.search(Call::SetUp, now)
            }
            (_, Turn::Ended(result)) => Move::End(result.map(|_| Reply::Done)),
            _ => Move::Stay,
        }
    }
}
