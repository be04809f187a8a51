//! The SIM card: its state, and its PIN (3GPP TS 27.007 section 8.3).

use std::time::Duration;

use modemqtt_at::dialect::Dialect;
use modemqtt_os::Moment;

use super::{Course, Move, Turn, lines};
use crate::call::{Reply, Secret};
use crate::error::Error;

/// The command that asks for the state.
pub(super) const ASK: &str = "AT+CPIN?";
/// The state of a card that wants its PIN.
const PIN: &str = "SIM PIN";
/// The state of a card that wants nothing more.
pub(super) const READY: &str = "READY";

/// How an error says that the card wants its PIN.
const PIN_REQUIRED: &str = "SIM PIN REQUIRED";
/// Faults of the card in words, as errors under `AT+CMEE=2` and some answers to `AT+CPIN?` give them.
const WORDS: [&str; 9] = [
    "SIM NOT INSERTED",
    "NOT INSERTED",
    PIN_REQUIRED,
    "PH-SIM PIN REQUIRED",
    "SIM FAILURE",
    "SIM WRONG",
    "SIM PUK REQUIRED",
    "SIM PIN2 REQUIRED",
    "SIM PUK2 REQUIRED",
];

/// Whether a refusal names a fault of the card, in words or by a code that the family names so. A busy card is not a
/// fault.
pub(super) fn is_about_the_card(error: &Error) -> bool {
    words(error).is_some_and(is_of_the_card)
}

/// The words of a refusal, or the family's name for its code (3GPP TS 27.007 section 9.2); empty if there is none.
fn words(error: &Error) -> Option<&str> {
    match error {
        Error::Command { refusal, name, .. } => Some(refusal.text().or(*name).unwrap_or_default()),
        _ => None,
    }
}

fn is_of_the_card(words: &str) -> bool {
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(words))
}

/// The state of the card: [`READY`], or the code that it wants; `None` while it is busy.
pub(super) fn state(answer: Result<Reply, Error>) -> Result<Option<String>, Error> {
    let useless = |why: &str, cause| Error::Registration {
        reason: format!("there is no network without a SIM card: {why}"),
        stat: None,
        cause,
    };
    let lines = match lines(answer) {
        Ok(lines) => lines,
        Err(error) => {
            let Some(words) = words(&error) else {
                return Err(error);
            };
            if words.eq_ignore_ascii_case(PIN_REQUIRED) {
                return Ok(Some(PIN.into()));
            }
            if is_of_the_card(words) {
                return Err(useless(words, Some(Box::new(error.clone()))));
            }
            return Ok(None);
        }
    };
    let told = lines.iter().find(|line| line.starts_with("+CPIN"));
    let state = told.map_or(READY, |line| line.split_once(':').map_or("", |(_, state)| state.trim()));
    if is_of_the_card(state) {
        return Err(useless(state, None));
    }
    Ok(Some(state.to_owned()))
}

/// Gives the card its PIN, once.
#[derive(Debug)]
pub(super) struct Unlock {
    pin: Secret,
    timeout: Option<Duration>,
    given: bool,
}

impl Unlock {
    pub(super) fn new(pin: Secret, timeout: Option<Duration>) -> Self {
        Self {
            pin,
            timeout,
            given: false,
        }
    }
}

impl Course for Unlock {
    fn next(&mut self, turn: Turn, _: Option<&'static Dialect>, _: Moment) -> Move {
        let pin = &self.pin.0;
        match turn {
            Turn::Begin if !(4..=8).contains(&pin.len()) || !pin.bytes().all(|byte| byte.is_ascii_digit()) => {
                Move::End(Err(Error::Usage("the PIN must be 4 to 8 digits in a str".into())))
            }
            Turn::Begin => Move::command(ASK, self.timeout),
            Turn::Ended(answer) if self.given => Move::End(answer.map(|_| Reply::Done)),
            Turn::Ended(answer) => match state(answer).as_ref().map(Option::as_deref) {
                Ok(Some(PIN)) => {
                    self.given = true;
                    Move::command(format!("AT+CPIN=\"{pin}\""), self.timeout)
                }
                Ok(None | Some(READY)) => Move::End(Ok(Reply::Done)),
                Ok(Some(state)) => Move::End(Err(Error::Registration {
                    reason: format!("the SIM card is locked: it waits for {state}, not for its PIN"),
                    stat: None,
                    cause: None,
                })),
                Err(error) => Move::End(Err(error.clone())),
            },
            _ => Move::Stay,
        }
    }
}
