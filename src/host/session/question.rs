//! Questions that are repeated until they are answered: `AT` asks whether a module is there, and `AT+CMEE?` has an
//! answer that no other command has. That answer shows which final result codes are late: one without its line belongs
//! to an earlier command ([`Session::is_stale`]). All copies sent are answered before the next command goes out.

use std::time::Duration;

use modemqtt_at::Form;
use modemqtt_os::Moment;

use super::leave::ESCAPE_SILENCE;
use super::setup::basic;
use super::{Exchange, Session};
use crate::job::{Goal, Job, PROBE, SYNC, SYNC_IN_WORDS, Step, Sync, Task};
use crate::timers::Timer;
use crate::writer::CommandLine;

/// How long to wait for each `AT`. A module that is asleep or detecting the baud rate loses the first ones.
const SYNC_WAIT: Duration = Duration::from_millis(500);
/// After this many without an answer they are sent half as often.
const SYNC_PATIENCE: u8 = 4;
/// How many are sent, over 5 s: a starting module is silent for some seconds.
const SYNC_ATTEMPTS: u8 = 7;
/// How long to wait for each probe.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// How long to wait, once the module answers, for the answer to a question given up earlier: it comes with the later
/// ones.
const STALE_WAIT: Duration = Duration::from_millis(200);
/// How many probes are sent before the next command has to find out for itself.
const PROBE_ATTEMPTS: u8 = 5;

impl Session {
    /// Finds out whether the module answers again.
    pub(super) fn probe(&mut self, now: Moment) {
        self.step(Self::probe_job(now), now);
    }

    pub(super) fn probe_job(now: Moment) -> Job {
        Job::internal(Task::Probe(Sync::default()), [probe_step()], now)
    }

    /// A question given up may be answered later, before any question asked by then.
    pub(super) fn give_up_question(&mut self, job: &Job) {
        if let Task::Probe(sync) = &job.task {
            self.stale_probes = sync.unanswered;
        }
    }

    /// Whether a final result code is a late answer to something before the question in flight, whose own answer has a
    /// line first.
    pub(super) fn is_stale(&mut self) -> bool {
        // When the program itself asks the same question, it may be refused like any other.
        let asked = |exchange: &&mut Exchange| {
            exchange.step.is_probe() && matches!(exchange.job.task, Task::SetUp(_) | Task::Probe(_))
        };
        let Some(exchange) = self.exchange.as_mut().filter(asked) else {
            return false;
        };
        let stale = !exchange.lines.iter().any(|line| line.starts_with("+CMEE"));
        if stale && let Some((sync, _)) = Self::sync_of(exchange) {
            sync.bare = sync.bare.saturating_add(1);
        }
        stale
    }

    /// If the command in flight is a repeated question: its progress, and the most copies sent.
    pub(super) fn sync_of(exchange: &mut Exchange) -> Option<(&mut Sync, u8)> {
        let most = match () {
            () if exchange.step.is_sync() => SYNC_ATTEMPTS,
            () if exchange.step.is_probe() => PROBE_ATTEMPTS,
            () => return None,
        };
        match &mut exchange.job.task {
            Task::SetUp(sync) | Task::Probe(sync) => Some((sync, most)),
            _ => None,
        }
    }

    /// A final result code for a question. Returns the exchange when the question is settled: the module answers, and
    /// no answer to an earlier copy is still to come.
    pub(super) fn question_answered(&mut self, mut exchange: Exchange, ok: bool, now: Moment) -> Option<Exchange> {
        let probing = exchange.step.is_probe();
        let Some((sync, _)) = Self::sync_of(&mut exchange) else {
            return Some(exchange);
        };
        if probing {
            // Once the module wakes it answers every copy, and none of those answers belongs to another command.
            if std::mem::replace(&mut sync.answered, true) {
                sync.unanswered = sync.unanswered.saturating_sub(1);
            }
            let awaited = sync.unanswered > 0;
            if !awaited && self.stale_probes == 0 {
                self.is_in_command_mode();
                return Some(exchange);
            }
            if !awaited {
                self.stale_probes -= 1;
            }
            exchange.lines.clear();
            let wait = if awaited { PROBE_WAIT } else { STALE_WAIT };
            self.timers.set(Timer::Exchange, now + wait);
            self.exchange = Some(exchange);
            return None;
        }
        if ok {
            // The coming probe sorts out any other late answers.
            *sync = Sync {
                restarts: sync.restarts,
                ..Sync::default()
            };
            self.heard.ready();
            return Some(exchange);
        }
        self.refused_to_answer(exchange, now);
        None
    }

    /// A question was not answered in time. Returns the exchange when it is settled or will not be asked again.
    pub(super) fn question_unanswered(&mut self, mut exchange: Exchange, now: Moment) -> Option<(Exchange, bool)> {
        let given_up = exchange.job.is_told();
        let looking = exchange.step.is_sync();
        let Some((sync, most)) = Self::sync_of(&mut exchange) else {
            return Some((exchange, false));
        };
        sync.unanswered = sync.unanswered.saturating_add(1);
        let unanswered = sync.unanswered;
        // A module that does not know the question refuses every copy, and a stand-in may accept it without a line.
        if sync.answered || (sync.bare >= unanswered && unanswered > 1) {
            self.is_in_command_mode();
            return Some((exchange, true));
        }
        self.may_be_in_data_phase();
        if unanswered >= most || given_up {
            return Some((exchange, false));
        }
        if looking {
            self.search_further(unanswered);
        }
        let mut again = exchange.step.clone();
        if looking {
            let in_words = unanswered >= SYNC_PATIENCE - 1 && unanswered % 2 == 1;
            let in_words = in_words && (self.leads_to_a_module() || self.heard.anything());
            again.line = CommandLine::plain(if in_words { SYNC_IN_WORDS } else { SYNC });
        }
        again.final_wait = match looking {
            true if unanswered < SYNC_PATIENCE => SYNC_WAIT,
            true => 2 * SYNC_WAIT,
            false => PROBE_WAIT,
        };
        if self.must_leave_first() {
            again.final_wait -= ESCAPE_SILENCE;
        }
        exchange.job.steps.push_front(again);
        self.step(exchange.job, now);
        None
    }
}

/// Asks whether a module is there.
pub(super) fn sync_step() -> Step {
    basic(SYNC, "", Form::Set, Goal::Final, SYNC_WAIT)
}

/// Asks a question whose answer no late answer to another command can look like.
pub(super) fn probe_step() -> Step {
    basic(PROBE, "+CMEE", Form::Read, Goal::Lines, PROBE_WAIT)
}
