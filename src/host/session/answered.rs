//! What follows from a final result code. After an accepted command the call goes on to its result or to the next step.
//! A refused command ends its call, unless the call can go on without it or the module is first asked for the state of
//! the client.

use modemqtt_at::ClientIndex;
use modemqtt_os::Moment;

use super::exchange::Seen;
use super::standing::Question;
use super::{DataState, Exchange, Session};
use crate::call::{Event, Reply};
use crate::error::{Error, Refusal};
use crate::framer::DataEcho;
use crate::job::{Goal, Invitation, Job, Task};
use crate::mqtt::{Effect, Own, Refused, rules};
use crate::timers::Timer;

impl Session {
    pub(super) fn handle_final(&mut self, result: Result<(), Refusal>, now: Moment) {
        if self.is_stale() {
            return;
        }
        let leaving = self.leaving.is_some();
        self.sign_of_the_module(now);
        if leaving {
            return;
        }
        let Some(result) = self.whole_result(result, now) else {
            return;
        };
        let Some(exchange) = self.exchange.take() else { return };
        self.timers.clear(Timer::Exchange);
        if let DataState::GivenUp { written } = exchange.data {
            return self.data_phase_is_over(&exchange, written, now);
        }
        if !exchange.job.task.configures() {
            self.uploads.are_over();
        }
        if let Err(refusal) = &result {
            self.note_refusal(&exchange, refusal);
        }
        let Some(exchange) = self.question_answered(exchange, result.is_ok(), now) else {
            return;
        };
        match result {
            Ok(()) => self.accepted(exchange, now),
            // A set-up goes on without the refused command; its last question decides.
            Err(_)
                if matches!(
                    (&exchange.job.task, &exchange.step.goal),
                    (_, Goal::AnyFinal | Goal::Whatever | Goal::Present(..)) | (Task::SetUp(_), Goal::Lines)
                ) =>
            {
                self.accepted(exchange, now);
            }
            Err(refusal) => self.refused(exchange, &refusal, now),
        }
    }

    pub(super) fn accepted(&mut self, mut exchange: Exchange, now: Moment) {
        if matches!(exchange.job.task, Task::SetUp(_)) {
            return self.set_up_step_done(exchange, now);
        }
        if matches!(exchange.job.task, Task::Probe(_)) {
            return self.start_next(now);
        }
        let undelivered = matches!(exchange.data, DataState::Due | DataState::Invited)
            && exchange.step.data.as_ref().is_some_and(|data| !data.bytes.is_empty());
        if undelivered {
            let error = Error::Protocol {
                expected: match exchange.invitation() {
                    Some(Invitation::Connect) => "CONNECT",
                    _ => "the prompt",
                },
                line: "OK".into(),
            };
            self.end(&mut exchange.job, Err(error));
            self.release(&exchange.job, true);
            // The prompt may still come, and the module would take the next command for its data.
            return self.find_again(exchange.phase(), now);
        }
        if let Goal::Outcome { .. } = exchange.step.goal {
            if exchange.seen == Seen::Nothing {
                if exchange.job.task.is_publish() && !exchange.job.is_told() {
                    self.events.push_back(Event::Accepted(exchange.job.ticket));
                }
                self.await_outcome(exchange, now);
                self.start_next(now);
            } else {
                self.continue_or_release(exchange.job, now);
            }
            return;
        }
        if matches!(exchange.job.task, Task::Ask { .. }) {
            return self.standing_told(exchange, Question::Answered, now);
        }
        if matches!(exchange.job.task, Task::Unread) {
            self.unread_told(&exchange.lines, now);
        }
        if let Err(error) = self.check_stored(&mut exchange) {
            self.end(&mut exchange.job, Err(error));
            self.release(&exchange.job, true);
            return self.upload_failed(now);
        }
        self.take_over(&mut exchange);
        self.step_done(exchange.job, now);
    }

    /// Goes on after a step without a result URC; after the last step the caller is told.
    pub(super) fn step_done(&mut self, mut job: Job, now: Moment) {
        if job.steps.is_empty() && !job.is_told() {
            let reply = job.task.own_mut().map_or(Reply::Done, Own::reply);
            self.end(&mut job, Ok(reply));
        }
        self.continue_or_release(job, now);
    }

    /// Takes what the job needs from an accepted command's answer, and records what the command changed.
    fn take_over(&mut self, exchange: &mut Exchange) {
        self.note_spelling(&exchange.step);
        let lines = std::mem::take(&mut exchange.lines);
        let task = &mut exchange.job.task;
        let (client, configures) = (task.client(), task.configures());
        if configures || task.is_verbatim() {
            // The command may have changed the echo.
            self.framer.set_data_echo(DataEcho::Unknown);
        }
        let known = client.and_then(|client| self.clients.get(client));
        if let (Some(change), Some(known)) = (exchange.step.change, known) {
            known.apply(change, configures);
        }
        let setting = match exchange.step.goal {
            Goal::Values(key) => Some(key),
            _ => None,
        };
        if let (Some(own), Some(dialect)) = (task.own_mut(), self.dialect) {
            own.take(
                setting,
                lines,
                dialect,
                client.and_then(|client| self.clients.get(client)),
            );
        }
        if let Some(client) = client {
            self.follow_settings(client);
        }
    }

    /// The name of a refusal's code.
    pub(super) fn name_of(&self, refusal: &Refusal) -> Option<&'static str> {
        match refusal {
            Refusal::Cme(code) => self.dialect.and_then(|dialect| dialect.error_name(*code)),
            Refusal::Cms(code) => code.name(),
            Refusal::Error | Refusal::CmeText(_) | Refusal::CmsText(_) | Refusal::NoCall(_) => None,
        }
    }

    fn refused(&mut self, exchange: Exchange, refusal: &Refusal, now: Moment) {
        let Some(mut exchange) = self.respell(exchange, now) else {
            return;
        };
        if matches!(exchange.job.task, Task::Ask { .. }) {
            return self.standing_told(exchange, Question::Refused, now);
        }
        let key = match &exchange.step.goal {
            Goal::Outcome { key, .. } => Some(*key),
            _ => None,
        };
        if self.goes_on_without(&mut exchange) {
            return self.step_done(exchange.job, now);
        }
        if *refusal == Refusal::Error && exchange.seen == Seen::Nothing && self.cure(&mut exchange.job, None) {
            return self.continue_or_release(exchange.job, now);
        }
        let name = self.name_of(refusal);
        let hint = key.and_then(|key| {
            let known = self.clients.get(key.client)?;
            let state = if known.state.is_passing() {
                &known.before
            } else {
                &known.state
            };
            Some(rules(key.operation).hint(key.client, state))
        });
        let error = Error::Command {
            command: exchange.step.line.shown.clone(),
            refusal: refusal.clone(),
            name,
            hint: hint.unwrap_or_default(),
        };
        if let Some(own) = exchange.job.task.own_mut() {
            own.was_not_sent();
        }
        let seen = exchange.seen != Seen::Nothing;
        // If the outcome has been seen, the state has already followed it.
        let vague = self.may_mean_no_connection(refusal);
        if let Some(key) = key.filter(|_| !seen)
            && let Some(known) = self.clients.get(key.client)
        {
            let rules = rules(key.operation);
            match rules.refused(known, vague) {
                Refused::NothingToDo => return self.nothing_to_close(exchange.job, key.client, now),
                Refused::Ask => return self.ask_whether_closed(exchange.job, key.client, error, vague, now),
                // A refused command changes nothing.
                Refused::Failed if rules.effect() != Effect::None => self.as_before(key.client),
                Refused::Failed => {}
            }
        }
        if let Some(key) = key
            && !seen
            && !exchange.job.is_told()
            && self.may_lack_connection(key, refusal)
        {
            let asking = exchange.data == DataState::Due;
            self.ask_why_refused(exchange.job, key.client, error, now);
            if asking {
                self.doubt(now);
            }
            return self.start_next(now);
        }
        self.end(&mut exchange.job, Err(error));
        self.release(&exchange.job, true);
        if exchange.uploaded() {
            return self.upload_failed(now);
        }
        self.fetch_again(&exchange, now);
        if let Some(key) = key
            && !seen
        {
            self.doubt_connection(key, refusal, exchange.echo_seen, now);
        }
        // Some firmware sends a second final result code, a refusal that belongs to no command.
        if exchange.data == DataState::Due || exchange.is_unknown() {
            self.doubt(now);
        }
        self.start_next(now);
    }

    /// Whether a call goes on without the refused command.
    fn goes_on_without(&self, exchange: &mut Exchange) -> bool {
        let Exchange { job, step, .. } = exchange;
        let (client, told) = (job.task.client(), job.is_told());
        let (Some(own), Some(dialect), false) = (job.task.own_mut(), self.dialect, told) else {
            return false;
        };
        own.goes_on_without(step, client, &mut job.steps, dialect)
    }

    pub(super) fn continue_or_release(&mut self, job: Job, now: Moment) {
        if job.steps.is_empty() || job.is_told() {
            self.release(&job, true);
            self.start_next(now);
        } else if self.exchange.is_none() && self.leaving.is_none() {
            self.step(job, now);
        } else {
            self.queue.push_front(job);
        }
    }

    /// Reads messages according to this client's settings.
    pub(super) fn follow_settings(&mut self, client: ClientIndex) {
        if let Some(known) = self.clients.get(client) {
            self.framer.set_length_shown(client.0, known.settings.length.is_shown());
            self.framer.set_hex(client.0, known.settings.receive.is_hex());
        }
    }
}
