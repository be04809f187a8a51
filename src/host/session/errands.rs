//! Errands under way: their calls, whose ends are reported to the errand instead of the program, and their waits.

use std::collections::BTreeMap;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_at::dialect::Dialect;
use modemqtt_os::Moment;

use super::Session;
use crate::call::{ClientState, Event, Reply, Submission, Ticket};
use crate::errand::{Course, Errand, Login, Move, Turn};
use crate::error::Error;
use crate::mqtt::{Clients, plan};
use crate::timers::Timer;

/// Marks the ticket of a call made by an errand, and so tells it from the errand's own. The next higher bit marks calls
/// of a kept session.
const OF_AN_ERRAND: u64 = 1 << 62;

/// The errands under way.
#[derive(Debug, Default)]
pub(super) struct Errands {
    under_way: BTreeMap<Ticket, UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    /// `None` once the errand has ended and only its call is still under way.
    course: Option<Box<dyn Course>>,
    /// Whether it has a call under way.
    calls: bool,
}

impl Errands {
    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }
}

impl Session {
    /// Takes a call or an errand. It always ends with [`Event::Ended`]: by its result, at the dialect's maximum
    /// response time, or after `timeout` if that is shorter.
    pub fn submit(
        &mut self,
        ticket: Ticket,
        submission: impl Into<Submission>,
        timeout: Option<Duration>,
        now: Moment,
    ) {
        match submission.into() {
            Submission::Errand(errand) => self.run_errand(ticket, errand, timeout, now),
            Submission::Call(call) => self.take(ticket, call, timeout, now),
        }
        self.settle_errands(now);
    }

    fn run_errand(&mut self, ticket: Ticket, errand: Errand, timeout: Option<Duration>, now: Moment) {
        if let (Errand::Enter(client, login), Some(dialect)) = (&errand, self.dialect)
            && let Err(error) = check_login(*client, login, dialect)
        {
            return self.events.push_back(Event::ended(ticket, Err(error)));
        }
        let course = Some(errand.course(timeout, now));
        let under_way = UnderWay { course, calls: false };
        self.errands.under_way.insert(ticket, under_way);
        self.advance(ticket, Turn::Begin, now);
    }

    /// Tells errands how their calls ended, until nothing more follows.
    #[inline]
    pub(super) fn settle_errands(&mut self, now: Moment) {
        if !self.errands.under_way.is_empty() {
            self.settle_those_under_way(now);
        }
    }

    fn settle_those_under_way(&mut self, now: Moment) {
        let restarted = self.events.iter().any(|event| matches!(event, Event::Restarted));
        let reported = self.events.iter().any(|event| self.is_about_registration(event));
        for ticket in self.errands.under_way.keys().copied().collect::<Vec<_>>() {
            if restarted {
                self.advance(ticket, Turn::Restarted, now);
            }
            if reported {
                self.advance(ticket, Turn::Reported, now);
            }
        }
        while let Some((at, ticket)) = self.events.iter().enumerate().find_map(|(at, event)| match event {
            Event::Started(ticket, _) | Event::Ended(ticket, _) | Event::Uploading(ticket, ..) => {
                Some((at, maker(*ticket)?))
            }
            _ => None,
        }) {
            let goes_on = self.errands.under_way.get(&ticket).is_some_and(UnderWay::goes_on);
            match self.events.remove(at) {
                Some(Event::Ended(_, result)) => self.advance(ticket, Turn::Ended(*result), now),
                Some(Event::Started(..)) if goes_on => self.events.insert(at, Event::Started(ticket, None)),
                Some(Event::Uploading(_, name, sent, total)) if goes_on => {
                    self.events.insert(at, Event::Uploading(ticket, name, sent, total));
                }
                _ => {}
            }
        }
    }

    /// Whether the event is an unsolicited report of the registration.
    fn is_about_registration(&self, event: &Event) -> bool {
        let (Event::Urc(line), Some(dialect)) = (event, self.dialect) else {
            return false;
        };
        let name = line.strip_prefix('+').and_then(|line| line.split_once(':'));
        name.is_some_and(|(name, _)| dialect.registration.contains(&name))
    }

    /// A deadline of an errand has come.
    pub(super) fn errand_due(&mut self, ticket: Ticket, now: Moment) {
        self.advance(ticket, Turn::Due, now);
    }

    fn advance(&mut self, ticket: Ticket, turn: Turn, now: Moment) {
        let Some(under_way) = self.errands.under_way.get_mut(&ticket) else {
            return;
        };
        under_way.calls &= !matches!(turn, Turn::Ended(_));
        let Some(course) = &mut under_way.course else {
            if !under_way.calls {
                self.errands.under_way.remove(&ticket);
            }
            return;
        };
        let next = course.next(turn, self.dialect, now);
        match next {
            Move::Stay => return,
            Move::Make(call, timeout) => {
                under_way.calls = true;
                self.take(Ticket(ticket.0 | OF_AN_ERRAND), call, timeout, now);
            }
            Move::MakeIfConnected(client, call, timeout) => {
                let state = self.clients.get(client).map(|known| &known.state);
                if state != Some(&ClientState::Connected) {
                    return self.advance(ticket, Turn::Ended(Ok(Reply::Done)), now);
                }
                under_way.calls = true;
                self.take(Ticket(ticket.0 | OF_AN_ERRAND), call, timeout, now);
            }
            Move::MakeUntil(call, until) => {
                under_way.calls = true;
                self.timers.clear(Timer::Errand(ticket));
                if let Some(until) = until {
                    self.timers.set(Timer::Errand(ticket), until);
                }
                return self.take(Ticket(ticket.0 | OF_AN_ERRAND), call, None, now);
            }
            Move::WaitUntil(at) => return self.timers.set(Timer::Errand(ticket), at),
            Move::End(result) => {
                under_way.course = None;
                if !under_way.calls {
                    self.errands.under_way.remove(&ticket);
                }
                self.events.push_back(Event::ended(ticket, result));
            }
        }
        self.timers.clear(Timer::Errand(ticket));
    }

    /// Takes back a call that has not been sent. A call already sent goes on; its end shows whether it was taken back.
    /// An errand always ends, after the command that it has sent.
    pub fn take_back(&mut self, ticket: Ticket, now: Moment) {
        let Some(under_way) = self.errands.under_way.get_mut(&ticket) else {
            self.take_from_queue(ticket, now);
            return self.settle_errands(now);
        };
        if under_way.course.take().is_none() {
            return;
        }
        let calls = under_way.calls;
        self.timers.clear(Timer::Errand(ticket));
        self.events.push_back(Event::ended(ticket, Err(Error::TakenBack)));
        if calls {
            self.take_from_queue(Ticket(ticket.0 | OF_AN_ERRAND), now);
        } else {
            self.errands.under_way.remove(&ticket);
        }
        self.settle_errands(now);
    }

    /// Ends every errand with this error, after its calls.
    pub(super) fn abandon_errands(&mut self, error: &Error) {
        self.events.retain(
            |event| !matches!(event, Event::Started(ticket, _) | Event::Ended(ticket, _) | Event::Uploading(ticket, ..) if maker(*ticket).is_some()),
        );
        for (ticket, under_way) in std::mem::take(&mut self.errands.under_way) {
            self.timers.clear(Timer::Errand(ticket));
            if under_way.goes_on() {
                self.events.push_back(Event::ended(ticket, Err(error.clone())));
            }
        }
    }
}

impl UnderWay {
    /// Whether someone waits for the errand.
    fn goes_on(&self) -> bool {
        self.course.is_some()
    }
}

/// Refuses a session in which any step is wrong, before the first is made. The settings in force decide nothing here.
pub fn check_login(client: ClientIndex, login: &Login, dialect: &'static Dialect) -> Result<(), Error> {
    let mut clients = Clients::of(dialect);
    login
        .calls(client)
        .try_for_each(|call| plan(call, dialect, &mut clients, None).map(drop))
}

/// The errand that made the call with this ticket, if one did.
fn maker(ticket: Ticket) -> Option<Ticket> {
    (ticket.0 & OF_AN_ERRAND != 0).then_some(Ticket(ticket.0 & !OF_AN_ERRAND))
}
