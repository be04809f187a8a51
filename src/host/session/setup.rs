//! Bringing the module to a known state: at the start, after a restart, and after an unanswered command.

use std::time::Duration;

use modemqtt_at::Form;
use modemqtt_at::dialect::{self, Dialect, Model};
use modemqtt_at::general::MAXIMUM_RESPONSE_TIME;
use modemqtt_os::Moment;

use super::heard::Heard;
use super::presence::Presence;
use super::question::{probe_step, sync_step};
use super::{Exchange, Session, TRANSPORT_ALLOWANCE, Wake};
use crate::call::Reply;
use crate::error::{Error, Refusal};
use crate::job::{Goal, Job, SYNC, Step, Sync, Task};
use crate::timers::Timer;
use crate::writer::CommandLine;

/// How long to keep asking a module that refuses `AT`, if the caller gave no timeout. Some modules refuse everything
/// for some seconds after they start.
const READY_PATIENCE: Duration = Duration::from_secs(10);
/// The pause before asking again.
const READY_PAUSE: Duration = Duration::from_millis(500);
/// How long to wait for the answer to a setting that the set-up can do without: the probe that follows recognises a
/// late answer.
const SETTING_WAIT: Duration = Duration::from_secs(1);
/// Wake the module this long before its sleep timer could fire: its last answer took time to arrive, and so will the
/// command.
const ON_THE_LINE: Duration = Duration::from_millis(250);

impl Session {
    /// The steps of a set-up: find the module, switch echo off before anything else, ask for numeric errors, make sure
    /// that no earlier answer is still to come, and read the module's name.
    pub(super) fn plan_set_up(&self, job: &mut Job) {
        job.steps.clear();
        job.steps.extend([
            sync_step(),
            basic("ATE0", "E0", Form::Set, Goal::AnyFinal, SETTING_WAIT),
            basic("AT+CMEE=1", "+CMEE", Form::Set, Goal::AnyFinal, SETTING_WAIT),
            probe_step(),
        ]);
        if self.dialect.is_none() {
            let step = basic("AT+CGMM", "+CGMM", Form::Set, Goal::Lines, MAXIMUM_RESPONSE_TIME);
            job.steps.push_back(step);
        }
    }

    /// A set-up started by the session itself.
    pub(super) fn set_up_job(&mut self, now: Moment) -> Job {
        self.discard_unsent();
        self.heard = Heard::default();
        let mut job = Job::internal(Task::SetUp(Sync::default()), [], now);
        self.plan_set_up(&mut job);
        job
    }

    /// Makes sure that a module that may be asleep is awake: the first characters sent wake it and are lost. Its
    /// settings survive sleep.
    pub(super) fn wake_job(now: Moment) -> Job {
        Job::internal(Task::SetUp(Sync::default()), [sync_step(), probe_step()], now)
    }

    /// Whether the module may have fallen asleep.
    pub(super) fn may_sleep(&self, now: Moment) -> bool {
        let after = match self.wake {
            Wake::ByDialect => self.dialect.and_then(|dialect| dialect.sleeps_after),
            Wake::After(after) => Some(after),
            Wake::Never => None,
        };
        let after = after.map(|after| after.saturating_sub(ON_THE_LINE));
        let idle = self.answered_at.map(|at| now.since(at));
        after.is_some_and(|after| idle.is_some_and(|idle| idle > after))
    }

    /// Finishes a set-up whose steps are all done.
    pub(super) fn set_up_step_done(&mut self, exchange: Exchange, now: Moment) {
        let Exchange {
            mut job, step, lines, ..
        } = exchange;
        if job.is_told() {
            return self.start_next(now);
        }
        if matches!(step.goal, Goal::Lines) && !step.is_probe() {
            match lines.iter().find_map(|line| dialect::recognise(line)) {
                Some((dialect, model)) => match edition(dialect, model, self.revision.as_deref()) {
                    Ok(dialect) => self.identify(dialect, model),
                    Err(error) => {
                        self.end(&mut job, Err(error));
                        return self.start_next(now);
                    }
                },
                None if step.name == "+CGMM" => {
                    job.steps
                        .push_back(basic("ATI", "I", Form::Set, Goal::Lines, MAXIMUM_RESPONSE_TIME));
                }
                // The module does not know its own name yet.
                None if lines.is_empty() => {
                    let exchange = Exchange {
                        job,
                        step,
                        lines,
                        ..exchange
                    };
                    return self.refused_to_answer(exchange, now);
                }
                None => {
                    let known: Vec<_> = dialect::models().map(|(_, model)| model.name).collect();
                    let error = Error::Usage(format!(
                        "the module calls itself {:?}, which is not a known model; the known ones are {}: give model=\"…\" to \
                         use one of them anyway",
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
        self.presence = Presence::SetUp;
        self.heard = Heard::default();
        // Whether or not it answered, it is not asked again before the call that it was woken for.
        self.answered_at = Some(now);
        self.end(&mut job, Ok(Reply::Done));
        self.start_next(now);
    }

    /// Notes a refusal from a module that was asked whether it is there, or for its name.
    pub(super) fn note_refusal(&mut self, exchange: &Exchange, refusal: &Refusal) {
        let asks_who = matches!(exchange.step.goal, Goal::Lines) && !exchange.step.is_probe();
        if matches!(exchange.job.task, Task::SetUp(_)) && (exchange.step.is_sync() || asks_who) {
            let refusal = refusal.describe(self.name_of(refusal));
            self.heard.note_refusal(refusal);
        }
    }

    /// The module refused to say that it is there, or what it is: ask again.
    pub(super) fn refused_to_answer(&mut self, mut exchange: Exchange, now: Moment) {
        let patient = self.timers.is_set(Timer::Caller(exchange.job.ticket))
            || now.since(exchange.job.submitted_at) < READY_PATIENCE;
        if exchange.job.is_told() || !patient {
            return self.unanswered(exchange, "OK", now);
        }
        if let Task::SetUp(sync) | Task::Probe(sync) = &mut exchange.job.task {
            sync.unanswered = 0;
            sync.refusals = sync.refusals.saturating_add(1);
            // The first answer may be to text that another program left in the module's line buffer.
            if sync.refusals > 1 {
                self.pause_before_next(READY_PAUSE);
            }
        }
        let mut again = exchange.step.clone();
        if again.is_sync() {
            again.line = CommandLine::plain(SYNC);
        }
        exchange.job.steps.push_front(again);
        self.step(exchange.job, now);
    }

    /// The extra time allowed for a command. Questions that are repeated need none.
    pub(super) fn attempt_allowance(job: &Job, step: &Step) -> Duration {
        match job.task {
            Task::SetUp(_) | Task::Probe(_) if step.is_sync() || step.is_probe() => Duration::ZERO,
            _ => TRANSPORT_ALLOWANCE,
        }
    }
}

/// The dialect in the edition of this year, or the dialect itself if `None`.
pub fn edition(dialect: &'static Dialect, model: &Model, year: Option<&str>) -> Result<&'static Dialect, Error> {
    let Some(year) = year else { return Ok(dialect) };
    dialect::revision(dialect.name, year).ok_or_else(|| {
        let known: Vec<_> = dialect::editions(dialect.name)
            .filter_map(|edition| edition.revision)
            .map(|year| format!("{year:?}"))
            .collect();
        let allowed = match known.as_slice() {
            [] => "leave it out".to_owned(),
            known => format!("give {}", known.join(" or ")),
        };
        Error::Usage(format!("revision {year:?} is not known for {}; {allowed}", model.name))
    })
}

/// A command of the set-up itself.
pub(super) fn basic(line: &str, name: &str, form: Form, goal: Goal, final_wait: Duration) -> Step {
    Step {
        line: CommandLine::plain(line),
        form,
        name: name.into(),
        data: None,
        goal,
        final_wait,
        change: None,
        setting: None,
        other: None,
    }
}
