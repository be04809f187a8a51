//! Frames and lines in: what each means to the command in flight and to the program. `answered` handles what follows
//! from a final result code, `results` what follows from a result URC.

use modemqtt_at::secrets::with_mask;
use modemqtt_at::{Form, Operation};
use modemqtt_os::Moment;

use super::presence::Sign;
use super::{DataState, Session};
use crate::call::{Event, Message};
use crate::framer::Frame;
use crate::job::Task;
use crate::message::Content;
use crate::reader::{self, InFlight, Incoming};

impl Session {
    pub(super) fn handle_frame(&mut self, frame: Frame, now: Moment) {
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

    pub(super) fn handle_message(&mut self, content: Content, now: Moment) {
        // Once the message is printed, its slot is free and may be announced again before the `OK`.
        if let Some(exchange) = &mut self.exchange
            && let Task::Drain {
                client, slot, printed, ..
            } = &mut exchange.job.task
            && *client == content.client()
            && !std::mem::replace(printed, true)
            && let Some(known) = self.clients.get(*client)
        {
            known.slot_is_free(*slot);
        }
        self.show_message(now);
        self.events.push_back(Event::Message(Message { at: now, content }));
    }

    fn handle_line(&mut self, line: &[u8], now: Moment) {
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
            Some(exchange) => Some(InFlight {
                name: &exchange.step.name,
                form: exchange.step.form,
            }),
            // Of the lines that arrive meanwhile, only a final result code is an answer.
            None => self.leaving.as_ref().map(|_| InFlight {
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

    /// Whether a line is a prompt with a line end, as some firmware prints it, and no command is waiting for one.
    fn is_stray_prompt(&self, line: &[u8]) -> bool {
        let data = self.exchange.as_ref().map(|exchange| exchange.data);
        let possible = matches!(data, None | Some(DataState::Impossible | DataState::NotDue));
        possible && self.believes_prompts() && matches!(line, b">" | b"> ")
    }
}
