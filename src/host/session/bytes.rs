//! Bytes in: framed according to what the session is waiting for. Bytes held back are taken as they are when no more
//! come.

use std::time::Duration;

use modemqtt_at::Form;
use modemqtt_os::Moment;

use super::presence::Presence;
use super::{DataState, SLOWEST_LINE, Session, wire_time};
use crate::framer::{Expect, Frame, Hold, Prompt};
use crate::job::Invitation;
use crate::timers::Timer;

/// How long after a message without a length its line end is taken as its own. A USB adapter delivers every 16 ms.
const SETTLING: Duration = Duration::from_millis(30);
/// How long the rest of a payload may be overdue before the message is taken as it is.
const PAYLOAD_PAUSE: Duration = Duration::from_secs(1);

impl Session {
    /// Takes bytes from the module.
    pub fn receive(&mut self, bytes: &[u8], now: Moment) {
        self.trace.keep(self.framer.bytes());
        let lengthened = self.framer.push(bytes);
        self.held_in_vain = false;
        if self.presence != Presence::SetUp {
            self.heard.note(bytes);
        }
        if let Some((last, paused)) = &mut self.payload {
            // The pauses within one payload add up: answers that trickle in and look like more of the payload must not
            // extend the wait.
            let since = now.nanos_since(*last);
            // On the slowest line a byte takes four milliseconds: for most reads this comparison is enough.
            if since >= 4_000_000 * bytes.len() as u64 {
                let on_the_line = wire_time(bytes.len(), self.baud_rate.min(SLOWEST_LINE));
                *paused += Duration::from_nanos(since).saturating_sub(on_the_line);
            }
            *last = now;
        }
        match self.payload {
            _ if !lengthened => self.read_frames(now),
            // A payload is still what holds them back.
            Some((_, paused)) => self.timers.set_quiet(now, PAYLOAD_PAUSE.saturating_sub(paused)),
            None => self.wait_for_more(now),
        }
        self.settle_errands(now);
    }

    /// Reading stops for a while: bytes that do not arrive meanwhile are not overdue.
    pub fn stop_reading(&mut self) {
        self.timers.clear(Timer::Quiet);
    }

    /// Reading resumes.
    pub fn go_on_reading(&mut self, now: Moment) {
        if let Some((last, _)) = &mut self.payload {
            *last = now;
        }
        self.read_frames(now);
    }

    fn read_frames(&mut self, now: Moment) {
        loop {
            let expect = match &self.exchange {
                Some(exchange) => Expect {
                    echo: (!exchange.echo_seen).then_some(&exchange.step.line.bytes),
                    prompt: match exchange.data {
                        DataState::Due if exchange.invitation() == Some(Invitation::Connect) => Prompt::None,
                        DataState::Due => Prompt::Due,
                        DataState::Impossible | DataState::NotDue | DataState::GivenUp { .. } => self.stray_prompt(),
                        DataState::Invited | DataState::Sent | DataState::Ended => Prompt::None,
                    },
                    flags: exchange.step.form == Form::Read && exchange.step.name == "+QMTRECV",
                    data: exchange.data_sent(),
                    echoing: exchange.echo_seen,
                },
                None => Expect {
                    prompt: self.stray_prompt(),
                    ..Expect::default()
                },
            };
            let Some(frame) = self.framer.next_frame(expect) else {
                break;
            };
            self.payload = None;
            match frame {
                Frame::Message(content) => self.handle_message(content, now),
                frame => self.handle_frame(frame, now),
            }
        }
        self.show_dropped(now);
        self.wait_for_more(now);
    }

    /// Decides how long the bytes held back wait for more.
    fn wait_for_more(&mut self, now: Moment) {
        let hold = self.framer.hold();
        if hold != Some(Hold::Payload) {
            self.payload = None;
        }
        match hold.filter(|_| !self.held_in_vain) {
            Some(Hold::Settling) => self.timers.set_quiet(now, SETTLING),
            Some(Hold::Payload) => {
                let (_, paused) = *self.payload.get_or_insert((now, Duration::ZERO));
                self.timers.set_quiet(now, PAYLOAD_PAUSE.saturating_sub(paused));
            }
            None => self.timers.clear(Timer::Quiet),
        }
    }

    /// Takes bytes held back as they are. Any that are then held back for the same reason have waited just as long.
    pub(super) fn flush(&mut self, now: Moment) {
        let hold = self.framer.hold();
        while self.framer.hold() == hold && !self.held_in_vain {
            match self.framer.flush() {
                Some(frame) => self.handle_frame(frame, now),
                None => self.held_in_vain = true,
            }
            self.read_frames(now);
        }
    }
}
