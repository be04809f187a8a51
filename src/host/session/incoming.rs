//! Frames in: what each means for the command in flight and for the program; `results` has what operations wait for.

use std::time::Instant;

use modemqtt_at::secrets::with_mask;
use modemqtt_at::{ClientIndex, Form, MessageId, Operation};

use super::life::Sign;
use super::standing::Question;
use super::{DataState, Exchange, Session};
use crate::call::{Event, Message, Reply};
use crate::error::{Error, Refusal};
use crate::framer::Frame;
use crate::job::{Goal, INTERNAL, Invitation, Job, Task};
use crate::mqtt::{Effect, Own, Refused, rules};
use crate::reader::{self, Incoming, Pending};
use crate::receive::RawMessage;
use crate::timers::Timer;

impl Session {
    pub(super) fn handle_frame(&mut self, frame: Frame, now: Instant) {
        match frame {
            Frame::Echo => {
                self.show_echo(now);
                if let Some(exchange) = &mut self.exchange {
                    exchange.echo_seen = true;
                }
            }
            Frame::Prompt => {
                self.answered_at = Some(now);
                self.show_line(&[], now);
                if self
                    .exchange
                    .as_ref()
                    .is_some_and(|exchange| exchange.data == DataState::Due)
                {
                    self.invited(now);
                } else {
                    self.handle_stray_prompt(now);
                }
            }
            Frame::Line(line) => self.handle_line(&line, now),
            Frame::Message(message) => self.handle_message(message, now),
            Frame::Overlong(head) => {
                self.show_overlong(&head, now);
                let text = self.without_secrets(&head);
                self.events.push_back(Event::Urc(text));
            }
        }
    }

    fn handle_message(&mut self, raw: RawMessage, now: Instant) {
        // Once it is printed its place is free, and may be announced again before the `OK`.
        if let Some(exchange) = &mut self.exchange
            && let Task::Drain {
                client, slot, printed, ..
            } = &mut exchange.job.task
            && client.0 == raw.client
            && !std::mem::replace(printed, true)
            && let Some(known) = self.clients.get(*client)
        {
            known.slot_is_free(*slot);
        }
        let topic = String::from_utf8_lossy(&raw.topic);
        self.show_message(now);
        self.events.push_back(Event::Message(Message {
            client: ClientIndex(raw.client),
            message_id: MessageId(raw.message_id),
            topic: topic.into_owned(),
            payload: raw.payload,
            complete: raw.complete,
            at: now,
        }));
    }

    fn handle_line(&mut self, line: &[u8], now: Instant) {
        if self.is_connect(line) {
            self.show_line(&[], now);
            return self.invited(now);
        }
        if self.is_stray_connect(line) {
            self.show_line(&[], now);
            return self.handle_stray_connect(now);
        }
        if self.is_stray_prompt(line) {
            return self.handle_frame(Frame::Prompt, now);
        }
        if self.gives_up_data(line) {
            return self.data_given_up(String::from_utf8_lossy(line).into_owned(), now);
        }
        let pending = match &self.exchange {
            Some(exchange) => Some(Pending {
                name: &exchange.step.name,
                form: exchange.step.form,
            }),
            // Of what comes meanwhile only a final result code is an answer.
            None => self.leaving.as_ref().map(|_| Pending {
                name: "+QMTPUB",
                form: Form::Set,
            }),
        };
        let incoming = reader::read(line, pending);
        let secrets = self.secrets_of(line, &incoming);
        self.show_line(&secrets, now);
        let text = with_mask(line, &secrets);
        if matches!(incoming, Incoming::Outcome(_) | Incoming::Report(_) | Incoming::Started) {
            self.reported_at = Some(now);
        }
        let mut ends = self.dialect.into_iter().flat_map(|dialect| dialect.around.powered_down);
        let powered_down = ends.any(|report| *report == text);
        let mut starts = self.dialect.into_iter().flat_map(|dialect| dialect.starting);
        let starting = starts.any(|word| *word == text);
        match incoming {
            Incoming::Final(result) => {
                self.answered_at = Some(now);
                self.heard.note_answer();
                self.handle_final(result, now);
            }
            Incoming::Information(line) => {
                if self.exchange.as_mut().is_some_and(|exchange| !exchange.take_line(line)) {
                    self.answer_too_long(now);
                }
            }
            Incoming::Whole(line) => {
                if let Some(exchange) = &mut self.exchange {
                    exchange.lines.push(line);
                }
                self.answered_at = Some(now);
                self.handle_final(Ok(()), now);
            }
            Incoming::Outcome(outcome) => {
                self.answered_at = Some(now);
                if !self.handle_outcome(&outcome, now) {
                    self.events.push_back(Event::Urc(text));
                    self.doubt_late_result(&outcome, now);
                    if outcome.operation == Operation::Publish {
                        self.sign_of_the_module(now);
                    }
                }
            }
            Incoming::Report(report) => self.handle_report(&report, text, now),
            Incoming::Started => self.handle_restart(Sign::Start, now),
            Incoming::Unsolicited(_) => self.events.push_back(Event::Urc(text)),
        }
        if powered_down {
            self.handle_restart(Sign::SwitchedOff, now);
        } else if starting {
            self.handle_restart(Sign::MidStart, now);
        }
    }

    pub(super) fn handle_final(&mut self, result: Result<(), Refusal>, now: Instant) {
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
            // A set-up goes on without what was refused; the last question decides.
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

    pub(super) fn accepted(&mut self, mut exchange: Exchange, now: Instant) {
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
            // The prompt may still come, and would take the next command for its data.
            return self.find_again(exchange.phase(), now);
        }
        if let Goal::Outcome { .. } = exchange.step.goal {
            if exchange.outcome_seen {
                self.continue_or_release(exchange.job, now);
            } else {
                if exchange.job.task.is_publish() && !exchange.job.ended {
                    self.events.push_back(Event::Accepted(exchange.job.ticket));
                }
                self.await_outcome(exchange, now);
                self.start_next(now);
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
        self.keep(&mut exchange);
        self.step_done(exchange.job, now);
    }

    /// Goes on with a job whose step, one without a result URC, is over; after the last its caller is told.
    fn step_done(&mut self, mut job: Job, now: Instant) {
        if job.steps.is_empty() && !job.ended {
            let reply = job.task.own_mut().map_or(Reply::Done, Own::reply);
            self.end(&mut job, Ok(reply));
        }
        self.continue_or_release(job, now);
    }

    /// Takes from an accepted command what its job needs, and what it has changed.
    fn keep(&mut self, exchange: &mut Exchange) {
        self.note_spelling(&exchange.step);
        let lines = std::mem::take(&mut exchange.lines);
        let task = &mut exchange.job.task;
        let (client, configures) = (task.client(), task.configures());
        if configures || task.is_verbatim() {
            // It may have been about the echo.
            self.framer.set_echoes_data(None);
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

    /// The name of a refusal's number.
    pub(super) fn name_of(&self, refusal: &Refusal) -> Option<&'static str> {
        match refusal {
            Refusal::Cme(code) => self.dialect.and_then(|dialect| dialect.error_name(*code)),
            Refusal::Cms(code) => code.name(),
            Refusal::Error | Refusal::CmeText(_) | Refusal::CmsText(_) | Refusal::NoCall(_) => None,
        }
    }

    fn refused(&mut self, exchange: Exchange, refusal: &Refusal, now: Instant) {
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
        if *refusal == Refusal::Error && !exchange.outcome_seen && self.cure(&mut exchange.job, None) {
            return self.continue_or_release(exchange.job, now);
        }
        let name = self.name_of(refusal);
        let error = Error::Command {
            command: exchange.step.line.shown.clone(),
            refusal: refusal.clone(),
            name,
        };
        if let Some(own) = exchange.job.task.own_mut() {
            own.was_not_sent();
        }
        let seen = exchange.outcome_seen;
        // Where it has been seen, the state has followed the outcome already.
        let vague = self.may_mean_no_connection(refusal);
        if let Some(key) = key.filter(|_| !seen)
            && let Some(known) = self.clients.get(key.client)
        {
            let rules = rules(key.operation);
            match rules.refused(known, vague) {
                Refused::NothingToDo => return self.nothing_to_close(exchange.job, key.client, now),
                Refused::Ask => return self.ask_whether_closed(exchange.job, key.client, error, vague, now),
                // A refused command has changed nothing.
                Refused::Failed if rules.effect() != Effect::None => self.as_before(key.client),
                Refused::Failed => {}
            }
        }
        if matches!(exchange.job.task, Task::SetUp(_)) && exchange.job.ticket == INTERNAL {
            // As far as it goes; asking again and again would keep the calls waiting for ever.
            self.set_up = true;
        }
        if let Some(key) = key
            && !seen
            && !exchange.job.ended
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
        // Some firmware gives a second final result code, which refuses what it does not belong to.
        if exchange.data == DataState::Due || exchange.is_unknown() {
            self.doubt(now);
        }
        self.start_next(now);
    }

    /// Whether a call goes on without the command that was refused.
    fn goes_on_without(&self, exchange: &mut Exchange) -> bool {
        let Exchange { job, step, .. } = exchange;
        let client = job.task.client();
        let (Some(own), Some(dialect), false) = (job.task.own_mut(), self.dialect, job.ended) else {
            return false;
        };
        own.goes_on_without(step, client, &mut job.steps, dialect)
    }

    pub(super) fn continue_or_release(&mut self, job: Job, now: Instant) {
        if job.steps.is_empty() || job.ended {
            self.release(&job, true);
            self.start_next(now);
        } else if self.exchange.is_none() && self.leaving.is_none() {
            self.step(job, now);
        } else {
            self.queue.push_front(job);
        }
    }

    /// Whether a line is a prompt with a line end, as some firmware prints it, that no command waits for.
    fn is_stray_prompt(&self, line: &[u8]) -> bool {
        let data = self.exchange.as_ref().map(|exchange| exchange.data);
        let possible = matches!(data, None | Some(DataState::Impossible | DataState::NotDue));
        possible && self.believes_prompts() && matches!(line, b">" | b"> ")
    }
}
