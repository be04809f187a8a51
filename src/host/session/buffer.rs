//! Messages that the module keeps in its buffer until the host fetches them.

use std::time::Duration;

use modemqtt_at::{ClientIndex, Command};
use modemqtt_os::Moment;

use super::presence::Presence;
use super::{Exchange, Session};
use crate::call::{ClientState, Event};
use crate::job::{Job, Task};
use crate::mqtt::{drain, question};
use crate::timers::Timer;

/// How many times the host asks for a message that the module keeps.
const MOST_TRIES: u8 = 4;
/// The shortest pause before the next request.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

impl Session {
    /// Asks once for the messages buffered before the host knew that the module buffers them.
    pub(super) fn ask_for_unread(&mut self, client: ClientIndex, now: Moment) {
        let Some(known) = self.clients.get(client).filter(|known| !known.buffer_asked) else {
            return;
        };
        known.buffer_asked = true;
        if let Some(step) = self.dialect.and_then(|dialect| question(dialect, Command::Receive)) {
            self.queue.push_back(Job::internal(Task::Unread, [step], now));
        }
    }

    /// `+QMTRECV: <client>,<flag>[,<flag>…]`: the slots that hold a message. Some firmware has one flag for all of
    /// them.
    pub(super) fn unread_told(&mut self, lines: &[String], now: Moment) {
        let slots = self
            .dialect
            .and_then(|dialect| dialect.buffer)
            .map_or(0, |buffer| buffer.slots);
        for line in lines {
            let fields = line
                .strip_prefix("+QMTRECV:")
                .unwrap_or_default()
                .split(',')
                .map(str::trim);
            let fields: Vec<_> = fields.map(|field| field.parse::<u8>().ok()).collect();
            let [Some(client), flags @ ..] = fields.as_slice() else {
                continue;
            };
            let client = ClientIndex(*client);
            for slot in 0..slots {
                let flag = if flags.len() == 1 {
                    flags.first()
                } else {
                    flags.get(slot)
                };
                let (Ok(slot), Some(known)) = (u8::try_from(slot), self.clients.get(client)) else {
                    continue;
                };
                if flag == Some(&Some(1)) && known.unread & (1 << slot) == 0 {
                    known.unread |= 1 << slot;
                    self.fetch_next(client, slot, now);
                }
            }
        }
    }

    /// A message waits in the module's buffer: fetch it as soon as the line is free.
    pub(super) fn handle_buffered(&mut self, client: ClientIndex, slot: u8, text: &str, now: Moment) {
        let slots = self
            .dialect
            .and_then(|dialect| dialect.buffer)
            .map_or(0, |buffer| buffer.slots);
        let Some(known) = self
            .clients
            .get(client)
            .filter(|_| self.presence == Presence::SetUp && usize::from(slot) < slots)
        else {
            self.events.push_back(Event::Urc(text.to_owned()));
            return;
        };
        if !known.buffer_asked {
            // Only a module that buffers messages reports this: another program has left that setting on.
            known.settings.buffered = true;
        }
        let bit = 1 << slot;
        if known.unread & bit != 0 {
            return;
        }
        known.unread |= bit;
        if known.unread.count_ones() as usize == slots {
            // The buffer is full: whatever arrives before the first fetch is lost.
            self.events.push_back(Event::Overrun(client));
        }
        self.ask_for_unread(client, now);
        self.fetch_next(client, slot, now);
        self.start_next(now);
    }

    /// Queues the first fetch of a buffered message: before the program's calls, after the slots filled earlier.
    fn fetch_next(&mut self, client: ClientIndex, slot: u8, now: Moment) {
        let earlier = self.queue.iter();
        let at = earlier.take_while(|job| matches!(job.task, Task::Drain { .. })).count();
        self.fetch(client, slot, 0, at, now);
    }

    /// Queues the fetch of a buffered message; `tries` counts the earlier attempts.
    fn fetch(&mut self, client: ClientIndex, slot: u8, tries: u8, at: usize, now: Moment) {
        if let Some(step) = self.dialect.and_then(|dialect| drain(dialect, client, slot)) {
            let task = Task::Drain {
                client,
                slot,
                tries,
                printed: false,
            };
            self.queue.insert(at, Job::internal(task, [step], now));
        }
    }

    /// The module did not answer or was busy, and most likely still has the message. Asks again, first at once, then
    /// after pauses. The program is told about a message that the module will not hand out.
    pub(super) fn fetch_again(&mut self, exchange: &Exchange, now: Moment) {
        let Task::Drain {
            client,
            slot,
            tries,
            printed: false,
        } = exchange.job.task
        else {
            return;
        };
        let closed = self
            .clients
            .get(client)
            .is_none_or(|known| known.state == ClientState::Closed);
        if tries + 1 >= MOST_TRIES || (closed && tries > 0) {
            self.events.push_back(Event::Urc(format!("+QMTRECV: {client},{slot}")));
            return;
        }
        if let Some(known) = self.clients.get(client) {
            known.unread |= 1 << slot;
        }
        if tries == 0 {
            self.fetch(client, slot, 1, 0, now);
        } else {
            self.kept_back.push((client, slot, tries + 1));
            self.timers.set(Timer::Fetch, now + BETWEEN_TRIES * u32::from(tries));
        }
    }

    /// Asks again for the messages that the module would not hand out.
    pub(super) fn fetch_kept_back(&mut self, now: Moment) {
        for (client, slot, tries) in std::mem::take(&mut self.kept_back) {
            self.fetch(client, slot, tries, 0, now);
        }
        self.start_next(now);
    }
}
