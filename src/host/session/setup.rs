//! Bringing the module to a known state: at the start, after a restart, and after a command without an answer.

use std::time::{Duration, Instant};

use modemqtt_at::Form;
use modemqtt_at::dialect;

use super::{Exchange, INTERNAL, Session, TRANSPORT_ALLOWANCE};
use crate::call::Reply;
use crate::error::Error;
use crate::job::{Goal, Job, Step, Task};
use crate::writer::CommandLine;

/// How long one `AT` is waited for. A module asleep, or one that looks for the baud rate, loses the first ones.
const SYNC_WAIT: Duration = Duration::from_millis(500);
/// How many are sent: a module that starts is silent for some seconds.
const SYNC_ATTEMPTS: u8 = 10;
/// How long a probe is waited for.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// How many are sent before the module is left to the next command.
const PROBE_ATTEMPTS: u8 = 5;

impl Session {
    /// The steps of a set-up: find the module, echo off before anything else, numbers for errors, and its name.
    pub(super) fn plan_set_up(&self, job: &mut Job) {
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

    /// What remains to be done when all steps of a set-up have been carried out.
    pub(super) fn set_up_step_done(&mut self, exchange: Exchange, now: Instant) {
        let Exchange {
            mut job, step, lines, ..
        } = exchange;
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
        self.end(&mut job, Ok(Reply::Done));
        self.start_next(now);
    }

    /// Asks something whose answer cannot be mistaken for the late answer to another command.
    pub(super) fn probe(&mut self, now: Instant) {
        let step = basic("AT+CMEE?", "+CMEE", Form::Read, Goal::Lines, PROBE_WAIT);
        let job = Job {
            ticket: INTERNAL,
            task: Task::Probe { attempts: 0 },
            steps: [step].into(),
            ended: false,
        };
        self.step(job, now);
    }

    /// Whether a command without an answer is sent once more.
    pub(super) fn try_again(exchange: &mut Exchange) -> bool {
        let again = match &mut exchange.job.task {
            Task::SetUp { attempts } if exchange.step.line.bytes == b"AT" => {
                *attempts += 1;
                *attempts < SYNC_ATTEMPTS
            }
            Task::Probe { attempts } => {
                *attempts += 1;
                *attempts < PROBE_ATTEMPTS
            }
            _ => false,
        };
        if again && !exchange.job.ended {
            exchange.job.steps.push_front(exchange.step.clone());
        }
        again && !exchange.job.ended
    }

    /// What is added to the time a command may take. The commands that ask whether anyone is there are sent again, so
    /// they wait for nothing.
    pub(super) fn attempt_allowance(job: &Job) -> Duration {
        match job.task {
            Task::Probe { .. } => Duration::ZERO,
            Task::SetUp { .. } if job.steps.iter().any(|step| step.line.bytes == b"ATE0") => Duration::ZERO,
            _ => TRANSPORT_ALLOWANCE,
        }
    }
}

fn basic(line: &str, name: &str, form: Form, goal: Goal, final_wait: Duration) -> Step {
    Step {
        line: CommandLine {
            bytes: line.into(),
            shown: line.into(),
        },
        form,
        name: name.into(),
        data: None,
        goal,
        final_wait,
    }
}
