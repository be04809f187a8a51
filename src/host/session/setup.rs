//! Bringing the module to a known state: at the start, after a restart, and after a command without an answer.

use std::time::{Duration, Instant};

use modemqtt_at::Form;
use modemqtt_at::dialect::{self, DataPhase, Dialect};

use super::{Exchange, Session, TRANSPORT_ALLOWANCE, Wake};
use crate::call::Reply;
use crate::error::Error;
use crate::job::{Goal, Job, SYNC, Step, Sync, Task};
use crate::timers::Timer;
use crate::writer::CommandLine;

/// How long one `AT` is waited for. A module asleep, or one that looks for the baud rate, loses the first ones.
const SYNC_WAIT: Duration = Duration::from_millis(500);
/// After so many without an answer they are sent half as often.
const SYNC_PATIENCE: u8 = 4;
/// How many are sent, over 5 s: a module that starts is silent for some seconds.
const SYNC_ATTEMPTS: u8 = 7;
/// After so many without an answer the module may be in the data phase of another program's publish, which Esc cancels.
const ESCAPE_AFTER: u8 = 3;
/// After so many it may be one of counted bytes, which ends when they are there. A command line of CRs alone does nothing.
const FILL_AFTER: u8 = 5;
/// How long a probe is waited for.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// How many are sent before the module is left to the next command.
const PROBE_ATTEMPTS: u8 = 5;

impl Session {
    /// The steps of a set-up: find the module, echo off before anything else, numbers for errors, and its name.
    pub(super) fn plan_set_up(&self, job: &mut Job) {
        job.steps.clear();
        job.steps.push_back(sync_step());
        job.steps
            .push_back(basic("ATE0", "E0", Form::Set, Goal::Final, Duration::from_secs(5)));
        job.steps.push_back(basic(
            "AT+CMEE=1",
            "+CMEE",
            Form::Set,
            Goal::AnyFinal,
            Duration::from_secs(5),
        ));
        if self.dialect.is_none() {
            job.steps.push_back(basic(
                "AT+CGMM",
                "+CGMM",
                Form::Set,
                Goal::Lines,
                Duration::from_secs(5),
            ));
        }
    }

    /// A set-up of the session's own.
    pub(super) fn set_up_job(&self, now: Instant) -> Job {
        let mut job = Job::internal(Task::SetUp(Sync::default()), [], now);
        self.plan_set_up(&mut job);
        job
    }

    /// Sees whether a module that may be asleep is awake: the first characters that it is sent wake it and are lost. Its
    /// settings outlast its sleep.
    pub(super) fn wake_job(now: Instant) -> Job {
        Job::internal(Task::SetUp(Sync::default()), [sync_step()], now)
    }

    /// Whether the module may be asleep by now.
    pub(super) fn may_sleep(&self, now: Instant) -> bool {
        let after = match self.wake {
            Wake::ByDialect => self.dialect.and_then(|dialect| dialect.sleeps_after),
            Wake::After(after) => Some(after),
            Wake::Never => None,
        };
        let idle = self.heard_at.map(|at| now.saturating_duration_since(at));
        after.is_some_and(|after| idle.is_some_and(|idle| idle >= after))
    }

    /// What remains to be done when all steps of a set-up have been carried out.
    pub(super) fn set_up_step_done(&mut self, exchange: Exchange, now: Instant) {
        let Exchange {
            mut job, step, lines, ..
        } = exchange;
        if job.ended {
            return self.start_next(now);
        }
        if matches!(step.goal, Goal::Lines) {
            match lines.iter().find_map(|line| dialect::recognise(line)) {
                Some((dialect, model)) => self.identify(dialect, model),
                None if step.name == "+CGMM" => {
                    job.steps
                        .push_back(basic("ATI", "I", Form::Set, Goal::Lines, Duration::from_secs(5)));
                }
                None => {
                    let known: Vec<_> = dialect::models().map(|(_, model)| model.name).collect();
                    let error = Error::Usage(format!(
                        "the module calls itself {:?}, which is no model known here; known are {}: give model=\"…\" to \
                         use one of them all the same",
                        lines.join(" "),
                        known.join(", ")
                    ));
                    self.end(&mut job, Err(error));
                    return self.start_next(now);
                }
            }
        }
        if !job.steps.is_empty() {
            return self.step(job, now);
        }
        self.set_up = true;
        self.known_to_run = true;
        self.end(&mut job, Ok(Reply::Done));
        self.start_next(now);
    }

    /// Asks something whose answer cannot be mistaken for the late answer to another command.
    pub(super) fn probe(&mut self, now: Instant) {
        let step = basic("AT+CMEE?", "+CMEE", Form::Read, Goal::Lines, PROBE_WAIT);
        self.step(Job::internal(Task::Probe(Sync::default()), [step], now), now);
    }

    /// Whether the command in flight is a question that is asked until it is answered.
    fn sync_of(exchange: &mut Exchange) -> Option<(&mut Sync, u8)> {
        match &mut exchange.job.task {
            Task::SetUp(sync) if exchange.step.is_sync() => Some((sync, SYNC_ATTEMPTS)),
            Task::Probe(sync) => Some((sync, PROBE_ATTEMPTS)),
            _ => None,
        }
    }

    /// A question has had a final result code. Comes back when it is settled: the module answers, and no answer to an
    /// earlier copy is still to come.
    pub(super) fn question_answered(&mut self, mut exchange: Exchange, ok: bool, now: Instant) -> Option<Exchange> {
        let Some((sync, most)) = Self::sync_of(&mut exchange) else {
            return Some(exchange);
        };
        if sync.answered {
            sync.unanswered = sync.unanswered.saturating_sub(1);
        } else if ok {
            sync.answered = true;
        } else {
            // What another program has left in the module's line buffer came before it.
            sync.attempts += 1;
            if sync.attempts < most {
                exchange.job.steps.push_front(exchange.step.clone());
                self.step(exchange.job, now);
                return None;
            }
            return Some(exchange);
        }
        if sync.unanswered == 0 {
            return Some(exchange);
        }
        self.timers.set(Timer::Exchange, now + PROBE_WAIT);
        self.exchange = Some(exchange);
        None
    }

    /// A question has had no answer in time. Comes back when it is settled, or will not be asked again.
    pub(super) fn question_unanswered(&mut self, mut exchange: Exchange, now: Instant) -> Option<(Exchange, bool)> {
        let given_up = exchange.job.ended;
        let sent_at = exchange.sent_at;
        let Some((sync, most)) = Self::sync_of(&mut exchange) else {
            return Some((exchange, false));
        };
        if sync.answered {
            return Some((exchange, true));
        }
        sync.attempts += 1;
        sync.unanswered += 1;
        sync.since.get_or_insert(sent_at);
        if sync.attempts >= most || given_up {
            return Some((exchange, false));
        }
        let attempts = sync.attempts;
        let setting_up = matches!(exchange.job.task, Task::SetUp(_));
        let mut again = exchange.step.clone();
        if setting_up {
            again.final_wait = if attempts < SYNC_PATIENCE {
                SYNC_WAIT
            } else {
                2 * SYNC_WAIT
            };
        }
        match attempts {
            ESCAPE_AFTER if setting_up => self.send_escape(now),
            FILL_AFTER if setting_up => {
                let most = self.longest_counted();
                self.fill_up(most, now);
                again.final_wait += self.wire_time(most);
            }
            _ => {}
        }
        exchange.job.steps.push_front(again);
        self.step(exchange.job, now);
        None
    }

    /// The longest payload that a data phase of counted bytes may still wait for.
    fn longest_counted(&self) -> usize {
        let most = |dialect: &Dialect| dialect.publish(DataPhase::Counted).map_or(0, |_| dialect.payload);
        match self.dialect {
            Some(dialect) => most(dialect),
            None => dialect::ALL.iter().map(|dialect| most(dialect)).max().unwrap_or(0),
        }
    }

    /// What is added to the time a command may take. The commands that ask whether anyone is there are sent again, so
    /// they wait for nothing.
    pub(super) fn attempt_allowance(job: &Job, step: &Step) -> Duration {
        match job.task {
            Task::Probe(_) => Duration::ZERO,
            Task::SetUp(_) if step.is_sync() => Duration::ZERO,
            _ => TRANSPORT_ALLOWANCE,
        }
    }
}

/// Asks whether anyone is there.
fn sync_step() -> Step {
    basic(SYNC, "", Form::Set, Goal::Final, SYNC_WAIT)
}

fn basic(line: &str, name: &str, form: Form, goal: Goal, final_wait: Duration) -> Step {
    Step {
        line: CommandLine::plain(line),
        form,
        name: name.into(),
        data: None,
        goal,
        final_wait,
        change: None,
    }
}
