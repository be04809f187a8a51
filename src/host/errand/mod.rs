//! Errands: requests that take several calls, each of which depends on the outcome of the one before. Each file has one
//! subject: what is asked, how the answer is read, and when it is asked again.
//!
//! An errand does no I/O and reads no clock. `Course::next` receives the outcome of its last move and returns the next
//! one.

mod capabilities;
mod identity;
mod login;
mod registration;
mod restart;
mod sim;

use std::fmt;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_at::dialect::Dialect;
use modemqtt_os::Moment;

use crate::call::{Call, Reply, Secret};
use crate::error::Error;
use crate::limit::Limit;
pub use capabilities::Values;
pub use login::Login;

/// What a program may ask of a module besides MQTT.
#[derive(Clone, Debug)]
pub enum Errand {
    /// Read maker, model and firmware.
    Identity,
    /// Read the number of the module.
    Imei,
    /// Read the number of the subscriber.
    Imsi,
    /// Read the number of the SIM card.
    Iccid,
    /// Read the signal strength.
    Signal,
    /// Read `<stat>` of the registration.
    Registration,
    /// Wait until the module is registered with a network.
    WaitRegistered,
    /// Give the SIM card its PIN.
    Unlock(Secret),
    /// Restart the module and find it again.
    Restart,
    /// List the values that each option of a client takes.
    Capabilities,
    /// Configure, open and connect a client.
    Enter(ClientIndex, Box<Login>),
    /// Disconnect and close a client, whatever its state.
    Leave(ClientIndex),
}

impl Errand {
    /// The client concerned.
    pub(crate) fn client(&self) -> Option<ClientIndex> {
        match self {
            Self::Enter(client, _) | Self::Leave(client) => Some(*client),
            _ => None,
        }
    }

    /// What an error calls it.
    pub(crate) fn subject(&self) -> &'static str {
        match self {
            Self::Identity => "ATI",
            Self::Imei => "the IMEI",
            Self::Imsi => "the IMSI",
            Self::Iccid => "the ICCID",
            Self::Signal => "AT+CSQ",
            Self::Registration | Self::WaitRegistered => "the registration",
            Self::Unlock(_) => "AT+CPIN",
            Self::Restart => "the restart",
            Self::Capabilities => "AT+QMTCFG",
            Self::Enter(..) => "the session",
            Self::Leave(_) => "the end of the session",
        }
    }

    /// Its course, with this time limit.
    pub(crate) fn course(self, timeout: Option<Duration>, now: Moment) -> Box<dyn Course> {
        let limit = Limit::new(timeout, now);
        match self {
            Self::Identity => Box::new(identity::lines_of_ati(timeout)),
            Self::Imei => Box::new(identity::Number::imei()),
            Self::Imsi => Box::new(identity::Number::imsi()),
            Self::Iccid => Box::new(identity::Iccid::default()),
            Self::Signal => Box::new(registration::signal(timeout)),
            Self::Registration => Box::new(registration::stat(timeout)),
            Self::WaitRegistered => Box::new(registration::WaitRegistered::new(limit)),
            Self::Unlock(pin) => Box::new(sim::Unlock::new(pin, timeout)),
            Self::Restart => Box::new(restart::Restart::new(limit)),
            Self::Capabilities => Box::new(capabilities::capabilities(timeout)),
            Self::Enter(client, login) => Box::new(login::Enter::new(client, *login)),
            Self::Leave(client) => Box::new(login::Leave::new(client, timeout)),
        }
    }
}

/// An errand under way.
pub(crate) trait Course: fmt::Debug + Send {
    /// Decides what comes next.
    fn next(&mut self, turn: Turn, dialect: Option<&'static Dialect>, now: Moment) -> Move;
}

/// What has happened.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The errand begins.
    Begin,
    /// The call that it made has ended.
    Ended(Result<Reply, Error>),
    /// The time that it waited for has come.
    Due,
    /// The module has restarted.
    Restarted,
    /// The module has reported its registration by itself.
    Reported,
}

/// What an errand does next.
#[derive(Debug)]
pub(crate) enum Move {
    /// Makes a call, with this time limit.
    Make(Call, Option<Duration>),
    /// The same if the client is connected; otherwise the call counts as successful.
    MakeIfConnected(ClientIndex, Call, Option<Duration>),
    /// Makes a call and waits for its end, at most until this time if one is given: after [`Turn::Due`] the call goes
    /// on by itself.
    MakeUntil(Call, Option<Moment>),
    /// Waits until this time for [`Turn::Due`], or for an earlier event.
    WaitUntil(Moment),
    /// Ignores what has happened.
    Stay,
    /// Ends. A call that it made goes on.
    End(Result<Reply, Error>),
}

impl Move {
    fn command(line: impl Into<String>, timeout: Option<Duration>) -> Self {
        Self::Make(Call::command(line), timeout)
    }
}

/// One command, and how the lines of its answer are read.
#[derive(Debug)]
struct Inquiry {
    line: fn(Option<&'static Dialect>) -> String,
    read: fn(&[String], Option<&'static Dialect>) -> Reply,
    timeout: Option<Duration>,
}

impl Course for Inquiry {
    fn next(&mut self, turn: Turn, dialect: Option<&'static Dialect>, _: Moment) -> Move {
        match turn {
            Turn::Begin => Move::command((self.line)(dialect), self.timeout),
            Turn::Ended(answer) => Move::End(lines(answer).map(|lines| (self.read)(&lines, dialect))),
            _ => Move::Stay,
        }
    }
}

/// The lines of an answer.
fn lines(answer: Result<Reply, Error>) -> Result<Vec<String>, Error> {
    match answer? {
        Reply::Response { lines } => Ok(lines),
        _ => Ok(Vec::new()),
    }
}

/// The numbers at the beginning of the first line with this name that has enough of them.
fn numbers<const COUNT: usize>(lines: &[String], name: &str) -> Option<[i64; COUNT]> {
    lines.iter().find_map(|line| {
        let values = line.strip_prefix(name)?.strip_prefix(':')?;
        let mut fields = values.split(',');
        let mut found = [0; COUNT];
        for number in &mut found {
            let field = fields.next()?.trim();
            if !field.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            *number = field.parse().ok()?;
        }
        Some(found)
    })
}

fn unreadable(expected: &'static str, lines: &[String]) -> Error {
    Error::Protocol {
        expected,
        line: lines.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_first_line_that_has_as_many() {
        let lines = ["+CREG: 1".to_owned(), "+CREG:2, 5,\"00C3\",\"1A\"".to_owned()];
        assert_eq!(numbers(&lines, "+CREG"), Some([2, 5]));
        assert_eq!(numbers(&lines, "+CREG"), Some([1]));
        assert_eq!(numbers::<2>(&lines, "+CEREG"), None);
        for odd in [
            "",
            "+CREG",
            "+CREG: ",
            "+CREG: a,1",
            "+CREG: 1x,1",
            "+CREG: 1,",
            "+CREG: 1,1.5",
            "+CREG: 1,0x1",
            "+CREG: 1,-1",
            "+CREG: ,1",
        ] {
            assert_eq!(numbers::<2>(&[odd.to_owned()], "+CREG"), None, "{odd}");
        }
    }
}
