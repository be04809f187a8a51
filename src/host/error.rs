//! What can go wrong: one type for the whole host. An error names the command, the meaning of the code, and what was
//! expected; the engine adds the last lines of the wire.

use std::borrow::Cow;
use std::time::Duration;

use modemqtt_at::codes::{CmeCode, CmsCode, OpenResult, ReturnCode, SUBSCRIPTION_REFUSED, StatCode};
use modemqtt_at::{ClientIndex, Operation};

use crate::port::PortError;
use crate::trace::escaped;

/// Why a call failed.
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
        /// What did not arrive.
        awaited: &'static str,
        /// How long the host waited.
        waited: Duration,
        /// The likely cause, after a semicolon; empty if unknown.
        hint: Cow<'static, str>,
    },
    /// The module refused a command with a final result code.
    #[error("the module refused {command}: {}{hint}", refusal.describe(*name))]
    Command {
        /// The command line, secrets masked.
        command: String,
        /// The code.
        refusal: Refusal,
        /// The family's name for the code.
        name: Option<&'static str>,
        /// What is known of the client, and what to do next; may be empty.
        hint: Cow<'static, str>,
    },
    /// The module gave up a data phase after waiting too long.
    #[error("the module gave up waiting for the data of {command}: {report}{hint}")]
    DataGivenUp {
        /// The command line, secrets masked.
        command: String,
        /// What the module printed.
        report: String,
        /// A likely remedy, after a semicolon; empty if unknown.
        hint: Cow<'static, str>,
    },
    /// The module refused a command that needs a connection, and the client has none.
    #[error("{}", not_connected(*client, command, refusal, *name, *lost))]
    NotConnected {
        /// The client.
        client: ClientIndex,
        /// The command line, secrets masked.
        command: String,
        /// The code.
        refusal: Refusal,
        /// The family's name for the code.
        name: Option<&'static str>,
        /// How the last connection was lost, and how long ago; `None` if the client never had one.
        lost: Option<(StatCode, Duration)>,
    },
    /// The module carried out a command and reported failure.
    #[error("{operation}{}{} failed: {}", server.as_ref().map_or(String::new(), |server| format!(" to {server}")), if operation.has_client() { format!(" on client {client}") } else { String::new() }, with_advice(*operation, *result, *name, *return_code))]
    Operation {
        /// The operation that failed.
        operation: Operation,
        /// The client.
        client: ClientIndex,
        /// Host and port of the server, for an opening and a CONNECT.
        server: Option<String>,
        /// `<result>` of the result URC.
        result: i64,
        /// Name of the result.
        name: Option<&'static str>,
        /// `<ret_code>` of a CONNECT.
        return_code: Option<ReturnCode>,
    },
    /// The server refused every topic, or the module does not say what was granted for each.
    #[error("subscribe on client {client} failed: {}", not_granted(*asked, granted))]
    NotGranted {
        /// The client.
        client: ClientIndex,
        /// How many topics were asked for.
        asked: usize,
        /// The QoS granted for the first of them; 128 where the server refused.
        granted: Vec<i64>,
    },
    /// The client lost its connection.
    #[error("client {client} lost its connection: {code}{}", advice(*code))]
    ConnectionLost {
        /// The client.
        client: ClientIndex,
        /// Why.
        code: StatCode,
    },
    /// The module has restarted; its sessions and settings are gone.
    #[error("the module restarted; its connections and settings are gone")]
    Restarted,
    /// The module has switched off; its sessions and settings are gone.
    #[error("the module has powered down; its connections and settings are gone")]
    PoweredDown,
    /// The module did something that its dialect does not allow.
    #[error("expected {expected}; the module printed {line:?}")]
    Protocol {
        /// What was expected.
        expected: &'static str,
        /// What came instead.
        line: String,
    },
    /// The module cannot register with a network.
    #[error("{reason}")]
    Registration {
        /// Why.
        reason: String,
        /// `<stat>`, if the network denies registration.
        stat: Option<i64>,
        /// The refusal that shows it.
        cause: Option<Box<Self>>,
    },
    /// The module did not register in time.
    #[error("not registered with a network within {} s; the last state was {stat}{}", within.as_secs_f64(), if *card_ready { "" } else { "; the SIM card is not ready" })]
    NotRegistered {
        /// The time allowed.
        within: Duration,
        /// The last `<stat>`.
        stat: i64,
        /// Whether the SIM card is ready.
        card_ready: bool,
    },
    /// The program took the call back before it was sent.
    #[error("taken back before anything was sent")]
    TakenBack,
    /// The program has closed the modem.
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
    /// `NO CARRIER`, `BUSY` and the like, for a command that makes a call (V.250 section 6.3) or sends: `SEND FAIL`.
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

    /// The words that the module itself printed.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::CmeText(text) | Self::CmsText(text) | Self::NoCall(text) => Some(text),
            Self::Error | Self::Cme(_) | Self::Cms(_) => None,
        }
    }

    /// The code as an error shows it, with its name.
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

/// What to do about a loss, after a semicolon.
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

/// The result that sums up the QoS granted: 128 and its name if the server refused every topic, 0 if the module named
/// too few.
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

/// What was wrong, and what to do about it.
fn with_advice(operation: Operation, result: i64, name: Option<&str>, return_code: Option<ReturnCode>) -> String {
    let advice = match return_code.filter(|_| result == 0) {
        Some(code) => code.advice(),
        None if operation == Operation::Open => OpenResult(result).advice(),
        None => None,
    };
    let advice = advice.map_or(String::new(), |advice| format!("; {advice}"));
    format!("{}{advice}", describe(result, name, return_code))
}

/// The one code that says what was wrong: the server's if the server was asked, otherwise the module's.
fn describe(result: i64, name: Option<&str>, return_code: Option<ReturnCode>) -> String {
    if let Some(code) = return_code.filter(|_| result == 0) {
        return format!("return code {code}");
    }
    name.map_or_else(
        || format!("result {result}"),
        |name| format!("result {result} ({name})"),
    )
}
