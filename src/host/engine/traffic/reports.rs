//! What the session reports, on its way to whoever it concerns: the calls, the queues, the kept sessions, the log.

use std::sync::Arc;

use modemqtt_at::ClientIndex;
use modemqtt_os::Moment;

use super::Traffic;
use crate::call::{ClientState, Event, Reply, Ticket};
use crate::engine::journal::News;
use crate::engine::pending::{Pending, Progress, Stage};
use crate::engine::shared::{Modem, Notice};
use crate::error::Error;

impl Traffic {
    /// Passes on the session's reports.
    pub(super) fn deliver(&mut self) {
        self.told.bells |= !self.taken.is_empty();
        self.fallen.clear();
        let mut wire = None;
        while let Some(piece) = self.upkeep.poll_wire() {
            wire.get_or_insert_with(|| self.shared.taps()).take(&piece);
        }
        drop(wire);
        while let Some(event) = self.upkeep.poll_event() {
            self.told.bells = true;
            match event {
                // Those that came together are passed on together.
                Event::Message(message) => self.messages.push(message),
                event => {
                    self.shared.received(&mut self.messages);
                    self.handle(event);
                }
            }
        }
        self.shared.received(&mut self.messages);
        for pending in std::mem::take(&mut self.taken) {
            self.advance(&pending, |progress| progress.reach(Stage::Taken));
        }
    }

    fn handle(&mut self, event: Event) {
        if let Some(recorder) = self.shared.recorder() {
            recorder.happened(&event);
        }
        let told = event.told();
        match event {
            Event::Started(ticket, id) => {
                self.leaves_queue(ticket);
                self.update(ticket, |progress| {
                    progress.reach(Stage::Started);
                    progress.message_id = id.unwrap_or(progress.message_id);
                });
            }
            Event::Sent(ticket) => self.update(ticket, |progress| {
                progress.sent_at.get_or_insert_with(Moment::now);
            }),
            Event::Accepted(ticket) => self.update(ticket, |progress| {
                progress.reach(Stage::Accepted);
                progress.accepted_at.get_or_insert_with(Moment::now);
            }),
            Event::Retransmitting(ticket, times) => self.update(ticket, |progress| progress.retransmissions = times),
            Event::Uploading(ticket, name, sent, total) => {
                self.update(ticket, |progress| progress.uploads.push_back((name, sent, total)));
            }
            Event::Ended(ticket, result) => self.ended(ticket, *result),
            event => self.put_down(event),
        }
        if let Some(told) = told {
            self.shared.notify(Notice::Told(told));
        }
    }

    fn ended(&mut self, ticket: Ticket, result: Result<Reply, Error>) {
        self.leaves_queue(ticket);
        let Some(pending) = self.pending.remove(&ticket) else {
            return;
        };
        self.advance(&pending, |progress| progress.end(result));
        if let Some(kept) = pending.client().and_then(|client| self.kept.get(&client))
            && self.upkeep.remembers(ticket)
        {
            kept.remember(Arc::clone(&pending));
        }
        if pending.is_publish() {
            self.shared.notify(Notice::Delivery(pending));
        }
    }

    /// Stores an event that is not a step of a call.
    fn put_down(&mut self, event: Event) {
        match event {
            Event::Identified(dialect, model) => self.shared.identified(Modem { dialect, model }),
            Event::Opened { client, host, port } => self.shared.opened(client, host, port),
            Event::Client(client, state) => {
                if state != ClientState::Connected && self.shared.is_connected(client) {
                    self.fallen.push(client);
                }
                self.shared.client_changed(client, state);
                if let Some(kept) = self.kept.get(&client) {
                    kept.client_changed();
                }
            }
            Event::Urc(line) => self.shared.urc(Moment::now(), line),
            Event::Lost(client, code) => {
                let error = Error::ConnectionLost { client, code };
                self.stays_lost(client, &error);
                self.shared.report(News::Lost(error));
            }
            Event::Restarted => {
                for client in std::mem::take(&mut self.fallen) {
                    self.stays_lost(client, &Error::Restarted);
                }
                self.shared.count(|statistics| statistics.restarts += 1);
                self.shared.report(News::Lost(Error::Restarted));
            }
            Event::Overrun(_) => self.shared.count(|statistics| statistics.overruns += 1),
            Event::Reconnecting(client, error, within) => {
                self.shared.report(News::Reconnecting(client, *error, within));
            }
            Event::Reconnected(told) => {
                let kept = self.kept.get(&told.client);
                let unknown = kept.map_or_else(Vec::new, |kept| kept.take_unknown(&told.unknown));
                let news = News::Reconnected(told.client, told.attempts, told.away);
                self.shared.report(news);
                self.shared.notify(Notice::Reconnected(*told, unknown));
            }
            Event::ReconnectFailed(client, error, attempts) => {
                if let Some(kept) = self.kept.get(&client) {
                    kept.has_failed((*error).clone());
                }
                self.shared.stays_lost(client, (*error).clone());
                self.shared.report(News::ReconnectFailed(client, *error, attempts));
            }
            Event::Unkept(client) => {
                if let Some(kept) = self.kept.remove(&client) {
                    kept.end();
                }
            }
            _ => {}
        }
    }

    /// Tells threads that wait for messages, unless a session reconnects.
    fn stays_lost(&self, client: ClientIndex, error: &Error) {
        if !self.kept.contains_key(&client) {
            self.shared.stays_lost(client, error.clone());
        }
    }

    /// Makes room for another publish, the first time it is told that this one has left the queue.
    fn leaves_queue(&self, ticket: Ticket) {
        if let Some(pending) = self.pending.get(&ticket)
            && let Some(client) = pending.client()
            && pending.progress().stage < Stage::Started
        {
            self.shared.room().give_back(client);
        }
    }

    fn update(&mut self, ticket: Ticket, change: impl FnOnce(&mut Progress)) {
        if let Some(pending) = self.pending.get(&ticket).cloned() {
            self.advance(&pending, change);
        }
    }

    fn advance(&mut self, pending: &Arc<Pending>, change: impl FnOnce(&mut Progress)) {
        if pending.update(change) {
            self.told.callers.push(Arc::clone(pending));
        }
    }
}
