//! A conversation with a module, joined with the sessions kept on it.

use std::collections::VecDeque;
use std::time::Duration;

use modemqtt_at::ClientIndex;
use modemqtt_os::Moment;

use super::machine::{Action, Keep};
use crate::call::{ClientState, Errand, Event, Submission, Ticket};
use crate::error::Error;
use crate::mqtt::ended_by;
use crate::session::{Ids, Session};
use crate::trace::Piece;

/// The first ticket of the kept sessions' own calls; the program's never reach it.
const OWN: u64 = 1 << 63;

/// A [`Session`], joined with the sessions kept on it. It has the methods of a `Session`.
#[derive(Debug)]
pub struct Upkeep {
    session: Session,
    keeps: Vec<Keep>,
    events: VecDeque<Event>,
    /// How many calls the kept sessions have made themselves.
    calls: u64,
}

impl Upkeep {
    /// Keeps nothing yet.
    pub fn new(session: Session) -> Self {
        Self {
            session,
            keeps: Vec::new(),
            events: VecDeque::new(),
            calls: 0,
        }
    }

    /// Keeps a session from now on, and drops any other of its client. A session whose port was lost continues.
    pub fn keep(&mut self, mut keep: Keep, now: Moment) {
        self.release(keep.client(), now);
        // It must not see earlier events.
        self.collect();
        keep.port_back(now);
        self.keeps.push(keep);
    }

    /// Drops the session of this client, and takes back its call if nothing of it was sent.
    pub fn release(&mut self, client: ClientIndex, now: Moment) {
        for ended in self.keeps.extract_if(.., |keep| keep.client() == client) {
            if let Some(ticket) = ended.under_way() {
                self.session.take_back(ticket, now);
            }
        }
    }

    /// Hands over a session whose port is gone, for another host to keep; `None` if it is over.
    pub fn take(&mut self, client: ClientIndex) -> Option<Keep> {
        let at = self.keeps.iter().position(|keep| keep.client() == client)?;
        Some(self.keeps.remove(at)).filter(|keep| !keep.is_over())
    }

    /// The kept session of this client.
    pub fn kept(&self, client: ClientIndex) -> Option<&Keep> {
        self.keeps.iter().find(|keep| keep.client() == client)
    }

    /// Whether the next [`Event::Reconnected`] will name this publish.
    pub fn remembers(&self, ticket: Ticket) -> bool {
        self.keeps.iter().any(|keep| keep.remembers(ticket))
    }

    /// Takes a call. A call that ends the connection also ends the kept session.
    pub fn submit(
        &mut self,
        ticket: Ticket,
        submission: impl Into<Submission>,
        timeout: Option<Duration>,
        now: Moment,
    ) {
        let submission = submission.into();
        if let Some(client) = submission.client()
            && let Some(keep) = self.keeps.iter_mut().find(|keep| keep.client() == client)
        {
            if ends(&submission) {
                self.release(client, now);
                self.events.push_back(Event::Unkept(client));
            } else if let Submission::Call(call) = &submission {
                keep.submitted(ticket, call);
            }
        }
        self.session.submit(ticket, submission, timeout, now);
        self.settle(now);
    }

    /// Takes back a call that has not been sent.
    pub fn take_back(&mut self, ticket: Ticket, now: Moment) {
        self.session.take_back(ticket, now);
        self.settle(now);
    }

    /// Takes bytes from the module.
    pub fn receive(&mut self, bytes: &[u8], now: Moment) {
        self.session.receive(bytes, now);
        self.settle(now);
    }

    /// As [`Session::stop_reading`].
    pub fn stop_reading(&mut self) {
        self.session.stop_reading();
    }

    /// As [`Session::go_on_reading`].
    pub fn go_on_reading(&mut self, now: Moment) {
        self.session.go_on_reading(now);
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.session.handle_timeout(now);
        for keep in &mut self.keeps {
            keep.handle_timeout(now);
        }
        self.settle(now);
    }

    /// When [`Upkeep::handle_timeout`] is due next.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.held_until().into_iter().chain(self.next_other_timeout()).min()
    }

    /// As [`Session::held_until`].
    pub fn held_until(&self) -> Option<Moment> {
        self.session.held_until()
    }

    /// When [`Upkeep::handle_timeout`] is due for anything else.
    pub fn next_other_timeout(&self) -> Option<Moment> {
        let attempts = self.keeps.iter().filter_map(Keep::next_timeout);
        attempts.chain(self.session.next_other_timeout()).min()
    }

    /// Ends every call with this error, because the port is gone or was closed.
    pub fn abandon(&mut self, error: &Error, now: Moment) {
        self.session.abandon(error, now);
        self.settle(now);
        for keep in &mut self.keeps {
            keep.port_lost(error, now);
        }
        self.settle(now);
    }

    /// As [`Session::ids`].
    pub fn ids(&self) -> Vec<Ids> {
        self.session.ids()
    }

    /// As [`Session::poll_stale`].
    pub fn poll_stale(&mut self) -> bool {
        self.session.poll_stale()
    }

    /// As [`Session::poll_transmit`].
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let bytes = self.session.poll_transmit();
        // Report the progress of data that go out in pieces.
        self.collect();
        bytes
    }

    /// As [`Session::poll_wire`].
    pub fn poll_wire(&mut self) -> Option<Piece<'_>> {
        self.session.poll_wire()
    }

    /// How many calls, of the program and of the kept sessions, have not ended.
    pub fn unfinished(&self) -> usize {
        self.session.unfinished()
    }

    /// The next event, of the conversation or of a kept session.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() {
            self.collect();
        }
        self.events.pop_front()
    }

    /// Lets the kept sessions react to what has happened, until none has anything left to do.
    fn settle(&mut self, now: Moment) {
        while !self.keeps.is_empty() {
            self.act(now);
            let Some(event) = self.session.poll_event() else { break };
            self.note(&event, now);
            self.tell(event);
        }
    }

    fn act(&mut self, now: Moment) {
        for keep in &mut self.keeps {
            while let Some(action) = keep.poll_action() {
                match action {
                    Action::Submit(submission, timeout) => {
                        self.calls += 1;
                        let ticket = Ticket(OWN + self.calls);
                        keep.handed_over(ticket);
                        self.session.submit(ticket, submission, timeout, now);
                    }
                    Action::Tell(event) => self.events.push_back(event),
                }
            }
        }
    }

    fn note(&mut self, event: &Event, now: Moment) {
        for keep in &mut self.keeps {
            match event {
                Event::Started(ticket, _) => keep.started(*ticket),
                Event::Ended(ticket, result) => keep.ended(*ticket, result, now),
                Event::Client(client, ClientState::Connected) if *client == keep.client() => keep.connected(now),
                Event::Lost(client, code) if *client == keep.client() => {
                    let (client, code) = (*client, *code);
                    keep.lost(Error::ConnectionLost { client, code }, now);
                }
                Event::Restarted => keep.lost(Error::Restarted, now),
                _ => {}
            }
        }
    }

    /// Passes events on without showing them to the kept sessions.
    fn collect(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.tell(event);
        }
    }

    /// Queues an event for the program, unless it concerns a kept session's own call.
    fn tell(&mut self, event: Event) {
        let own = match event {
            Event::Started(ticket, _) | Event::Ended(ticket, _) | Event::Uploading(ticket, ..) => ticket.0 > OWN,
            _ => false,
        };
        if !own {
            self.events.push_back(event);
        }
    }
}

/// Whether it ends the connection of its client.
fn ends(submission: &Submission) -> bool {
    match submission {
        Submission::Call(call) => ended_by(call).is_some(),
        Submission::Errand(errand) => matches!(errand, Errand::Leave(_)),
    }
}
