//! Signal and registration (3GPP TS 27.007 sections 7.2, 8.5, 10.1.20 and 10.1.22).

use std::ops::RangeInclusive;
use std::time::Duration;

use modemqtt_at::dialect::Dialect;
use modemqtt_os::Moment;

use super::{Course, Inquiry, Move, Turn, lines, numbers, sim};
use crate::call::Reply;
use crate::error::Error;
use crate::limit::Limit;

const SEARCHING: i64 = 2;
const DENIED: i64 = 3;
const UNKNOWN: i64 = 4;
/// The EPS registration. A module that is registered there needs no other.
const EPS: &str = "CEREG";
/// The least time allowed for a question, so that the state is known when the time limit is reached.
const LEAST_FOR_A_QUESTION: Duration = Duration::from_millis(300);
/// The pause between two rounds of questions, unless the module reports a change first.
const BETWEEN: Duration = Duration::from_secs(1);
/// `<rssi>` if the signal is known (3GPP TS 27.007 section 8.5).
const SIGNAL: RangeInclusive<i64> = 0..=31;
/// `<stat>` (3GPP TS 27.007 section 7.2).
const STAT: RangeInclusive<i64> = 0..=11;

/// The strength of the signal in dBm.
pub(super) fn signal(timeout: Option<Duration>) -> Inquiry {
    Inquiry {
        line: |_| "AT+CSQ".into(),
        read: |lines, _| {
            let level = numbers(lines, "+CSQ").map(|[level]: [i64; 1]| level);
            Reply::Number(
                level
                    .filter(|level| SIGNAL.contains(level))
                    .map(|level| 2 * level - 113),
            )
        },
        timeout,
    }
}

/// `<stat>` of the registration that messages depend on.
pub(super) fn stat(timeout: Option<Duration>) -> Inquiry {
    Inquiry {
        line: |dialect| format!("AT+{}?", first_registration(dialect)),
        read: |lines, dialect| Reply::Number(Some(stat_in(lines, first_registration(dialect)))),
        timeout,
    }
}

/// The command that reports the registration that messages depend on.
fn first_registration(dialect: Option<&'static Dialect>) -> &'static str {
    let known = registrations(dialect);
    if known.contains(&EPS) { EPS } else { known[0] }
}

/// The commands that report a registration; at least one.
fn registrations(dialect: Option<&'static Dialect>) -> &'static [&'static str] {
    match dialect.map(|dialect| dialect.registration) {
        None | Some([]) => &[EPS],
        Some(known) => known,
    }
}

fn stat_in(lines: &[String], name: &str) -> i64 {
    let stat = numbers(lines, &format!("+{name}")).map(|[_, stat]: [i64; 2]| stat);
    stat.filter(|stat| STAT.contains(stat)).unwrap_or(UNKNOWN)
}

fn is_registered(stat: i64) -> bool {
    matches!(stat, 1 | 5)
}

/// Waits until the module is registered. Each round asks about whatever is not yet known to be in order: the radio,
/// which is switched on if need be, the SIM card, then the registrations.
#[derive(Debug)]
pub(super) struct WaitRegistered {
    limit: Limit,
    at: Asked,
    radio_on: bool,
    card_ready: bool,
    /// The registrations found in this round.
    stats: Vec<i64>,
}

/// The latest question.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// None: waiting for the next round.
    Rest,
    /// Whether the radio is on.
    Radio,
    /// The command that switches it on.
    SwitchingOn,
    /// The state of the card.
    Card,
    /// The registration at this position in the family's list.
    Registration(usize),
}

impl WaitRegistered {
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            at: Asked::Rest,
            radio_on: false,
            card_ready: false,
            stats: Vec::new(),
        }
    }

    fn ask(&mut self, at: Asked, line: impl Into<String>, now: Moment) -> Move {
        self.at = at;
        Move::command(line, self.limit.left(now).map(|left| left.max(LEAST_FOR_A_QUESTION)))
    }

    /// Asks about the first thing that is not in order.
    fn go_on(&mut self, known: &[&str], now: Moment) -> Move {
        if !self.radio_on {
            return self.ask(Asked::Radio, "AT+CFUN?", now);
        }
        if !self.card_ready {
            return self.ask(Asked::Card, sim::ASK, now);
        }
        self.ask_registration(0, known, now)
    }

    fn ask_registration(&mut self, from: usize, known: &[&str], now: Moment) -> Move {
        let one_will_do = known.contains(&EPS);
        let mut rest = known.iter().enumerate().skip(from);
        match rest.find(|(_, name)| !(one_will_do && **name == "CREG")) {
            Some((at, name)) => self.ask(Asked::Registration(at), format!("AT+{name}?"), now),
            None => self.judge(one_will_do, now),
        }
    }

    /// The outcome of a round. EPS is enough, or GPRS if an LTE module has fallen back to it; a GSM module needs both
    /// of its registrations.
    fn judge(&mut self, one_will_do: bool, now: Moment) -> Move {
        let stats = std::mem::take(&mut self.stats);
        let registered: Vec<_> = stats.iter().copied().filter(|stat| is_registered(*stat)).collect();
        if let Some(stat) = registered.first()
            && (one_will_do || registered.len() == stats.len())
        {
            return Move::End(Ok(Reply::Number(Some(*stat))));
        }
        // A denial is not final while the module searches for another network.
        let decisive = [SEARCHING, DENIED].into_iter().find(|stat| stats.contains(stat));
        let other = stats.into_iter().find(|stat| !is_registered(*stat));
        let stat = decisive.or(other).unwrap_or(UNKNOWN);
        if stat == DENIED {
            return Move::End(Err(Error::Registration {
                reason: "the network denies the registration: state 3".into(),
                stat: Some(stat),
                cause: None,
            }));
        }
        if self.limit.is_over(now) {
            return Move::End(Err(Error::NotRegistered {
                within: self.limit.allowed.unwrap_or_default(),
                stat,
                card_ready: self.card_ready,
            }));
        }
        self.at = Asked::Rest;
        Move::WaitUntil(self.limit.at_most(now + BETWEEN))
    }

    fn answered(&mut self, answer: Result<Reply, Error>, known: &[&str], now: Moment) -> Result<Move, Error> {
        let refused = matches!(answer, Err(Error::Command { .. }));
        match self.at {
            Asked::Rest => Ok(Move::Stay),
            // If the module does not say, its radio is left alone.
            Asked::Radio if refused => {
                self.radio_on = true;
                Ok(self.go_on(known, now))
            }
            Asked::Radio => match numbers(&lines(answer)?, "+CFUN") {
                None | Some([1]) => {
                    self.radio_on = true;
                    Ok(self.go_on(known, now))
                }
                Some([_]) => Ok(self.ask(Asked::SwitchingOn, "AT+CFUN=1", now)),
            },
            Asked::SwitchingOn => {
                answer?;
                self.radio_on = true;
                Ok(self.go_on(known, now))
            }
            Asked::Card => {
                let state = sim::state(answer)?;
                if let Some(state) = state
                    .as_ref()
                    .filter(|state| state.starts_with("SIM P") || state.starts_with("PH-"))
                {
                    return Err(Error::Registration {
                        reason: format!("the SIM card is locked: it waits for {state}; unlock() gives it its PIN"),
                        stat: None,
                        cause: None,
                    });
                }
                self.card_ready = state.as_deref() == Some(sim::READY);
                Ok(self.ask_registration(0, known, now))
            }
            Asked::Registration(at) => {
                // A module without GSM may not know the command for GPRS.
                if !(refused && known[at] != EPS && known.contains(&EPS)) {
                    self.stats.push(stat_in(&lines(answer)?, known[at]));
                }
                Ok(self.ask_registration(at + 1, known, now))
            }
        }
    }
}

impl Course for WaitRegistered {
    fn next(&mut self, turn: Turn, dialect: Option<&'static Dialect>, now: Moment) -> Move {
        let known = registrations(dialect);
        match (turn, self.at) {
            (Turn::Begin | Turn::Due | Turn::Reported, Asked::Rest) => self.go_on(known, now),
            (Turn::Ended(answer), _) => self
                .answered(answer, known, now)
                .unwrap_or_else(|error| Move::End(Err(error))),
            _ => Move::Stay,
        }
    }
}
