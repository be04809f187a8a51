//! Bringing the module to a known state: at the start, after a restart, and after a command without an answer.

use std::time::{Duration, Instant};

use modemqtt_at::Form;
use modemqtt_at::dialect;

use super::{Exchange, INTERNAL, Session, TRANSPORT_ALLOWANCE};
use crate::call::Reply;
use crate::error::Error;
use crate::job::{Goal, Job, Step, Sync, Task};
use crate::timers::Timer;
use crate::writer::CommandLine;

/// How long one `AT` is waited for. A module asleep, or one that looks for the baud rate, loses the first ones.
const SYNC_WAIT: Duration = Duration::from_millis(500);
/// How many are sent: a module that starts is silent for some seconds.
const SYNC_ATTEMPTS: u8 = 10;
/// After so many without an answer the module may be in the data phase of another program's publish.
const DATA_MODE_SUSPECTED: u8 = 3;
/// How long a probe is waited for.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// How many are sent before the module is left to the next command.
const PROBE_ATTEMPTS: u8 = 5;

impl Session {
    /// The steps of a set-up: find the module, echo off before anything else, numbers for errors, and its name.
    pub(super) fn plan_set_up(&self, job: &mut Job) {
        job.steps.clear();
        job.steps.push_back(basic("AT", "", Form::Set, Goal::Final, SYNC_WAIT));
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
    pub(super) fn set_up_job(&self) -> Job {
        let mut job = Job {
            ticket: INTERNAL,
            task: Task::SetUp(Sync::default()),
            steps: [].into(),
            ended: false,
        };
        self.plan_set_up(&mut job);
        job
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
        let job = Job {
            ticket: INTERNAL,
            task: Task::Probe(Sync::default()),
            steps: [step].into(),
            ended: false,
        };
        self.step(job, now);
    }

    /// Whether the command in flight is a question that is asked until it is answered.
    fn sync_of(exchange: &mut Exchange) -> Option<(&mut Sync, u8)> {
        match &mut exchange.job.task {
            Task::SetUp(sync) if exchange.step.line.bytes == b"AT" => Some((sync, SYNC_ATTEMPTS)),
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
        let suspected = sync.attempts == DATA_MODE_SUSPECTED;
        if suspected {
            self.send_escape(now);
        }
        exchange.job.steps.push_front(exchange.step.clone());
        self.step(exchange.job, now);
        None
    }

    /// What is added to the time a command may take. The commands that ask whether anyone is there are sent again, so
    /// they wait for nothing.
    pub(super) fn attempt_allowance(job: &Job) -> Duration {
        match job.task {
            Task::Probe(_) => Duration::ZERO,
            Task::SetUp(_) if job.steps.iter().any(|step| step.line.bytes == b"ATE0") => Duration::ZERO,
            _ => TRANSPORT_ALLOWANCE,
        }
    }
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
