//! The SIM card: its state, and its PIN (3GPP TS 27.007 section 8.3).

use std::time::{Duration, Instant};

use modemqtt_at::dialect::Dialect;

use super::{Course, Move, Turn, lines};
use crate::call::{Reply, Secret};
use crate::error::Error;

/// The command that asks for the state.
pub(super) const ASK: &str = "AT+CPIN?";
/// What waits for the PIN.
const PIN: &str = "SIM PIN";
/// What wants nothing any more.
pub(super) const READY: &str = "READY";

/// What is wrong with the card, in words: with `AT+CMEE=2`, and where `AT+CPIN?` gives them for a state.
const WORDS: [&str; 9] = [
    "SIM NOT INSERTED",
    "NOT INSERTED",
    "SIM PIN REQUIRED",
    "PH-SIM PIN REQUIRED",
    "SIM FAILURE",
    "SIM WRONG",
    "SIM PUK REQUIRED",
    "SIM PIN2 REQUIRED",
    "SIM PUK2 REQUIRED",
];

/// Whether a code says what is wrong with the card (3GPP TS 27.007 section 9.2), but for 14, busy, which passes. BC35-G/BC28
/// add 300 to each.
pub(super) fn is_about_the_card(code: i64) -> bool {
    matches!(code, 10..=13 | 15..=18 | 310..=313 | 315..=318)
}

/// Code and words of a refusal.
pub(super) fn refusal(error: &Error) -> Option<(Option<i64>, &str)> {
    match error {
        Error::Command { refusal, name, .. } => Some((refusal.code(), refusal.text().or(*name).unwrap_or_default())),
        _ => None,
    }
}

/// The state of the card: [`READY`], or the code that it asks for; `None` while it is busy.
pub(super) fn state(answer: Result<Reply, Error>) -> Result<Option<String>, Error> {
    let useless = |why: &str, cause| Error::Registration {
        reason: format!("there is no network without a SIM card: {why}"),
        stat: None,
        cause,
    };
    let lines = match lines(answer) {
        Ok(lines) => lines,
        Err(error) => {
            let Some((code, words)) = refusal(&error) else {
                return Err(error);
            };
            let upper = words.to_uppercase();
            if matches!(code, Some(11 | 311)) || upper == "SIM PIN REQUIRED" {
                return Ok(Some(PIN.into()));
            }
            if code.is_some_and(is_about_the_card) || WORDS.contains(&&*upper) {
                return Err(useless(words, Some(Box::new(error.clone()))));
            }
            return Ok(None);
        }
    };
    let told = lines.iter().find(|line| line.starts_with("+CPIN"));
    let state = told.map_or(READY, |line| line.split_once(':').map_or("", |(_, state)| state.trim()));
    if WORDS.contains(&&*state.to_uppercase()) {
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
    fn next(&mut self, turn: Turn, _: Option<&'static Dialect>, _: Instant) -> Move {
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
