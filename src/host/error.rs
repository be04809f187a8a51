//! What can go wrong, one type for the whole host. An error names the command, the code's meaning, and what was
//! expected; the last lines of the wire are added where it leaves the engine.

use std::borrow::Cow;
use std::time::Duration;

use modemqtt_at::codes::{CmeCode, CmsCode, ReturnCode, SUBSCRIPTION_REFUSED, StatCode};
use modemqtt_at::{ClientIndex, Operation};

use crate::port::PortError;
use crate::trace::escaped;

/// Why a call did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The call itself was wrong; nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// The port could not be opened, or was lost.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The module did not answer in time.
    #[error("no {awaited} for {command} within {:.3} s{hint}", waited.as_secs_f64())]
    Timeout {
        /// The command line, secrets masked.
        command: String,
        /// What did not come.
        awaited: &'static str,
        /// For how long it was waited.
        waited: Duration,
        /// What may be wrong, behind a semicolon; empty where nothing is known.
        hint: Cow<'static, str>,
    },
    /// The module refused a command with a final result code.
    #[error("the module refused {command}: {}", refusal.describe(*name))]
    Command {
        /// The command line, secrets masked.
        command: String,
        /// The code.
        refusal: Refusal,
        /// The name of the code in the family.
        name: Option<&'static str>,
    },
    /// The module gave up a data phase in which it had to wait too long.
    #[error("the module gave up waiting for the data of {command}: {report}{hint}")]
    DataGivenUp {
        /// The command line, secrets masked.
        command: String,
        /// What the module printed.
        report: String,
        /// What may help, behind a semicolon; empty where nothing is known.
        hint: Cow<'static, str>,
    },
    /// The module refused what needs a connection, and the client has none.
    #[error("{}", not_connected(*client, command, refusal, *name, *lost))]
    NotConnected {
        /// Whose.
        client: ClientIndex,
        /// The command line, secrets masked.
        command: String,
        /// The code.
        refusal: Refusal,
        /// The name of the code in the family.
        name: Option<&'static str>,
        /// How the last connection was lost, and how long ago; `None` where the client had none.
        lost: Option<(StatCode, Duration)>,
    },
    /// The module carried a command out and reported failure.
    #[error("{operation}{}{} failed: {}", server.as_ref().map_or(String::new(), |server| format!(" to {server}")), if operation.has_client() { format!(" on client {client}") } else { String::new() }, describe(*result, *name, *return_code))]
    Operation {
        /// What failed.
        operation: Operation,
        /// Whose.
        client: ClientIndex,
        /// Host and port of the server, of an opening and a CONNECT.
        server: Option<String>,
        /// `<result>` of the result URC.
        result: i64,
        /// Its name.
        name: Option<&'static str>,
        /// `<ret_code>` of a CONNECT.
        return_code: Option<ReturnCode>,
    },
    /// The server has refused every topic, or the module does not say what it has granted of each.
    #[error("subscribe on client {client} failed: {}", not_granted(*asked, granted))]
    NotGranted {
        /// Whose.
        client: ClientIndex,
        /// How many topics were asked for.
        asked: usize,
        /// What was granted of the first of them; 128 where the server refused.
        granted: Vec<i64>,
    },
    /// The connection of the client is gone.
    #[error("client {client} lost its connection: {code}{}", advice(*code))]
    ConnectionLost {
        /// Whose.
        client: ClientIndex,
        /// Why.
        code: StatCode,
    },
    /// The module has restarted; its sessions and settings are gone.
    #[error("the module restarted; its connections and settings are gone")]
    Restarted,
    /// The module has switched itself off; its sessions and settings are gone.
    #[error("the module has powered down; its connections and settings are gone")]
    PoweredDown,
    /// The module did what its dialect does not allow.
    #[error("expected {expected}, the module printed {line:?}")]
    Protocol {
        /// What was due.
        expected: &'static str,
        /// What came.
        line: String,
    },
    /// The module will not be registered with a network.
    #[error("{reason}")]
    Registration {
        /// Why.
        reason: String,
        /// `<stat>`, where the network denies it.
        stat: Option<i64>,
        /// The refusal that tells so.
        cause: Option<Box<Self>>,
    },
    /// It was not registered in time.
    #[error("not registered with a network within {} s; the last state was {stat}{}", within.as_secs_f64(), if *card_ready { "" } else { "; the SIM card is not ready" })]
    NotRegistered {
        /// The time that it had.
        within: Duration,
        /// The last `<stat>`.
        stat: i64,
        /// Whether the SIM card is ready.
        card_ready: bool,
    },
    /// The program has taken the call back before it was sent.
    #[error("taken back before anything was sent")]
    TakenBack,
    /// The modem was closed by the program.
    #[error("the modem is closed; open() opens it again")]
    Closed,
}

/// A final result code other than `OK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `ERROR`.
    Error,
    /// `+CME ERROR: <number>`.
    Cme(CmeCode),
    /// `+CME ERROR: <text>`.
    CmeText(String),
    /// `+CMS ERROR: <number>`.
    Cms(CmsCode),
    /// `+CMS ERROR: <text>`.
    CmsText(String),
    /// `NO CARRIER`, `BUSY` and their like, of a command that makes a call (V.250 section 6.3), or sends: `SEND FAIL`.
    NoCall(String),
}

impl Refusal {
    /// The number of the code, if it has one.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Cme(code) => Some(code.0),
            Self::Cms(code) => Some(code.0),
            Self::Error | Self::CmeText(_) | Self::CmsText(_) | Self::NoCall(_) => None,
        }
    }

    /// The words that the module itself has printed.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::CmeText(text) | Self::CmsText(text) | Self::NoCall(text) => Some(text),
            Self::Error | Self::Cme(_) | Self::Cms(_) => None,
        }
    }

    /// As an error shows it, with the name of its number.
    pub(crate) fn describe(&self, name: Option<&str>) -> String {
        let code = match self {
            Self::Error => return "ERROR".to_owned(),
            Self::NoCall(words) => return words.clone(),
            Self::Cme(code) => format!("+CME ERROR: {}", code.0),
            Self::CmeText(text) => return format!("+CME ERROR: {}", escaped(text.clone())),
            Self::Cms(code) => format!("+CMS ERROR: {}", code.0),
            Self::CmsText(text) => return format!("+CMS ERROR: {}", escaped(text.clone())),
        };
        format!("{code} ({})", name.unwrap_or("not in the table"))
    }
}

/// What may be done about a loss, behind a semicolon.
fn advice(code: StatCode) -> String {
    code.advice().map_or(String::new(), |advice| format!("; {advice}"))
}

fn not_connected(
    client: ClientIndex,
    command: &str,
    refusal: &Refusal,
    name: Option<&str>,
    lost: Option<(StatCode, Duration)>,
) -> String {
    match lost {
        Some((code, ago)) => format!(
            "client {client} lost its connection {:.1} s ago: {code}{}",
            ago.as_secs_f64(),
            advice(code)
        ),
        None => format!(
            "the module refused {command}: {}; client {client} is not connected; call connect() first",
            refusal.describe(name)
        ),
    }
}

/// The result that stands for what was granted: 128 and its name where the server refused every topic, 0 where the module named too
/// few.
pub fn granted_result(asked: usize, granted: &[i64]) -> (i64, Option<&'static str>) {
    if granted.len() == asked {
        (SUBSCRIPTION_REFUSED, Some("refused by the server"))
    } else {
        (0, None)
    }
}

fn not_granted(asked: usize, granted: &[i64]) -> String {
    let (result, name) = granted_result(asked, granted);
    if name.is_some() {
        return describe(result, name, None);
    }
    let known: Vec<_> = granted.iter().map(ToString::to_string).collect();
    format!(
        "{asked} topics were asked for, and the module names the granted QoS of {}: {}; subscribe to each alone",
        known.len(),
        known.join(", ")
    )
}

/// The one code that says what was wrong: that of the server where it was asked, else that of the module.
fn describe(result: i64, name: Option<&str>, return_code: Option<ReturnCode>) -> String {
    if let Some(code) = return_code.filter(|_| result == 0) {
        return format!("return code {code}");
    }
    name.map_or_else(
        || format!("result {result}"),
        |name| format!("result {result} ({name})"),
    )
}
