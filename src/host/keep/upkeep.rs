//! The session together with the sessions that are kept in it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use modemqtt_at::ClientIndex;

use super::machine::{Action, Keep};
use crate::call::{Call, ClientState, Event, Ticket};
use crate::error::Error;
use crate::session::{Ids, Session};
use crate::trace::Entry;

/// The tickets of calls of its own begin here; those of the program never come so far.
const OWN: u64 = 1 << 63;

/// The session together with the sessions that are kept in it. It is used as the session alone is.
#[derive(Debug)]
pub struct Upkeep {
    session: Session,
    keeps: Vec<Keep>,
    events: VecDeque<Event>,
    /// How many calls of its own there have been.
    calls: u64,
}

impl Upkeep {
    /// Nothing is kept yet.
    pub fn new(session: Session) -> Self {
        Self {
            session,
            keeps: Vec::new(),
            events: VecDeque::new(),
            calls: 0,
        }
    }

    /// Keeps a session from now on, in place of any other of its client. One whose port was lost goes on.
    pub fn keep(&mut self, mut keep: Keep, now: Instant) {
        self.release(keep.client(), now);
        // What has happened before is none of its business.
        self.collect();
        keep.port_back(now);
        self.keeps.push(keep);
    }

    /// Keeps the session of that client no longer. What it has handed over and was not sent is taken back.
    pub fn release(&mut self, client: ClientIndex, now: Instant) {
        for ended in self.keeps.extract_if(.., |keep| keep.client() == client) {
            if let Some(ticket) = ended.under_way() {
                self.session.take_back(ticket, now);
            }
        }
    }

    /// Gives a session away whose port is gone; `None` where there is nothing left to keep.
    pub fn take(&mut self, client: ClientIndex) -> Option<Keep> {
        let at = self.keeps.iter().position(|keep| keep.client() == client)?;
        Some(self.keeps.remove(at)).filter(|keep| !keep.is_over())
    }

    /// The session of that client that is kept.
    pub fn kept(&self, client: ClientIndex) -> Option<&Keep> {
        self.keeps.iter().find(|keep| keep.client() == client)
    }

    /// Whether a publish is among those that the next [`Event::Reconnected`] names.
    pub fn remembers(&self, ticket: Ticket) -> bool {
        self.keeps.iter().any(|keep| keep.remembers(ticket))
    }

    /// Takes a call. One that ends the connection ends the session that is kept as well.
    pub fn submit(&mut self, ticket: Ticket, call: Call, timeout: Option<Duration>, now: Instant) {
        if let Some(client) = call.client()
            && let Some(keep) = self.keeps.iter_mut().find(|keep| keep.client() == client)
        {
            if matches!(
                call,
                Call::Disconnect { .. } | Call::Close { .. } | Call::CloseBehind { .. }
            ) {
                self.release(client, now);
                self.events.push_back(Event::Unkept(client));
            } else {
                keep.submitted(ticket, &call);
            }
        }
        self.session.submit(ticket, call, timeout, now);
        self.settle(now);
    }

    /// Takes a call back that has not been sent yet.
    pub fn take_back(&mut self, ticket: Ticket, now: Instant) {
        self.session.take_back(ticket, now);
        self.settle(now);
    }

    /// Takes bytes from the module.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.session.receive(bytes, now);
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        for keep in &mut self.keeps {
            keep.handle_timeout(now);
        }
        self.settle(now);
    }

    /// When [`Upkeep::handle_timeout`] is due next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let attempts = self.keeps.iter().filter_map(Keep::next_timeout);
        attempts.chain(self.session.next_timeout()).min()
    }

    /// Ends every call with that error, because the port is gone or was closed.
    pub fn abandon(&mut self, error: &Error, now: Instant) {
        self.session.abandon(error);
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
        // What comes in pieces is told of as it goes.
        self.collect();
        bytes
    }

    /// As [`Session::poll_wire`].
    pub fn poll_wire(&mut self) -> Option<Entry> {
        self.session.poll_wire()
    }

    /// The next event, of the session or of one that is kept.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() {
            self.collect();
        }
        self.events.pop_front()
    }

    /// Does what the sessions that are kept make of what has happened, until there is nothing more.
    fn settle(&mut self, now: Instant) {
        while !self.keeps.is_empty() {
            self.act(now);
            let Some(event) = self.session.poll_event() else { break };
            self.note(&event, now);
            self.tell(event);
        }
    }

    fn act(&mut self, now: Instant) {
        for keep in &mut self.keeps {
            while let Some(action) = keep.poll_action() {
                match action {
                    Action::Submit(call, timeout) => {
                        self.calls += 1;
                        let ticket = Ticket(OWN + self.calls);
                        keep.handed_over(ticket);
                        self.session.submit(ticket, call, timeout, now);
                    }
                    Action::Tell(event) => self.events.push_back(event),
                }
            }
        }
    }

    fn note(&mut self, event: &Event, now: Instant) {
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

    /// Takes what the session has to say as it comes, where nobody makes anything of it.
    fn collect(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.tell(event);
        }
    }

    /// Has the program told, but for what calls of its own come to.
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
