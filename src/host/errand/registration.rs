//! Signal and registration (3GPP TS 27.007 sections 7.2, 8.5, 10.1.20 and 10.1.22).

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use modemqtt_at::dialect::Dialect;

use super::{Course, Inquiry, Move, Turn, lines, numbers, sim};
use crate::call::Reply;
use crate::error::Error;
use crate::limit::Limit;

const SEARCHING: i64 = 2;
const DENIED: i64 = 3;
const UNKNOWN: i64 = 4;
/// The registration of EPS. A module that has it needs no other.
const EPS: &str = "CEREG";
/// The time that a question has at least, so that the state is known when the time is over.
const LEAST: Duration = Duration::from_millis(300);
/// Between two rounds of questions, unless the module tells of a change before.
const BETWEEN: Duration = Duration::from_secs(1);
/// `<rssi>` where the signal is known (3GPP TS 27.007 section 8.5).
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

/// The commands that report a registration, one at least.
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

/// Waits until the module is registered. Each round asks for what is not known to be in order yet: the radio, which is
/// switched on, the SIM card, then the registrations.
#[derive(Debug)]
pub(super) struct WaitRegistered {
    limit: Limit,
    at: Asked,
    radio_on: bool,
    card_ready: bool,
    /// What the registrations of this round are.
    stats: Vec<i64>,
}

/// What was asked last.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// Nothing: it is waited for the next round.
    Rest,
    /// Whether the radio is on.
    Radio,
    /// To switch it on.
    SwitchingOn,
    /// The state of the card.
    Card,
    /// The registration at that place among those of the family.
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

    fn ask(&mut self, at: Asked, line: impl Into<String>, now: Instant) -> Move {
        self.at = at;
        Move::command(line, self.limit.left(now).map(|left| left.max(LEAST)))
    }

    /// Asks for what comes first and is not in order.
    fn go_on(&mut self, known: &[&str], now: Instant) -> Move {
        if !self.radio_on {
            return self.ask(Asked::Radio, "AT+CFUN?", now);
        }
        if !self.card_ready {
            return self.ask(Asked::Card, sim::ASK, now);
        }
        self.ask_registration(0, known, now)
    }

    fn ask_registration(&mut self, from: usize, known: &[&str], now: Instant) -> Move {
        let one_will_do = known.contains(&EPS);
        let mut rest = known.iter().enumerate().skip(from);
        match rest.find(|(_, name)| !(one_will_do && **name == "CREG")) {
            Some((at, name)) => self.ask(Asked::Registration(at), format!("AT+{name}?"), now),
            None => self.judge(one_will_do, now),
        }
    }

    /// What a round has come to. EPS will do, or GPRS where an LTE module has fallen back to it; a GSM module needs both of
    /// its own.
    fn judge(&mut self, one_will_do: bool, now: Instant) -> Move {
        let stats = std::mem::take(&mut self.stats);
        let registered: Vec<_> = stats.iter().copied().filter(|stat| is_registered(*stat)).collect();
        if let Some(stat) = registered.first()
            && (one_will_do || registered.len() == stats.len())
        {
            return Move::End(Ok(Reply::Number(Some(*stat))));
        }
        // Denied by one network while another is looked for is not the end.
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

    fn answered(&mut self, answer: Result<Reply, Error>, known: &[&str], now: Instant) -> Result<Move, Error> {
        let refused = matches!(answer, Err(Error::Command { .. }));
        match self.at {
            Asked::Rest => Ok(Move::Stay),
            // A module that does not tell is left as it is.
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
                // A module without GSM need not know the command of GPRS.
                if !(refused && known[at] != EPS && known.contains(&EPS)) {
                    self.stats.push(stat_in(&lines(answer)?, known[at]));
                }
                Ok(self.ask_registration(at + 1, known, now))
            }
        }
    }
}

impl Course for WaitRegistered {
    fn next(&mut self, turn: Turn, dialect: Option<&'static Dialect>, now: Instant) -> Move {
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
