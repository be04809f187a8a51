//! Pauses for modules that lose bytes sent too soon: data after a prompt, a command after an answer.

use std::borrow::Cow;
use std::time::Duration;

use modemqtt_at::ascii::CR;
use modemqtt_os::Moment;

use super::{DataState, Exchange, Session};
use crate::call::Event;
use crate::timers::Timer;
use crate::writer::CommandLine;

/// A command sent within this time of an answer counts as sent at once.
const AT_ONCE: Duration = Duration::from_millis(100);
/// When a pause after the prompt helps.
const LOSES_DATA: &str =
    "; if the module loses data that follow its prompt at once, Modem(prompt_delay=0.1) waits before them";

/// The pauses, and the command waiting for one to end.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    prompt_delay: Duration,
    command_gap: Duration,
    /// An extra wait for the next command.
    owed: Duration,
    /// The command whose bytes are held back.
    pub(super) held: Option<CommandLine>,
}

impl Session {
    /// Sets how long data wait after the prompt, and a command after the last answer.
    pub fn set_pauses(&mut self, prompt_delay: Duration, command_gap: Duration) {
        self.pauses.prompt_delay = prompt_delay;
        self.pauses.command_gap = command_gap;
    }

    /// The module has asked for the data of the command in flight.
    pub(super) fn invited(&mut self, now: Moment) {
        let delay = self.pauses.prompt_delay;
        match &mut self.exchange {
            Some(exchange) if !delay.is_zero() => {
                exchange.data = DataState::Invited;
                self.timers.clear(Timer::Exchange);
                self.timers.set(Timer::Prompt, now + delay);
            }
            _ => self.send_data(now),
        }
    }

    /// The pause after the prompt is over.
    pub(super) fn prompt_pause_over(&mut self, now: Moment) {
        let invited = |exchange: &Exchange| exchange.data == DataState::Invited;
        if self.exchange.as_ref().is_some_and(invited) {
            self.send_data(now);
        }
    }

    /// Makes the next command wait this long.
    pub(super) fn pause_before_next(&mut self, pause: Duration) {
        self.pauses.owed = pause;
    }

    /// How long the next command must still wait; meanwhile nothing is sent, and the log does not show it.
    pub(super) fn hold(&mut self, line: &CommandLine, now: Moment) -> Duration {
        let due = self.answered_at.map(|at| at + self.pauses.command_gap);
        let gap = due.map_or(Duration::ZERO, |due| due.since(now));
        let rest = gap.max(std::mem::take(&mut self.pauses.owed));
        if rest.is_zero() {
            self.trace.sent_line(now, &line.bytes, &line.places, &[CR]);
        } else {
            self.pauses.held = Some(line.clone());
            self.timers.set(Timer::Gap, now + rest);
        }
        rest
    }

    /// Takes back a command that is still held; returns whether there was one. A command that changes the state of a
    /// client goes on, since its result shows the state.
    pub(super) fn take_back_held(&mut self, exchange: &Exchange) -> bool {
        let task = &exchange.job.task;
        let held = self.pauses.held.is_some() && (task.is_publish() || task.is_verbatim());
        if held {
            self.pauses.held = None;
            self.transmit.clear();
            self.timers.clear(Timer::Gap);
            self.timers.clear(Timer::Exchange);
        }
        held
    }

    /// The pause before a command is over: send it now.
    pub(super) fn command_pause_over(&mut self, now: Moment) {
        let Some(line) = self.pauses.held.take() else { return };
        self.trace.sent_line(now, &line.bytes, &line.places, &[CR]);
        if let Some(exchange) = &mut self.exchange {
            exchange.sent_at = now;
            if exchange.job.task.is_publish() {
                self.events.push_back(Event::Sent(exchange.job.ticket));
            }
        }
    }

    /// What may help if the module did not wait for all of the data.
    pub(super) fn data_hint(&self, exchange: &Exchange) -> Cow<'static, str> {
        match exchange.data {
            DataState::Invited => format!(
                "; the data were still waiting for the end of Modem(prompt_delay={}); give a shorter one",
                self.pauses.prompt_delay.as_secs_f64()
            )
            .into(),
            DataState::Sent if self.pauses.prompt_delay.is_zero() => LOSES_DATA.into(),
            _ => "".into(),
        }
    }

    /// What may help if a command had no answer.
    pub(super) fn pause_hint(&self, exchange: &Exchange) -> Cow<'static, str> {
        let at_once = |at| exchange.sent_at.since(at) < AT_ONCE;
        match exchange.data {
            _ if self.pauses.held.is_some() && !self.pauses.command_gap.is_zero() => format!(
                "; it was still waiting for the end of Modem(command_gap={}); give a longer timeout",
                self.pauses.command_gap.as_secs_f64()
            )
            .into(),
            DataState::Invited => format!(
                "; the data were still waiting for the end of Modem(prompt_delay={}); give a longer timeout",
                self.pauses.prompt_delay.as_secs_f64()
            )
            .into(),
            DataState::Sent if self.pauses.prompt_delay.is_zero() => LOSES_DATA.into(),
            DataState::Sent | DataState::Ended | DataState::GivenUp { .. } => "".into(),
            _ if self.pauses.command_gap.is_zero() && exchange.preceded_at.is_some_and(at_once) => {
                "; if the module loses a command that follows an answer at once, Modem(command_gap=0.1) waits before it"
                    .into()
            }
            _ => "".into(),
        }
    }
}
