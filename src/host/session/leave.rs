//! The way out of a data phase that the module may still be in.
//!
//! While a data phase may be open, no command text is sent: the module would take it for data. The way out is a ladder,
//! climbed until the module shows a sign of life, either a final result code or the result of the operation:
//!
//! | [`Rung`] | what has been sent | silence after it |
//! |---|---|---|
//! | `Doubt` | nothing; a refusal may have belonged to another command, and the prompt may still come | 200 ms |
//! | `Escaped` | ESC, alone: firmware takes it as a cancel only at the end of a burst | 100 ms |
//! | `Filling` | CRs in pieces, at most as many as were declared; a surplus CR is an empty command line | 50 ms; 200 ms after the last |
//! | `Guard` | nothing, so that `+++` stands between two silences | 1 s |
//! | `Attention` | `+++` | 1 s |
//!
//! The last two are for a module left in PPP or transparent mode; only [`Search::Recover`] climbs to them unprompted.
//! Where only Ctrl-Z ends the data phase, ESC is the whole ladder. After the ladder comes a question that only a module
//! in command mode answers; before each further copy of the question, the rest of the ladder is climbed again.

use std::time::Duration;

use modemqtt_at::ascii::{CR, ESC};
use modemqtt_at::dialect::{self, DataPhase, Dialect};
use modemqtt_os::Moment;

use super::presence::Presence;
use super::{DataState, Session};
use crate::call::Ticket;
use crate::error::Error;
use crate::framer::Prompt;
use crate::job::{Data, Job, Task};
use crate::mqtt::declared_at_most;
use crate::timers::Timer;

/// How long a prompt may follow a final result code that belonged to another command.
const DOUBT: Duration = Duration::from_millis(200);
/// The silence after ESC, which allows for the module's answer.
pub(super) const ESCAPE_SILENCE: Duration = Duration::from_millis(100);
/// The silence after a piece of filling.
const PIECE_SILENCE: Duration = Duration::from_millis(50);
/// The silence after the last piece.
const LAST_SILENCE: Duration = Duration::from_millis(200);
/// The most CRs in the first piece; each piece has twice as many as the one before.
const FIRST_PIECE: usize = 16;
/// How many unexpected prompts are believed before a question is answered.
const MOST_PROMPTS: u8 = 4;
/// The most bytes that an unknown line is assumed to have declared, once the module has asked for data.
const MOST_DECLARED: usize = 64 * 1024;
/// The silence on either side of `+++`.
const GUARD: Duration = Duration::from_millis(1100);

/// How far the search for a module goes at the start, before anything has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Search {
    /// `AT` and one ESC: the port may lead to something other than a module.
    #[default]
    Gentle,
    /// There is a module, and another program may have left it in a data phase of counted bytes: fill that up.
    Fill,
    /// The module may also have been left in PPP or transparent mode: send `+++` once.
    Recover,
}

/// What ends a data phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Ctrl-Z; ESC cancels it.
    UntilCtrlZ,
    /// At most this many bytes.
    Counted(usize),
    /// A silence, `+++` and another silence.
    Online,
}

impl Phase {
    pub(super) fn of(data: &Data) -> Self {
        match data.phase {
            // Firmware that takes a length of 0 to mean no length waits for Ctrl-Z.
            DataPhase::Counted if !data.bytes.is_empty() => Self::Counted(data.bytes.len()),
            _ => Self::UntilCtrlZ,
        }
    }

    /// The phase of a line not known to ask for data: it takes as many bytes as the line may have declared.
    pub(super) fn of_unknown(line: &[u8], most: usize) -> Self {
        declared_at_most(line, most).map_or(Self::UntilCtrlZ, Self::Counted)
    }
}

/// A data phase that the module may be in.
#[derive(Debug)]
pub(super) struct Suspicion {
    phase: Phase,
    /// How many bytes the module may still be waiting for.
    fillers: usize,
    /// ESC has been sent. The module may count one ESC as data, but no more.
    escaped: bool,
    /// How many times the module has asked for data meanwhile.
    prompts: u8,
    /// Whether the module has shown a sign of life since the last ESC.
    answered: bool,
    term: Term,
}

/// How long a suspicion lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Term {
    /// Until a question is answered: this session may have opened the data phase.
    Answer,
    /// For the length of the ladder: another program may have left the module in one.
    Ladder,
}

impl Suspicion {
    fn of(phase: Phase, term: Term) -> Self {
        Self {
            phase,
            fillers: match phase {
                Phase::Counted(count) => count,
                Phase::UntilCtrlZ | Phase::Online => 0,
            },
            escaped: false,
            prompts: 0,
            answered: false,
            term,
        }
    }
}

/// The ladder being climbed.
#[derive(Debug)]
pub(super) struct Leaving {
    stage: Rung,
    /// The job that goes on afterwards.
    pub(super) then: Option<Job>,
}

impl Leaving {
    /// Whether this call goes on afterwards.
    pub(super) fn leads_to(&self, ticket: Ticket) -> bool {
        self.then.as_ref().is_some_and(|job| job.ticket == ticket)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    Doubt,
    Escaped,
    /// The most CRs in the next piece.
    Filling(usize),
    Guard,
    Attention,
}

impl Session {
    /// Leaves a data phase that this session opened, then carries out the job.
    pub(super) fn leave(&mut self, phase: Phase, then: Job, now: Moment) {
        self.stop_upload();
        // An ESC that has not gone out does not count.
        let escape_unsent = self.transmit.contains(&ESC);
        self.discard_unsent();
        let former = self.suspicion.take().filter(|former| former.term == Term::Answer);
        self.suspicion = Some(Suspicion {
            escaped: former.as_ref().is_some_and(|former| former.escaped && !escape_unsent),
            prompts: former.map_or(0, |former| former.prompts),
            ..Suspicion::of(phase, Term::Answer)
        });
        self.climb_from_the_ground(then, now);
    }

    /// Whether the ladder must be climbed before a job's next command is sent.
    pub(super) fn must_leave_first(&self) -> bool {
        self.suspicion.as_ref().is_some_and(|suspicion| !suspicion.answered)
    }

    pub(super) fn climb_from_the_ground(&mut self, then: Job, now: Moment) {
        let Some(suspicion) = &mut self.suspicion else {
            return self.send_step(then, now);
        };
        if suspicion.phase == Phase::Online {
            return self.climb(Rung::Guard, Some(then), GUARD, now);
        }
        let again = std::mem::replace(&mut suspicion.escaped, true) && suspicion.phase != Phase::UntilCtrlZ;
        if again && suspicion.fillers == 0 {
            return self.left(Some(then), now);
        }
        if !again {
            self.transmit.push(ESC);
            self.trace.sent_data(now, &[ESC]);
        }
        self.climb(Rung::Escaped, Some(then), ESCAPE_SILENCE + self.wire_time(1), now);
    }

    /// Sends nothing for a moment: the final result code that refused a command may have been another's, and the prompt
    /// of this one may still come.
    pub(super) fn doubt(&mut self, now: Moment) {
        self.climb(Rung::Doubt, None, DOUBT, now);
    }

    fn climb(&mut self, stage: Rung, then: Option<Job>, silence: Duration, now: Moment) {
        self.leaving = Some(Leaving { stage, then });
        self.timers.set(Timer::Leaving, now + silence);
    }

    /// The silence is over, without a sign of life.
    pub(super) fn leaving_timed_out(&mut self, now: Moment) {
        let Some(Leaving { stage, then }) = self.leaving.take() else {
            return;
        };
        let fillers = self.suspicion.as_ref().map_or(0, |suspicion| suspicion.fillers);
        match stage {
            Rung::Escaped if fillers > 0 => self.fill(FIRST_PIECE, then, now),
            Rung::Filling(piece) if fillers > 0 => self.fill(piece, then, now),
            Rung::Guard => {
                self.transmit.extend(b"+++");
                self.trace.sent_line(now, b"+++", &[], b"");
                self.climb(Rung::Attention, then, GUARD + self.wire_time(3), now);
            }
            Rung::Doubt | Rung::Escaped | Rung::Filling(_) | Rung::Attention => self.left(then, now),
        }
    }

    /// Sends the next piece of filling.
    fn fill(&mut self, most: usize, then: Option<Job>, now: Moment) {
        let Some(suspicion) = &mut self.suspicion else {
            return self.left(then, now);
        };
        let count = most.min(suspicion.fillers);
        suspicion.fillers -= count;
        let silence = if suspicion.fillers == 0 {
            LAST_SILENCE
        } else {
            PIECE_SILENCE
        };
        self.transmit.extend(std::iter::repeat_n(CR, count));
        self.trace.sent_data(now, &vec![CR; count]);
        self.climb(Rung::Filling(2 * most), then, silence + self.wire_time(count), now);
    }

    /// A final result code, or the result of a publish that nobody waits for.
    pub(super) fn sign_of_the_module(&mut self, now: Moment) {
        if let Some(suspicion) = &mut self.suspicion {
            suspicion.answered = true;
        }
        let doubting = |leaving: &mut Leaving| leaving.stage == Rung::Doubt;
        if let Some(Leaving { then, .. }) = self.leaving.take_if(|leaving| !doubting(leaving)) {
            self.left(then, now);
        }
    }

    fn left(&mut self, then: Option<Job>, now: Moment) {
        self.timers.clear(Timer::Leaving);
        self.suspicion.take_if(|suspicion| suspicion.term == Term::Ladder);
        match then {
            Some(job) => self.send_step(job, now),
            None => self.start_next(now),
        }
    }

    /// A question has been answered that only a module in command mode answers.
    pub(super) fn is_in_command_mode(&mut self) {
        self.suspicion = None;
        self.stale_probes = 0;
    }

    /// The question was not answered: the module may have taken everything sent for data.
    pub(super) fn may_be_in_data_phase(&mut self) {
        if let Some(suspicion) = &mut self.suspicion {
            suspicion.answered = false;
        }
    }

    /// Whether a module is known, or said, to be at the port. Otherwise the port gets no more than `AT` and one ESC
    /// while it is silent.
    pub(super) fn leads_to_a_module(&self) -> bool {
        self.model.is_some() || self.answered_at.is_some() || self.search != Search::Gentle
    }

    /// This many questions of the search were not answered: another program may have left the module in a data phase.
    pub(super) fn search_further(&mut self, unanswered: u8) {
        let fill = self.leads_to_a_module();
        let ours = self
            .suspicion
            .as_ref()
            .is_some_and(|suspicion| suspicion.term == Term::Answer);
        // A module that was set up is more likely asleep.
        let rungs = if self.presence == Presence::SetUp {
            [3, 5, 6]
        } else {
            [1, 2, 3]
        };
        let phase = match rungs.iter().position(|rung| *rung == unanswered) {
            Some(0) => Phase::UntilCtrlZ,
            Some(1) if fill => Phase::Counted(self.longest_counted()),
            Some(2) if self.search == Search::Recover => Phase::Online,
            _ => return,
        };
        if !ours {
            self.suspicion = Some(Suspicion::of(phase, Term::Ladder));
        }
    }

    /// The longest payload that a data phase of counted bytes may still be waiting for.
    fn longest_counted(&self) -> usize {
        let most = |dialect: &Dialect| dialect.publish(DataPhase::Counted).map_or(0, |_| dialect.payload);
        match self.dialect {
            Some(dialect) => most(dialect),
            None => dialect::ALL.iter().map(|dialect| most(dialect)).max().unwrap_or(0),
        }
    }

    /// Whether an unexpected prompt is believed: a module that prints one again and again is ignored.
    pub(super) fn believes_prompts(&self) -> bool {
        self.suspicion
            .as_ref()
            .is_none_or(|suspicion| suspicion.prompts < MOST_PROMPTS)
    }

    /// What `>` means while no command is waiting for a prompt. While a data phase may be open it is a prompt at once,
    /// since otherwise text might be sent into it.
    pub(super) fn stray_prompt(&self) -> Prompt {
        match (&self.leaving, &self.suspicion) {
            _ if !self.believes_prompts() => Prompt::None,
            (None, None) => Prompt::Unasked,
            _ => Prompt::Due,
        }
    }

    /// A prompt that the command in flight is not waiting for: a data phase is open.
    pub(super) fn handle_stray_prompt(&mut self, now: Moment) {
        self.leave_behind_prompt(now);
        if let Some(suspicion) = &mut self.suspicion {
            suspicion.prompts += 1;
        }
    }

    fn leave_behind_prompt(&mut self, now: Moment) {
        if let Some(leaving) = self.leaving.take() {
            let then = leaving.then.unwrap_or_else(|| Self::probe_job(now));
            return self.leave(self.last_phase(), then, now);
        }
        let Some(mut exchange) = self.exchange.take() else {
            return self.leave(self.last_phase(), Self::probe_job(now), now);
        };
        self.timers.clear(Timer::Exchange);
        if let Task::SetUp(sync) | Task::Probe(sync) = &mut exchange.job.task {
            // The copy in flight may still be answered.
            sync.unanswered = sync.unanswered.saturating_add(1);
            exchange.job.steps.push_front(exchange.step);
            return self.leave(self.last_phase(), exchange.job, now);
        }
        // A known line may still ask for data, if no earlier command can have done so.
        let own = exchange.data == DataState::NotDue && (exchange.is_unknown() || self.last_phase.is_none());
        let (error, phase) = if own {
            let phase = Phase::of_unknown(&exchange.step.line.bytes, MOST_DECLARED);
            (asks_for_data(&exchange.step.line.shown), phase)
        } else {
            // The module took the command for data.
            let error = Error::Protocol {
                expected: "an answer, not the prompt of an earlier command",
                line: ">".into(),
            };
            (error, self.last_phase())
        };
        self.end(&mut exchange.job, Err(error));
        self.doubt_outcome(&exchange.job.task, now);
        self.release(&exchange.job, true);
        self.leave(phase, Self::probe_job(now), now);
    }

    /// `CONNECT` answers a command line that the program wrote itself: the module waits for a file, or the line has
    /// become a connection.
    pub(super) fn handle_stray_connect(&mut self, now: Moment) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        self.timers.clear(Timer::Exchange);
        let shown = &exchange.step.line.shown;
        let (error, phase) = match Phase::of_unknown(&exchange.step.line.bytes, MOST_DECLARED) {
            counted @ Phase::Counted(_) if !exchange.opens_connection() => (asks_for_data(shown), counted),
            _ => (opens_connection(shown), Phase::Online),
        };
        self.end(&mut exchange.job, Err(error));
        self.release(&exchange.job, true);
        self.leave(phase, Self::probe_job(now), now);
    }

    /// The data phase of the last command that had one.
    fn last_phase(&self) -> Phase {
        self.last_phase
            .unwrap_or_else(|| Phase::Counted(self.longest_counted()))
    }
}

fn asks_for_data(shown: &str) -> Error {
    Error::Usage(format!(
        "{shown} asks for data, and was given none; give it as command(line, data=b\"…\")"
    ))
}

fn opens_connection(shown: &str) -> Error {
    Error::Usage(format!(
        "{shown} has opened a connection, over which command lines no longer reach the module; it was left by +++"
    ))
}
