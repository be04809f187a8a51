//! A client's session: connecting, and leaving whatever is open.

use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_at::dialect::Dialect;
use modemqtt_os::Moment;

use super::{Course, Move, Turn};
use crate::call::{Call, Options, Reply, Secret};
use crate::error::Error;

/// What a session is opened with.
#[derive(Clone, Debug)]
pub struct Login {
    /// Name or address of the server.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// Client identifier.
    pub client_id: String,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// The options to configure before the opening, if any.
    pub options: Option<Options>,
    /// The time limit of each step; `None` for the dialect's own.
    pub timeout: Option<Duration>,
}

impl Login {
    /// The call that sets its options.
    fn configure(&self, client: ClientIndex) -> Option<Call> {
        let options = self.options.clone()?;
        Some(Call::Configure { client, options })
    }

    /// The calls that it takes, in order, for a check before the first is made.
    pub(crate) fn calls(&self, client: ClientIndex) -> impl Iterator<Item = Call> {
        self.configure(client)
            .into_iter()
            .chain([self.open(client), self.connect(client)])
    }

    /// The call that opens its network connection.
    fn open(&self, client: ClientIndex) -> Call {
        Call::Open {
            client,
            host: self.host.clone(),
            port: self.port,
        }
    }

    /// The call that sends its MQTT CONNECT.
    fn connect(&self, client: ClientIndex) -> Call {
        Call::connect(
            client,
            self.client_id.clone(),
            self.username.clone(),
            self.password.clone(),
        )
    }
}

/// Configures, opens and connects.
///
/// | [`Entering`] | done | refused or failed |
/// |---|---|---|
/// | `Configure` | `Open` | refused by the module, which may still have another program's connection: `Close` |
/// | `Close` | `ConfigureAgain` | the end |
/// | `ConfigureAgain` | `Open` | the end |
/// | `Open` | `Connect` | `Abandon` |
/// | `Connect` | the end: connected | `Abandon` |
/// | `Abandon` | the end, with the earlier error | the same |
///
/// So an attempt that fails closes what it opened itself, and leaves alone what was open before.
#[derive(Debug)]
pub(super) struct Enter {
    client: ClientIndex,
    login: Login,
    at: Entering,
}

/// What is under way.
#[derive(Clone, Debug)]
enum Entering {
    Begin,
    Configure,
    Close,
    ConfigureAgain,
    Open,
    Connect,
    /// What it opened is being closed because of this error.
    Abandon(Error),
}

impl Enter {
    pub(super) fn new(client: ClientIndex, login: Login) -> Self {
        Self {
            client,
            login,
            at: Entering::Begin,
        }
    }

    fn make(&mut self, at: Entering, call: Call) -> Move {
        self.at = at;
        Move::Make(call, self.login.timeout)
    }

    fn configure_or_open(&mut self, at: Entering) -> Move {
        match self.login.configure(self.client) {
            Some(call) => self.make(at, call),
            None => self.make(Entering::Open, self.login.open(self.client)),
        }
    }

    /// Closes what it opened. The caller waits for that as long as for any other step; the close itself goes on.
    fn abandon(&mut self, error: Error, now: Moment) -> Move {
        self.at = Entering::Abandon(error);
        let client = self.client;
        let until = self.login.timeout.and_then(|timeout| now.checked_add(timeout));
        Move::MakeUntil(Call::CloseBehind { client }, until)
    }
}

impl Course for Enter {
    fn next(&mut self, turn: Turn, _: Option<&'static Dialect>, now: Moment) -> Move {
        let client = self.client;
        match (&self.at, turn) {
            (Entering::Begin, Turn::Begin) => self.configure_or_open(Entering::Configure),
            (Entering::Configure, Turn::Ended(Err(Error::Command { .. }))) => {
                self.make(Entering::Close, Call::close(client))
            }
            (Entering::Abandon(error), Turn::Ended(_) | Turn::Due) => Move::End(Err(error.clone())),
            (Entering::Open | Entering::Connect, Turn::Ended(Err(error))) => self.abandon(error, now),
            (_, Turn::Ended(Err(error))) => Move::End(Err(error)),
            (Entering::Close, Turn::Ended(Ok(_))) => self.configure_or_open(Entering::ConfigureAgain),
            (Entering::Configure | Entering::ConfigureAgain, Turn::Ended(Ok(_))) => {
                self.make(Entering::Open, self.login.open(client))
            }
            (Entering::Open, Turn::Ended(Ok(_))) => self.make(Entering::Connect, self.login.connect(client)),
            (Entering::Connect, Turn::Ended(Ok(_))) => Move::End(Ok(Reply::Done)),
            _ => Move::Stay,
        }
    }
}

/// Disconnects if connected, then closes what is open. A close that must wait for an opening keeps its place in the
/// queue.
#[derive(Debug)]
pub(super) struct Leave {
    client: ClientIndex,
    timeout: Option<Duration>,
    disconnected: bool,
}

impl Leave {
    pub(super) fn new(client: ClientIndex, timeout: Option<Duration>) -> Self {
        Self {
            client,
            timeout,
            disconnected: false,
        }
    }
}

impl Course for Leave {
    fn next(&mut self, turn: Turn, _: Option<&'static Dialect>, _: Moment) -> Move {
        let client = self.client;
        match turn {
            Turn::Begin => Move::MakeIfConnected(client, Call::disconnect(client), self.timeout),
            // However the DISCONNECT ended, close whatever is left.
            Turn::Ended(_) if !self.disconnected => {
                self.disconnected = true;
                Move::Make(Call::CloseBehind { client }, None)
            }
            Turn::Ended(result) => Move::End(result),
            _ => Move::Stay,
        }
    }
}
