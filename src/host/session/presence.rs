//! Whether the module is there, as far as its answers and its reports tell. Here the session notices that it has restarted.
//!
//! | [`Presence`] | what is known | a start is | a call |
//! |---|---|---|---|
//! | `Unknown` | it was never set up | its first, and no restart | sets it up first |
//! | `SetUp` | it was set up | a restart, told once: `Starting` | is sent |
//! | `Silent` | it was set up, and has answered nothing since when it was asked | the same | sets it up first |
//! | `Off` | its last words have come, and the restart was told | the rest of that restart, however late: `Starting` | sets it up first |
//! | `Starting` | it has started | another restart | sets it up first |
//!
//! Its last words lead from `SetUp`, `Silent` and `Starting` to `Off`, which is told as the restart that it is the first half
//! of; a set-up leads to `SetUp` from anywhere. A module that may be asleep is `SetUp`: what wakes it loses no settings.

use std::time::Instant;

use super::Session;
use crate::call::{ClientState, Event};
use crate::error::Error;
use crate::job::{INTERNAL, Job, Sync, Task};

/// A module that starts again and again during one set-up is not waited for any longer.
const MOST_RESTARTS: u8 = 3;

/// What is known of the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// It was never set up.
    #[default]
    Unknown,
    /// Echo and error form are as the session wants them.
    SetUp,
    /// It was set up, and is to be looked for before the next call.
    Silent,
    /// It has said that it switches itself off.
    Off,
    /// It has started, and was not set up since.
    Starting,
}

/// What the module reports of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The first line of a start.
    Start,
    /// A line in the middle of a start.
    MidStart,
    /// Its last words.
    SwitchedOff,
}

impl Presence {
    /// It has not answered, or has to be set up anew.
    pub(super) fn lost(&mut self) {
        if *self == Self::SetUp {
            *self = Self::Silent;
        }
    }

    /// What is known behind a report, and whether it is a restart that was not told yet; `None` where it says nothing new.
    fn after(self, sign: Sign) -> Option<(Self, bool)> {
        Some(match (self, sign) {
            (Self::Unknown | Self::Off | Self::Starting, Sign::MidStart) => return None,
            (Self::Unknown, _) => (Self::Unknown, false),
            (Self::Off, Sign::SwitchedOff) => (Self::Off, false),
            (Self::Off, Sign::Start) => (Self::Starting, false),
            (Self::SetUp | Self::Silent | Self::Starting, Sign::SwitchedOff) => (Self::Off, true),
            (Self::SetUp | Self::Silent | Self::Starting, _) => (Self::Starting, true),
        })
    }
}

impl Session {
    /// The module has started again, or has switched itself off: to the program that is the first half of a restart. A
    /// set-up that is under way looks for it from the start, any other call ends and the next one looks for it.
    pub(super) fn handle_restart(&mut self, sign: Sign, now: Instant) {
        let Some((presence, told)) = self.presence.after(sign) else {
            return;
        };
        let reason = if sign == Sign::SwitchedOff {
            &Error::PoweredDown
        } else {
            &Error::Restarted
        };
        let programs = |job: &Job| matches!(job.task, Task::SetUp(_)) && job.ticket != INTERNAL;
        let setting_up = match self.exchange.take_if(|exchange| programs(&exchange.job)) {
            Some(exchange) => Some(exchange.job),
            None => self
                .leaving
                .as_mut()
                .and_then(|leaving| leaving.then.take_if(|job| programs(job))),
        };
        self.forget(reason);
        self.presence = presence;
        if told {
            self.events.push_back(Event::Restarted);
        }
        let Some(mut job) = setting_up else { return };
        let Task::SetUp(sync) = &mut job.task else { return };
        // What was set before the start is gone with it, and so are the answers to come.
        *sync = Sync {
            restarts: sync.restarts + 1,
            ..Sync::default()
        };
        if sync.restarts > MOST_RESTARTS {
            return self.end(&mut job, Err(reason.clone()));
        }
        self.plan_set_up(&mut job);
        self.step(job, now);
    }

    /// Sessions, settings and echo are as they were when the module was new, for that reason.
    pub(super) fn forget(&mut self, reason: &Error) {
        // What a caller finds when its call ends is the state as it is.
        for client in self.clients.indices() {
            self.set_state(client, ClientState::Closed);
        }
        self.end_everything(reason);
        self.kept_back.clear();
        self.stop_upload();
        // It may be another firmware, and what it was seen to print tells nothing any more.
        self.framer.set_echoes_data(None);
        if let Some(dialect) = self.dialect {
            self.framer.set_receive(dialect.receive);
            self.clients.restarted(dialect);
        }
        self.presence.lost();
    }
}
